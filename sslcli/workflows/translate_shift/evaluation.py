"""Evaluation of a shift by layer and alpha beside its baselines: words and sentence retrieval.

Letters: N tokens of sentences, W words, D width, V vocabulary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from sslcli.contracts.linear_shift import LinearShift
from sslcli.contracts.probe import FrozenModel
from sslcli.contracts.shift import Shift
from sslcli.core.heads import LanguageModelHead
from sslcli.data.records.translations import TextPair
from sslcli.data.rng import Rng
from sslcli.metrics.retrieval import retrieve
from sslcli.reports import Score
from sslcli.workflows.translate_shift.estimate import Estimated, estimate, estimate_third, has_texts
from sslcli.workflows.translate_shift.head_readings import Asked, HeadReading, read
from sslcli.workflows.translate_shift.moved_rows import moved_rows, random_move, sentence_means
from sslcli.workflows.translate_shift.readings import ShiftScores, ShiftTrial
from sslcli.workflows.translate_shift.sentences import Sentences, encoded_pairs
from sslcli.workflows.translate_shift.settings import ShiftSettings
from sslcli.workflows.translate_shift.template import template_sentences
from sslcli.workflows.translate_shift.translations import (
    Translations,
    right_answers,
    rights_of_tokens,
    set_apart,
)

LAYERS = 5  # that are evaluated where the line names none
ALPHAS = (0.0, 0.5, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class Words:
    """Word scores by layer and alpha, and those of the baselines.

    `within` has the target language's tokens as the only candidates; `random` and `third` are by
    layer at alpha 1. `void`: why there is no template.
    """

    by_cell: Mapping[tuple[int, float], ShiftScores]
    within: Mapping[tuple[int, float], ShiftScores]
    random: Mapping[int, ShiftScores]
    third: Mapping[int, ShiftScores]
    third_language: str
    template: ShiftScores | None
    void: str
    tokens: int
    asked: int


@dataclass(frozen=True)
class ShiftEvaluation:
    """`words`: None where the model has no head to read them with. `retrieval` by layer and alpha;
    empty without parallel text. `tested`: the sentences that it is tested on, source first; without
    parallel text the source alone. `learning`: the translations that it was estimated on, where it
    was.
    """

    layers: Sequence[int]
    alphas: Sequence[float]
    estimated: Estimated
    words: Words | None
    retrieval: Mapping[tuple[int, float], Score] = field(default_factory=dict)
    tested: Sequence[Sentences] = ()
    learning: Sequence[TextPair] = ()


def tested_layers(model: FrozenModel, settings: ShiftSettings) -> list[int]:
    """Return the layers of the command line, else some from the first to the last."""
    spread = np.linspace(0, model.depth, LAYERS).round().astype(int)
    return sorted(set(settings.layers or spread.tolist()))


def evaluate_shift(
    shift: Shift, model: FrozenModel, settings: ShiftSettings, found: Translations, rng: Rng,
    fitted: Mapping[int, LinearShift] | None = None,
) -> ShiftEvaluation:  # fmt: skip
    """Everything that there is a test for; of shifts that are `fitted` already, or else of one that
    is fitted first.

    Raises DataError or UsageError where there is nothing to estimate the shift on.
    """
    layers = tested_layers(model, settings) if fitted is None else sorted(settings.layers or fitted)
    alphas = sorted({0.0, 1.0, *(settings.alpha or ALPHAS)})
    learns = (shift.paired and fitted is None) or not has_texts(model)
    apart = set_apart(found, settings.limit, settings.sentences if learns else 0)
    estimated = estimate(shift, model, settings, layers, apart.learning, fitted)
    parallel = encoded_pairs(apart.sentences, model.tokenizer, model.settings.longest_tokens)
    words = None
    if model.head is not None:
        third = estimate_third(shift, model, settings, estimated.behind[0], layers)
        bench = _Bench.of(model, model.head, apart, parallel, estimated)
        words = bench.words(layers, alphas, third, settings, rng)
    retrieval = (
        _retrieval(model, parallel, estimated.moves, alphas) if len(parallel[0].tokens) > 1 else {}
    )
    tested = parallel if parallel[0].tokens else (estimated.pool,)
    return ShiftEvaluation(layers, alphas, estimated, words, retrieval, tested, apart.learning)


def _retrieval(
    model: FrozenModel,
    parallel: tuple[Sentences, Sentences],
    moves: Mapping[int, LinearShift],
    alphas: Sequence[float],
) -> dict[tuple[int, float], Score]:
    """How often the most similar sentence of the target language is the translation. Moves are
    affine: that of a mean is the mean of the moves.
    """
    source, target = (sentence_means(model, sentences, list(moves)) for sentences in parallel)
    return {
        (layer, alpha): retrieve((move(source[layer],
        alpha) if alpha else source[layer]).cpu().numpy(), target[layer].cpu().numpy())
        .forward.accuracy("sentence retrieval at 1")
        for layer, move in moves.items()
        for alpha in alphas
    }  # fmt: skip


@dataclass(frozen=True)
class _Bench:
    """`still_ND`: what the last layer gives when nothing is moved."""

    model: FrozenModel
    head: LanguageModelHead
    trial: ShiftTrial
    estimated: Estimated
    still_ND: Tensor

    @classmethod
    def of(
        cls,
        model: FrozenModel,
        head: LanguageModelHead,
        found: Translations,
        parallel: tuple[Sentences, Sentences],
        estimated: Estimated,
    ) -> "_Bench":
        right = right_answers(found.words, model.tokenizer)
        sentences, references = (
            (parallel[0], parallel[1].tokens) if parallel[0].tokens else (estimated.pool, None)
        )
        rights, target_V = rights_of_tokens(sentences, right), estimated.languages.target_V
        asked = Asked(sentences.tokens_N, rights, target_V, model.tokenizer.known)
        trial = ShiftTrial(sentences, estimated.languages, asked, references)
        still_ND = moved_rows(model, sentences)
        return cls(model, head, trial, estimated, still_ND)

    def words(
        self,
        layers: Sequence[int],
        alphas: Sequence[float],
        third: tuple[str, Mapping[int, LinearShift]],
        settings: ShiftSettings,
        rng: Rng,
    ) -> Words:
        moves, figures = self.estimated.moves, self.trial.figures
        still = self._read(self.still_ND)
        readings = {
            (layer, alpha): self._moved(layer, moves[layer], alpha) if alpha else still
            for layer in layers
            for alpha in alphas
        }
        width = self.model.settings.width
        random = {
            layer: [
                self._moved(
                    layer, random_move(self.estimated.lengths[layer], width, rng, number), 1.0
                )
                for number in range(settings.random_vectors)
            ]
            for layer in layers
        }
        template, void = self._template(settings.target)
        return Words(
            {cell: figures([reading]) for cell, reading in readings.items()},
            {
                cell: figures([reading], within=True)
                for cell, reading in readings.items()
                if cell[1] in (0.0, 1.0)
            },
            {layer: figures(drawn) for layer, drawn in random.items()},
            {layer: figures([self._moved(layer, move, 1.0)]) for layer, move in third[1].items()},
            third[0],
            template,
            void,
            len(self.trial.sentences.tokens_N),
            int(self.trial.asked.asked_N.sum()),
        )

    def _moved(self, layer: int, move: LinearShift, alpha: float) -> HeadReading:
        if layer == self.model.depth:
            return self._read(move(self.still_ND, alpha))
        return self._read(moved_rows(self.model, self.trial.sentences, layer, move, alpha))

    def _read(self, rows_ND: Tensor) -> HeadReading:
        return read(self.head, self.model.backbone, rows_ND, self.trial.asked)

    def _template(self, language: str) -> tuple[ShiftScores | None, str]:
        """Each word is asked for once, and counts as often as it stands in the sentences."""
        tokenizer, asked = self.model.tokenizer, self.trial.asked
        asked_at = np.flatnonzero(asked.asked_N)
        words = sorted({tokenizer.texts[token] for token in asked.tokens_N[asked_at]})
        sentences, void = template_sentences(words, language, tokenizer)
        if sentences is None or not words:
            return None, void or "no word is asked for"
        masked_N = sentences.tokens_N == tokenizer.mask
        rows_WD = moved_rows(self.model, sentences)[torch.from_numpy(masked_N)]
        number_of = {word: number for number, word in enumerate(words)}
        numbers = torch.tensor(
            [number_of[tokenizer.texts[token]] for token in asked.tokens_N[asked_at]]
        )
        spread_ND = torch.zeros_like(self.still_ND)
        spread_ND[torch.from_numpy(asked_at)] = rows_WD[numbers]
        return self.trial.figures([self._read(spread_ND)], asked_alone=True), ""
