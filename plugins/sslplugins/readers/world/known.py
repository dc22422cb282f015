"""Truth about the world as flat records: senses, dictionary, and parallel sentences."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from sslplugins.readers.world.generated import Part, World
from sslplugins.readers.world.labelled import MOST
from sslplugins.readers.world.rendering import Renderer, text_of
from sslplugins.readers.world.truth import senses

Values = dict[str, Any]
KNOWN = ("senses", "dictionary", "parallel")
MOST_USES = 100  # of one sense of one word: a rare sense is not lost among those of a frequent word
# a small world says most things twice, and most of what it says has been said in the training part
_READ_FOR_ONE = 20


def known(
    world: World, kind: str, languages: Sequence[str], sentences: int, part: Part
) -> Iterator[Values]:
    """Yield records of one kind in KNOWN; `sentences`: of the training part in each language.

    senses: text, word, start, sense, language, one occurrence of a two-sense word each. dictionary:
    the language codes and type, one concept each. parallel: the language codes, the same event in
    every language.
    """
    if kind == "senses":
        return chain.from_iterable(
            sense_rows(world, language, sentences, part) for language in languages
        )
    languages = compared(languages)
    return (
        dictionary_rows(world, languages)
        if kind == "dictionary"
        else parallel_rows(world, languages, sentences, part)
    )


def compared(languages: Sequence[str]) -> Sequence[str]:
    """Return at least two languages: English beside another one alone, Chinese beside English."""
    if len(languages) > 1:
        return languages
    return ("en", "zh") if languages[0] == "en" else ("en", languages[0])


def sense_rows(world: World, language: str, sentences: int, part: Part) -> Iterator[Values]:
    """Yield the first MOST_USES occurrences of every sense, no sentence twice."""
    seen: set[tuple[str, int]] = set()
    uses: Counter[tuple[str, str]] = Counter()
    for use in senses(world, language, sentences, part):
        if (use.text, use.start) not in seen and uses[use.word, use.sense] < MOST_USES:
            seen.add((use.text, use.start))
            uses[use.word, use.sense] += 1
            yield {
                "text": use.text,
                "word": use.word,
                "start": use.start,
                "sense": use.sense,
                "language": language,
            }


def dictionary_rows(world: World, languages: Sequence[str]) -> Iterator[Values]:
    """Yield every concept with a word of its own in each language.

    Digits and anchors are left out: they would be found without any knowledge.
    """
    for concept in world.lexicon.concepts():
        if not concept.shared:
            yield {
                **{language: concept.word(language) for language in languages},
                "type": concept.type,
            }


def parallel_rows(
    world: World, languages: Sequence[str], sentences: int, part: Part
) -> Iterator[Values]:
    """Yield at most MOST[part] sentences, different in every language, none in a training part."""
    renderers = {language: Renderer(world.lexicon, language) for language in languages}
    training = (
        paragraph for language in languages for paragraph in world.paragraphs(language, sentences)
    )
    seen = {sentence.text for paragraph in training for sentence in paragraph.sentences}
    left = MOST[part]
    for _, events in world.contents(f"parallel {part}", MOST[part] * _READ_FOR_ONE):
        for event in events:
            row = {
                language: text_of(renderer.words(event)) for language, renderer in renderers.items()
            }
            if event.asked or not seen.isdisjoint(row.values()):
                continue
            yield row
            seen.update(row.values())
            left -= 1
            if not left:
                return
