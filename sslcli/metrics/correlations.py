"""Correlation of predicted and true numbers: Pearson (1895) and Spearman (1904). Letters: N
examples.
"""

from collections.abc import Sequence

import numpy as np

from sslcli.metrics.scores import checked_score, statistic_score
from sslcli.reports import Score

Numbers = Sequence[float] | np.ndarray


def pearson(gold_N: Numbers, predicted_N: Numbers) -> float:
    """Product-moment correlation, -1 to 1. 0 where all numbers of a side are equal and there is
    none; see correlation_notes.
    """
    gold, predicted = (np.asarray(numbers, dtype=np.float64) for numbers in (gold_N, predicted_N))
    if _is_constant(gold) or _is_constant(predicted):
        return 0.0
    return float(np.clip(_unit(gold) @ _unit(predicted), -1.0, 1.0))


def spearman(gold_N: Numbers, predicted_N: Numbers) -> float:
    """Pearson's correlation of the ranks; equal numbers share the mean of their ranks. 0 as in
    pearson.
    """
    return pearson(_ranks(np.asarray(gold_N)), _ranks(np.asarray(predicted_N)))


def correlation_scores(gold_N: Numbers, predicted_N: Numbers) -> Sequence[Score]:
    """Pearson and Spearman. Raises DataError where there is no example, or a number that is not
    finite.
    """
    return [
        statistic_score("pearson", pearson, gold_N, predicted_N),
        statistic_score("spearman", spearman, gold_N, predicted_N),
    ]


def correlation_notes(gold_N: Numbers, predicted_N: Numbers) -> Sequence[str]:
    """Return notes for a correlation that is not defined."""
    sides = {"right answers": gold_N, "predictions": predicted_N}
    return [
        f"all {side} are {numbers[0]:g}: there is no correlation, and 0 stands for it"
        for side, given in sides.items()
        if _is_constant(numbers := checked_score("correlation", given))
    ]


def _is_constant(numbers: np.ndarray) -> bool:
    return bool(numbers.min() == numbers.max())


def _unit(numbers: np.ndarray) -> np.ndarray:
    """Around 0 and of length 1. Divided by the largest first, so that squares neither overflow nor
    vanish.
    """
    centred = numbers - numbers.mean()
    centred /= np.abs(centred).max()
    return centred / np.linalg.norm(centred)


def _ranks(numbers: np.ndarray) -> np.ndarray:
    """From 1 on; equal numbers share the mean of the places that they fill."""
    _, number_of, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[number_of]
