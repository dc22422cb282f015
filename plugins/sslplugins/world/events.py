"""What a sentence says, before it has words: a subject, clauses, and a concept in every slot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sslplugins.world.chance import Chance
from sslplugins.world.facts import Facts
from sslplugins.world.grammar import Phrase
from sslplugins.world.lexicon import Concept, Lexicon

NOISE = 0.05  # probability that a mention is not what the facts say but any concept of its type
OPTIONAL = 0.5  # probability that an optional part is said


@dataclass(frozen=True, slots=True)
class Said:
    """A phrase with its slots filled: only those that are said are in `values`."""

    phrase: Phrase
    values: Mapping[str, Concept]


@dataclass(frozen=True, slots=True)
class Event:
    """One sentence's content. `asked`: the main slot of the only clause is asked for, and answered at the end."""

    subject: Said
    clauses: tuple[Said, ...]
    asked: bool = False


class Teller:
    """Fills phrases from the facts, wrong now and then."""

    def __init__(self, lexicon: Lexicon, facts: Facts, chance: Chance) -> None:
        self._lexicon, self._facts, self._chance = lexicon, facts, chance

    def event(self, subject: Concept, opening: Phrase, phrases: Sequence[Phrase], *, asked: bool = False) -> Event:
        start = {subject.type: subject}
        said = self._say(opening, start, subject)
        known = {**start, **said}
        clauses = tuple(Said(phrase, self._say(phrase, known, subject)) for phrase in phrases)
        return Event(Said(opening, {**start, **said}), clauses, asked)

    def _say(self, phrase: Phrase, known: Mapping[str, Concept], subject: Concept) -> dict[str, Concept]:
        """Slots in their order; an owner is what the sentence said, and where it said nothing, what the facts say."""
        values: dict[str, Concept] = {}
        for slot, owner_type in phrase.of.items():
            if slot in phrase.optional and not self._chance.below(OPTIONAL):
                continue
            owner = values.get(owner_type) or known.get(owner_type) or self._facts.one(subject, owner_type)
            noisy = self._chance.below(NOISE)
            values[slot] = self._chance.by_rank(self._lexicon.types[slot] if noisy else self._facts.of(owner, slot))
        return values
