"""Recordings: wav, flac, ogg and mp3 through libsndfile, as log-mel frames.

Letters: N samples of a segment, C channels, T frames, M mel bands.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from sslcli.api import (
    Config,
    DataError,
    Document,
    Frames,
    Reader,
    Where,
    log_mel,
    mel_filters,
    remark,
    setting,
)

SILENT = 1e-4  # samples that differ less from their mean are no sound, of 1 at most
FULL_SCALE = 0.999  # a sample beyond it is taken for cut off
MUCH_CLIPPED = 0.001  # share of such samples that is remarked on
OFFSET = 0.05  # a mean beyond it is remarked on
LOWEST_RATE = 2_000
HIGHEST_RATE = 768_000
_WAV_HEADER = 12
_CUT_OR_OTHER = "it may be cut off, or be something else; leave it out"
_UNSIZED = 0xFFFFFFFF  # a recorder that cannot go back to the size leaves this


class SoundReader(Reader["SoundReader.Options"]):
    """One recording a file, as frames; a long one in segments. Its folder's name is its label.

    The mean of a segment is taken away: it is no sound, and would tell one microphone from another.
    """

    summary = "recordings (wav, flac, ogg, mp3) as log-mel frames, labelled by their folders"
    modality = "sound"

    class Options(Config):
        rate: int | None = setting(
            None,
            "samples a second that recordings are brought to (soxr); as they are when not given,"
            " and then all must have the same",
            "--rate",
            ge=LOWEST_RATE,
            le=HIGHEST_RATE,
        )
        bands: int | None = setting(
            None,
            "mel bands of a frame; 40 up to 8,000 samples a second, else 80",
            "--bands",
            ge=8,
            le=512,
        )
        segment: float = setting(
            10.0, "seconds of a sample at most: a longer recording is cut", "--segment", ge=0.1
        )
        mix: bool = setting(False, "the mean of the channels, where there are several", "--mix")

    def documents(self, reference: str) -> Iterator[Document]:
        """Yield the segments. Raises DataError for what is no recording, or says nothing."""
        where = Where(reference)
        _refuse_cut_off(reference, where)
        try:
            with soundfile.SoundFile(reference) as file:
                yield from self._segments(file, where)
        except (soundfile.LibsndfileError, OSError, TypeError) as error:
            raise DataError(
                f"{where} is no recording that can be read: {_said(error)}",
                _CUT_OR_OTHER,
            ) from error

    def _segments(self, file: soundfile.SoundFile, where: Where) -> Iterator[Document]:
        if file.samplerate < LOWEST_RATE:
            raise DataError(
                f"{where} has {file.samplerate:,} samples a second, too few to hear anything",
                f"{LOWEST_RATE:,} are the least; leave it out",
            )
        if file.samplerate > HIGHEST_RATE:
            raise DataError(
                f"{where} says that it has {file.samplerate:,} samples a second",
                f"{HIGHEST_RATE:,} are the most; its header may be damaged: leave it out",
            )
        if file.channels > 1 and not self.options.mix:
            raise DataError(
                f"{where} has {file.channels} channels",
                "read their mean with --mix, or take one of them first",
            )
        frames = Frames.at(self.options.rate or file.samplerate, self.options.bands)
        if empty := int((mel_filters(frames).sum(axis=0) == 0).sum()):
            raise DataError(
                f"{where}: {empty} of {frames.bands} mel bands lie between two frequencies of "
                f"{frames.window} samples, and would hold nothing",
                f"use fewer --bands: {frames.frequencies // 3} or so",
            )
        label = Path(where.file).resolve().parent.name or None
        heard = _Heard()
        size = max(frames.window, round(self.options.segment * frames.rate))
        for number, samples_N in enumerate(_cut(self._samples(file, frames.rate, where), size), 1):
            if not heard.anything(samples_N):
                place = where if number == 1 else f"{where}, segment {number}"
                remark(f"{place} is silent, and is left out")
                continue
            yield Document(
                Where(where.file, number),
                array=log_mel(samples_N - samples_N.mean(), frames),
                label=label,
                frames=frames,
            )
        heard.judge(file, where)

    def _samples(self, file: soundfile.SoundFile, rate: int, where: Where) -> Iterator[np.ndarray]:
        """Samples of one channel at a rate, float32, in blocks of a second or so."""
        stream = None
        if file.samplerate != rate:
            stream = soxr.ResampleStream(file.samplerate, rate, 1, dtype="float32")
        for block in file.blocks(file.samplerate, dtype="float32", always_2d=True):
            mixed_N = block.mean(axis=1) if block.shape[1] > 1 else block[:, 0]
            if not np.isfinite(mixed_N).all():
                problem = f"{where} has samples that are no numbers (NaN or infinite)"
                raise DataError(problem, "leave it out, or mend it")
            yield mixed_N if stream is None else stream.resample_chunk(mixed_N)
        if stream is not None:
            yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


class _Heard:
    """What is counted of a recording while it is read."""

    def __init__(self) -> None:
        self.samples, self.sum, self.clipped = 0, 0.0, 0

    def anything(self, samples_N: np.ndarray) -> bool:
        """Count a segment, and tell whether there is any sound in it."""
        mean = float(samples_N.mean(dtype=np.float64))
        self.samples += len(samples_N)
        self.sum += mean * len(samples_N)
        self.clipped += int((np.abs(samples_N) >= FULL_SCALE).sum())
        return float(np.abs(samples_N - mean).max()) >= SILENT

    def judge(self, file: soundfile.SoundFile, where: Where) -> None:
        """Raises DataError for a recording that is empty or cut off; remarks on a bad one."""
        if not self.samples:
            raise DataError(f"{where} is empty: it has no sample", _CUT_OR_OTHER)
        read = file.tell()
        if file.frames > read:
            problem = f"{where} says that it has {file.frames:,} samples, and ends after {read:,}"
            raise DataError(problem, "it is cut off: copy it anew, or leave it out")
        mean = self.sum / self.samples
        if self.clipped > MUCH_CLIPPED * self.samples:
            share = 100 * self.clipped / self.samples
            remark(f"{where} is recorded too loudly: {share:.2g} % of its samples are cut off")
        if abs(mean) > OFFSET:
            remark("recordings that lie beside zero (a constant current) are moved to it")


def _cut(blocks: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Samples of blocks in segments of `size`; the last two share what is left evenly, so that none
    is a scrap.
    """
    held = np.zeros(0, dtype=np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) > 2 * size:
            yield held[:size]
            held = held[size:]
    if len(held) > size:
        half = -(-len(held) // 2)
        yield held[:half]
        held = held[half:]
    if len(held):
        yield held


def _refuse_cut_off(reference: str, where: Where) -> None:
    """Raises DataError for a wav file that ends before its samples do: libsndfile gives those that
    are there.
    """
    with open(reference, "rb") as file:
        head = file.read(_WAV_HEADER)
        if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
            return
        size = Path(reference).stat().st_size
        while len(chunk := file.read(8)) == 8:
            length = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data" and length != _UNSIZED and file.tell() + length > size:
                there = size - file.tell()
                raise DataError(
                    f"{where} is cut off: it holds {there:,} of {length:,} bytes of samples",
                    "copy it anew, or leave it out",
                )
            file.seek(length + length % 2, 1)


def _said(error: Exception) -> str:
    """What libsndfile says, without the name of the file, which stands before it."""
    return str(error).rpartition(": ")[2].strip(" .")[:120] or type(error).__name__
