"""Rendering of events as words: the same templates in all languages, token for token."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sslplugins.readers.world.events import Event, Said
from sslplugins.readers.world.lexicon import PUNCTUATION, Concept, Lexicon, in_language


@dataclass(frozen=True, slots=True)
class Word:
    """One token: its text, its part of speech and, for a content word, its concept."""

    text: str
    tag: str
    concept: Concept | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A word, the number of its clause (SUBJECT for the subject) and the slot that it fills."""

    word: Word
    clause: int
    slot: str | None = None


SUBJECT = -1
COMMA, STOP, QUESTION = Word(",", "PUNCT"), Word(".", "PUNCT"), Word("?", "PUNCT")


class Renderer:
    """Renders events as words of one language."""

    def __init__(self, lexicon: Lexicon, language: str) -> None:
        self._like_english = language != "zh"
        self._functions = {
            english: Word(in_language(language, english, chinese), tag)
            for english, (chinese, tag) in lexicon.function_words.items()
        }
        self._content = {
            type: [
                Word(concept.word(language), lexicon.tags[type], concept) for concept in concepts
            ]
            for type, concepts in lexicon.types.items()
        }
        self._an = Word(in_language(language, "an", ""), "DET")

    def words(self, event: Event) -> tuple[Word, ...]:
        """Return the sentence with its full stop; a question is followed by its answer."""
        words = [word for word, _ in self._phrase(event.subject)]
        for clause, said in enumerate(event.clauses):
            if clause:
                words.append(COMMA)
            words += [word for word, _ in self._phrase(said, event.asked)]
        words += self._ending(event)
        return tuple(self._with_an(words) if self._like_english else words)

    def placed(self, event: Event) -> list[Placed]:
        """Return the same words, each with its clause and slot."""
        places = [(SUBJECT, slot) for _, slot in self._phrase(event.subject)]
        for clause, said in enumerate(event.clauses):
            if clause:
                places.append((clause, None))
            places += [(clause, slot) for _, slot in self._phrase(said, event.asked)]
        places += [(len(event.clauses) - 1, None)] * len(self._ending(event))
        return [
            Placed(word, clause, slot)
            for word, (clause, slot) in zip(self.words(event), places, strict=True)
        ]

    def _phrase(self, said: Said, asked: bool = False) -> Iterator[tuple[Word, str | None]]:
        """The words of a phrase, each with the slot that it fills."""
        values, phrase = said.values, said.phrase
        for part in phrase.english if self._like_english else phrase.chinese:
            slot = part.slot
            if part.optional is not None and part.optional not in values:
                continue
            if slot is None:
                yield self._functions[part.word], None
            elif asked and slot == phrase.main:
                yield self._functions["what"], None
            else:
                yield self._named(values[slot]), slot

    def _ending(self, event: Event) -> list[Word]:
        return [QUESTION, self._named(event.clauses[0].main), STOP] if event.asked else [STOP]

    def _named(self, concept: Concept) -> Word:
        return self._content[concept.type][concept.rank]

    def _with_an(self, words: Sequence[Word]) -> list[Word]:
        a, said = self._functions["a"], list(words)
        for place, word in enumerate(words):
            if word is a:
                named = words[place + 1].concept
                if named is not None and named.english[0] in "aeiou":
                    said[place] = self._an
        return said


def starts(words: Sequence[Word], at: int = 0) -> list[int]:
    """Return the character offset of each word, the first at `at`.

    There is a space between words, none before punctuation.
    """
    offsets = []
    for place, word in enumerate(words):
        at += 1 if place and word.text not in PUNCTUATION else 0
        offsets.append(at)
        at += len(word.text)
    return offsets


def text_of(words: Sequence[Word]) -> str:
    """Join words by spaces, none before punctuation."""
    text = " ".join([word.text for word in words])
    for mark in PUNCTUATION:
        text = text.replace(f" {mark}", mark)
    return text
