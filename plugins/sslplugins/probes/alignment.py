"""Cross-lingual alignment: accuracy of translation retrieval, by layer and by training step.

Retrieval of parallel sentences (mean-pooled vectors; Hu et al. 2020, "XTREME", arXiv 2003.11080)
and of dictionary words (mean over the occurrences of a word; Cao, Kitaev & Klein 2020, arXiv
2002.03518), raw and after each language's mean is subtracted (Libovický, Rosa & Fraser 2020, arXiv
2004.05160). Baselines: chance, and the model before its first step, which finds sentences by
length, digits and names without any training.
"""

from collections.abc import Sequence
from itertools import chain

from sslcli.api import Config, Count, FrozenModel, Probe, Report, Rng, UsageError, setting
from sslplugins.probes.bylayer.report import best_layer
from sslplugins.probes.translations.finding import known_records, languages_of, pairs_of
from sslplugins.probes.translations.report import layers_report, look, stages_report
from sslplugins.probes.translations.sides import Sentences, Translations, Words


class Alignment(Probe["Alignment.Options"]):
    """Cross-lingual retrieval of translations by layer and, with `milestones`, by training step."""

    class Options(Config):
        pairs: tuple[str, ...] = setting(
            (),
            "parallel sentences: a file of two columns, or en=FILE and zh=FILE line by line",
            reads=True,
        )
        dictionary: tuple[str, ...] = setting(
            (), "words and their translations: a file of two columns", reads=True
        )
        languages: str = setting(
            "", "the two languages, as in en,zh; those of the data when not given"
        )
        limit: Count = setting(
            500,
            "pairs of sentences, and of words, to test with; the means are those of others",
            ge=4,
        )
        uses: Count = setting(
            10, "uses of a word in the corpus, of which its vector is the mean", gt=0
        )
        milestones: bool = setting(False, "also at which step of the run the languages line up")

    summary = (
        "whether two languages line up: retrieval of "
        "translations by layer, raw and centred, and by step"
    )

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        languages, all_translations = self._translations(model, rng)
        layers = range(model.depth + 1)
        untrained = _before_training(model)
        reports, best = [], []
        for translations in all_translations:
            found = look(model, translations, layers)
            best.append(best_layer(found.accuracies("centred")))
            before = look(untrained, translations, layers) if untrained is not None else None
            reports.append(layers_report(found, translations.name, languages, before))
        if self.options.milestones:
            reports += self._by_step(model, all_translations, best)
        return Report(
            title=f"{languages[0]} and {languages[1]}: translations found by {model.name}",
            scores=[score for report in reports for score in report.scores],
            tables=[table for report in reports for table in report.tables],
            plots=[plot for report in reports for plot in report.plots],
            notes=[
                *chain.from_iterable(each.notes for each in all_translations),
                *(note for report in reports for note in report.notes),
            ],
        )

    def _translations(
        self, model: FrozenModel, rng: Rng
    ) -> tuple[tuple[str, str], Sequence[Translations]]:
        """Return translations of the given files, else all that the data knows."""
        options, probe_data = self.options, model.probe_data
        is_given = options.pairs or options.dictionary
        sentences, words = (
            [] if is_given else known_records(probe_data, kind)
            for kind in ("parallel", "dictionary")
        )
        if not (is_given or sentences or words):
            hint = "give some: --pairs en=FILE --pairs zh=FILE, or --dictionary FILE"
            raise UsageError(
                "there are no translations to look for: the data does not know them", hint
            )
        languages = languages_of(
            options.languages, [*options.pairs, *options.dictionary], sentences or words, probe_data
        )
        found: list[Translations] = []
        if options.pairs or sentences:
            found.append(
                Sentences(model, pairs_of(options.pairs, sentences, languages), options.limit, rng)
            )
        if options.dictionary or words:
            found.append(
                Words(
                    model,
                    pairs_of(options.dictionary, words, languages),
                    languages,
                    options.uses,
                    options.limit,
                    rng,
                )
            )
        return languages, found

    def _by_step(
        self, model: FrozenModel, all_translations: Sequence[Translations], best: Sequence[int]
    ) -> Sequence[Report]:
        steps, found = [], []
        for stage in model.stages():
            steps.append(stage.step or 0)
            found.append(
                [
                    look(stage, each, [layer])
                    for each, layer in zip(all_translations, best, strict=True)
                ]
            )
        if not steps:
            raise UsageError(
                f"{model.name} has no milestones",
                "choose a run that was pretrained with --milestones",
            )
        return [
            stages_report(steps, by_step, translations.name, layer, model.depth + 1)
            for translations, layer, by_step in zip(
                all_translations, best, zip(*found, strict=True), strict=True
            )
        ]


def _before_training(model: FrozenModel) -> FrozenModel | None:
    first = next(model.stages(), None)
    return first if first is not None and first.step == 0 else None
