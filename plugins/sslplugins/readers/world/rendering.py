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
            concept: Word(concept.word(language), lexicon.tags[concept.type], concept)
            for concept in lexicon.concepts()
        }
        self._an = Word(in_language(language, "an", ""), "DET")

    def words(self, event: Event) -> tuple[Word, ...]:
        """Return the sentence with its full stop; a question is followed by its answer."""
        return tuple(placed.word for placed in self.placed(event))

    def placed(self, event: Event) -> list[Placed]:
        """Return the same words, each with its clause and slot."""
        words = list(self._phrase(event.subject, SUBJECT))
        for clause, said in enumerate(event.clauses):
            if clause:
                words.append(Placed(COMMA, clause))
            words += self._phrase(said, clause, asked=event.asked)
        if event.asked:
            words += [Placed(QUESTION, 0), Placed(self._content[event.clauses[0].main], 0)]
        words.append(Placed(STOP, len(event.clauses) - 1))
        return list(self._with_an(words)) if self._like_english else words

    def _phrase(self, said: Said, clause: int, *, asked: bool = False) -> Iterator[Placed]:
        values, phrase = said.values, said.phrase
        for part in phrase.english if self._like_english else phrase.chinese:
            if part.optional is not None and part.optional not in values:
                continue
            if part.slot is None:
                yield Placed(self._functions[part.word], clause)
            elif asked and part.slot == phrase.main:
                yield Placed(self._functions["what"], clause)
            else:
                yield Placed(self._content[values[part.slot]], clause, part.slot)

    def _with_an(self, words: Sequence[Placed]) -> Iterator[Placed]:
        a = self._functions["a"]
        for placed, after in zip(words, [*words[1:], words[-1]], strict=True):
            named = after.word.concept
            before_vowel = named is not None and named.english[0] in "aeiou"
            yield Placed(self._an, placed.clause) if placed.word is a and before_vowel else placed


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
    return "".join(
        word.text if not place or word.text in PUNCTUATION else f" {word.text}"
        for place, word in enumerate(words)
    )
