"""Similarity of one word's contextual vectors, within and across its senses.

The cosine of the word's vectors in every two sentences and, at every layer, how much more alike two
occurrences of one sense are than two of different senses: "separation", which embryology calls the
sense gap. The static input embedding knows no context and must give 0. Contextual cosines and their
baselines: Ethayarajh 2019, "How contextual are contextualized word representations?".
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sslcli.api import (
    Config,
    Count,
    Curve,
    DataError,
    FrozenModel,
    Matrix,
    Plot,
    Pool,
    Probe,
    Report,
    Rng,
    Score,
    UsageError,
    WordOccurrence,
    amount,
    cosines,
    sense_uses,
    setting,
    usable,
)
from sslplugins.probes.senses.finding import find_uses, unknown_notes
from sslplugins.probes.senses.layers import SensesByLayer, chosen_layer, vectors_by_layer
from sslplugins.probes.senses.words import comparable, senses_of_words, words_report

LABEL_CHARACTERS = 32


class Similarity(Probe["Similarity.Options"]):
    """Similarity within and across senses, of one word or of every two-sense word of a source."""

    summary = (
        "contextual vectors of a word over sentences: cosines, within senses and across, by layer"
    )
    positional_fields = "word"

    class Options(Config):
        word: str = setting(
            "", "the word to look at; every two-sense word of generated data when not given"
        )
        sentences: str = setting(
            "",
            (
                "file of sentences with the word: one a line, a tab "
                "and its sense behind it, or records with text and sense"
            ),
            reads=True,
        )
        layer: int | None = setting(
            None, "layer of the matrix, 0 the embeddings; the last when not given", ge=0
        )
        pool: Pool = setting(
            "mean", "vector of a word in several pieces: the mean of its pieces, or the first"
        )
        per_sense: Count = setting(10, "sentences of each sense", gt=1, le=200)

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        layer = chosen_layer(model, self.options.layer)
        if self.options.word:
            return self._of_word(model, layer, rng)
        if self.options.sentences:
            raise UsageError(
                "these are sentences, and the word to compare is not given",
                "name it: ssl probe similarity WORD --sentences FILE",
            )
        return self._of_all(model, layer, rng)

    def _of_word(self, model: FrozenModel, layer: int, rng: Rng) -> Report:
        options = self.options
        found = find_uses(model, options.word, options.sentences, options.per_sense, rng)
        if len(found.uses) < 2:
            raise UsageError(
                f"'{options.word}' occurs once, and is like itself",
                "give more sentences with it: --sentences FILE",
            )
        vectors = vectors_by_layer(model, found.uses, options.pool)
        made = (
            f"layer {layer} of {model.depth}, {options.pool} of the word's pieces; {found.source}"
        )
        common = Report(
            title=f"{options.word}: layer {layer} of {model.depth} of {model.name}",
            matrices=[_matrix(options.word, layer, found.uses, cosines(vectors[layer]))],
            notes=[made, *unknown_notes(model, found.uses)],
        )
        senses = set(found.senses)
        if len(senses) < 2:
            return _without_senses(common, vectors, layer)
        by_layer = SensesByLayer(model, found.uses, vectors, options.pool)
        return replace(
            common,
            scores=by_layer.scores(layer),
            tables=[by_layer.table()],
            plots=[by_layer.plot()],
            notes=[*common.notes, *by_layer.notes(layer)],
        )

    def _of_all(self, model: FrozenModel, layer: int, rng: Rng) -> Report:
        options = self.options
        try:
            uses = usable(model, sense_uses(model.probe_data, options.per_sense, rng))
        except UsageError as error:
            raise UsageError(
                "there is no word to look at", "name one: ssl probe similarity apple"
            ) from error
        uses, rare = comparable(uses)
        if not uses:
            raise DataError(
                "no word is used twice in each of two senses",
                "take more of the generated data, or give --sentences FILE",
            )
        report = words_report(senses_of_words(model, uses, options.pool), layer)
        made = (
            f"layer {layer} of {model.depth}, {options.pool} of a "
            f"word's pieces; {amount(len(uses), 'sentence')} of the generated data"
        )
        title = f"words with two senses: layer {layer} of {model.depth} of {model.name}"
        left_out = (
            [f"left out, used too seldom in one of its senses: {', '.join(rare)}"] if rare else []
        )
        return replace(report, title=title, notes=[made, *left_out, *report.notes])


def _matrix(word: str, layer: int, uses: Sequence[WordOccurrence], table_NN: np.ndarray) -> Matrix:
    numbers = [str(number) for number in range(1, len(uses) + 1)]
    labels = [f"{number} {_shortened(use)}" for number, use in zip(numbers, uses, strict=True)]
    groups = [use.sense for use in uses] if any(use.sense for use in uses) else []
    title, values = f"cosine of {word}, layer {layer}", table_NN.tolist()
    axes = {"x": "sentence", "y": "sentence"}
    return Matrix(title, labels, numbers, values, groups, groups, high=1.0, **axes)


def _shortened(use: WordOccurrence) -> str:
    """Return the text near the word, where the sentence is long."""
    if len(use.text) <= LABEL_CHARACTERS:
        return use.text
    start = max(0, min(use.start - LABEL_CHARACTERS // 2, len(use.text) - LABEL_CHARACTERS))
    stop = start + LABEL_CHARACTERS
    return f"{'…' * (start > 0)}{use.text[start:stop].strip()}{'…' * (stop < len(use.text))}"


def _without_senses(common: Report, vectors: dict[int, np.ndarray], layer: int) -> Report:
    """Compute the mean cosine of two occurrences, where their senses are not known."""
    pairs = np.triu_indices(len(next(iter(vectors.values()))), 1)
    means = {at: float(cosines(rows_ND)[pairs].mean()) for at, rows_ND in vectors.items()}
    return replace(
        common,
        scores=[
            Score(
                "cosine of two uses",
                means[layer],
                count=len(pairs[0]),
                baselines={"layer 0": means[0]},
            )
        ],
        plots=[
            Plot(
                "cosine by layer",
                "layer",
                "mean cosine of two uses",
                [Curve("all uses", list(means), list(means.values()))],
            )
        ],
        notes=[
            *common.notes,
            (
                "fewer than two senses are known, so there is no "
                "separation: give a sense behind a tab in --sentences FILE"
            ),
        ],
    )
