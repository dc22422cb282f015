"""Scores of written texts against their references, beside what needs no model."""

from collections.abc import Mapping, Sequence

from sslcli.api import (
    CHRF_SIGNATURE,
    ROUGE_SIGNATURE,
    Example,
    Passage,
    Prediction,
    Report,
    Score,
    Scorer,
    Span,
    bleu,
    bleu_rows,
    bleu_signature,
    bleu_tokenizer,
    chrf,
    chrf_rows,
    mean_score,
    rouge_f1,
    sentence_chrf,
)
from sslplugins.tasks.rewrite.baselines import baselines_of

_WORST = 5  # texts that are shown
ROUGE = ("rouge-1", "rouge-2", "rouge-l")


class RewriteScorer(Scorer):
    """chrF, BLEU, ROUGE and exact match."""

    score_names = ("chrF", "bleu", *ROUGE, "exact match")

    def score(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Sequence[Score]:
        texts = [prediction.value for prediction in predictions]
        references = [references_of(example) for example in examples]
        rouge = [rouge_f1(*each) for each in zip(texts, references, strict=True)]
        equal = [
            float(_bare(text) in map(_bare, own))
            for text, own in zip(texts, references, strict=True)
        ]
        return [
            chrf(chrf_rows(texts, references)),
            bleu(bleu_rows(texts, references, bleu_tokenizer(references))),
            *(
                mean_score(name, values, "%")
                for name, values in zip(ROUGE, zip(*rouge, strict=True), strict=True)
            ),
            mean_score("exact match", equal, "%"),
        ]

    def baselines(
        self, train: Sequence[Example], test: Sequence[Example]
    ) -> Mapping[str, Sequence[Prediction]]:
        pairs = [(each.data, first_of(each.gold)) for each in train if each.gold is not None]
        found = baselines_of(pairs, [example.data for example in test])
        return {name: [Prediction(text) for text in texts] for name, texts in found.items()}

    def error_report(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Report:
        """The worst texts by chrF, and how the scores are computed."""
        references = [references_of(example) for example in examples]
        reached = [
            sentence_chrf(prediction.value, own)
            for prediction, own in zip(predictions, references, strict=True)
        ]
        worst = sorted(range(len(examples)), key=lambda place: reached[place])[:_WORST]
        empty = sum(not prediction.value for prediction in predictions)
        notes = [
            *self.how_scored(examples),
            *([f"{empty:,} of {len(examples):,} answers are empty"] if empty else []),
        ]
        return Report(
            passages=[
                _passage(examples[place], predictions[place])
                for place in worst
                if reached[place] < 1
            ],
            notes=notes,
        )

    def how_scored(self, examples: Sequence[Example]) -> Sequence[str]:
        references = [references_of(example) for example in examples]
        return (
            f"chrF is chrF2|{CHRF_SIGNATURE}, bleu is BLEU|{bleu_signature(references)}",
            f"rouge is {ROUGE_SIGNATURE}; exact match is without case and blanks",
        )

    def format_prediction(self, example: Example, prediction: Prediction) -> Report:
        return Report(
            passages=[_passage(example, prediction)], notes=[prediction.value or "(nothing)"]
        )


def first_of(gold: str | Sequence[str]) -> str:
    """Return the target that is trained on: the first of several."""
    return gold if isinstance(gold, str) else gold[0]


def references_of(example: Example) -> Sequence[str]:
    """Return all right targets of an example that has one."""
    assert example.gold is not None, "what is scored has a target"
    return [example.gold] if isinstance(example.gold, str) else list(example.gold)


def _bare(text: str) -> str:
    return "".join(text.lower().split())


def _passage(example: Example, prediction: Prediction) -> Passage:
    right = "" if example.gold is None else f", and right is {' or '.join(references_of(example))}"
    return Passage(f"{prediction.value or '(nothing)'}{right}", [Span(example.data)], excerpt=True)
