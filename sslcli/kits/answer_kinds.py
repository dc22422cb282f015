"""The three kinds of answers to a whole sequence: one class of several, any number of labels, or a
number.

`chosen_kind` and `kind_of_labels` choose one; nothing else asks which kind it is.

Letters: B samples, C classes or labels (1 for a number).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from sslcli.contracts.examples import Example, Prediction
from sslcli.data.records.labels import (
    Gold,
    Kind,
    Vector,
    counted,
    in_order,
    kind_of,
    mean_of,
    settled_weights,
)
from sslcli.errors import DataError
from sslcli.kits.answer_kind import AnswerKind, AnswerOptions, Baselines, Part
from sslcli.metrics.classes import binary_scores, class_scores, class_tables
from sslcli.metrics.correlations import correlation_notes, correlation_scores
from sslcli.metrics.multilabel import label_table, multilabel_scores
from sslcli.metrics.scores import mean_score
from sslcli.reports import Report, Score

LIKELY = 0.5  # probability from which on a label is given, where there may be several
MOST_COINS = 10_000_000  # tossed for the baseline of chance


class Classes(AnswerKind):
    """One class of several: cross entropy, softmax. An example counts with the weight of its
    class.
    """

    name, metric = "classes", "accuracy"
    said = "every example has one class of {:,}"

    @classmethod
    def resolved_weights(cls, asked: Any, golds: Sequence[Gold]) -> dict[str, float]:
        """Return the weight of each class, so that their mean over the examples is 1."""
        return settled_weights(asked, counted(golds, cls.name))

    @classmethod
    def head_labels(cls, options: AnswerOptions, golds: Sequence[Gold]) -> Sequence[str]:
        counts = counted(golds, cls.name)
        if len(counts) < 2:
            problem = f"every training example has the label '{next(iter(counts), '')}'"
            raise DataError(problem, "there must be two at least to tell apart")
        return in_order(counts)

    def target(self, answer: str | None) -> tuple[int, float]:
        if answer is None:
            return 0, 0.0
        weights = self.options.class_weights
        return self.index[answer], weights.get(answer, 1.0) if isinstance(weights, Mapping) else 1.0

    def errors(self, logits_BC: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(logits_BC, targets, reduction="none")

    def right(self, logits_BC: Tensor, targets: Tensor) -> Tensor:
        return logits_BC.argmax(dim=1) == targets

    def decode(self, logits_BC: Tensor) -> Tensor:
        return logits_BC.softmax(dim=1)

    def prediction(self, part: Part) -> Prediction:
        """Return the likeliest class; the details name at most MOST_SHOWN classes."""
        return Prediction(
            self.labels[part.best], part.confidence, {"probabilities": self.probabilities(part)}
        )

    def scores(self, golds: Sequence[str], given: Sequence[str]) -> Sequence[Score]:
        """Return the scores; for two classes also the F1 of the second one."""
        positive = self.labels[1] if len(self.labels) == 2 else None
        binary = () if positive is None else binary_scores(golds, given, self.labels, positive)
        return [*class_scores(golds, given, self.labels), *binary]

    def baselines(self, golds: Sequence[str], count: int) -> Baselines:
        counts = counted(golds, self.name)
        majority = max(self.labels, key=lambda label: counts[label])
        drawn = np.random.default_rng(0).integers(len(self.labels), size=count)
        return {
            "majority": [Prediction(majority)] * count,
            "chance": [Prediction(self.labels[index]) for index in drawn],
        }

    def error_report(self, golds: Sequence[str], given: Sequence[str]) -> Report:
        """Report scores by class and the confusion table."""
        is_binary = len(self.labels) == 2
        notes = [f"f1, precision and recall are those of '{self.labels[1]}'"] if is_binary else []
        return Report(tables=class_tables(golds, given, self.labels), notes=notes)


class Labels(AnswerKind):
    """Any number of labels: binary cross entropy, its mean over the labels; sigmoid."""

    name, metric = "labels", "exact match"
    said = "an example may have several of {:,} labels, or none"

    @classmethod
    def refuse_mixed(cls, examples: Sequence[Example]) -> None:
        """Raise DataError for a list among single labels: one of the two is a mistake."""
        listed = (tuple, Vector)
        single = next(
            (each for each in examples if not isinstance(each.gold, (*listed, type(None)))), None
        )
        if single is not None:
            several = next(each for each in examples if isinstance(each.gold, listed))
            problem = f"{single.where} has one label, and {several.where} has a list of them"
            raise DataError(problem, "write all of them in one way, or say --kind labels")

    @classmethod
    def head_labels(cls, options: AnswerOptions, golds: Sequence[Gold]) -> Sequence[str]:
        counts = counted(golds, cls.name)
        if not counts:
            raise DataError(
                "no training example has a label",
                "lists of labels may be empty, but not all of them",
            )
        return options.label_names or in_order(counts)

    @property
    def terms(self) -> int:
        return len(self.labels)

    def target(self, answer: Sequence[str] | None) -> tuple[np.ndarray, float]:
        """Return the indices of the labels: a 0/1 row per example would fill the memory."""
        given = np.empty((), dtype=object)
        given[()] = sorted({self.index[label] for label in answer or ()})
        return given, 0.0 if answer is None else 1.0

    def collate(self, targets_B: np.ndarray) -> np.ndarray:
        """Return 0/1 targets, float32 [B, C]."""
        rows_BC = np.zeros((len(targets_B), len(self.labels)), dtype=np.float32)
        for row_C, indices in zip(rows_BC, targets_B, strict=True):
            row_C[indices] = 1.0
        return rows_BC

    def errors(self, logits_BC: Tensor, targets: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(logits_BC, targets, reduction="none").sum(dim=1)

    def right(self, logits_BC: Tensor, targets: Tensor) -> Tensor:
        return ((logits_BC.sigmoid() >= LIKELY) == targets.bool()).all(dim=1)

    def decode(self, logits_BC: Tensor) -> Tensor:
        return logits_BC.sigmoid()

    def given(self, values_C: np.ndarray) -> np.ndarray:
        return np.flatnonzero(values_C >= LIKELY)

    def confidence(self, values_C: np.ndarray) -> float:
        """Return the probability of this set of labels, taken as independent."""
        return float(np.prod(np.maximum(values_C, 1 - values_C)))

    def prediction(self, part: Part) -> Prediction:
        """Return the labels of probability LIKELY or more.

        The details name at most MOST_SHOWN labels, and every predicted one.
        """
        probabilities = self.probabilities(part)
        given = [label for label, probability in probabilities.items() if probability >= LIKELY]
        return Prediction(given, part.confidence, {"probabilities": probabilities})

    def scores(
        self, golds: Sequence[tuple[str, ...]], given: Sequence[Sequence[str]]
    ) -> Sequence[Score]:
        return multilabel_scores(golds, given, self.labels)

    def baselines(self, golds: Sequence[tuple[str, ...]], count: int) -> Baselines:
        counts = counted(golds, self.name)
        usual = [label for label in self.labels if counts[label] >= LIKELY * len(golds)]
        majority = {"majority": [Prediction(usual)] * count}
        if count * len(self.labels) > MOST_COINS:
            return majority
        coins = np.random.default_rng(0).random((count, len(self.labels))) < LIKELY
        chance = [
            [label for label, given in zip(self.labels, row, strict=True) if given] for row in coins
        ]
        return {**majority, "chance": [Prediction(labels) for labels in chance]}

    def error_report(
        self, golds: Sequence[tuple[str, ...]], given: Sequence[Sequence[str]]
    ) -> Report:
        """Report precision, recall and F1 by label."""
        return Report(tables=[label_table(golds, given, self.labels)])

    def comparable(self, value: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted(value))


class Number(AnswerKind):
    """A number: squared error. The bias of the head starts at the mean of the training labels."""

    name = "number"
    loss_unit = "squared error"
    said = "every example has a number"

    @classmethod
    def resolved(cls, options: AnswerOptions, golds: Sequence[Gold]) -> dict[str, Any]:
        mean = {"first_number": mean_of(golds)} if options.first_number is None else {}
        return {**super().resolved(options, golds), **mean}

    @property
    def outputs(self) -> int:
        return 1

    @property
    def first_output(self) -> float | None:
        return self.options.first_number

    def target(self, answer: float | None) -> tuple[float, float]:
        return answer or 0.0, 0.0 if answer is None else 1.0

    def collate(self, targets_B: np.ndarray) -> np.ndarray:
        """Return the numbers as float32 [B]."""
        return targets_B.astype(np.float32)

    def errors(self, logits_BC: Tensor, targets: Tensor) -> Tensor:
        return (logits_BC[:, 0] - targets).square()

    def prediction(self, part: Part) -> Prediction:
        """Return the number."""
        return Prediction(float(part.values[0]))

    def scores(self, golds: Sequence[float], given: Sequence[float]) -> Sequence[Score]:
        squares = np.square(np.subtract(given, golds))
        return [
            *correlation_scores(golds, given),
            mean_score("squared error", squares, higher_is_better=False),
        ]

    def baselines(self, golds: Sequence[float], count: int) -> Baselines:
        return {"mean": [Prediction(mean_of(golds))] * count}

    def error_report(self, golds: Sequence[float], given: Sequence[float]) -> Report:
        """Note what must be said beside a correlation."""
        return Report(notes=correlation_notes(golds, given))

    def severities(self, golds: Sequence[float], predictions: Sequence[Prediction]) -> list[float]:
        """Return the absolute error of each number."""
        return [abs(each.value - right) for each, right in zip(predictions, golds, strict=True)]


ANSWER_KINDS: Mapping[Kind, type[AnswerKind]] = {cls.name: cls for cls in (Classes, Labels, Number)}


def chosen_kind(asked: Kind | Literal["auto"], labels: Sequence[str]) -> Kind:
    """Return the kind; unresolved options mean classes, or a number without labels."""
    return ("classes" if labels else "number") if asked == "auto" else asked


def answer_kind(options: AnswerOptions, labels: Sequence[str]) -> AnswerKind:
    """Return the kind of answer of a head with these labels."""
    return ANSWER_KINDS[chosen_kind(options.kind, labels)](options, labels)


def kind_of_labels(options: AnswerOptions, golds: Iterable[Gold]) -> type[AnswerKind]:
    """Return the kind of the training labels, where the options leave it open."""
    return ANSWER_KINDS[kind_of(golds) if options.kind == "auto" else options.kind]
