"""How often the right one of several classes is given. Letters: N examples, K classes, R resamples.

Everything is a function of the margins of the confusion table, whose row is the right class and whose column is the given one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from sslcli.errors import DataError, did_you_mean
from sslcli.reports import Score, Table
from sslcli.scoring.agreement import f1_of, ratio
from sslcli.scoring.figures import counts_score, mean_score

MOST_COLUMNS = 20  # of a table that is shown


def confusion_counts(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """int64 [K, K]: how often a class was there (row) and which one was given instead (column), in the order of labels.

    Raises DataError for what is no label, ValueError where an example has no prediction.
    """
    number = {label: place for place, label in enumerate(labels)}
    if unknown := (set(gold) | set(predicted)) - number.keys():
        stranger = min(unknown)
        raise DataError(
            f"'{stranger}' is none of the {len(number)} classes", did_you_mean(stranger, labels) or f"classes: {', '.join(labels)}"
        )
    cells = [number[right] * len(labels) + number[given] for right, given in zip(gold, predicted, strict=True)]
    return np.bincount(np.array(cells, dtype=np.int64), minlength=len(labels) ** 2).reshape(len(labels), -1)


@dataclass(frozen=True)
class Margins:
    """How often each class was given rightly, given, and there: [..., K] each, or [R, K] of resamples."""

    hits: np.ndarray
    given: np.ndarray
    there: np.ndarray

    @classmethod
    def of(cls, confusions: np.ndarray) -> Self:
        """Of tables [..., K, K]."""
        return cls(np.diagonal(confusions, axis1=-2, axis2=-1), confusions.sum(axis=-2), confusions.sum(axis=-1))


def macro_f1(margins: Margins) -> np.ndarray:
    """[...]: the mean F1 of the classes that are there or given at least once."""
    f1 = f1_of(margins.hits, margins.given, margins.there)
    return ratio(f1.sum(axis=-1), (margins.given + margins.there > 0).sum(axis=-1))


def weighted_f1(margins: Margins) -> np.ndarray:
    """[...]: the mean F1 of the classes, each as often as it is there."""
    f1 = f1_of(margins.hits, margins.given, margins.there)
    return ratio((f1 * margins.there).sum(axis=-1), margins.there.sum(axis=-1))


def matthews(margins: Margins) -> np.ndarray:
    """[...]: Matthews 1975, for any number of classes as in Gorodkin 2004 (eq. 8), -1 to 1.

    0 where all examples are of one class, or all are given one.
    """
    hits, given, there = (np.asarray(margin, dtype=np.float64) for margin in (margins.hits, margins.given, margins.there))
    count = there.sum(axis=-1)
    covariance = hits.sum(axis=-1) * count - (given * there).sum(axis=-1)
    spread = (count**2 - (given**2).sum(axis=-1)) * (count**2 - (there**2).sum(axis=-1))
    return ratio(covariance, np.sqrt(spread))


def class_scores(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> Sequence[Score]:
    """Accuracy, macro F1, weighted F1 and Matthews' correlation; fractions. Raises DataError for what is no label, or no example."""
    table = confusion_counts(gold, predicted, labels)
    right = np.array([left == given for left, given in zip(gold, predicted, strict=True)], dtype=np.float64)
    others = {"macro f1": macro_f1, "weighted f1": weighted_f1, "matthews": matthews}
    return [mean_score("accuracy", right), *(_score(name, statistic, table) for name, statistic in others.items())]


def binary_scores(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str], positive: str) -> Sequence[Score]:
    """F1, precision and recall of one class against all others (GLUE's F1 of MRPC and QQP). Raises DataError as class_scores does."""
    table = confusion_counts(gold, predicted, labels)
    place = list(labels).index(positive)
    statistics = {
        "f1": lambda margins: f1_of(margins.hits, margins.given, margins.there),
        "precision": lambda margins: ratio(margins.hits, margins.given),
        "recall": lambda margins: ratio(margins.hits, margins.there),
    }
    return [_score(name, lambda margins, one=one: one(margins)[..., place], table) for name, one in statistics.items()]


def class_tables(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> Sequence[Table]:
    """Each class's precision, recall, F1 and number of examples; and what was given instead. Raises DataError as class_scores does."""
    table = confusion_counts(gold, predicted, labels)
    margins = Margins.of(table)
    hits, given, there = margins.hits, margins.given, margins.there
    columns = zip(labels, ratio(hits, given), ratio(hits, there), f1_of(hits, given, there), there, strict=True)
    rows = [[label, float(precision), float(recall), float(f1), int(count)] for label, precision, recall, f1, count in columns]
    return [Table("scores by class", ["class", "precision", "recall", "f1", "examples"], rows), _confusions(table, labels)]


def _confusions(table: np.ndarray, labels: Sequence[str]) -> Table:
    """The whole table, or of many classes the pairs that are confused most often."""
    if len(labels) <= MOST_COLUMNS:
        rows = [[label, *map(int, row)] for label, row in zip(labels, table, strict=True)]
        return Table("confusions", ["right \\ given", *labels], rows)
    wrong = table * (1 - np.eye(len(labels), dtype=table.dtype))
    places = [divmod(int(cell), len(labels)) for cell in np.argsort(-wrong, axis=None, kind="stable")[:MOST_COLUMNS]]
    pairs = [[labels[right], labels[given], int(wrong[right, given])] for right, given in places if wrong[right, given]]
    return Table("largest confusions", ["right", "given", "examples"], pairs)


def _score(name: str, statistic: Callable[[Margins], np.ndarray], table: np.ndarray) -> Score:
    """Resampled are the cells that are not empty: of a thousand classes there are a million cells, and few examples."""
    right, said = np.nonzero(table)
    same = np.flatnonzero(right == said)

    def of_cells(counts_RK: np.ndarray) -> np.ndarray:
        hits = _summed(counts_RK[:, same], right[same], len(table))
        return statistic(Margins(hits, _summed(counts_RK, said, len(table)), _summed(counts_RK, right, len(table))))

    return counts_score(name, of_cells, table[right, said])


def _summed(counts_RK: np.ndarray, groups_K: np.ndarray, size: int) -> np.ndarray:
    """[R, K] -> [R, size]: the sums of the columns of each group."""
    sums = np.zeros((len(counts_RK), size), dtype=counts_RK.dtype)
    if len(groups_K):
        order = np.argsort(groups_K, kind="stable")
        present, starts = np.unique(groups_K[order], return_index=True)
        sums[:, present] = np.add.reduceat(counts_RK[:, order], starts, axis=1)
    return sums
