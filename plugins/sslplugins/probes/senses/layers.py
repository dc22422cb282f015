"""Separation of a word's senses at every layer, as tables, plots and notes for a report."""

from collections.abc import Mapping, Sequence

import numpy as np

from sslcli.api import (
    Curve,
    FrozenModel,
    Plot,
    Pool,
    Score,
    Separation,
    Table,
    UsageError,
    WordOccurrence,
    separation,
    static_vectors,
    word_vectors,
)

STATIC = "input embedding"
SHUFFLED = "shuffled, 97.5 %"
PLACES = "layer 0"


def chosen_layer(model: FrozenModel, layer: int | None) -> int:
    """Return the layer, the last one when not given. Raises UsageError where it does not exist."""
    if layer is not None and layer > model.depth:
        raise UsageError(
            f"layer {layer} does not exist",
            f"this model has layers 0 (embeddings) to {model.depth}",
        )
    return model.depth if layer is None else layer


def vectors_by_layer(
    model: FrozenModel, uses: Sequence[WordOccurrence], pool: Pool
) -> dict[int, np.ndarray]:
    """Return the word vectors [N, D] of every layer."""
    return word_vectors(model, uses, range(model.depth + 1), pool)


class SensesByLayer:
    """Sense separation of one word at every layer, and in the static input embedding."""

    def __init__(
        self,
        model: FrozenModel,
        uses: Sequence[WordOccurrence],
        vectors: Mapping[int, np.ndarray],
        pool: Pool,
    ) -> None:
        senses = [use.sense for use in uses]
        self.at: dict[int, Separation] = {
            layer: separation(vectors_ND, senses) for layer, vectors_ND in vectors.items()
        }
        self.static = separation(static_vectors(model, uses, pool), senses)

    def emerged(self, layer: int) -> bool:
        """Return whether the senses are separated beyond both baselines.

        These are shuffled senses and, surely, layer 0, which knows only the position of the word.
        """
        found = self.at[layer]
        return found.emerged and (layer == 0 or found.interval[0] > self.at[0].value)

    def scores(self, layer: int) -> list[Score]:
        """Return separation, mean cosine within and across senses, with their baselines."""
        found = self.at[layer]
        baselines = {
            STATIC: self.static.value,
            PLACES: self.at[0].value,
            "shuffled senses": found.shuffled,
            SHUFFLED: found.shuffled_high,
        }
        scores = [
            Score(
                "separation",
                found.value,
                count=found.count,
                interval=found.interval,
                baselines=baselines,
            )
        ]
        scores += [
            Score(
                f"within {sense}",
                mean,
                count=found.count,
                baselines={STATIC: self.static.within[sense]},
            )
            for sense, mean in found.within.items()
        ]
        across = Score(
            "across senses",
            found.across,
            higher_is_better=False,
            count=found.count,
            baselines={STATIC: self.static.across},
        )
        return [*scores, across]

    def table(self) -> Table:
        """Return a table of all layers: cosines, separation, its interval, shuffled senses, p."""
        names = list(self.static.within)
        columns = [
            "layer",
            *(f"within {name}" for name in names),
            "across",
            "separation",
            "low",
            "high",
            SHUFFLED,
            "p",
        ]
        rows = [
            self._row(STATIC, self.static),
            *(self._row(layer, found) for layer, found in self.at.items()),
        ]
        return Table("separation by layer", columns, rows)

    @staticmethod
    def _row(name: str | int, found: Separation) -> list[str | int | float | None]:
        return [
            name,
            *found.within.values(),
            found.across,
            found.value,
            *found.interval,
            found.shuffled_high,
            found.p,
        ]

    def plot(self) -> Plot:
        """Return a plot of the separation by layer, with shuffled senses and static embedding."""
        xs, found = list(self.at), list(self.at.values())
        curves = [
            Curve(
                "separation",
                xs,
                [each.value for each in found],
                *zip(*(each.interval for each in found), strict=True),
            ),
            Curve(SHUFFLED, xs, [each.shuffled_high for each in found]),
            Curve(STATIC, xs, [self.static.value] * len(xs)),
        ]
        return Plot("separation by layer", "layer", "within - across, cosine", curves)

    def notes(self, layer: int) -> list[str]:
        """Return sentences on whether the senses are separated here, with the baselines."""
        found = self.at[layer]
        figures = (
            f"{found.value:.2f} at layer {layer}, where shuffled senses "
            f"give up to {found.shuffled_high:.2f} (p = {found.p:.3f})"
        )
        places = f" and layer 0, which knows places alone, {self.at[0].value:.2f}"
        notes = [f"{'' if self.emerged(layer) else 'not emerged: '}separation {figures}{places}"]
        best = max(self.at, key=lambda each: self.at[each].value)
        if best != layer:
            notes.append(
                f"the senses lie furthest apart at layer {best}, by {self.at[best].value:.2f}"
            )
        if self.static.value != 0:
            notes.append(
                "the input embedding alone separates the senses by "
                f"{self.static.value:.3f}: the tokenizer cuts the word in several ways"
            )
        return notes
