"""Sentences as lists of words, and errors that locate them in their file."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sslcli.api import DataError, Where, read_lines

Column = Literal["upos", "xpos"]


@dataclass(frozen=True, slots=True)
class Places:
    """Column indices from 0, and the width of a row; `tag` is None where a file has no tags."""

    word: int
    tag: int | None
    width: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as a list of words.

    `column`: the CoNLL-U column of its tags. `text`: the original text, where the record has it.
    `places`: the columns it was read from. `names`: names of tags that are numbers. Neither of the
    last two counts for equality.
    """

    words: tuple[str, ...]
    column: str | None = None
    text: str = ""
    places: Places | None = field(default=None, repr=False, compare=False)
    names: tuple[str, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text file and its number, from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """The lines between two empty lines; `record` is its number from 1."""

    record: int
    lines: tuple[Line, ...]


def blocks_of(reference: str) -> Iterator[Block]:
    """Yield the blocks of a file. Raises DataError where all lines are empty."""
    count = 0
    gathered: list[Line] = []
    for number, text in read_lines(reference):
        if text.strip():
            gathered.append(Line(number, text))
        elif gathered:
            count += 1
            yield Block(count, tuple(gathered))
            gathered = []
    if gathered:
        yield Block(count + 1, tuple(gathered))
    elif not count:
        raise DataError(f"{reference} has no sentences", "give a file with at least one")


def wrong(where: Where, field_name: str | None, problem: str, hint: str) -> DataError:
    """Return (not raise) a DataError that names file, record and field."""
    return DataError(f"{Where(where.file, where.record, field_name)}: {problem}", hint)


def listed(values: Sequence[str], most: int = 5) -> str:
    """Format names: 'a', 'b' and 3 more; each once, long ones cut."""
    distinct = list(dict.fromkeys(values))
    shown = ", ".join(map(visible, distinct[:most]))
    return f"{shown}, ..." if len(distinct) > most else shown


def visible(word: str) -> str:
    """Quote a text, cut where it is long; invisible characters are escaped: "'\\u200b'"."""
    shown = word[:20] + "..." * (len(word) > 20)
    return (
        f"'{shown}'"
        if any(unicodedata.category(letter)[0] not in "CMZ" for letter in word)
        else ascii(shown)
    )
