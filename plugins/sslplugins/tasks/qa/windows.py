"""Sliding windows over a passage longer than the model's input, and the best spans in them.

Letters: P pieces of a window, L pieces of the longest span.
"""

from collections.abc import Iterable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Candidate = tuple[float, int, int]  # score, first piece, last piece


def window_bounds(pieces: int, capacity: int, overlap: int) -> list[tuple[int, int]]:
    """Return first piece and last + 1 of the windows over `pieces`, neighbours sharing `overlap`.

    None for no piece.
    """
    starts = range(0, max(pieces - overlap, 1), capacity - overlap) if pieces else ()
    return [(start, min(start + capacity, pieces)) for start in starts]


def pieces_between(places: np.ndarray, start: int, stop: int) -> tuple[int, int] | None:
    """Return the first and the last piece with a character of [start, stop), or None.

    `places` [T, 2]: the offsets of the pieces.
    """
    inside = np.flatnonzero(
        (places[:, 1] > start) & (places[:, 0] < stop) & (places[:, 1] > places[:, 0])
    )
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def best_spans(
    starts_P: np.ndarray, ends_P: np.ndarray, longest: int, most: int
) -> list[Candidate]:
    """Return the spans of at most `longest` pieces with the highest sums of logits, best first.

    Of equal ones the earlier, then the shorter comes first. A piece with the logit -inf neither
    starts nor ends one.
    """
    behind = np.concatenate([ends_P, np.full(longest - 1, -np.inf, dtype=ends_P.dtype)])
    scores_PL = starts_P[:, None] + sliding_window_view(behind, longest)
    flat = scores_PL.ravel()
    # Those equal to the last that counts are sorted with the others: which of them are in front
    # must not depend on the partition.
    worst = np.partition(flat, -most)[-most] if most < len(flat) else -np.inf
    chosen = np.flatnonzero((flat >= worst) & (flat > -np.inf))
    chosen = chosen[np.argsort(-flat[chosen], kind="stable")][:most]
    return [
        (float(flat[place]), int(place // longest), int(place // longest + place % longest))
        for place in chosen
    ]


def merged_spans(windows: Iterable[Iterable[Candidate]]) -> list[Candidate]:
    """Merge the spans of all windows, best first; repeated spans keep their best score."""
    best: dict[tuple[int, int], float] = {}
    for candidates in windows:
        for score, first, last in candidates:
            best[first, last] = max(score, best.get((first, last), -np.inf))
    return sorted(
        ((score, *span) for span, score in best.items()),
        key=lambda candidate: (-candidate[0], candidate[1:]),
    )
