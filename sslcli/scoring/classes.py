"""How often the right one of several classes is given. Letters: N examples, K classes, R resamples.

Everything is a function of the confusion table, whose row is the right class and whose column is the given one.
"""

from collections.abc import Sequence

import numpy as np

from sslcli.errors import DataError, did_you_mean
from sslcli.reports import Score, Table
from sslcli.scoring.agreement import f1_of, ratio
from sslcli.scoring.figures import Statistic, counts_score, mean_score


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


def accuracy(confusions: np.ndarray) -> np.ndarray:
    """[..., K, K] -> [...]: the share of examples whose class was given."""
    return ratio(np.trace(confusions, axis1=-2, axis2=-1), confusions.sum(axis=(-2, -1)))


def macro_f1(confusions: np.ndarray) -> np.ndarray:
    """[..., K, K] -> [...]: the mean F1 of the classes that are there or given at least once."""
    hits, given, there = _margins(confusions)
    return ratio(f1_of(hits, given, there).sum(axis=-1), (given + there > 0).sum(axis=-1))


def weighted_f1(confusions: np.ndarray) -> np.ndarray:
    """[..., K, K] -> [...]: the mean F1 of the classes, each as often as it is there."""
    hits, given, there = _margins(confusions)
    return ratio((f1_of(hits, given, there) * there).sum(axis=-1), there.sum(axis=-1))


def matthews(confusions: np.ndarray) -> np.ndarray:
    """[..., K, K] -> [...]: Matthews 1975, for any number of classes as in Gorodkin 2004 (eq. 8), -1 to 1.

    0 where all examples are of one class, or all are given one.
    """
    hits, given, there = (margin.astype(np.float64) for margin in _margins(confusions))
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
        "f1": lambda margins: f1_of(*margins),
        "precision": lambda margins: ratio(margins[0], margins[1]),
        "recall": lambda margins: ratio(margins[0], margins[2]),
    }
    return [
        _score(name, lambda tables, one=one: one([margin[..., place] for margin in _margins(tables)]), table)
        for name, one in statistics.items()
    ]


def class_tables(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> Sequence[Table]:
    """Each class's precision, recall, F1 and number of examples; and what was given instead. Raises DataError as class_scores does."""
    table = confusion_counts(gold, predicted, labels)
    hits, given, there = _margins(table)
    columns = zip(labels, ratio(hits, given), ratio(hits, there), f1_of(hits, given, there), there, strict=True)
    rows = [[label, float(precision), float(recall), float(f1), int(count)] for label, precision, recall, f1, count in columns]
    confused = [[label, *map(int, row)] for label, row in zip(labels, table, strict=True)]
    return [
        Table("scores by class", ["class", "precision", "recall", "f1", "examples"], rows),
        Table("confusions", ["right \\ given", *labels], confused),
    ]


def _margins(confusions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[..., K, K] -> how often each class was given rightly, given, and there: three of [..., K]."""
    return np.diagonal(confusions, axis1=-2, axis2=-1), confusions.sum(axis=-2), confusions.sum(axis=-1)


def _score(name: str, statistic: Statistic, table: np.ndarray) -> Score:
    return counts_score(name, lambda cells: statistic(cells.reshape(-1, *table.shape)), table.ravel())
