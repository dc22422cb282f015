"""95 % intervals of scores, over the examples that they were computed from.

Letters: N examples, D draws, K kinds of examples (or sums), R resamples, S statistics.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from statistics import NormalDist, fmean, stdev

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
_T_QUANTILES = (
    12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157,
    2.228139,
)  # fmt: skip

Interval = tuple[float, float]
_DRAWS: ContextVar[int] = ContextVar("draws", default=1)


@contextmanager
def over_draws(draws: int) -> Generator[None]:
    """Within it every score is over several draws of the same examples, draw after draw, and its
    interval is over draws and examples at once (see `interval_of_draws`).

    A score of some of the examples takes the same ones of every draw. What has only the number of
    examples of each kind cannot tell draws apart: its interval is that of one draw.
    """
    token = _DRAWS.set(draws)
    try:
        yield
    finally:
        _DRAWS.reset(token)


def interval_of_mean(values_N: np.ndarray) -> Interval:
    """Return the interval of the mean of values, at least one; in their unit.

    If every value is 0 or 1 it is the score interval of Wilson (1927), which has a width also if
    all are right; otherwise the percentile bootstrap (Efron 1979).
    """
    values = np.asarray(values_N, dtype=np.float64)
    draws = _draws_in(len(values))
    return interval_of_draws(values.reshape(draws, -1)) if draws > 1 else _of_mean(values)


def _of_mean(values: np.ndarray) -> Interval:
    if np.isin(values, (0.0, 1.0)).all():
        return share_interval(float(values.sum()), len(values))
    return _of_sums(lambda sums: sums[:, 0] / len(values), values[:, None])


def _draws_in(examples: int) -> int:
    """How many draws so many examples are."""
    draws = _DRAWS.get()
    return draws if examples % draws == 0 else 1


def interval_over_runs(values: Sequence[float]) -> Interval | None:
    """Return the interval of the mean over runs that differ in their seed, by Student's t; None
    for a single one.
    """
    if len(values) < 2:
        return None
    mean = fmean(values)
    half = _quantile_of_t(len(values) - 1) * stdev(values) / len(values) ** 0.5
    return mean - half, mean + half


def _quantile_of_t(freedom: int) -> float:
    """The 97.5 % quantile of Student's t with so many degrees of freedom.

    Up to ten from a table, beyond them by the expansion in 1/freedom (Abramowitz and Stegun 1964,
    26.7.5), which is right to a thousandth there.
    """
    if freedom <= len(_T_QUANTILES):
        return _T_QUANTILES[freedom - 1]
    z = NormalDist().inv_cdf(1 - _OUTSIDE / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))


def interval_of_draws(values_DN: np.ndarray) -> Interval:
    """Return the interval of the mean of what each of D draws gives for each of N examples.

    Percentile bootstrap over draws and examples at once: both are resampled with replacement (Owen
    2007, "The pigeonhole bootstrap"). Where all draws are the same it is `interval_of_mean`.
    """
    values = np.asarray(values_DN, dtype=np.float64)
    if (values == values[:1]).all():
        return _of_mean(values[0])
    return _of_sums_of_draws(lambda sums: sums[:, 0] / values.size, values[:, :, None])


def _of_sums_of_draws(
    statistic: Callable[[np.ndarray], np.ndarray], rows_DNK: np.ndarray
) -> Interval:
    draws, count, _ = rows_DNK.shape
    generator = np.random.default_rng(SEED)
    draws_RD = generator.multinomial(draws, np.full(draws, 1 / draws), size=RESAMPLES)
    rows, values = max(1, PIECE_COUNTS // count), []
    for start in range(0, RESAMPLES, rows):
        piece_RD = draws_RD[start : start + rows]
        counts_RN = generator.multinomial(count, np.full(count, 1 / count), size=len(piece_RD))
        sums = np.einsum("rd,dnk,rn->rk", piece_RD, rows_DNK, counts_RN, optimize=True)
        values.append(statistic(sums))
    return _percentiles(np.concatenate(values))


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
    counts, draws = np.asarray(counts_K), _draws_in(int(np.sum(counts_K)))
    pieces = _resampled(counts, int(counts.sum()) // draws)
    statistics_RS = np.concatenate([statistics(piece * draws) for piece in pieces])
    return [_percentiles(statistic_R) for statistic_R in statistics_RS.T]


def interval_of_sums(
    statistic: Callable[[np.ndarray], np.ndarray], rows_NK: np.ndarray
) -> Interval:
    """Percentile bootstrap of a statistic [R, K] -> [R] of the sums over examples, where rows_NK
    has what each adds to them.
    """
    rows = np.asarray(rows_NK, dtype=np.float64)
    draws = _draws_in(len(rows))
    rows_DNK = rows.reshape(draws, len(rows) // draws, rows.shape[1])
    if (rows_DNK == rows_DNK[:1]).all():
        return _of_sums(statistic, rows_DNK.sum(axis=0))
    return _of_sums_of_draws(statistic, rows_DNK)


def _of_sums(statistic: Callable[[np.ndarray], np.ndarray], rows_NK: np.ndarray) -> Interval:
    kinds, counts = np.unique(rows_NK, axis=0, return_counts=True)
    resampled = _resampled(counts, int(counts.sum()))
    values = [statistic(piece.astype(np.float64) @ kinds) for piece in resampled]
    return _percentiles(np.concatenate(values))


def interval_of_statistic(statistic: Callable[..., float], *columns_N: np.ndarray) -> Interval:
    """Percentile bootstrap of any statistic of equally long columns, called once per resample."""
    columns = [np.asarray(column) for column in columns_N]
    generator, draws = np.random.default_rng(SEED), _draws_in(len(columns[0]))
    count = len(columns[0]) // draws

    def one() -> np.ndarray:
        """The places of one resample: of every draw in it the same examples."""
        examples = generator.integers(0, count, count)
        if draws == 1:
            return examples
        return (generator.integers(0, draws, draws)[:, None] * count + examples).ravel()

    places = (one() for _ in range(RESAMPLES))
    return _percentiles(
        np.array([statistic(*(column[chosen] for column in columns)) for chosen in places])
    )


def _resampled(counts_K: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """R rows of counts in pieces [up to R, K] that fit into memory; each row has `size`
    examples.
    """
    generator, count = np.random.default_rng(SEED), int(counts_K.sum())
    # few of a large confusion table's cells, and only they are drawn
    there = np.flatnonzero(counts_K)
    rows = max(1, PIECE_COUNTS // len(counts_K))
    for start in range(0, RESAMPLES, rows):
        resampled = np.zeros((min(rows, RESAMPLES - start), len(counts_K)), dtype=np.int64)
        resampled[:, there] = generator.multinomial(
            size, counts_K[there] / count, size=len(resampled)
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
