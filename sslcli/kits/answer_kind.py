"""What a kind of answer to a whole sequence is: its target, its loss, its answer, its scores, its baselines, its errors.

Letters: B samples, C classes or labels (1 for a number).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor

from sslcli.contracts.examples import Example, Prediction
from sslcli.contracts.learnable import Loss, Ratio
from sslcli.data.records.labels import Gold, Kind, checked_label, converted, counted
from sslcli.errors import UsageError
from sslcli.reports import Report, Score

MOST_SHOWN = 100  # probabilities in an answer

Baselines = Mapping[str, Sequence[Prediction]]


class AnswerOptions(Protocol):
    """The options of a task that say what its answers are."""

    @property
    def kind(self) -> Any: ...
    @property
    def label_names(self) -> Sequence[str]: ...
    @property
    def class_weights(self) -> Any: ...
    @property
    def first_number(self) -> float | None: ...


@dataclass(frozen=True)
class Part:
    """What is kept of a sample's values [C]: all of few; of many the likeliest, and every label that is given.

    `places`: of `values`, in order. `confidence`: the probability of the answer, computed from all.
    """

    places: Sequence[int]
    values: np.ndarray
    best: int
    confidence: float


class AnswerKind(ABC):
    """One kind of answer. `labels`: those that size the head, () of numbers and where none are known yet."""

    name: ClassVar[Kind]
    loss_unit: ClassVar[str] = "nats"
    said: ClassVar[str]  # what an example has, "{:,}" in the place of the number of labels
    metric: ClassVar[str] = ""  # the name of the share of `right` answers

    def __init__(self, options: AnswerOptions, labels: Sequence[str]) -> None:
        self.options, self.labels = options, labels
        self.index = {label: index for index, label in enumerate(labels)}

    @classmethod
    def refuse_mixed(cls, examples: Sequence[Example]) -> None:
        """Raises DataError where a list stands amid texts and nobody said which of the two is meant."""
        return None

    @classmethod
    def resolved(cls, options: AnswerOptions, golds: Sequence[Gold]) -> dict[str, Any]:
        """The options that follow from the training labels. Raises UsageError for class weights of what has no classes."""
        found: dict[str, Any] = {"kind": cls.name}
        if options.class_weights != "none":
            found["class_weights"] = cls.resolved_weights(options.class_weights, golds)
        return found

    @classmethod
    def resolved_weights(cls, asked: Any, golds: Sequence[Gold]) -> dict[str, float]:
        raise UsageError("class weights need one class for every example", "leave --class-weights away")

    @classmethod
    def head_labels(cls, options: AnswerOptions, golds: Sequence[Gold]) -> Sequence[str]:
        """What sizes the head, in order. Raises DataError where there is nothing to tell apart."""
        return ()

    @classmethod
    def names_in(cls, gold: Gold) -> Sequence[str]:
        """The labels that a gold answer gives, by name."""
        return tuple(counted([gold], cls.name))

    @classmethod
    def converted(cls, gold: Gold) -> Any:
        return converted(gold, cls.name)

    @classmethod
    def checked(cls, gold: Gold) -> Any:
        """`converted`, of an answer from elsewhere. Raises ValueError saying what it is not."""
        return checked_label(gold, cls.name)

    @property
    def outputs(self) -> int:
        """Numbers that the head gives, C."""
        return len(self.labels)

    @property
    def terms(self) -> int:
        """What an answered example counts in the loss."""
        return 1

    @property
    def first_output(self) -> float | None:
        """What the head's bias begins at; None: at nothing of its own."""
        return None

    @abstractmethod
    def target(self, answer: Any) -> tuple[Any, float]:
        """The target of a converted answer with known labels, and its weight, which is 0 where there is no answer."""

    def collate(self, targets_B: np.ndarray) -> np.ndarray:
        return targets_B

    @abstractmethod
    def errors(self, logits_BC: Tensor, targets: Tensor) -> Tensor:
        """[B]"""

    def right(self, logits_BC: Tensor, targets: Tensor) -> Tensor | None:
        """[B], bool; None where no answer is simply right or wrong."""
        return None

    def loss(self, logits_BC: Tensor, targets: Tensor, weights_B: Tensor) -> Loss:
        sums = {"answer": (self.errors(logits_BC, targets) * weights_B).sum()}
        right_B, answered_B = self.right(logits_BC, targets), weights_B > 0
        if right_B is None:
            return Loss(sums)
        return Loss(sums, {self.metric: Ratio((right_B & answered_B).sum(), answered_B.sum())})

    def decode(self, logits_BC: Tensor) -> Tensor:
        """The number, or probabilities [B, C]."""
        return logits_BC

    def given(self, values_C: np.ndarray) -> np.ndarray:
        """The indices of the labels that are given."""
        return np.asarray([values_C.argmax()])

    def confidence(self, values_C: np.ndarray) -> float:
        return float(values_C.max())

    def part(self, values_C: np.ndarray) -> Part:
        places = np.arange(len(values_C))
        if len(values_C) > MOST_SHOWN:
            likeliest = np.argpartition(-values_C, MOST_SHOWN)[:MOST_SHOWN]
            places = np.union1d(likeliest, self.given(values_C))
        return Part(places.tolist(), values_C[places], int(values_C.argmax()), self.confidence(values_C))

    @abstractmethod
    def prediction(self, part: Part) -> Prediction: ...

    def probabilities(self, part: Part) -> dict[str, float]:
        return dict(zip([self.labels[place] for place in part.places], part.values.tolist(), strict=True))

    @abstractmethod
    def scores(self, golds: Sequence[Any], given: Sequence[Any]) -> Sequence[Score]:
        """Of converted answers and the values of predictions."""

    @abstractmethod
    def baselines(self, golds: Sequence[Any], count: int) -> Baselines:
        """So many answers of each, known from converted training answers alone."""

    @abstractmethod
    def error_report(self, golds: Sequence[Any], given: Sequence[Any]) -> Report: ...

    def severities(self, golds: Sequence[Any], predictions: Sequence[Prediction]) -> list[float]:
        """How bad each error is: how sure a wrong answer was. Below 0 where there is none."""
        return [
            (each.confidence or 0.0) if self.comparable(each.value) != self.comparable(right) else -1.0
            for each, right in zip(predictions, golds, strict=True)
        ]

    def comparable(self, value: Any) -> Any:
        """Equal of two values that say the same."""
        return value
