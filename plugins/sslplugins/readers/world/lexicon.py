"""Words: concepts by type, each with an English and a Chinese word, and function words.

Function words match one to one. A third language, "fake", is English renamed word for word (K,
Wang, Mayhew, Roth 2020, "Cross-lingual ability of multilingual BERT"): what a model aligns in it,
it aligns by structure alone. Its words are the English ones spelt in Cyrillic letters, so that the
two share no subword either.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from sslplugins.readers.world.chance import Chance

LANGUAGES = ("en", "zh", "fake")
PUNCTUATION = frozenset(".,?")  # shared by all languages, as the digits are
_RESPELT = str.maketrans("abcdefghijklmnopqrstuvwxyz", "абцдефгхижклмнопщрстувшчыз")


@cache
def read_yaml(name: str) -> Mapping[str, Any]:
    """Read a data file beside this module."""
    return yaml.safe_load((Path(__file__).parent / name).read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Concept:
    """A named thing: its type, its rank in the type (0 is the most frequent) and its words."""

    type: str
    rank: int
    english: str
    chinese: str

    @property
    def shared(self) -> bool:
        """True where it has one word for all languages: a digit, or an anchor."""
        return self.english == self.chinese

    def word(self, language: str) -> str:
        """Return the concept's word in a language."""
        return self.english if self.shared else in_language(language, self.english, self.chinese)


def in_language(language: str, english: str, chinese: str) -> str:
    """Return the word of "en", "zh" or "fake" (English in Cyrillic letters).

    Raises KeyError for another language.
    """
    return {"en": english, "zh": chinese, "fake": english.translate(_RESPELT)}[language]


@dataclass(frozen=True)
class Lexicon:
    """All words.

    `types`: type -> concepts by rank. `tags`: type -> part of speech. `function_words`: English ->
    (Chinese, part of speech).
    """

    types: Mapping[str, tuple[Concept, ...]]
    tags: Mapping[str, str]
    function_words: Mapping[str, tuple[str, str]]

    def concepts(self) -> Iterator[Concept]:
        """Yield all concepts, type by type, by rank."""
        for members in self.types.values():
            yield from members

    def concept(self, type: str, english: str) -> Concept:
        """Return the concept of a type with this English word.

        Raises StopIteration where there is none.
        """
        return next(concept for concept in self.types[type] if concept.english == english)

    def two_sense_words(self, language: str) -> dict[str, tuple[Concept, Concept]]:
        """Map each ambiguous word to the two concepts that it can mean."""
        senses: dict[str, list[Concept]] = {}
        for concept in self.concepts():
            senses.setdefault(concept.word(language), []).append(concept)
        return {word: (found[0], found[1]) for word, found in senses.items() if len(found) > 1}


def load_lexicon(anchors: float, seed: int) -> Lexicon:
    """Load the lexicon; a share `anchors` of the concepts has one word in both languages.

    Digits are shared anyway. Shared words are the anchors that multilingual models are sometimes
    said to need (Conneau et al. 2020, "Emerging cross-lingual structure in pretrained language
    models").
    """
    entries = read_yaml("lexicon.yaml")
    types = {type: _concepts(type, entry["words"]) for type, entry in entries["concepts"].items()}
    candidates = [
        concept for type, members in types.items() if type != "price" for concept in members
    ]
    anchored = set(Chance(seed, "anchors").shuffled(candidates)[: round(anchors * len(candidates))])
    types = {
        type: tuple(
            replace(concept, chinese=concept.english) if concept in anchored else concept
            for concept in members
        )
        for type, members in types.items()
    }
    functions = {
        english: (chinese, tag)
        for tag, words in entries["function_words"].items()
        for english, chinese in (pair.split() for pair in words.split(","))
    }
    return Lexicon(
        types, {type: entry["tag"] for type, entry in entries["concepts"].items()}, functions
    )


def _concepts(type: str, words: str) -> tuple[Concept, ...]:
    return tuple(Concept(type, rank, *pair.split()) for rank, pair in enumerate(words.split(",")))


def polarity(concept: Concept) -> int:
    """Return +1 for a positive word, -1 for a negative one, 0 for all others."""
    return _polarities().get(concept.english, 0)


@cache
def _polarities() -> Mapping[str, int]:
    entries = read_yaml("lexicon.yaml")
    signs = {"positive": 1, "negative": -1}
    return {word: sign for name, sign in signs.items() for word in entries[name].split()}
