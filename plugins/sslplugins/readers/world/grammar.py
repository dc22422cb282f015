"""Sentence templates with slots, read from grammar.yaml."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sslplugins.readers.world.lexicon import read_yaml

Order = Literal["same", "semi", "chinese"]


@dataclass(frozen=True, slots=True)
class Part:
    """One token of a template: a slot, or a function word in English.

    `optional`: it is left out with this slot.
    """

    slot: str | None
    word: str
    optional: str | None


@dataclass(frozen=True)
class Phrase:
    """Template of a subject or a clause.

    `of`: slot -> whose fact fills it; `optional`: slots that may be left out; `main`: the slot it
    is about.
    """

    name: str
    of: Mapping[str, str]
    optional: tuple[str, ...]
    main: str
    english: tuple[Part, ...]
    chinese: tuple[Part, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of paragraph.

    Its share of all sentences, its range of sentences, and the range of clauses in a sentence.
    """

    name: str
    share: float
    sentences: tuple[int, int]
    clauses: tuple[int, int]
    subject: Phrase
    tells: tuple[Phrase, ...]


@cache
def load_grammar(order: Order) -> tuple[Kind, ...]:
    """Load the grammar with one of three word orders of Chinese.

    That of English ("same"), its own ("chinese"), or its own in four clauses ("semi").
    """
    return tuple(
        Kind(
            name,
            entry["share"],
            tuple(entry["sentences"]),
            tuple(entry["clauses"]),
            _phrase("subject", entry["subject"], order),
            tuple(_phrase(clause, text, order) for clause, text in entry["tells"].items()),
        )
        for name, entry in read_yaml("grammar.yaml").items()
    )


def _phrase(name: str, entry: Mapping[str, Any], order: Order) -> Phrase:
    english = _parts(entry["template"])
    own_order = order == "chinese" or (order == "semi" and entry.get("semi", False))
    chinese = _parts(entry["chinese"]) if own_order and "chinese" in entry else english
    optional = tuple(slot for slot in entry["of"] if any(part.optional == slot for part in english))
    main = next((slot for slot in entry["of"] if slot not in optional), "")
    return Phrase(name, entry["of"], optional, main, english, chinese)


def _parts(template: str) -> tuple[Part, ...]:
    parts = []
    for group in re.findall(r"\[[^]]*\]|[^\s\[\]]+", template):
        words = group.strip("[]").split()
        slots = [word.strip("{}") for word in words if word.startswith("{")]
        optional = slots[0] if group.startswith("[") else None
        parts += [
            Part(word.strip("{}") if word.startswith("{") else None, word, optional)
            for word in words
        ]
    return tuple(parts)
