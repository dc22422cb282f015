"""Units that the answer offsets of a file count: characters or others, the same in a whole file.

Browsers and Java count UTF-16 code units, Go and Rust UTF-8 bytes, Unix tools one character for a
line end.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

Offsets = Literal["exact", "once", "nearest"]


class Answer(NamedTuple):
    """An answer span: its text, and its offset in the passage in characters.

    A tuple, because labels are written as JSON.
    """

    start: int
    text: str

    @property
    def stop(self) -> int:
        """The index one past the last character of the answer."""
        return self.start + len(self.text)


class Claim(NamedTuple):
    """An offset as the file gives it, unchecked, with passage and answer text."""

    passage: str
    text: str
    start: int


@dataclass(frozen=True)
class Counting:
    """A unit of offsets.

    `find`: locate an answer by an offset in this unit, None where it is not there. `said`: the name
    of the unit in messages.
    """

    said: str
    find: Callable[[str, str, int], Answer | None]


def _at_character(passage: str, text: str, start: int) -> Answer | None:
    """Locate an answer by characters.

    SQuAD 1.1 has some offsets of the full stop or comma in front of the answer: these are moved
    behind it.
    """
    if not 0 <= start < len(passage):
        return None
    if passage.startswith(text, start):
        return Answer(start, text)
    if passage[start] in ".," and passage.startswith(text, start + 1):
        return Answer(start + 1, text)
    return None


def _at_unit(encoding: str, size: int, passage: str, text: str, start: int) -> Answer | None:
    """Locate an answer by units of `size` bytes of an encoding."""
    if start < 0 or passage.isascii():
        return _at_character(passage, text, start)
    try:
        before = passage.encode(encoding)[: start * size].decode(encoding)
    except UnicodeDecodeError:  # amid a character
        return None
    return _at_character(passage, text, len(before))


def _with_line_ends(passage: str, text: str, start: int) -> Answer | None:
    """Locate an answer where CR LF counts as one character, in the offset and in the answer."""
    if start < 0 or "\r\n" not in passage:
        return _at_character(passage, text, start)
    pieces, written = re.findall(r"\r\n|.", passage, re.DOTALL), text.replace("\r\n", "\n")
    found = _at_character("".join(pieces).replace("\r\n", "\n"), written, start)
    if found is None:
        return None
    return Answer(len("".join(pieces[: found.start])), "".join(pieces[found.start : found.stop]))


def _without_blanks(passage: str, text: str, start: int) -> Answer | None:
    if start < 0:
        return None
    return _at_character(passage, text, start + len(passage) - len(passage.lstrip()))


CHARACTERS = Counting("offsets count characters", _at_character)
OTHERS = (
    Counting("offsets count a line end (CR LF) as one character", _with_line_ends),
    Counting("offsets count units of UTF-16", partial(_at_unit, "utf-16-le", 2)),
    Counting("offsets count bytes of UTF-8", partial(_at_unit, "utf-8", 1)),
    Counting("offsets do not count the blanks that the passage begins with", _without_blanks),
)


@dataclass(frozen=True)
class Rule:
    """A rule to read the offsets of one file. `hint`: the likely cause of a wrong offset.

    `claims` gathers all offsets of the file before the unit is chosen; None once it is chosen.
    """

    offsets: Offsets = "exact"
    counting: Counting = CHARACTERS
    hint: str = ""
    claims: list[Claim] | None = None


def counting_of(claims: Sequence[Claim]) -> tuple[Counting, str]:
    """Choose the unit that explains all offsets, characters first.

    Returns a hint where a unit explains most of them only. Where several other units explain all
    offsets, with different spans, characters are taken.
    """
    if _explained(CHARACTERS, claims) == len(claims):
        return CHARACTERS, ""
    whole = [each for each in OTHERS if _explained(each, claims) == len(claims)]
    places = {tuple(each.find(*claim) for claim in claims) for each in whole}
    if len(places) == 1:
        return whole[0], ""
    if whole:
        said = " as well as if ".join(each.said for each in whole)
        return CHARACTERS, f"the file would be right if {said}: let them count characters"
    counts = {each: _explained(each, claims) for each in (CHARACTERS, *OTHERS)}
    best = max(counts, key=counts.__getitem__)
    if best is CHARACTERS:
        return CHARACTERS, ""
    right = f"{counts[best]:,} of the {len(claims):,} offsets of the file are right"
    return CHARACTERS, f"if {best.said}, {right}, and all must be"


def _explained(counting: Counting, claims: Iterable[Claim]) -> int:
    return sum(counting.find(*claim) is not None for claim in claims)
