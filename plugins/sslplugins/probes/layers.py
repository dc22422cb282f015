"""Linear probes for a labelled task on every layer of a frozen model.

Baselines: the majority label, the static input embedding, which knows a word but not its context,
and a control task with random labels by word (Hewitt & Liang 2019, arXiv 1909.03368): what a probe
scores there it has memorised, and "selectivity" is the difference to the real labels. Layers by
their probes: Tenney, Das & Pavlick 2019, arXiv 1905.05950.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sslcli.api import (
    Annotated,
    Config,
    Count,
    DataError,
    FrozenModel,
    Probe,
    Report,
    Rng,
    Score,
    Table,
    WordOccurrence,
    amount,
    control_labels,
    labelled_uses,
    linear_probe,
    setting,
    static_vectors,
    word_vectors,
)
from sslplugins.probes.bylayer.items import item_report
from sslplugins.probes.bylayer.report import best_layer, layer_plot, layer_table


class Layers(Probe["Layers.Options"]):
    """Linear probes at every layer, with a control task and the static embedding as baselines."""

    class Options(Config):
        task: str = setting(
            "pos",
            "task whose labels are looked for in texts: pos, tag, sentiment, classify; images"
            " and recordings have those of their folders or arrays",
        )
        limit: Count = setting(
            4_000, "words, texts or images to learn from; half as many are for testing", gt=9
        )

    summary = (
        "a linear probe for labels on every layer: of a task, with shuffled labels as control, or"
        " of images or recordings, beside their own numbers, principal components and the untrained"
        " network"
    )

    modalities = frozenset({"text", "images", "sound"})

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        task, limit = self.options.task, self.options.limit
        if model.own_tokenizer is None:
            return item_report(model, limit, rng)
        annotated = model.probe_data.annotated(task)
        train = self._labelled(model, annotated[0], limit, rng.of("train"))
        test = self._labelled(model, annotated[1], limit // 2, rng.of("test"))
        labels = [[use.sense for use in uses] for uses in (train, test)]
        if len(set(labels[0])) < 2:
            raise DataError(
                f"every place has the label '{labels[0][0]}' of {task}",
                "there must be two at least to tell apart",
            )
        shuffled = _shuffled(train, test, rng)
        layers = range(model.depth + 1)
        rows = [word_vectors(model, uses, layers) for uses in (train, test)]
        found = [
            linear_probe(
                rows[0][layer], labels[0], rows[1][layer], labels[1], f"{task} at layer {layer}"
            )
            for layer in layers
        ]
        control = [
            linear_probe(rows[0][layer], shuffled[0], rows[1][layer], shuffled[1])
            for layer in layers
        ]
        tables = [static_vectors(model, uses) for uses in (train, test)]
        static = linear_probe(tables[0], labels[0], tables[1], labels[1], "static embedding")
        by_heart = linear_probe(tables[0], shuffled[0], tables[1], shuffled[1])
        return self._report(model, len(train), found, control, (static, by_heart))

    def _labelled(
        self, model: FrozenModel, texts: Sequence[Annotated], limit: int, rng: Rng
    ) -> list[WordOccurrence]:
        """Return labelled occurrences of texts in random order."""
        uses: list[WordOccurrence] = []
        for text in rng.shuffled("texts", texts):
            uses += labelled_uses(model, [text])
            if len(uses) >= limit:
                break
        if not uses:
            raise DataError(
                f"no text with labels of {self.options.task} can be read by this model",
                "give shorter texts, or other data",
            )
        return uses[:limit]

    def _report(
        self,
        model: FrozenModel,
        trained_on: int,
        found: Sequence[Score],
        control: Sequence[Score],
        static: tuple[Score, Score],
    ) -> Report:
        task, best = self.options.task, best_layer(found)
        score, by_heart, majority = (
            found[best],
            control[best].value,
            found[best].baselines["majority"],
        )
        baselines = {
            **score.baselines,
            "shuffled labels": by_heart,
            "static embedding": static[0].value,
        }
        gaps = [right.value - wrong.value for right, wrong in zip(found, control, strict=True)]
        columns = {"accuracy": found, "shuffled labels": control}
        table = layer_table(f"{task} by layer", columns, [("selectivity", gaps)])
        bare = [
            "static",
            static[0].value,
            *static[0].ends,
            static[1].value,
            static[0].value - static[1].value,
        ]
        return Report(
            title=f"{task}: a linear probe on every layer of {model.name}",
            scores=[
                replace(score, name=f"{task}, best layer ({best})", baselines=baselines),
                Score(
                    "selectivity",
                    gaps[best],
                    count=score.count,
                    baselines={"static embedding": static[0].value - static[1].value},
                ),
            ],
            tables=[Table(table.title, table.columns, [bare, *table.rows])],
            plots=[
                layer_plot(
                    f"{task} by layer",
                    "accuracy",
                    columns,
                    {"static embedding": static[0].value, "majority": majority},
                )
            ],
            notes=[
                f"trained on {amount(trained_on, 'word')}, "
                f"tested on {score.count:,} of other texts",
                self._reading(score, best, static[0]),
            ],
        )

    def _reading(self, score: Score, best: int, static: Score) -> str:
        """Layer 0 knows the places of words beside the words, and nothing of what stands around
        them.
        """
        low, figures, majority = (
            score.ends[0],
            f"{score.value:.3f} at its best layer, {best}",
            score.baselines["majority"],
        )
        if low <= majority:
            return f"not emerged: {figures}, where the commonest label alone gives {majority:.3f}"
        if low <= static.ends[1] or best == 0:
            return (
                f"context adds nothing: {figures}, where the "
                f"static embedding gives {static.value:.3f}"
            )
        return (
            f"{figures}: {score.value - static.value:.3f} more "
            "than the static embedding, so context is read"
        )


def _shuffled(
    train: Sequence[WordOccurrence], test: Sequence[WordOccurrence], rng: Rng
) -> tuple[list[str], list[str]]:
    """Every word's own label, the same wherever it stands."""
    words = [use.word.casefold() for use in (*train, *test)]
    generator: np.random.Generator = rng.sample(0).generator("control")
    sampled = control_labels(words, [use.sense for use in train], generator)
    return sampled[: len(train)], sampled[len(train) :]
