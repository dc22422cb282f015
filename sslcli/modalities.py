"""What data holds and models read: kinds of it, and how sound lies in rows.

Letters: N samples of a recording, T frames, K frequencies of a spectrum, M mel bands. Imports no
numpy: settings, which every command reads, know frames.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Modality = Literal["text", "images", "sound", "table"]
WORDS: Mapping[str, str] = {
    "text": "text",
    "images": "images",
    "sound": "sound",
    "table": "tables",
}
WINDOW_SECONDS, HOP_SECONDS = 0.032, 0.010
FLOOR = 1e-5  # the least amplitude of a band whose logarithm is taken


class Frames(NamedTuple):
    """How a recording [N] of `rate` samples a second lies in rows [T, M].

    Frame t is the spectrum of `window` samples around sample t * hop, which a Hann window weighs;
    before the first and behind the last sample there is silence. Its amplitudes are summed by
    triangles that lie evenly on the mel scale of HTK (2595 log10(1 + f / 700)) from `low` to `high`
    hertz, each 1 at its top, and their natural logarithms are taken.
    """

    rate: int
    window: int
    hop: int
    bands: int
    low: float
    high: float

    @classmethod
    def at(cls, rate: int, bands: int | None = None) -> "Frames":
        """The usual frames at a rate: 32 ms every 10 ms; 40 bands up to 8,000 samples a second, and
        80 beyond.
        """
        window, hop = round(WINDOW_SECONDS * rate), round(HOP_SECONDS * rate)
        return cls(rate, window, hop, bands or (40 if rate <= 8_000 else 80), 50.0, rate / 2)

    @property
    def features(self) -> int:
        """M, numbers of a frame."""
        return self.bands

    @property
    def transform(self) -> int:
        """Samples that a spectrum is taken of: the next power of two, zeros around the window."""
        return 1 << (self.window - 1).bit_length()

    @property
    def frequencies(self) -> int:
        """K, of a spectrum."""
        return self.transform // 2 + 1

    @property
    def described(self) -> str:
        """The frames in words."""
        window, hop = (1000 * each / self.rate for each in (self.window, self.hop))
        return (
            f"{self.rate:,} samples a second, {self.bands} mel bands from {self.low:,.0f} to "
            f"{self.high:,.0f} Hz, {window:.3g} ms every {hop:.3g} ms"
        )

    def count(self, samples: int) -> int:
        """T, frames of a recording of N samples."""
        return 1 + samples // self.hop

    def seconds(self, frames: float) -> float:
        """How long so many frames last."""
        return frames * self.hop / self.rate


def modality_read(shape: Mapping[str, Any]) -> Modality | None:
    """Tell what a model of this shape reads: the fields of its settings, or those that a run file
    names. None for rows of which it does not say what they are.
    """
    if shape.get("grid") is not None:
        return "images"
    if shape.get("frames") is not None:
        return "sound"
    if shape.get("table") is not None:
        return "table"
    return "text" if shape.get("vocabulary") or not shape.get("row_features") else None
