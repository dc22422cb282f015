"""What a sentence says, before it has words: a subject, clauses, and a concept in every slot."""

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
    """A phrase with its slots filled: only those that are said are in `values`."""

    phrase: Phrase
    values: Mapping[str, Concept]

    @property
    def main(self) -> Concept:
        """The concept in the phrase's main slot, the one that a question asks for."""
        return self.values[self.phrase.main]


@dataclass(frozen=True, slots=True)
class Event:
    """One sentence's content. `asked`: the main slot of the only clause is asked for, and answered at the end."""

    subject: Said
    clauses: tuple[Said, ...]
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sentence says of `owner`: that `filler` belongs to it. It is true where the facts agree."""

    owner: Concept
    filler: Concept


def claims(event: Event, subject: Concept, facts: Facts) -> Iterator[Claim]:
    """Everything that a sentence claims, from left to right; an owner that it does not name is the one of the facts."""
    for said in (event.subject, *event.clauses):
        known = {**event.subject.values, **said.values}
        for slot, owner in said.phrase.of.items():
            if slot in said.values:
                yield Claim(known.get(owner) or facts.one(subject, owner), said.values[slot])


def mentioned(event: Event) -> Iterator[Concept]:
    """Every concept in a slot, some of them twice."""
    for said in (event.subject, *event.clauses):
        yield from said.values.values()


class Teller:
    """Fills phrases from the facts, wrong now and then."""

    def __init__(self, lexicon: Lexicon, facts: Facts, chance: Chance) -> None:
        self._lexicon, self._facts, self._chance = lexicon, facts, chance

    def event(self, subject: Concept, opening: Phrase, phrases: Sequence[Phrase], *, asked: bool = False) -> Event:
        """A question leaves out whatever may be left out."""
        optional = 0.0 if asked else OPTIONAL
        start = {subject.type: subject}
        known = {**start, **self._say(opening, start, subject, optional)}
        clauses = tuple(Said(phrase, self._say(phrase, known, subject, optional)) for phrase in phrases)
        return Event(Said(opening, known), clauses, asked)

    def _say(self, phrase: Phrase, known: Mapping[str, Concept], subject: Concept, optional: float) -> dict[str, Concept]:
        """Slots in their order; an owner is what the sentence said, and where it said nothing, what the facts say."""
        values: dict[str, Concept] = {}
        for slot, owner_type in phrase.of.items():
            if slot in phrase.optional and not self._chance.below(optional):
                continue
            owner = values.get(owner_type) or known.get(owner_type) or self._facts.one(subject, owner_type)
            noisy = self._chance.below(NOISE)
            values[slot] = self._chance.by_rank(self._lexicon.types[slot] if noisy else self._facts.of(owner, slot))
        return values
