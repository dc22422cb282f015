"""Accuracy, precision, recall and F1 of one class of several.

Everything is a function of the margins of the confusion table: rows are true classes, columns
predicted ones. Letters: N examples, K classes, C cells that are not empty, R resamples.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from sslcli.errors import DataError, did_you_mean
from sslcli.metrics.precision_recall import f1_of, ratio
from sslcli.metrics.scores import counts_scores, mean_score
from sslcli.reports import Score, Table

MOST_COLUMNS = 20  # of a table that is shown
MOST_ROWS = 1_000  # of a table of classes
SHOWN = 12  # names in a hint


@dataclass(frozen=True)
class Confusions:
    """The C non-empty cells of a K x K table: memory grows with the examples, never with K squared.

    `right_C`, `given_C`: indices of the true and of the predicted label; `counts_C`: how often.
    """

    right_C: np.ndarray
    given_C: np.ndarray
    counts_C: np.ndarray

    @classmethod
    def of(cls, gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> Self:
        """Raises DataError for what is no label, ValueError where an example has no prediction."""
        number = numbered(labels, [*gold, *predicted], "classes")
        cells = [
            number[right] * len(labels) + number[given]
            for right, given in zip(gold, predicted, strict=True)
        ]
        cells_C, counts_C = np.unique(np.array(cells, dtype=np.int64), return_counts=True)
        return cls(*np.divmod(cells_C, max(len(labels), 1)), counts_C)

    def of_present(self) -> tuple[Self, np.ndarray]:
        """Return the cells with classes renumbered among those that occur, and the indices of
        these.
        """
        present_P, places = np.unique(
            np.concatenate([self.right_C, self.given_C]), return_inverse=True
        )
        right_C, given_C = places.reshape(2, -1)
        return type(self)(right_C, given_C, self.counts_C), present_P

    def margins(self, counts_RC: np.ndarray, classes: int) -> "Margins":
        """Return the margins over all classes for these counts of the cells."""
        same = np.flatnonzero(self.right_C == self.given_C)
        hits = summed(counts_RC[:, same], self.right_C[same], classes)
        return Margins(
            hits, summed(counts_RC, self.given_C, classes), summed(counts_RC, self.right_C, classes)
        )


def numbered(labels: Sequence[str], used: Iterable[str], what: str) -> dict[str, int]:
    """Return the index of each label. Raises DataError naming the first that is not among them."""
    number = {label: place for place, label in enumerate(labels)}
    if unknown := set(used) - number.keys():
        stranger = min(unknown)
        listed = ", ".join(labels[:SHOWN]) + (
            f" and {len(labels) - SHOWN:,} more" if len(labels) > SHOWN else ""
        )
        raise DataError(
            f"'{stranger}' is none of the {len(number)} {what}",
            did_you_mean(stranger, labels) or f"{what}: {listed}",
        )
    return number


@dataclass(frozen=True)
class Margins:
    """True positives, predictions and true examples by class: [..., K] each, [R, K] for
    resamples.
    """

    hits: np.ndarray
    given: np.ndarray
    there: np.ndarray

    @classmethod
    def of(cls, confusions: np.ndarray) -> Self:
        """Return the margins of tables [..., K, K]."""
        return cls(
            np.diagonal(confusions, axis1=-2, axis2=-1),
            confusions.sum(axis=-2),
            confusions.sum(axis=-1),
        )


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
    hits, given, there = (
        np.asarray(margin, dtype=np.float64)
        for margin in (margins.hits, margins.given, margins.there)
    )
    count = there.sum(axis=-1)
    covariance = hits.sum(axis=-1) * count - (given * there).sum(axis=-1)
    spread = (count**2 - (given**2).sum(axis=-1)) * (count**2 - (there**2).sum(axis=-1))
    return ratio(covariance, np.sqrt(spread))


def class_scores(
    gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]
) -> Sequence[Score]:
    """Accuracy, macro F1, weighted F1 and Matthews' correlation; fractions. Raises DataError for
    what is no label, or no example.
    """
    confusions = Confusions.of(gold, predicted, labels)
    right = np.array(
        [left == given for left, given in zip(gold, predicted, strict=True)], dtype=np.float64
    )
    others = {"macro f1": macro_f1, "weighted f1": weighted_f1, "matthews": matthews}
    return [mean_score("accuracy", right), *_scores(others, confusions)]


def binary_scores(
    gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str], positive: str
) -> Sequence[Score]:
    """F1, precision and recall of one class against all others (GLUE's F1 of MRPC and QQP). Raises
    DataError as class_scores does.
    """
    Confusions.of(gold, predicted, labels)  # which refuses what is no label
    right, said = ([str(int(label == positive)) for label in side] for side in (gold, predicted))
    statistics = {
        "f1": lambda margins: f1_of(margins.hits, margins.given, margins.there)[..., 1],
        "precision": lambda margins: ratio(margins.hits, margins.given)[..., 1],
        "recall": lambda margins: ratio(margins.hits, margins.there)[..., 1],
    }
    return _scores(statistics, Confusions.of(right, said, ("0", "1")), among=2)


def class_tables(
    gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]
) -> Sequence[Table]:
    """Return tables of precision, recall, F1 and support by class, and of confusions.

    Of more than MOST_ROWS classes only the commonest that occur have a row. Raises DataError as
    class_scores does.
    """
    confusions = Confusions.of(gold, predicted, labels)
    margins = confusions.margins(confusions.counts_C[None], len(labels))
    hits, given, there = (margin[0] for margin in (margins.hits, margins.given, margins.there))
    places = np.arange(len(labels)) if len(labels) <= MOST_ROWS else commonest(there, given)
    columns = [ratio(hits, given), ratio(hits, there), f1_of(hits, given, there)]
    rows = [
        [labels[place], *(float(column[place]) for column in columns), int(there[place])]
        for place in places.tolist()
    ]
    of_all = f" ({len(rows):,} of {len(labels):,})" if len(rows) < len(labels) else ""
    table = Table(
        f"scores by class{of_all}", ["class", "precision", "recall", "f1", "examples"], rows
    )
    return [table, _confusions(confusions, labels)]


def commonest(there_K: np.ndarray, given_K: np.ndarray) -> np.ndarray:
    """Return indices of the classes that occur, at most MOST_ROWS, the commonest first."""
    present = np.flatnonzero(there_K + given_K)
    return present[np.argsort(-there_K[present], kind="stable")][:MOST_ROWS]


def _confusions(confusions: Confusions, labels: Sequence[str]) -> Table:
    """The whole table, or of many classes the pairs that are confused most often."""
    if len(labels) <= MOST_COLUMNS:
        table = np.zeros((len(labels), len(labels)), dtype=np.int64)
        table[confusions.right_C, confusions.given_C] = confusions.counts_C
        rows = [[label, *map(int, row)] for label, row in zip(labels, table, strict=True)]
        return Table("confusions", ["right \\ given", *labels], rows)
    wrong = np.flatnonzero(confusions.right_C != confusions.given_C)
    order = wrong[np.argsort(-confusions.counts_C[wrong], kind="stable")[:MOST_COLUMNS]]
    cells = zip(
        confusions.right_C[order],
        confusions.given_C[order],
        confusions.counts_C[order],
        strict=True,
    )
    return Table(
        "largest confusions",
        ["right", "given", "examples"],
        [[labels[r], labels[g], int(count)] for r, g, count in cells],
    )


def _scores(
    statistics: Mapping[str, Callable[[Margins], np.ndarray]],
    confusions: Confusions,
    among: int = 0,
) -> list[Score]:
    """Resampled are the cells that are not empty, and scored with the classes that are in them, or
    with `among` classes.
    """
    if among:
        cells, classes = confusions, among
    else:
        cells, present = confusions.of_present()
        classes = len(present)

    def of_cells(counts_RC: np.ndarray) -> np.ndarray:
        margins = cells.margins(counts_RC, classes)
        return np.stack([statistic(margins) for statistic in statistics.values()], axis=1)

    return counts_scores(list(statistics), of_cells, cells.counts_C)


def summed(counts_RC: np.ndarray, groups_C: np.ndarray, size: int) -> np.ndarray:
    """[R, C] -> [R, size]: the sums of the columns of each group."""
    sums = np.zeros((len(counts_RC), size), dtype=counts_RC.dtype)
    if len(groups_C):
        order = np.argsort(groups_C, kind="stable")
        present, starts = np.unique(groups_C[order], return_index=True)
        sums[:, present] = np.add.reduceat(counts_RC[:, order], starts, axis=1)
    return sums
