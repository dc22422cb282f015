"""Scorer of question answering: metrics, baselines, error report, official submission files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sslcli.api import Example, Prediction, Report, Score, Scorer
from sslplugins.tasks.qa.baselines import baselines_of
from sslplugins.tasks.qa.report import marked_passage, report_of
from sslplugins.tasks.qa.scores import SCORE_NAMES, name_of, rule_of, scores_of, submission_files


class QuestionScorer(Scorer):
    """Exact match and token F1 by SQuAD's or MLQA's official rules."""

    score_names = SCORE_NAMES

    def score(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Sequence[Score]:
        return scores_of(
            predictions, examples, self.options.metric_language, self.options.strict_official
        )

    def baselines(
        self, train: Sequence[Example], test: Sequence[Example]
    ) -> Mapping[str, Sequence[Prediction]]:
        return baselines_of(train, test)

    def error_report(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Report:
        rule = rule_of(examples, self.options.metric_language, self.options.strict_official)
        report = report_of(predictions, examples, rule)
        return replace(report, notes=[*report.notes, *self.how_scored(examples)])

    def how_scored(self, examples: Sequence[Example]) -> Sequence[str]:
        rule = rule_of(examples, self.options.metric_language, self.options.strict_official)
        return (f"answers are compared by the rule of {name_of(rule)}",)

    def label_names(self, examples: Sequence[Example]) -> Sequence[Sequence[str]]:
        """Return whether each question has an answer; nothing where all of them have."""
        if all(example.gold != () for example in examples):
            return [()] * len(examples)
        return [("no answer",) if example.gold == () else ("an answer",) for example in examples]

    def format_prediction(self, example: Example, prediction: Prediction) -> Report:
        sure = "" if prediction.confidence is None else f" ({prediction.confidence:.0%} sure)"
        answer = (
            f"answer: {prediction.value}"
            if prediction.value
            else "there is no answer in the passage"
        )
        return Report(passages=[marked_passage(example, prediction)], notes=[f"{answer}{sure}"])

    def submission_files(self, predictions: Mapping[str, Prediction]) -> Mapping[str, str]:
        return submission_files(predictions)
