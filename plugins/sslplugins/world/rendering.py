"""From content to words: the same templates in both languages, one token for one token."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sslplugins.world.events import Event, Said
from sslplugins.world.lexicon import PUNCTUATION, Concept, Lexicon


@dataclass(frozen=True, slots=True)
class Word:
    """One token: what is written, its part of speech and, for a content word, what it means here."""

    text: str
    tag: str
    concept: Concept | None = None


COMMA, STOP, QUESTION = Word(",", "PUNCT"), Word(".", "PUNCT"), Word("?", "PUNCT")


class Renderer:
    def __init__(self, lexicon: Lexicon, language: str) -> None:
        self._language = language
        self._functions = {
            english: Word(english if language == "en" else chinese, tag) for english, (chinese, tag) in lexicon.function_words.items()
        }
        self._content = {concept: Word(concept.word(language), lexicon.tags[concept.type], concept) for concept in lexicon.concepts()}
        self._an = Word("an", "DET")

    def words(self, event: Event) -> tuple[Word, ...]:
        """The sentence, with its full stop; a question is followed by its answer."""
        words = [*self._phrase(event.subject)]
        for place, clause in enumerate(event.clauses):
            if place:
                words.append(COMMA)
            words += self._phrase(clause, asked=event.asked)
        if event.asked:
            words += [QUESTION, self._content[event.clauses[0].values[event.clauses[0].phrase.main]]]
        words.append(STOP)
        return tuple(self._with_an(words)) if self._language == "en" else tuple(words)

    def _phrase(self, said: Said, *, asked: bool = False) -> Iterator[Word]:
        values, phrase = said.values, said.phrase
        for part in phrase.english if self._language == "en" else phrase.chinese:
            if part.optional is not None and part.optional not in values:
                continue
            if part.slot is None:
                yield self._functions[part.word]
            elif asked and part.slot == phrase.main:
                yield self._functions["what"]
            else:
                yield self._content[values[part.slot]]

    def _with_an(self, words: Sequence[Word]) -> Iterator[Word]:
        for word, after in zip(words, [*words[1:], STOP], strict=True):
            yield self._an if word.text == "a" and after.text[0] in "aeiou" else word


def starts(words: Sequence[Word], at: int = 0) -> list[int]:
    """The offset in characters at which each word begins, the first at `at`: spaces between words, none before punctuation."""
    offsets = []
    for place, word in enumerate(words):
        at += 1 if place and word.text not in PUNCTUATION else 0
        offsets.append(at)
        at += len(word.text)
    return offsets


def text_of(words: Sequence[Word]) -> str:
    return "".join(word.text if not place or word.text in PUNCTUATION else f" {word.text}" for place, word in enumerate(words))
