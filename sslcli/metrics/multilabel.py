"""Scores of sets of labels, where an example may have several or none.

Letters: N examples, K labels, R resamples, G groups of equal examples, E labels of groups, P labels
that occur.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Self

import numpy as np

from sslcli.metrics.classes import MOST_ROWS, commonest, numbered, summed
from sslcli.metrics.intervals import PIECE_COUNTS
from sslcli.metrics.precision_recall import f1_of, ratio
from sslcli.metrics.scores import counts_scores, mean_score
from sslcli.reports import Score, Table

FEW = 8  # one in so many of all pairs of a group and a label


def multilabel_scores(
    gold: Sequence[Collection[str]], predicted: Sequence[Collection[str]], labels: Sequence[str]
) -> Sequence[Score]:
    """Micro F1, macro F1 and exact match (the whole set is right); fractions.

    Macro F1 is the mean over all labels; one that is neither there nor given adds 0. Raises
    DataError for what is no label, or where there is no example; ValueError where an example has no
    prediction.
    """
    sides = Sides.of(gold, predicted, labels)

    def macro(counts_RG: np.ndarray) -> np.ndarray:
        rows = max(1, PIECE_COUNTS // max(sides.width, 1))
        pieces = [counts_RG[start : start + rows] for start in range(0, len(counts_RG), rows)]
        return np.concatenate(
            [f1_of(*sides.sums(piece)).sum(axis=1) / len(labels) for piece in pieces]
        )

    def micro(counts_RG: np.ndarray) -> np.ndarray:
        return f1_of(*(counts_RG @ sides.sizes_G3).T)

    return [
        *counts_scores(
            ("micro f1", "macro f1"),
            lambda counts_RG: np.stack([micro(counts_RG), macro(counts_RG)], axis=1),
            sides.counts_G,
        ),
        mean_score(
            "exact match",
            [set(right) == set(answer) for right, answer in zip(gold, predicted, strict=True)],
        ),
    ]


@dataclass(frozen=True)
class Sides:
    """True and predicted labels, by G groups of equal examples, and the E labels of the groups.

    `counts_G`: examples of a group. `sizes_G3`: labels of one of its examples that are right,
    predicted, true. `owner_E`, `label_E`: a group and one of its labels, by index among the P
    labels that occur, `present_P`; `kinds_E3`: whether it is right, predicted, true.
    """

    counts_G: np.ndarray
    sizes_G3: np.ndarray
    owner_E: np.ndarray
    label_E: np.ndarray
    kinds_E3: np.ndarray
    present_P: np.ndarray

    @classmethod
    def of(
        cls,
        gold: Sequence[Collection[str]],
        predicted: Sequence[Collection[str]],
        labels: Sequence[str],
    ) -> Self:
        """Raises DataError for what is no label, ValueError where an example has no prediction."""
        number = numbered(labels, chain.from_iterable(chain(gold, predicted)), "labels")
        pairs = [
            (frozenset(map(number.__getitem__, side)) for side in pair)
            for pair in zip(gold, predicted, strict=True)
        ]
        groups = Counter(map(tuple, pairs))
        entries = [
            (group, label, label in there and label in given, label in given, label in there)
            for group, (there, given) in enumerate(groups)
            for label in sorted(there | given)
        ]
        owner_E, label_E, *kinds = np.asarray(entries, dtype=np.int64).reshape(-1, 5).T
        present_P, label_E = np.unique(label_E, return_inverse=True)
        kinds_E3 = np.stack(kinds, axis=1)
        sizes_G3 = np.stack(
            [np.bincount(owner_E, kind, len(groups)) for kind in kinds], axis=1
        ).astype(np.int64)
        return cls(
            np.fromiter(groups.values(), np.int64, len(groups)),
            sizes_G3,
            owner_E,
            label_E.reshape(-1),
            kinds_E3,
            present_P,
        )

    @cached_property
    def tables(self) -> np.ndarray | None:
        """Return whether a label [P] of a group [G] is right, predicted, true, as 0/1 [3, G, P].

        None where few are either. An untrained head predicts half of all labels, and matrix
        products are then the faster way to the same sums.
        """
        cells = len(self.counts_G) * len(self.present_P)
        if len(self.owner_E) * FEW < cells:
            return None
        tables = np.zeros((3, len(self.counts_G), len(self.present_P)))
        tables[:, self.owner_E, self.label_E] = self.kinds_E3.T
        return tables

    @property
    def width(self) -> int:
        """Numbers that the sums of one row of counts take."""
        return len(self.owner_E) if self.tables is None else len(self.present_P)

    def sums(self, counts_RG: np.ndarray) -> list[np.ndarray]:
        """Return how often every label is right, predicted and true, [R, P] each, for counts of
        the groups.
        """
        if self.tables is not None:
            return [counts_RG.astype(np.float64) @ table_GP for table_GP in self.tables]
        counts_RE = counts_RG[:, self.owner_E]
        return [
            summed(counts_RE * kind_E, self.label_E, len(self.present_P))
            for kind_E in self.kinds_E3.T
        ]


def label_table(
    gold: Sequence[Collection[str]], predicted: Sequence[Collection[str]], labels: Sequence[str]
) -> Table:
    """Return precision, recall, F1 and support by label; at most MOST_ROWS, as class_tables
    does.
    """
    sides = Sides.of(gold, predicted, labels)
    sums = np.zeros((3, len(labels)), dtype=np.int64)
    sums[:, sides.present_P] = np.concatenate(sides.sums(sides.counts_G[None]))
    hits, given, there = sums
    places = np.arange(len(labels)) if len(labels) <= MOST_ROWS else commonest(there, given)
    columns = [ratio(hits, given), ratio(hits, there), f1_of(hits, given, there)]
    rows = [
        [labels[place], *(float(column[place]) for column in columns), int(there[place])]
        for place in places.tolist()
    ]
    of_all = f" ({len(rows):,} of {len(labels):,})" if len(rows) < len(labels) else ""
    return Table(
        f"scores by label{of_all}", ["label", "precision", "recall", "f1", "examples"], rows
    )
