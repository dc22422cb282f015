"""Scores for reports, with the number of examples and the interval.

Letters: N examples, K kinds of examples (or sums), R resamples, S statistics.
"""

from collections.abc import Callable, Sequence

import numpy as np

from sslcli.errors import DataError
from sslcli.metrics.intervals import (
    Interval,
    interval_of_mean,
    interval_of_statistic,
    interval_of_sums,
    intervals_of_counts,
)
from sslcli.reports import Score

Statistic = Callable[[np.ndarray], np.ndarray]


def mean_score(
    name: str, values_N: Sequence[float] | np.ndarray, unit: str = "", higher_is_better: bool = True
) -> Score:
    """Return the score of the mean of a value per example.

    With the unit "%" the values are fractions and the score is multiplied by 100. Raises DataError
    if there is no value, or one that is not a number.
    """
    values = checked_score(name, values_N)
    return _score(
        name, float(values.mean()), interval_of_mean(values), len(values), unit, higher_is_better
    )


def sums_score(
    name: str,
    statistic: Statistic,
    rows_NK: np.ndarray,
    unit: str = "",
    higher_is_better: bool = True,
) -> Score:
    """A statistic [R, K] -> [R] of sums over the examples, such as an F1 of hits, predictions and
    answers.

    Raises DataError where there is no example.
    """
    rows = checked_score(name, rows_NK)
    value = float(statistic(rows.sum(axis=0, keepdims=True))[0])
    interval = interval_of_sums(statistic, rows)
    return _score(name, value, interval, len(rows), unit, higher_is_better)


def counts_score(name: str, statistic: Statistic, counts_K: np.ndarray, unit: str = "") -> Score:
    """A statistic [R, K] -> [R] of how many examples there are of each kind, such as the cells of a
    confusion table.

    Raises DataError where there is no example.
    """
    (score,) = counts_scores(
        (name,), lambda counts_RK: statistic(counts_RK)[:, None], counts_K, unit
    )
    return score


def counts_scores(
    names: Sequence[str], statistics: Statistic, counts_K: np.ndarray, unit: str = ""
) -> list[Score]:
    """Return the scores of several statistics [R, K] -> [R, S], resampled once for all."""
    count = int(np.sum(counts_K))
    if not count:
        raise _nothing(names[0])
    values_S = statistics(np.asarray(counts_K)[None])[0]
    intervals = intervals_of_counts(statistics, counts_K)
    return [
        _score(name, float(value), ends, count, unit)
        for name, value, ends in zip(names, values_S, intervals, strict=True)
    ]


def statistic_score(
    name: str, statistic: Callable[..., float], *columns_N: Sequence[float] | np.ndarray
) -> Score:
    """Any statistic of columns of equal length; it is called a thousand times for the interval.

    Raises DataError where a column is empty or holds what is not a number.
    """
    columns = [checked_score(name, column) for column in columns_N]
    return _score(
        name, statistic(*columns), interval_of_statistic(statistic, *columns), len(columns[0])
    )


def checked_score(name: str, values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return values as float64. Raises DataError if there are none, or one is NaN."""
    array = np.asarray(values, dtype=np.float64)
    if not len(array):
        raise _nothing(name)
    if not np.isfinite(array).all():
        where = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(
            f"{name} cannot be computed: what example {where + 1} gives is not a finite number",
            "look at its prediction and its answer",
        )
    return array


def _nothing(name: str) -> DataError:
    return DataError(
        f"{name} cannot be computed: there is no example to score",
        "give data whose examples have answers",
    )


def _score(
    name: str,
    value: float,
    interval: Interval,
    count: int,
    unit: str = "",
    higher_is_better: bool = True,
) -> Score:
    factor = 100.0 if unit == "%" else 1.0
    low, high = interval
    return Score(name, factor * value, unit, higher_is_better, count, (factor * low, factor * high))
