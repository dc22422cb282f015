"""Scores of answers to instructions."""

from collections.abc import Mapping, Sequence

from sslcli.api import (
    CHRF_SIGNATURE,
    Example,
    Passage,
    Prediction,
    Report,
    Score,
    Scorer,
    Span,
    Table,
    chrf,
    chrf_rows,
    mean_score,
    sentence_chrf,
)
from sslplugins.tasks.instruct.baselines import baselines_of

_WORST = 5  # answers that are shown
_MOST_KINDS = 30


class InstructScorer(Scorer):
    """Exact answers, and chrF."""

    score_names = ("exact match", "chrF")

    def score(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Sequence[Score]:
        texts = [prediction.value for prediction in predictions]
        golds = [str(example.gold) for example in examples]
        equal = [float(bare(text) == bare(gold)) for text, gold in zip(texts, golds, strict=True)]
        references = [[gold] for gold in golds]
        return [mean_score("exact match", equal, "%"), chrf(chrf_rows(texts, references))]

    def baselines(
        self, train: Sequence[Example], test: Sequence[Example]
    ) -> Mapping[str, Sequence[Prediction]]:
        return baselines_of(train, test)

    def error_report(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Report:
        """The worst answers by chrF, and how the scores are computed."""
        reached = [
            sentence_chrf(prediction.value, [str(example.gold)])
            for prediction, example in zip(predictions, examples, strict=True)
        ]
        wrong = [
            place
            for place, (prediction, example) in enumerate(zip(predictions, examples, strict=True))
            if bare(prediction.value) != bare(str(example.gold))
        ]
        worst = sorted(wrong, key=lambda place: reached[place])[:_WORST]
        empty = sum(not prediction.value for prediction in predictions)
        notes = [
            "the last answer of each conversation is written, always the likeliest token, and"
            " compared; what stands before is as in the data",
            "exact match is without case, blanks and a full stop at the end; chrF is"
            f" chrF2|{CHRF_SIGNATURE}",
            *([f"{empty:,} of {len(examples):,} answers are empty"] if empty else []),
        ]
        return Report(
            passages=[_passage(examples[place], predictions[place]) for place in worst],
            tables=self._by_kind(predictions, examples),
            notes=notes,
        )

    def _by_kind(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> list[Table]:
        """Scores of each kind of instruction, where the records name several."""
        kinds = sorted({example.data.kind for example in examples})
        if not 1 < len(kinds) <= _MOST_KINDS:
            return []
        rows = []
        for kind in kinds:
            places = [place for place, each in enumerate(examples) if each.data.kind == kind]
            own = [predictions[place] for place in places], [examples[place] for place in places]
            rows.append([kind, *(score.value for score in self.score(*own)), len(places)])
        return [Table("by kind", ("kind", "exact match %", "chrF %", "n"), rows)]

    def format_prediction(self, example: Example, prediction: Prediction) -> Report:
        return Report(notes=[prediction.value or "(nothing)"])


def bare(text: str) -> str:
    """A text as answers are compared: without case, blanks, and a full stop at its end."""
    return "".join(text.lower().split()).rstrip(".。")


def _passage(example: Example, prediction: Prediction) -> Passage:
    right = "" if example.gold is None else f", and right is {example.gold}"
    written = f"{prediction.value or '(nothing)'}{right}"
    return Passage(written, [Span(example.data.asked)], excerpt=True)
