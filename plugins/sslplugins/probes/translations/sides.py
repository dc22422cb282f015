"""Translations as vectors of two languages: sentences, or words by their occurrences in a corpus.

Letters: N rows of a language, L pairs, D width.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from sslcli.api import (
    DataError,
    FrozenModel,
    Pair,
    Rng,
    WordOccurrence,
    amount,
    distinct_pairs,
    sentence_vectors,
    usable,
    usable_texts,
    word_vectors,
)
from sslplugins.probes.bylayer.sentences import usable_sentences
from sslplugins.probes.translations.finding import uses_by_word

FEWEST = 4  # pairs to test with
_SENTENCES_READ = 20_000  # of a corpus, in search of words
_SENTENCES_OF_MEAN = 1_000


@dataclass(frozen=True)
class Side:
    """One language at one layer: the rows to compare, and the mean that centring subtracts."""

    rows_ND: np.ndarray
    mean_D: np.ndarray

    @property
    def centred(self) -> np.ndarray:
        """The rows [N, D] minus the language's mean."""
        return self.rows_ND - self.mean_D


class Translations(ABC):
    """Translation pairs of two languages.

    `pairs_L2`: which row of one side belongs to which of the other. `notes`: what was left out.
    """

    name: str
    pairs_L2: np.ndarray
    notes: Sequence[str]

    @abstractmethod
    def sides(self, model: FrozenModel, layers: Collection[int]) -> Sequence[dict[int, Side]]:
        """Return the sides by layer, of the first language and of the second."""


class Sentences(Translations):
    """Parallel sentences, mean-pooled.

    The means of the languages are those of up to twice as many other pairs.
    """

    name = "sentences"

    def __init__(self, model: FrozenModel, pairs: Sequence[Pair], limit: int, rng: Rng) -> None:
        """Choose the pairs; a text or translation that comes a second time is left out.

        Raises DataError for too few pairs.
        """
        texts = [(pair.first, pair.second) for pair in pairs]
        usables = zip(
            *(usable_texts(model, side) for side in zip(*texts, strict=True)), strict=True
        )
        kept = distinct_pairs(pair for pair, both in zip(texts, usables, strict=True) if all(both))
        chosen = rng.shuffled("sentences", kept)[: 3 * limit]
        tested = min(limit, len(chosen) // 2)
        if tested < FEWEST:
            problem = (
                f"{amount(2 * FEWEST, 'pair')} of sentences that this "
                f"model can read are needed, not {len(kept)}"
            )
            raise DataError(problem, "give more; half of them are for the means")
        self._texts = [[pair[side] for pair in chosen] for side in (0, 1)]
        self._tested = tested
        self.pairs_L2 = np.stack([np.arange(tested)] * 2, axis=1)
        left = len(pairs) - len(kept)
        self.notes = [
            (
                f"sentences: {amount(tested, 'pair')} are tested, the "
                f"means are those of {len(chosen) - tested:,} others"
            )
        ]
        self.notes += (
            [
                (
                    f"{amount(left, 'pair')} left out: one side comes a second "
                    "time, or is too long or empty for this model"
                )
            ]
            if left
            else []
        )

    def sides(self, model: FrozenModel, layers: Collection[int]) -> Sequence[dict[int, Side]]:
        found = []
        for texts in self._texts:
            vectors = sentence_vectors(model, texts, layers)
            found.append(
                {
                    layer: Side(rows[: self._tested], rows[self._tested :].mean(axis=0))
                    for layer, rows in vectors.items()
                }
            )
        return found


class Words(Translations):
    """Dictionary words, each the mean over its occurrences in the corpus of its language.

    The means of the languages are those of a thousand sentences of the corpus.
    """

    name = "words"

    def __init__(
        self,
        model: FrozenModel,
        pairs: Sequence[Pair],
        languages: Sequence[str],
        uses: int,
        limit: int,
        rng: Rng,
    ) -> None:
        """Find the words in the corpus.

        Raises DataError for too few pairs, and where too few words have an occurrence.
        """
        read = [
            list(islice(usable_sentences(model, language), _SENTENCES_READ))
            for language in languages
        ]
        words = [
            {text.casefold() for text in side}
            for side in zip(*((each.first, each.second) for each in pairs), strict=True)
        ]
        found = [
            uses_by_word(texts, own, language, uses)
            for texts, own, language in zip(read, words, languages, strict=True)
        ]
        there = [
            {word: kept for word, each in own.items() if (kept := usable(model, each))}
            for own in found
        ]
        wanted = dict.fromkeys((each.first.casefold(), each.second.casefold()) for each in pairs)
        known = [pair for pair in wanted if pair[0] in there[0] and pair[1] in there[1]]
        chosen = rng.some("words", known, limit)
        _refuse_few(len(wanted), len(known))
        sides = [list(dict.fromkeys(pair[side] for pair in chosen)) for side in (0, 1)]
        places = [{word: place for place, word in enumerate(side)} for side in sides]
        self.pairs_L2 = np.asarray(
            [[places[0][first], places[1][second]] for first, second in chosen]
        )
        self._uses = [[there[side][word] for word in own] for side, own in enumerate(sides)]
        self._sentences = [
            rng.of(language).some("means", texts, _SENTENCES_OF_MEAN)
            for language, texts in zip(languages, read, strict=True)
        ]
        left = len(wanted) - len(known)
        self.notes = [
            (
                f"words: {amount(len(chosen), 'pair')} are tested, each "
                f"word the mean of up to {uses} uses in the corpus"
            )
        ]
        self.notes += (
            [f"{amount(left, 'pair')} of words left out: one of the two has no use in the corpus"]
            if left
            else []
        )

    def sides(self, model: FrozenModel, layers: Collection[int]) -> Sequence[dict[int, Side]]:
        return [
            {
                layer: Side(_means(vectors[layer], uses), means[layer].mean(axis=0))
                for vectors, means in [
                    (
                        word_vectors(model, _flat(uses), layers),
                        sentence_vectors(model, sentences, layers),
                    )
                ]
                for layer in layers
            }
            for uses, sentences in zip(self._uses, self._sentences, strict=True)
        ]


def _refuse_few(wanted: int, known: int) -> None:
    """Raises DataError where the dictionary, or what of it the corpora use, is too little."""
    if wanted < FEWEST:
        raise DataError(
            f"{amount(FEWEST, 'pair')} of words are needed, not {wanted}",
            "give a larger dictionary",
        )
    if known < FEWEST:
        raise DataError(
            (
                f"{amount(FEWEST, 'pair')} of words with a use in the text of both "
                f"languages are needed, not {known} (of {wanted})"
            ),
            "give more text of both languages: --data, or another dictionary",
        )


def _flat(uses: Sequence[Sequence[WordOccurrence]]) -> list[WordOccurrence]:
    return [use for own in uses for use in own]


def _means(rows_ND: np.ndarray, uses: Sequence[Sequence[WordOccurrence]]) -> np.ndarray:
    ends = np.cumsum([len(own) for own in uses])
    return np.stack([rows.mean(axis=0) for rows in np.split(rows_ND, ends[:-1])])
