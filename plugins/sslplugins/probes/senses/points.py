"""Points of a projection: word occurrences, words or sentences, with name and colour.

Letters: N points, D width.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from sslcli.api import (
    DataError,
    FrozenModel,
    Pool,
    Record,
    Rng,
    WordOccurrence,
    amount,
    languages_in,
    sentence_vectors,
    usable_texts,
    word_vectors,
)
from sslplugins.probes.senses.finding import occurrence
from sslplugins.probes.senses.sampling import some_sentences, words_in

TRIED = 20  # pairs for each that is wanted, because few words of a large dictionary are used
MOST_USES = 10  # of one word, of which its vector is the mean
LABEL_CHARACTERS = 48

Sentences = Sequence[tuple[str, str]]  # with their languages
Word = tuple[str, str]  # with its language
Used = tuple[Word, list[WordOccurrence]]


@dataclass(frozen=True)
class Points:
    """Vectors `rows` [N, D] with name, colour and language of each, and pairs of translations."""

    rows: np.ndarray
    labels: Sequence[str]
    groups: Sequence[str]
    languages: Sequence[str]
    links: Sequence[tuple[int, int]] = ()
    source: str = ""


@dataclass(frozen=True)
class Pairs:
    """Translations, and their two languages."""

    languages: tuple[str, str]
    texts: Sequence[tuple[str, str]]


def known_pairs(records: Iterable[Record]) -> Pairs | None:
    """Return the translations out of records whose columns are named as two languages, or None."""
    rows = list(records)
    if not rows:
        return None
    first, second = languages_in(rows[0])[:2]
    return Pairs((first, second), [(row.text(first), row.text(second)) for row in rows])


def sense_points(
    model: FrozenModel, layer: int, pool: Pool, uses: Sequence[WordOccurrence]
) -> Points:
    """Build one point per occurrence."""
    several = len({use.word.lower() for use in uses}) > 1
    groups = [
        f"{use.word.lower()}: {use.sense}" if several else use.sense or "all uses" for use in uses
    ]
    rows_ND = word_vectors(model, uses, [layer], pool)[layer]
    return Points(
        rows_ND,
        [_short(use.text) for use in uses],
        groups,
        [use.language for use in uses],
        source=f"{amount(len(uses), 'use')}",
    )


def sentence_points(
    model: FrozenModel, layer: int, pairs: Pairs | None, count: int, rng: Rng
) -> Points:
    """Build points of both sides of some pairs; without pairs, of sentences of the data.

    Raises UsageError where there are neither.
    """
    links: list[tuple[int, int]] = []
    if pairs is None:
        sentences = some_sentences(model, count, rng)
        source = "sentences of the data"
    else:
        firsts, seconds = (
            usable_texts(model, [texts[side] for texts in pairs.texts]) for side in (0, 1)
        )
        fitting = [
            texts
            for texts, one, other in zip(pairs.texts, firsts, seconds, strict=True)
            if one and other
        ]
        chosen = rng.some("pairs", fitting, count)
        sentences = [
            (text, language)
            for texts in chosen
            for text, language in zip(texts, pairs.languages, strict=True)
        ]
        links = [(2 * number, 2 * number + 1) for number in range(len(chosen))]
        source = f"{len(chosen)} of {len(pairs.texts)} pairs of sentences"
    texts, languages = [text for text, _ in sentences], [language for _, language in sentences]
    rows_ND = sentence_vectors(model, texts, [layer])[layer] if texts else np.zeros((0, 1))
    return Points(rows_ND, [_short(text) for text in texts], languages, languages, links, source)


def word_points(
    model: FrozenModel,
    layer: int,
    pool: Pool,
    pairs: Pairs | None,
    sentences: Sentences,
    count: int,
    rng: Rng,
) -> Points:
    """Build one point per word, the mean of its occurrences in the sentences.

    The words are those of some pairs; without pairs, the commonest. Raises DataError where none of
    the pairs has both of its words in the sentences.
    """
    if pairs is None:
        uses_of = _commonest(model, sentences, count)
        links: list[tuple[int, int]] = []
        source = f"the commonest words of {len(sentences):,} sentences"
    else:
        found = _used_pairs(pairs, sentences, count, rng)
        uses_of = {word: uses for pair in found for word, uses in pair}
        places = {word: place for place, word in enumerate(uses_of)}
        links = [(places[one], places[other]) for (one, _), (other, _) in found]
        source = (
            f"{len(found)} of {len(pairs.texts)} pairs of "
            f"words, found in {amount(len(sentences), 'sentence')}"
        )
    uses = [use for own in uses_of.values() for use in own]
    vectors = word_vectors(model, uses, [layer], pool)[layer]
    ends = np.cumsum([len(own) for own in uses_of.values()])
    rows_ND = np.stack([part.mean(axis=0) for part in np.split(vectors, ends[:-1])])
    languages = [language for _, language in uses_of]
    return Points(rows_ND, [word for word, _ in uses_of], languages, languages, links, source)


def _commonest(
    model: FrozenModel, sentences: Sentences, count: int
) -> dict[Word, list[WordOccurrence]]:
    found: dict[Word, list[WordOccurrence]] = {}
    for use in words_in(model.tokenizer, sentences):
        found.setdefault((use.word.lower(), use.language), []).append(use)
    if not found:
        raise DataError(
            "the data has no word that this model knows", "give other --data, or a larger --sample"
        )
    common = sorted(found, key=lambda word: -len(found[word]))[:count]
    return {word: found[word][:MOST_USES] for word in common}


def _used_pairs(
    pairs: Pairs, sentences: Sentences, count: int, rng: Rng
) -> list[tuple[Used, Used]]:
    """Return pairs of which both words are in the sentences; no word is in two of them."""
    read = [(text, text.lower(), language) for text, language in sentences]
    taken: set[Word] = set()
    found = []
    for texts in rng.some("pairs", list(dict.fromkeys(pairs.texts)), TRIED * count):
        one, other = zip(texts, pairs.languages, strict=True)
        if (
            taken.isdisjoint((one, other))
            and (uses := _uses_of(*one, read))
            and (others := _uses_of(*other, read))
        ):
            taken |= {one, other}
            found.append(((one, uses), (other, others)))
    if not found:
        spoken = " and ".join(pairs.languages)
        raise DataError(
            f"no pair of words stands in the data in {spoken}",
            "give --data in both languages, or a larger --sample",
        )
    return rng.some("used pairs", found, count)


def _uses_of(
    word: str, language: str, read: Sequence[tuple[str, str, str]]
) -> list[WordOccurrence]:
    """Return the first MOST_USES occurrences in sentences of the word's language, or of an unknown
    one.
    """
    found = (
        WordOccurrence(text, start, start + len(word), language=language)
        for text, lowered, spoken in read
        if spoken in ("", language)
        and word.lower() in lowered
        and (start := occurrence(text, word)) is not None
    )
    return list(islice(found, MOST_USES))


def _short(text: str) -> str:
    return text if len(text) <= LABEL_CHARACTERS else f"{text[:LABEL_CHARACTERS]}…"
