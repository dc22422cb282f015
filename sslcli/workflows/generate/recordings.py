"""Recordings that a model has made, as files that can be heard.

Letters: T frames, M mel bands.
"""

from collections.abc import Sequence

import numpy as np

from sslcli.contracts.abilities import Artifact
from sslcli.kits.sound import as_sound, heard, log_mel
from sslcli.reporting.report_files import free_name
from sslcli.reports import Report, Table


def recordings_report(artifacts: Sequence[Artifact], seed: int) -> Report:
    """The recordings, how long each is, and how far the frames of what is heard are from those that
    it was to have.

    Phases begin at random numbers of `seed`: the same one gives the same recordings.
    """
    rows, sounds, taken = [], [], set[str]()
    for artifact in artifacts:
        rows_TM, frames = artifact.rows, artifact.frames
        assert rows_TM is not None, "they are recordings"
        assert frames is not None, "they are recordings"
        samples_N = heard(rows_TM, frames, seed=seed)
        name = free_name(str(artifact.details["name"]), taken)
        sounds.append(as_sound(name, samples_N, frames.rate))
        apart_TM = log_mel(samples_N, frames)[: len(rows_TM)] - rows_TM
        apart_TM -= np.median(apart_TM)  # what is too loud for a file is made less loud as a whole
        error = float(np.sqrt(np.square(apart_TM).mean()))
        of = artifact.details.get("of", "")
        rows.append([f"{name}.wav", of, len(samples_N) / frames.rate, error])
    return Report(
        f"{len(rows):,} recordings",
        tables=[Table("recordings", ["file", "of", "seconds", "error of its frames"], rows)],
        sounds=sounds,
        notes=[
            "phases are made up (Griffin-Lim), which can be heard: what is called a copy is no"
            " conversion, and sounds as good as one can",
            "errors are root mean squares in nats, between the frames asked for and those heard",
        ],
    )
