"""Learning curves over a run's milestones: words by kind, senses, languages, a downstream score.

Chiang, Huang & Lee 2020, "Pretrained Language Model Embryology: The Birth of ALBERT" (arXiv
2010.02480): masked prediction and reconstruction by part of speech, and downstream scores that do
not simply grow with the number of steps.

Letters: N words.
"""

from collections import defaultdict
from collections.abc import Sequence

from sslcli.api import (
    Annotated,
    Config,
    Count,
    DataError,
    FrozenModel,
    Probe,
    Report,
    Rng,
    UsageError,
    WordOccurrence,
    labelled_uses,
    locate_words,
    setting,
    words_told,
)
from sslplugins.probes.embryology.measurements import (
    labels_of_texts,
    labels_of_words,
    senses,
    translations,
)
from sslplugins.probes.embryology.report import Measured, commonest, report_of

FEWEST_OF_A_KIND = 20  # words; a kind with fewer has no curve of its own
FEWEST_STAGES = 3


class Embryology(Probe["Embryology.Options"]):
    """Scores of masked prediction, reconstruction and linear probes over a run's milestones."""

    class Options(Config):
        task: str = setting("pos", "the task whose labels are the kinds of words")
        words: Count = setting(2_000, "words that are hidden, one at a time", gt=0)
        downstream: str | None = setting(
            "sentiment",
            "a task for whole texts, trained on frozen vectors at every step; none: no such task",
        )
        examples: Count = setting(1_500, "labelled places, and labelled texts, to learn from", gt=9)

    summary = (
        "what is learnt when: parts of speech, senses, "
        "languages and a score over the milestones of a run"
    )
    architectures = frozenset({"encoder"})

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        options = self.options
        train, test = model.probe_data.annotated(options.task)
        uses = self._words(model, test, rng)
        measurements = [labels_of_words(model, options.task, (train, test), options.examples, rng)]
        if options.downstream not in (None, "", "none"):
            measurements.append(labels_of_texts(model, options.downstream, options.examples, rng))
        measurements += [
            measurement
            for measurement in (senses(model, rng), translations(model))
            if measurement is not None
        ]
        measured = []
        for stage in model.stages():
            words = locate_words(stage.tokenizer, uses)
            predicted = (
                words_told(stage, words, hidden=True),
                words_told(stage, words, hidden=False),
            )
            measured.append(
                Measured(
                    stage.step or 0,
                    *predicted,
                    [measurement.measure(stage) for measurement in measurements],
                )
            )
        if len(measured) < FEWEST_STAGES:
            raise UsageError(
                f"{model.name} has {len(measured)} milestones",
                "pretraining keeps them at steps 0, 1, 2, 4, ...: train for longer",
            )
        return report_of(
            measured, measurements, [use.sense for use in uses], commonest(uses, train)
        )

    def _words(
        self, model: FrozenModel, texts: Sequence[Annotated], rng: Rng
    ) -> list[WordOccurrence]:
        """Return words of all kinds, at most an equal share of each; `sense` holds the kind."""
        by_kind: dict[str, list[WordOccurrence]] = defaultdict(list)
        for use in labelled_uses(model, texts):
            by_kind[use.sense].append(use)
        kept = {
            kind: found for kind, found in sorted(by_kind.items()) if len(found) >= FEWEST_OF_A_KIND
        }
        if not kept:
            raise DataError(
                f"no label of {self.options.task} comes {FEWEST_OF_A_KIND} times",
                "give more labelled text",
            )
        share = -(-self.options.words // len(kept))
        return [use for kind, found in kept.items() for use in rng.some(kind, found, share)]
