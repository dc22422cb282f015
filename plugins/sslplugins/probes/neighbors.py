"""Nearest words of a corpus to a word in its sentence, or to each of its senses.

Baseline: the nearest by the static input embedding, which is the same in every sentence and for
every sense.

Letters: C candidates, D width.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from sslcli.api import (
    Config,
    Count,
    DataError,
    FrozenModel,
    Pool,
    Probe,
    Report,
    Rng,
    Score,
    Table,
    UsageError,
    WordOccurrence,
    amount,
    setting,
    static_vectors,
    word_vectors,
)
from sslplugins.probes.senses.finding import find_uses, occurrence, refuse_unknown, unknown_notes
from sslplugins.probes.senses.layers import STATIC, chosen_layer
from sslplugins.probes.senses.sampling import some_sentences, words_in

MOST_CANDIDATES = 20_000
MEETING_CHARACTERS = 48  # of a neighbour's sentence


class Neighbors(Probe["Neighbors.Options"]):
    """Nearest neighbours of a word in one sentence, or of each of its senses, by cosine.

    The word itself is never among them.
    """

    summary = (
        "nearest words of a word in a sentence, or of "
        "each of its senses, among the words of a corpus"
    )
    positional_fields = "word"

    class Options(Config):
        word: str = setting("apple", "the word to look at")
        sentence: str = setting(
            "", "the sentence that it stands in; each of its senses when not given"
        )
        sentences: str = setting(
            "",
            (
                "file of sentences with the word: one a line, "
                "a tab and its sense behind it, or records"
            ),
            reads=True,
        )
        layer: int | None = setting(
            None, "layer of the vectors, 0 the embeddings; the last when not given", ge=0
        )
        pool: Pool = setting(
            "mean", "vector of a word in several pieces: the mean of its pieces, or the first"
        )
        count: Count = setting(10, "neighbours to show", gt=0, le=100)
        sample: Count = setting(
            1_000, "sentences of the data whose words are compared", gt=0, le=20_000
        )

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        options, layer = self.options, chosen_layer(model, self.options.layer)
        groups, source = self._groups(model, rng)
        uses = [use for own in groups.values() for use in own]
        candidates = self._candidates(model, uses, rng)
        vectors = word_vectors(model, [*uses, *candidates], [layer], options.pool)[layer]
        static = static_vectors(model, [*uses, *candidates], options.pool)
        near = _Near(uses, vectors, candidates, options.count)
        near_static = _Near(uses, static, candidates, options.count)
        distinct = len({_key(use) for use in candidates})
        made = f"layer {layer} of {model.depth}, {options.pool} of a word's pieces; {source}"
        scores, notes = _shared(groups, near, near_static, distinct)
        return Report(
            title=f"neighbours of {options.word}: layer {layer} of {model.depth} of {model.name}",
            scores=scores,
            tables=[
                _table(options.word, name, near.of(own), near_static.of(own))
                for name, own in groups.items()
            ],
            notes=[
                made,
                f"among {amount(len(candidates), 'use')} of {distinct:,} words of the data",
                *unknown_notes(model, uses),
                *notes,
            ],
        )

    def _groups(self, model: FrozenModel, rng: Rng) -> tuple[dict[str, list[WordOccurrence]], str]:
        """Return occurrences by sense (or the one of the sentence), and where they come from."""
        options = self.options
        if options.sentence:
            start = occurrence(options.sentence, options.word)
            if start is None or not options.word.strip():
                raise UsageError(
                    f"'{options.word}' does not stand in \"{options.sentence}\"",
                    "name a word of the sentence",
                )
            use = WordOccurrence(options.sentence, start, start + len(options.word))
            refuse_unknown(model, options.word, [use])
            return {options.sentence: [use]}, "the sentence that was given"
        found = find_uses(model, options.word, options.sentences, 10, rng)
        groups: dict[str, list[WordOccurrence]] = {}
        for use in found.uses:
            groups.setdefault(use.sense or "all uses", []).append(use)
        return groups, found.source

    def _candidates(
        self, model: FrozenModel, uses: Sequence[WordOccurrence], rng: Rng
    ) -> list[WordOccurrence]:
        """Return words of other sentences, other than the word itself."""
        own, texts = {_key(use) for use in uses}, {use.text for use in uses}
        sentences = [
            each for each in some_sentences(model, self.options.sample, rng) if each[0] not in texts
        ]
        found = [use for use in words_in(model.tokenizer, sentences) if _key(use) not in own]
        if not found:
            raise DataError(
                "the data has no other word that this model knows",
                "give more of it: --data FILE, or a larger --sample",
            )
        return rng.some("candidates", found, MOST_CANDIDATES)


class _Near:
    """The neighbours of groups of uses; rows of `vectors` are the uses', then the candidates'."""

    def __init__(
        self,
        uses: Sequence[WordOccurrence],
        vectors: np.ndarray,
        candidates: Sequence[WordOccurrence],
        count: int,
    ) -> None:
        unit = _unit(vectors)
        self._vector_of: Mapping[WordOccurrence, np.ndarray] = dict(
            zip(uses, unit[: len(uses)], strict=True)
        )
        self._candidates, self._unit_CD, self._count = candidates, unit[len(uses) :], count

    def of(self, uses: Sequence[WordOccurrence]) -> list[tuple[WordOccurrence, float]]:
        """The nearest use of each of the nearest words, and its cosine with the mean of the uses'
        unit vectors.
        """
        mean_1D = _unit(np.mean([self._vector_of[use] for use in uses], axis=0, keepdims=True))
        cosines_C = self._unit_CD @ mean_1D[0]
        found: dict[str, tuple[WordOccurrence, float]] = {}
        for place in np.argsort(-cosines_C, kind="stable").tolist():
            found.setdefault(
                _key(self._candidates[place]), (self._candidates[place], float(cosines_C[place]))
            )
            if len(found) == self._count:
                break
        return list(found.values())

    def words(self, uses: Sequence[WordOccurrence]) -> set[str]:
        return {_key(use) for use, _ in self.of(uses)}

    def shared(
        self, pairs: Sequence[tuple[Sequence[WordOccurrence], Sequence[WordOccurrence]]]
    ) -> float:
        """Of the neighbours of one group, the share that the other has too, mean over pairs of
        groups.
        """
        found = [(self.words(one), self.words(other)) for one, other in pairs]
        return float(np.mean([len(one & other) / len(one) for one, other in found]))


def _shared(
    groups: Mapping[str, list[WordOccurrence]], near: _Near, static: _Near, distinct: int
) -> tuple[list[Score], list[str]]:
    """How far the neighbours depend on the sentence: those shared with the input embedding, and
    between senses.
    """
    both = [near.words(own) & static.words(own) for own in groups.values()]
    count = len(near.words(next(iter(groups.values()))))
    of_static = Score(
        "neighbours shared with the input embedding",
        float(np.mean([len(each) for each in both])) / count,
        higher_is_better=False,
        count=count,
        baselines={"chance": count / distinct},
    )
    senses = [own for own in groups.values() if len(own) > 1]
    if len(senses) < 2:
        return [of_static], []
    between = list(combinations(senses, 2))
    halves = near.shared([(own[::2], own[1::2]) for own in senses])
    value = near.shared(between)
    score = Score(
        "neighbours shared by the senses", value,
        higher_is_better=False, count=count, baselines={"two halves of one sense": halves,
        STATIC: static.shared(between)},
    )  # fmt: skip
    figures = (
        f"of {count} neighbours the senses share {value:.0%}, two halves of one sense {halves:.0%}"
    )
    return [score, of_static], [figures if value < halves else f"not emerged: {figures}"]


def _table(
    word: str,
    name: str,
    near: Sequence[tuple[WordOccurrence, float]],
    static: Sequence[tuple[WordOccurrence, float]],
) -> Table:
    columns = ["rank", "word", "cosine", "language", "in", STATIC, "its cosine"]
    rows = [
        [rank, use.word, cosine, use.language, _meeting(use), other.word, other_cosine]
        for rank, ((use, cosine), (other, other_cosine)) in enumerate(
            zip(near, static, strict=True), 1
        )
    ]
    return Table(f"{word}: {name}", columns, rows)


def _meeting(use: WordOccurrence) -> str:
    """The sentence around the word."""
    start = max(0, use.start - MEETING_CHARACTERS // 2)
    stop = min(len(use.text), use.stop + MEETING_CHARACTERS // 2)
    return f"{'…' * (start > 0)}{use.text[start:stop].strip()}{'…' * (stop < len(use.text))}"


def _key(use: WordOccurrence) -> str:
    return use.word.casefold()


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)
