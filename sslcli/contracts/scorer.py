"""The contract of a scorer: predictions and labelled examples in, scores, baselines and errors out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic

from sslcli.contracts.examples import Example, Prediction
from sslcli.contracts.learnable import O
from sslcli.reports import Report, Score


class Scorer(ABC, Generic[O]):
    """Compares a task's predictions with the labels, and says in words what was predicted.

    `options`: the task's. `labels`: what `Task.labels` gave; () for whoever asks of labels and predictions alone.
    """

    score_names: ClassVar[Sequence[str]] = ()  # all that `score` may give, so that one mistyped is refused at once

    def __init__(self, options: O, labels: Sequence[str] = ()) -> None:
        self.options, self.labels = options, labels

    @abstractmethod
    def score(self, predictions: Sequence[Prediction], examples: Sequence[Example]) -> Sequence[Score]:
        """Over the whole set, whose examples all have a gold answer. The first one decides which checkpoint is best."""

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Mapping[str, Sequence[Prediction]]:
        """Predictions for the test examples without a model, by name: "majority", "chance", ..."""
        return {}

    def error_report(self, predictions: Sequence[Prediction], examples: Sequence[Example]) -> Report:
        """Tables and passages beside the scores: confusions, scores by class, the worst errors as text."""
        return Report()

    def label_names(self, examples: Sequence[Example]) -> Sequence[Sequence[str]]:
        """The labels in each example's gold answer, for counting; nothing where answers are free."""
        return [()] * len(examples)

    def refuse_other_kinds(self, examples: Sequence[Example]) -> None:
        """Raises DataError naming the first example whose answer is of another kind than those of training."""
        return None

    def format_prediction(self, example: Example, prediction: Prediction) -> Report:
        """One answer for a terminal (ssl predict)."""
        return Report(notes=[f"{prediction.value}"])

    def submission_files(self, predictions: Mapping[str, Prediction]) -> Mapping[str, str]:
        """File name -> content of what an official scorer or a course takes, by example id; {} where there is none."""
        return {}
