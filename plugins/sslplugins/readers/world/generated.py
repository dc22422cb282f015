"""The generated world: paragraphs about one person or thing each, and the facts behind them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sslplugins.readers.world.chance import Chance
from sslplugins.readers.world.events import Event, Teller
from sslplugins.readers.world.facts import Facts
from sslplugins.readers.world.grammar import Kind, Order, Phrase, load_grammar
from sslplugins.readers.world.lexicon import Concept, load_lexicon
from sslplugins.readers.world.rendering import Renderer, Word, text_of

Part = Literal["train", "test"]

_ASKING = 0.04  # share of paragraphs that end in a question and its answer
_ASTRAY = 0.1  # share of paragraphs that do not tell their clauses in the usual order


@dataclass(frozen=True, slots=True)
class Sentence:
    """One event and its words in one language."""

    event: Event
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words as text, punctuation attached."""
        return text_of(self.words)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences about one subject, without a repeated clause: every question has one answer."""

    language: str
    subject: Concept
    sentences: tuple[Sentence, ...]

    @property
    def pieces(self) -> tuple[str, ...]:
        """The sentences whose concatenation is the text; all but the first begin with a space."""
        return tuple(
            sentence.text if not place else f" {sentence.text}"
            for place, sentence in enumerate(self.sentences)
        )

    @property
    def text(self) -> str:
        """The sentences as one text."""
        return "".join(self.pieces)


class World:
    """A small world with known truth; the same (seed, order, anchors) give the same in any process.

    `order`: whether Chinese keeps the word order of English ("same"), half ("semi") or not at all
    ("chinese"). `anchors`: share of the concepts whose Chinese word is the English one.
    """

    def __init__(self, seed: int = 0, order: Order = "same", anchors: float = 0.0) -> None:
        self.seed = seed
        self.lexicon = load_lexicon(anchors, seed)
        self.facts = Facts(self.lexicon, seed)
        self.kinds = load_grammar(order)
        weights = [kind.share / (sum(kind.sentences) / 2) for kind in self.kinds]
        # of all kinds but the last
        self._bounds = [sum(weights[:place]) / sum(weights) for place in range(1, len(weights))]

    def paragraphs(
        self, language: str, sentences: int, part: Part = "train"
    ) -> Iterator[Paragraph]:
        """Yield paragraphs of `sentences` sentences in all, different ones by language and part."""
        renderer = Renderer(self.lexicon, language)
        for subject, events in self.contents(f"{language} {part}", sentences):
            yield Paragraph(
                language, subject, tuple(Sentence(event, renderer.words(event)) for event in events)
            )

    def events(self, language: str, sentences: int, part: Part = "train") -> Iterator[Event]:
        """Yield the content of those paragraphs' sentences."""
        for _, events in self.contents(f"{language} {part}", sentences):
            yield from events

    def contents(self, purpose: str, sentences: int) -> Iterator[tuple[Concept, Sequence[Event]]]:
        """Yield the content of paragraphs in no language yet: a subject and its events.

        Another purpose gives other paragraphs.
        """
        chance = Chance(self.seed, f"paragraphs {purpose}")
        teller = Teller(self.lexicon, self.facts, chance)
        while sentences > 0:
            kind = self.kinds[bisect_right(self._bounds, chance.uniform())]
            subject = chance.by_rank(self.lexicon.types[kind.name])
            events = [
                teller.event(subject, kind.subject, phrases) for phrases in _plan(kind, chance)
            ]
            if chance.below(_ASKING):
                phrase = chance.choice(chance.choice(events).clauses).phrase
                events.append(teller.event(subject, kind.subject, [phrase], asked=True))
            events = events[:sentences]
            sentences -= len(events)
            yield subject, events


def _plan(kind: Kind, chance: Chance) -> Iterator[Sequence[Phrase]]:
    """Choose the clauses of every sentence without repetition, mostly in the grammar's order."""
    counts = [chance.integer(*kind.clauses) for _ in range(chance.integer(*kind.sentences))]
    while sum(counts) > len(kind.tells):
        counts[counts.index(max(counts))] -= 1
    places = chance.shuffled(range(len(kind.tells)))[: sum(counts)]
    if not chance.below(_ASTRAY):
        places.sort()
    for count in counts:
        yield [kind.tells[place] for place in places[:count]]
        places = places[count:]
