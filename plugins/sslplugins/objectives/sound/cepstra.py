"""Mel-frequency cepstra: the shape of a spectrum in a few numbers, and how they change.

Letters: T frames of all recordings end to end, M mel bands, C cepstra, G = 3 C.
"""

from itertools import pairwise

import numpy as np

CEPSTRA = 13
REACH = 2  # frames on both sides that a change is seen over


def cepstra(rows_TM: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
    """MFCC of log-mel frames, their first and their second changes: float32 [T, G].

    The orthonormal cosine transform (DCT-II) of the bands, its first CEPSTRA numbers; changes are
    the slopes of a straight line through 2 REACH + 1 frames (Furui 1986), within a recording.
    """
    cosines_MC = _cosines(rows_TM.shape[1])
    found = []
    for start, stop in pairwise(np.cumsum([0, *lengths_B]).tolist()):
        own_tC = rows_TM[start:stop] @ cosines_MC
        change_tC = slopes(own_tC)
        found.append(np.concatenate([own_tC, change_tC, slopes(change_tC)], axis=1))
    return np.concatenate(found).astype(np.float32, copy=False)


def slopes(rows_tC: np.ndarray) -> np.ndarray:
    """[t, C], how each number changes a frame; the first and the last frame go on at the ends."""
    steps = np.arange(1, REACH + 1)
    padded = np.pad(rows_tC, ((REACH, REACH), (0, 0)), mode="edge")
    length = len(rows_tC)
    ahead, behind = (
        [padded[REACH + sign * step : REACH + sign * step + length] for step in steps]
        for sign in (1, -1)
    )
    rises = sum(
        step * (after - before) for step, after, before in zip(steps, ahead, behind, strict=True)
    )
    return rises / (2 * np.square(steps).sum())


def _cosines(bands: int) -> np.ndarray:
    """float32 [M, C]"""
    count = min(CEPSTRA, bands)
    angles_MC = np.pi / bands * (np.arange(bands)[:, None] + 0.5) * np.arange(count)
    weights_C = np.where(np.arange(count) == 0, np.sqrt(1 / bands), np.sqrt(2 / bands))
    return (np.cos(angles_MC) * weights_C).astype(np.float32)
