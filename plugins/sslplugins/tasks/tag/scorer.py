"""Scorer of tagging: metrics, majority and by-word baselines, confusions, worst sentences."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from sslcli.api import Example, Prediction, Report, Score, Scorer, span_scores, tag_reading
from sslplugins.tasks.tag.report import accuracy_score, counted, in_bioes, report_of


class TagScorer(Scorer):
    """Span F1, precision and recall where the tags mark spans, else token accuracy and F1."""

    score_names = ("f1", "precision", "recall", "macro f1", "accuracy")

    def score(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Sequence[Score]:
        """Compute span F1 first where the tags mark spans (CoNLL-2003), otherwise token accuracy.

        Words without a label are left out of both sides, as seqeval's users do. Raises DataError
        where no word has one.
        """
        golds, given = counted(examples, [prediction.value for prediction in predictions])
        accuracy = accuracy_score(golds, given)
        reading = tag_reading({*self.labels, *chain.from_iterable(golds)})
        return (
            [accuracy]
            if reading is None
            else [*span_scores(in_bioes(golds, reading), in_bioes(given, reading)), accuracy]
        )

    def baselines(
        self, train: Sequence[Example], test: Sequence[Example]
    ) -> Mapping[str, Sequence[Prediction]]:
        """Predict the majority tag, and each word's own commonest training tag."""
        by_word: dict[str, Counter[str]] = {}
        for example in train:
            for word, tag in zip(example.data.words, example.gold, strict=True):
                if tag is not None:
                    by_word.setdefault(word, Counter())[tag] += 1
        commonest = next(iter(tags_in(train)))
        usual = {
            word: max(sorted(counts), key=counts.__getitem__) for word, counts in by_word.items()
        }
        return {
            "majority": [Prediction([commonest] * len(example.data.words)) for example in test],
            "by word": [
                Prediction([usual.get(word, commonest) for word in example.data.words])
                for example in test
            ],
        }

    def error_report(
        self, predictions: Sequence[Prediction], examples: Sequence[Example]
    ) -> Report:
        report = report_of(examples, [prediction.value for prediction in predictions], self.labels)
        if self.options.column == "xpos":
            return Report(
                tables=report.tables,
                passages=report.passages,
                notes=[*report.notes, "the tags are those of the XPOS column"],
            )
        return report

    def label_names(self, examples: Sequence[Example]) -> Sequence[Sequence[str]]:
        return [[tag for tag in example.gold or () if tag is not None] for example in examples]

    def format_prediction(self, example: Example, prediction: Prediction) -> Report:
        return Report(
            notes=[
                " ".join(
                    f"{word}/{tag}"
                    for word, tag in zip(example.data.words, prediction.value, strict=True)
                )
            ]
        )


def tags_in(examples: Sequence[Example]) -> list[str]:
    """Return all tags, the commonest first."""
    counts = Counter(tag for example in examples for tag in example.gold or () if tag is not None)
    return sorted(counts, key=lambda tag: (-counts[tag], tag))
