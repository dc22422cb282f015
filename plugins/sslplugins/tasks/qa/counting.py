"""What the offsets of a file count: characters, or something else; the same for all its answers.

Browsers and Java count units of UTF-16, Go and Rust bytes of UTF-8, tools on Unix one character
for a line end.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

Offsets = Literal["exact", "once", "nearest"]


class Answer(NamedTuple):
    """What stands in the passage from character `start` on.

    A tuple, because labels are written as JSON.
    """

    start: int
    text: str

    @property
    def stop(self) -> int:
        """The index one past the last character of the answer."""
        return self.start + len(self.text)


class Claim(NamedTuple):
    """What a file says of one answer: that it stands at `start`."""

    passage: str
    text: str
    start: int


@dataclass(frozen=True)
class Counting:
    """`find`: where an answer stands if its offset counts so, None where it does not stand there.

    `said`: what is counted, in words.
    """

    said: str
    find: Callable[[str, str, int], Answer | None]


def _at_character(passage: str, text: str, start: int) -> Answer | None:
    """SQuAD 1.1 has some whose offset is that of the full stop or comma in front of them.

    These are moved behind it.
    """
    if not 0 <= start < len(passage):
        return None
    if passage.startswith(text, start):
        return Answer(start, text)
    if passage[start] in ".," and passage.startswith(text, start + 1):
        return Answer(start + 1, text)
    return None


def _at_unit(encoding: str, size: int, passage: str, text: str, start: int) -> Answer | None:
    """Of units of `size` bytes of an encoding."""
    if start < 0 or passage.isascii():
        return _at_character(passage, text, start)
    try:
        before = passage.encode(encoding)[: start * size].decode(encoding)
    except UnicodeDecodeError:  # amid a character
        return None
    return _at_character(passage, text, len(before))


def _with_line_ends(passage: str, text: str, start: int) -> Answer | None:
    """CR LF counted as one character, in the offset and in the answer."""
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
    """How the offsets of a file are taken. `hint`: what a mistaken one may be.

    `claims`: where all of them are gathered before anything is judged; None where they are judged.
    """

    offsets: Offsets = "exact"
    counting: Counting = CHARACTERS
    hint: str = ""
    claims: list[Claim] | None = None


def counting_of(claims: Sequence[Claim]) -> tuple[Counting, str]:
    """What explains all claims, characters first; a hint where something explains but most of them.

    Where several others explain all of them, and not by the same places, characters are taken.
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
