"""Dynamic time warping: how far apart two sequences are, whatever their speed.

Letters: S and T rows of two sequences, F features, P pairs.
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

CELLS_AT_ONCE = 1 << 20  # of all pairs of a batch, with those that pad them: what a cache holds


def warped_distances(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """The cost of the cheapest path of each pair ([S, F], [T, F]), and the steps of that path:
    float64 [P], int64 [P].

    A path goes from both beginnings to both ends; each step takes the next row of one sequence or
    of both (Sakoe and Chiba 1978, symmetric, without weights), and costs the squared distance of
    the two rows. Of equally cheap ways the one through both rows is taken.
    """
    costs, steps = np.zeros(len(pairs)), np.zeros(len(pairs), dtype=np.int64)
    order = sorted(range(len(pairs)), key=lambda place: _cells(pairs[place]))
    for chosen in _batches(order, pairs):
        costs[chosen], steps[chosen] = _batch([pairs[place] for place in chosen])
    return costs, steps


def warped_error(first: np.ndarray, second: np.ndarray) -> float:
    """Root of the mean squared difference of two sequences' features along their cheapest path."""
    (cost,), (steps,) = warped_distances([(first, second)])
    return float(np.sqrt(cost / (steps * first.shape[1])))


def warped_errors(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """`warped_error` of each pair: float64 [P]."""
    costs_P, steps_P = warped_distances(pairs)
    features_P = np.asarray([first.shape[1] for first, _ in pairs])
    return np.sqrt(costs_P / (steps_P * features_P))


def _cells(pair: tuple[np.ndarray, np.ndarray]) -> int:
    return len(pair[0]) * len(pair[1])


def _batches(order: Sequence[int], pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> list:
    """Pairs of like size together, as many as are padded to CELLS_AT_ONCE."""
    found, batch, rows, columns = [], [], 0, 0
    for place in order:
        rows, columns = max(rows, len(pairs[place][0])), max(columns, len(pairs[place][1]))
        if batch and (len(batch) + 1) * rows * columns > CELLS_AT_ONCE:
            found.append(batch)
            batch, (rows, columns) = [], map(len, pairs[place])
        batch.append(place)
    return [*found, batch] if batch else found


def _batch(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """One diagonal after the other, of all pairs at once.

    A cell (s, t) lies on diagonal s + t at place s; so its three ways lead from the diagonal before
    (places s - 1 and s) and from the one before that (place s - 1).
    """
    lengths = np.asarray([[len(first), len(second)] for first, second in pairs])
    rows, columns = lengths.max(axis=0)
    cost_PST = np.full((len(pairs), rows, columns), np.inf)
    for place, (first, second) in enumerate(pairs):
        cost_PST[place, : len(first), : len(second)] = cdist(first, second, "sqeuclidean")
    shape = (len(pairs), rows + 1)  # a place before the first, which no path comes from
    before, last = (np.full(shape, np.inf) for _ in range(2))
    steps_before, steps_last = (np.zeros(shape, dtype=np.int64) for _ in range(2))
    costs, steps = np.zeros(len(pairs)), np.zeros(len(pairs), dtype=np.int64)
    for diagonal in range(rows + columns - 1):
        places = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        ways = np.stack([before[:, places], last[:, places], last[:, places + 1]])
        lengths_of = np.stack(
            [steps_before[:, places], steps_last[:, places], steps_last[:, places + 1]]
        )
        chosen = ways.argmin(axis=0)[None]
        best = np.take_along_axis(ways, chosen, 0)[0]
        now, steps_now = np.full(shape, np.inf), np.zeros(shape, dtype=np.int64)
        own = cost_PST[:, places, diagonal - places]
        now[:, places + 1] = own if diagonal == 0 else own + best
        steps_now[:, places + 1] = np.take_along_axis(lengths_of, chosen, 0)[0] + 1
        ends = np.flatnonzero(lengths.sum(axis=1) - 2 == diagonal)
        costs[ends], steps[ends] = now[ends, lengths[ends, 0]], steps_now[ends, lengths[ends, 0]]
        before, last, steps_before, steps_last = last, now, steps_last, steps_now
    return costs, steps
