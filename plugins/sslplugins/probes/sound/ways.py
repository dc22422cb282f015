"""Ways to say in one voice what another has said, most of them without any learning, and how far
what comes out is from what that voice says itself.

Letters: T frames of a recording, M mel bands, R frames of all recordings of a speaker, C numbers of
a cosine transform, P sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from sslcli.api import warped_errors

AROUND = 4  # frames on both sides that a frame is looked up with
EVERY = 2  # of the frames among which a sentence is looked for, one of so many
NEIGHBOURS = 4  # whose mean is taken
MOST_LOOKED_UP = 24_000  # frames of the speaker to be, evenly over all of them
LEAST = 1e-2  # deviation of a band, beside which nothing is divided
COSINES = slice(1, 14)  # of the transform: the first number is loudness
ASKED_AT_ONCE = 512

Rows = Sequence[np.ndarray]


@dataclass(frozen=True)
class Voice:
    """All training recordings of a speaker [T, M]; `mean_M`, `deviation_M`: of all their frames."""

    rows: Rows
    mean_M: np.ndarray
    deviation_M: np.ndarray

    @classmethod
    def of(cls, rows: Rows) -> "Voice":
        """What these recordings are like."""
        frames_RM = np.concatenate(rows)
        return cls(rows, frames_RM.mean(axis=0), np.maximum(frames_RM.std(axis=0), LEAST))

    def scaled(self, rows_TM: np.ndarray) -> np.ndarray:
        """Each band around the speaker's mean, in the speaker's deviations."""
        return (rows_TM - self.mean_M) / self.deviation_M


def shifted(rows: Rows, source: Voice, target: Voice) -> list[np.ndarray]:
    """Each band moved and stretched to the other speaker's mean and deviation."""
    return [source.scaled(rows_TM) * target.deviation_M + target.mean_M for rows_TM in rows]


def constant(rows: Rows, target: Voice) -> list[np.ndarray]:
    """The other speaker's mean frame, over and over: nothing is said."""
    return [np.broadcast_to(target.mean_M, rows_TM.shape) for rows_TM in rows]


def looked_up(rows: Rows, source: Voice, target: Voice) -> list[np.ndarray]:
    """For each frame the mean of the other speaker's NEIGHBOURS frames that are nearest to it, each
    with AROUND on both sides and scaled by its own speaker (after Baas et al. 2023, kNN-VC, arXiv
    2305.18975, whose features are learnt).
    """
    frames_RM = np.concatenate(target.rows)
    bank_RE = np.concatenate([_around(target.scaled(rows_TM)) for rows_TM in target.rows])
    kept = np.unique(
        np.linspace(0, len(bank_RE) - 1, min(MOST_LOOKED_UP, len(bank_RE))).astype(np.int64)
    )
    frames_RM, bank_RE = frames_RM[kept], bank_RE[kept].astype(np.float32)
    squares_R = np.square(bank_RE).sum(axis=1)
    asked = np.concatenate([_around(source.scaled(rows_TM)) for rows_TM in rows])
    asked, few = asked.astype(np.float32), min(NEIGHBOURS, len(bank_RE))
    found = []
    for start in range(0, len(asked), ASKED_AT_ONCE):
        far = squares_R - 2 * asked[start : start + ASKED_AT_ONCE] @ bank_RE.T
        nearest = np.argpartition(far, few - 1, axis=1)[:, :few]
        found.append(frames_RM[nearest].mean(axis=1))
    ends = np.cumsum([len(rows_TM) for rows_TM in rows])[:-1]
    return np.split(np.concatenate(found), ends)


def _around(rows_TM: np.ndarray) -> np.ndarray:
    """[T, (2 AROUND + 1) M]: each frame with its neighbours, the ends of the recording over and
    over beyond them.
    """
    places = np.arange(len(rows_TM))[:, None] + np.arange(-AROUND, AROUND + 1)
    return rows_TM[np.clip(places, 0, len(rows_TM) - 1)].reshape(len(rows_TM), -1)


def cosine_transform(rows_TM: np.ndarray) -> np.ndarray:
    """[T, C]: the shape of each frame's spectrum, without its loudness (DCT-II, orthonormal).

    Distances between them are no mel-cepstral distortion of the literature, whose cepstra are
    others.
    """
    return fft.dct(rows_TM, type=2, norm="ortho", axis=1)[:, COSINES]


@dataclass(frozen=True)
class Judged:
    """How a way does, one number a sentence [P]: distances to what the other speaker says, in nats
    a band along the cheapest path, of bands and of cosine transforms; whether the nearest of all
    recordings of that speaker is the same sentence. `variance`: of the bands, over that of the
    speaker's own recordings, in the mean over bands.
    """

    bands_P: np.ndarray
    cosines_P: np.ndarray
    found_P: np.ndarray
    variance: float


def judged(rows: Rows, own: Rows) -> Judged:
    """`rows` [T, M] and what the speaker says `own`, in the order of the same sentences."""
    thin = [(made[::EVERY], other[::EVERY]) for made in rows for other in own]
    found_PP = warped_errors(thin).reshape(len(rows), len(own))
    bands_P = warped_errors(list(zip(rows, own, strict=True)))
    shapes = [
        (cosine_transform(made), cosine_transform(other))
        for made, other in zip(rows, own, strict=True)
    ]
    made_M, own_M = (np.concatenate(part).var(axis=0) for part in (rows, own))
    return Judged(
        bands_P,
        warped_errors(list(shapes)),
        found_PP.argmin(axis=1) == np.arange(len(rows)),
        float((made_M / np.maximum(own_M, LEAST**2)).mean()),
    )
