"""Content of a sentence before it is rendered: a subject, clauses, a concept in every slot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sslplugins.readers.world.chance import Chance
from sslplugins.readers.world.facts import Facts
from sslplugins.readers.world.grammar import Phrase
from sslplugins.readers.world.lexicon import Concept, Lexicon

NOISE = 0.05  # probability that a mention is not what the facts say but any concept of its type
OPTIONAL = 0.5  # probability that an optional part is said


@dataclass(frozen=True, slots=True)
class Said:
    """A phrase with its slots filled; `values` lacks the optional slots that are left out."""

    phrase: Phrase
    values: Mapping[str, Concept]

    @property
    def main(self) -> Concept:
        """The concept in the phrase's main slot, the one that a question asks for."""
        return self.values[self.phrase.main]


@dataclass(frozen=True, slots=True)
class Event:
    """Content of one sentence.

    `asked`: it is a question for the main slot of its only clause, and its answer follows.
    """

    subject: Said
    clauses: tuple[Said, ...]
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement that `filler` belongs to `owner`; true where the facts agree."""

    owner: Concept
    filler: Concept


def claims(event: Event, subject: Concept, facts: Facts) -> Iterator[Claim]:
    """Return everything that a sentence claims, from left to right.

    An owner that it does not name is taken from the facts.
    """
    for said in (event.subject, *event.clauses):
        known = {**event.subject.values, **said.values}
        for slot, owner in said.phrase.of.items():
            if slot in said.values:
                yield Claim(known.get(owner) or facts.one(subject, owner), said.values[slot])


def mentioned(event: Event) -> Iterator[Concept]:
    """Return the concept of every slot, some of them twice."""
    for said in (event.subject, *event.clauses):
        yield from said.values.values()


class Teller:
    """Fills phrases from the facts, with a wrong filler at rate NOISE."""

    def __init__(self, lexicon: Lexicon, facts: Facts, chance: Chance) -> None:
        self._lexicon, self._facts, self._chance = lexicon, facts, chance

    def event(
        self, subject: Concept, opening: Phrase, phrases: Sequence[Phrase], *, asked: bool = False
    ) -> Event:
        """Build an event; a question leaves out all optional slots."""
        optional = 0.0 if asked else OPTIONAL
        start = {subject.type: subject}
        known = {**start, **self._say(opening, start, subject, optional)}
        clauses = tuple(
            Said(phrase, self._say(phrase, known, subject, optional)) for phrase in phrases
        )
        return Event(Said(opening, known), clauses, asked)

    def _say(
        self, phrase: Phrase, known: Mapping[str, Concept], subject: Concept, optional: float
    ) -> dict[str, Concept]:
        """Fill slots in order.

        An owner is the one that the sentence names, else that of the facts.
        """
        values: dict[str, Concept] = {}
        uniform, by_rank, facts = self._chance.uniform, self._chance.by_rank, self._facts
        for slot, owner_type in phrase.of.items():
            if slot in phrase.optional and not uniform() < optional:
                continue
            owner = (
                values.get(owner_type) or known.get(owner_type) or facts.one(subject, owner_type)
            )
            noisy = uniform() < NOISE
            values[slot] = by_rank(self._lexicon.types[slot] if noisy else facts.of(owner, slot))
        return values
