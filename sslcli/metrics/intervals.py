"""95 % intervals of scores, over the examples that they were computed from.

Letters: N examples, D draws, K kinds of examples (or sums), R resamples, S statistics.
"""

from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np

# With 1000 resamples the ends of a 95 % interval wander by less than a tenth of its width (Efron &
# Tibshirani 1993, ch. 19).
RESAMPLES = 1000
# Fixed, so that scoring the same answers again shows the same interval.
SEED = 0
# Of one piece of resamples: 8 MiB of counts, and several times as much for what is computed from
# them.
PIECE_COUNTS = 1 << 20
_OUTSIDE = 0.05  # of a 95 % interval, half of it on either side
_PERCENTILES = (2.5, 97.5)

Interval = tuple[float, float]


def interval_of_mean(values_N: np.ndarray) -> Interval:
    """Return the interval of the mean of values, at least one; in their unit.

    If every value is 0 or 1 it is the score interval of Wilson (1927), which has a width also if
    all are right; otherwise the percentile bootstrap (Efron 1979).
    """
    values = np.asarray(values_N, dtype=np.float64)
    if np.isin(values, (0.0, 1.0)).all():
        return share_interval(float(values.sum()), len(values))
    return interval_of_sums(lambda sums: sums[:, 0] / len(values), values[:, None])


def interval_of_draws(values_DN: np.ndarray) -> Interval:
    """Return the interval of the mean of what each of D draws gives for each of N examples.

    Percentile bootstrap over draws and examples at once: both are resampled with replacement (Owen
    2007, "The pigeonhole bootstrap"). Where all draws are the same it is `interval_of_mean`.
    """
    values = np.asarray(values_DN, dtype=np.float64)
    draws, count = values.shape
    if (values == values[:1]).all():
        return interval_of_mean(values[0])
    generator = np.random.default_rng(SEED)
    draws_RD = generator.multinomial(draws, np.full(draws, 1 / draws), size=RESAMPLES)
    rows, means = max(1, PIECE_COUNTS // count), []
    for start in range(0, RESAMPLES, rows):
        piece_RD = draws_RD[start : start + rows]
        counts_RN = generator.multinomial(count, np.full(count, 1 / count), size=len(piece_RD))
        means.append(np.einsum("rd,dn,rn->r", piece_RD, values, counts_RN, optimize=True))
    return _percentiles(np.concatenate(means) / (draws * count))


def interval_of_counts(
    statistic: Callable[[np.ndarray], np.ndarray], counts_K: np.ndarray
) -> Interval:
    """Percentile bootstrap of a statistic [R, K] -> [R] of the number of examples of each kind.

    Examples of one kind are interchangeable, so resampling N of them with replacement is one
    multinomial sample: its cost grows with the kinds, not with the examples.
    """
    (interval,) = intervals_of_counts(lambda counts_RK: statistic(counts_RK)[:, None], counts_K)
    return interval


def intervals_of_counts(
    statistics: Callable[[np.ndarray], np.ndarray], counts_K: np.ndarray
) -> list[Interval]:
    """Percentile bootstrap of several statistics [R, K] -> [R, S] on the same resamples."""
    statistics_RS = np.concatenate(
        [statistics(piece) for piece in _resampled(np.asarray(counts_K))]
    )
    return [_percentiles(statistic_R) for statistic_R in statistics_RS.T]


def interval_of_sums(
    statistic: Callable[[np.ndarray], np.ndarray], rows_NK: np.ndarray
) -> Interval:
    """Percentile bootstrap of a statistic [R, K] -> [R] of the sums over examples, where rows_NK
    has what each adds to them.
    """
    kinds, counts = np.unique(np.asarray(rows_NK, dtype=np.float64), axis=0, return_counts=True)
    return interval_of_counts(
        lambda resampled: statistic(resampled.astype(np.float64) @ kinds), counts
    )


def interval_of_statistic(statistic: Callable[..., float], *columns_N: np.ndarray) -> Interval:
    """Percentile bootstrap of any statistic of equally long columns, called once per resample."""
    columns = [np.asarray(column) for column in columns_N]
    generator, count = np.random.default_rng(SEED), len(columns[0])
    places = (generator.integers(0, count, count) for _ in range(RESAMPLES))
    return _percentiles(
        np.array([statistic(*(column[chosen] for column in columns)) for chosen in places])
    )


def _resampled(counts_K: np.ndarray) -> Iterator[np.ndarray]:
    """R rows of counts in pieces [up to R, K] that fit into memory; each row has as many examples
    as there are.
    """
    generator, count = np.random.default_rng(SEED), int(counts_K.sum())
    # few of a large confusion table's cells, and only they are drawn
    there = np.flatnonzero(counts_K)
    rows = max(1, PIECE_COUNTS // len(counts_K))
    for start in range(0, RESAMPLES, rows):
        resampled = np.zeros((min(rows, RESAMPLES - start), len(counts_K)), dtype=np.int64)
        resampled[:, there] = generator.multinomial(
            count, counts_K[there] / count, size=len(resampled)
        )
        yield resampled


def _percentiles(statistics_R: np.ndarray) -> Interval:
    low, high = np.percentile(statistics_R, _PERCENTILES)
    return float(low), float(high)


def share_interval(right: float, count: int, comparisons: int = 1) -> Interval:
    """Return the interval of `right` out of `count`: Wilson (1927), without continuity correction.

    With `comparisons` it is widened so that the intervals of that many proportions, one of which is
    chosen, hold together with 95 % (Bonferroni; Dunn 1961).
    """
    quantile = NormalDist().inv_cdf(1 - _OUTSIDE / (2 * comparisons))
    share, squared = right / count, quantile**2
    middle = (share + squared / (2 * count)) / (1 + squared / count)
    half = (
        quantile
        / (1 + squared / count)
        * np.sqrt(share * (1 - share) / count + squared / (4 * count**2))
    )
    # At both ends the formula gives 0 and 1 but for rounding.
    return (0.0 if right == 0 else float(middle - half)), (
        1.0 if right == count else float(middle + half)
    )
