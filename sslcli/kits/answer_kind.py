"""Contract of the kinds of answers to a whole sequence: target, loss, prediction, scores,
baselines.

Letters: B samples, C classes or labels (1 for a number).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor

from sslcli.contracts.examples import Example, Prediction
from sslcli.contracts.loss import Loss, Ratio
from sslcli.data.records.labels import Gold, Kind, checked_label, converted, counted
from sslcli.errors import UsageError
from sslcli.reports import Report, Score

MOST_SHOWN = 100  # probabilities in an answer

Baselines = Mapping[str, Sequence[Prediction]]


class AnswerOptions(Protocol):
    """The options of a task that define its answers."""

    @property
    def kind(self) -> Any:
        """The kind of answer, or "auto"."""

    @property
    def label_names(self) -> Sequence[str]:
        """Names of the entries where labels are 0/1 vectors."""

    @property
    def class_weights(self) -> Any:
        """ "none", "balanced" or a weight by class."""

    @property
    def first_number(self) -> float | None:
        """Initial bias for numbers, None while it is not resolved."""


@dataclass(frozen=True)
class Part:
    """The kept values of a sample [C]: all of few; of many the likeliest, and every predicted
    label.

    `places`: their indices, in order. `confidence`: the probability of the answer, computed from
    all.
    """

    places: Sequence[int]
    values: np.ndarray
    best: int
    confidence: float


class AnswerKind(ABC):
    """A kind of answer to a whole sequence.

    `labels`: those that size the head; () for numbers and while labels are being collected.
    """

    name: ClassVar[Kind]
    loss_unit: ClassVar[str] = "nats"
    said: ClassVar[str]  # what an example has, "{:,}" in the place of the number of labels
    metric: ClassVar[str] = ""  # the name of the share of `right` answers

    def __init__(self, options: AnswerOptions, labels: Sequence[str]) -> None:
        self.options, self.labels = options, labels
        self.index = {label: index for index, label in enumerate(labels)}

    @classmethod
    def refuse_mixed(cls, examples: Sequence[Example]) -> None:
        """Raise DataError if lists and single labels are mixed and --kind does not say which is
        meant.
        """
        return None

    @classmethod
    def resolved(cls, options: AnswerOptions, golds: Sequence[Gold]) -> dict[str, Any]:
        """Return the options that follow from the training labels.

        Raises UsageError for class weights of what has no classes.
        """
        found: dict[str, Any] = {"kind": cls.name}
        if options.class_weights != "none":
            found["class_weights"] = cls.resolved_weights(options.class_weights, golds)
        return found

    @classmethod
    def resolved_weights(cls, asked: Any, golds: Sequence[Gold]) -> dict[str, float]:
        """Return the weight of each class. Raises UsageError for kinds without classes."""
        raise UsageError(
            "class weights need one class for every example", "leave --class-weights away"
        )

    @classmethod
    def head_labels(cls, options: AnswerOptions, golds: Sequence[Gold]) -> Sequence[str]:
        """Return the labels that size the head, in order. Raises DataError if there is nothing
        to classify.
        """
        return ()

    @classmethod
    def names_in(cls, gold: Gold) -> Sequence[str]:
        """Return the names of the labels in a label as read."""
        return tuple(counted([gold], cls.name))

    @classmethod
    def converted(cls, gold: Gold) -> Any:
        """Return the label in the form of this kind: a name, a tuple of names or a number."""
        return converted(gold, cls.name)

    @classmethod
    def checked(cls, gold: Gold) -> Any:
        """Return `converted`, for a label from elsewhere. Raises ValueError saying what it is
        not.
        """
        return checked_label(gold, cls.name)

    @property
    def outputs(self) -> int:
        """C, the number of outputs of the head."""
        return len(self.labels)

    @property
    def terms(self) -> int:
        """The count of a labelled example in the loss."""
        return 1

    @property
    def first_output(self) -> float | None:
        """The initial bias of the head; None for its own initialisation."""
        return None

    @abstractmethod
    def target(self, answer: Any) -> tuple[Any, float]:
        """Return the target of a converted label, and its weight: 0 if there is no label."""

    def collate(self, targets_B: np.ndarray) -> np.ndarray:
        """Return the targets of a batch as an array for torch."""
        return targets_B

    @abstractmethod
    def errors(self, logits_BC: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each sample [B]."""

    def right(self, logits_BC: Tensor, targets: Tensor) -> Tensor | None:
        """Return whether each answer is right, bool [B]; None where answers are not right or
        wrong.
        """
        return None

    def loss(self, logits_BC: Tensor, targets: Tensor, weights_B: Tensor) -> Loss:
        """Return the weighted sum of errors, and the metric where answers are right or wrong."""
        sums = {"answer": (self.errors(logits_BC, targets) * weights_B).sum()}
        right_B, answered_B = self.right(logits_BC, targets), weights_B > 0
        if right_B is None:
            return Loss(sums)
        return Loss(sums, {self.metric: Ratio((right_B & answered_B).sum(), answered_B.sum())})

    def decode(self, logits_BC: Tensor) -> Tensor:
        """Return the predicted number, or probabilities [B, C]."""
        return logits_BC

    def given(self, values_C: np.ndarray) -> np.ndarray:
        """Return the indices of the predicted labels."""
        return np.asarray([values_C.argmax()])

    def confidence(self, values_C: np.ndarray) -> float:
        """Return the probability of the answer from its values [C]."""
        return float(values_C.max())

    def part(self, values_C: np.ndarray) -> Part:
        """Return what is kept of a sample's values [C]."""
        places = np.arange(len(values_C))
        if len(values_C) > MOST_SHOWN:
            likeliest = np.argpartition(-values_C, MOST_SHOWN)[:MOST_SHOWN]
            places = np.union1d(likeliest, self.given(values_C))
        return Part(
            places.tolist(), values_C[places], int(values_C.argmax()), self.confidence(values_C)
        )

    @abstractmethod
    def prediction(self, part: Part) -> Prediction:
        """Return the prediction for the kept values of a sample."""

    def probabilities(self, part: Part) -> dict[str, float]:
        """Return the kept probabilities by label."""
        return dict(
            zip([self.labels[place] for place in part.places], part.values.tolist(), strict=True)
        )

    @abstractmethod
    def scores(self, golds: Sequence[Any], given: Sequence[Any]) -> Sequence[Score]:
        """Score predicted values against converted labels."""

    @abstractmethod
    def baselines(self, golds: Sequence[Any], count: int) -> Baselines:
        """Return `count` predictions of each baseline, from converted training labels alone."""

    @abstractmethod
    def error_report(self, golds: Sequence[Any], given: Sequence[Any]) -> Report:
        """Report the errors in tables and notes, from converted labels and predicted values."""

    def severities(self, golds: Sequence[Any], predictions: Sequence[Prediction]) -> list[float]:
        """Return how bad each error is: the confidence of a wrong answer; below 0 for a right
        one.
        """
        return [
            (each.confidence or 0.0)
            if self.comparable(each.value) != self.comparable(right)
            else -1.0
            for each, right in zip(predictions, golds, strict=True)
        ]

    def comparable(self, value: Any) -> Any:
        """Return a form in which equal answers compare equal."""
        return value
