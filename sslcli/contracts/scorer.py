"""The contract of a scorer: predictions and labelled examples in; scores, baselines, errors out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic

from sslcli.contracts.examples import Example, Prediction
from sslcli.contracts.options import O
from sslcli.reports import Report, Score


class Scorer(ABC, Generic[O]):
    """Compares a task's predictions with the labels, and formats predictions for people.

    `options`: the task's. `labels`: the result of `Task.labels`; () where only labels and
    predictions of examples are compared.
    """

    # all that `score` may give, so that one mistyped is refused at once
    score_names: ClassVar[Sequence[str]] = ()

    def __init__(self, options: O, labels: Sequence[str] = ()) -> None:
        self.options, self.labels = options, labels

    @abstractmethod
    def score(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Sequence[Score]:
        """Return the scores over a whole set, in which every example has a label.

        The first score decides which checkpoint is best.
        """

    def baselines(
        self, train: Sequence[Example], test: Sequence[Example]
    ) -> Mapping[str, Sequence[Prediction]]:
        """Return predictions for the test examples without a model, by name: "majority",
        "chance", ...
        """
        return {}

    def error_report(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Report:
        """Report errors beside the scores: confusions, scores by class, the worst errors as
        text.
        """
        return Report()

    def how_scored(self, examples: Sequence[Example]) -> Sequence[str]:
        """Return sentences on how the scores of these examples are computed."""
        return ()

    def label_names(self, examples: Sequence[Example]) -> Sequence[Sequence[str]]:
        """Return the label names of each example, for counting; () where answers are free text."""
        return [()] * len(examples)

    def refuse_other_kinds(self, examples: Sequence[Example]) -> None:
        """Raise DataError for the first example whose kind of answer differs from training."""
        return None

    def format_prediction(self, example: Example, prediction: Prediction) -> Report:
        """Format one prediction for a terminal (ssl predict)."""
        return Report(notes=[f"{prediction.value}"])

    def submission_files(self, predictions: Mapping[str, Prediction]) -> Mapping[str, str]:
        """Return file name -> content as an official scorer takes it, from predictions by example
        id.

        {} where there is no official format.
        """
        return {}
