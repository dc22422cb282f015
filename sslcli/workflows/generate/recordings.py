"""Recordings that a model has made, as files that can be heard.

Letters: N samples, T frames, M mel bands.
"""

import wave
from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np

from sslcli.contracts.abilities import Artifact
from sslcli.kits.sound import heard, log_mel
from sslcli.reports import Report, Table

FULL_SCALE = 32_767  # of 16 bits


def recordings_report(
    artifacts: Sequence[Artifact], seed: int
) -> tuple[Report, Mapping[str, bytes]]:
    """How long each recording is, and how far the frames of what is heard are from those that it
    was to have; and the wav files by name.

    Phases begin at random numbers of `seed`: the same one gives the same files.
    """
    rows, files = [], dict[str, bytes]()
    for artifact in artifacts:
        rows_TM, frames = artifact.rows, artifact.frames
        assert rows_TM is not None, "they are recordings"
        assert frames is not None, "they are recordings"
        samples_N = heard(rows_TM, frames, seed=seed)
        name = _free(str(artifact.details["name"]), files)
        files[name] = _wav(samples_N, frames.rate)
        apart_TM = log_mel(samples_N, frames)[: len(rows_TM)] - rows_TM
        apart_TM -= np.median(apart_TM)  # what is too loud for a file is made less loud as a whole
        error = float(np.sqrt(np.square(apart_TM).mean()))
        rows.append([name, artifact.details.get("of", ""), len(samples_N) / frames.rate, error])
    report = Report(
        f"{len(rows):,} recordings",
        tables=[Table("recordings", ["file", "of", "seconds", "error of its frames"], rows)],
        notes=[
            "phases are made up (Griffin-Lim), which can be heard: what is called a copy is no"
            " conversion, and sounds as good as one can",
            "errors are root mean squares in nats, between the frames asked for and those heard",
        ],
    )
    return report, files


def _wav(samples_N: np.ndarray, rate: int) -> bytes:
    """A file of one channel of 16 bits, of samples from -1 to 1."""
    written = BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples_N * FULL_SCALE).round().astype("<i2").tobytes())
    return written.getvalue()


def _free(name: str, taken: Mapping[str, bytes]) -> str:
    """A file's name that no other one has."""
    number, found = 1, f"{name}.wav"
    while found in taken:
        number += 1
        found = f"{name}-{number}.wav"
    return found
