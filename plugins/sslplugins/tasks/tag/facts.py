"""Properties of a column, from all of its cells: word numbers, spans, emptiness.

Letters: R rows of the usual width.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from sslcli.api import TagReading, tag_reading
from sslplugins.tasks.tag.rows import Row, Rows

NOTHING = frozenset(("_", "-", "", "*", "--", "?"))
WITHHELD = frozenset(("_", "[WORD]"))  # in treebanks and in OntoNotes whose texts are not free
_WHOLE = re.compile(r"-?\d+\.?")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
# 3-4: written in one; 8.1: not written at all
_BESIDE_WORDS = re.compile(r"[1-9]\d*-[1-9]\d*|\d+\.[1-9]\d*")
_NAME = re.compile(r"\d+$")
_LETTERS = re.compile(r"[^\W\d_]+")
_BRACKETED = re.compile(r"(\([^()*\s]+)*\*?\)*")


@dataclass(frozen=True)
class Column:
    """One column of a file and its properties; `runs` are the cells of each sentence."""

    place: int
    runs: tuple[tuple[str, ...], ...]

    @cached_property
    def cells(self) -> list[str]:
        """All cells, sentence after sentence."""
        return [cell for run in self.runs for cell in run]

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The different cells."""
        return frozenset(self.cells)

    @cached_property
    def is_empty(self) -> bool:
        """Whether all cells hold nothing: empty, or a placeholder such as "_"."""
        return self.kinds <= NOTHING

    @cached_property
    def counts(self) -> bool:
        """True where it numbers the words: 1, 2, 3, ... in each sentence (or from 0), or in the
        file.

        Numbers may begin anew inside a run: a file may have no empty lines.
        """
        if not self.kinds or not all(map(_WHOLE.fullmatch, self.kinds)):
            return False
        return _count([[int(cell.rstrip(".")) for cell in run] for run in self.runs if run])

    @cached_property
    def names_words(self) -> bool:
        """True where all cells end in word numbers, after at most a few letters: t1, s2-1."""
        numbers = {kind: found[0] for kind in self.kinds if (found := _NAME.search(kind))}
        letters = (len(each) for kind in self.kinds for each in _LETTERS.findall(kind))
        if self.is_numeric or numbers.keys() != {*self.kinds} or max(letters, default=0) > 2:
            return False
        runs = [[int(numbers[cell]) for cell in run] for run in self.runs if run]
        return any(len(run) > 1 for run in runs) and _count(runs)

    @cached_property
    def is_numeric(self) -> bool:
        """Whether all cells that hold something are numbers."""
        return all(_NUMBER.fullmatch(cell) or cell in NOTHING for cell in self.kinds)

    @cached_property
    def is_constant(self) -> bool:
        """True where all words of each sentence share the value: document name, speaker."""
        long = [run for run in self.runs if len(run) > 1]
        return len(long) > 0 and all(len(set(run)) == 1 for run in long)

    @cached_property
    def joins(self) -> bool:
        """True where it divides a file without empty lines into sentences.

        Each of its values is in one stretch of lines, most in several.
        """
        cells = self.cells
        stretches = 1 + sum(a != b for a, b in pairwise(cells))
        return len(self.runs) == 1 and 1 < len(self.kinds) == stretches <= len(cells) / 2

    @cached_property
    def reading(self) -> TagReading | None:
        """The scheme in which its cells mark spans, None where they do not."""
        return tag_reading(self.kinds)

    @cached_property
    def is_outside(self) -> bool:
        """True where every cell is an outside tag."""
        return self.kinds == {"O"}

    @cached_property
    def is_bracketed(self) -> bool:
        """True for spans as in CoNLL-2005 and CoNLL-2012: "(PERSON*", "*", "*)"."""
        return (
            any("(" in kind for kind in self.kinds)
            and all(map(_BRACKETED.fullmatch, self.kinds))
            and "(" not in self.kinds
        )


def columns_of(rows: Rows) -> list[Column]:
    """Build the columns of the rows of usual width, without multiword tokens and empty nodes."""
    sentences = [
        [row for row in sentence if len(row.cells) == rows.width] for sentence in rows.sentences
    ]
    sentences = [
        [row for row in sentence if not is_beside_words(row, 0)] or sentence
        for sentence in sentences
    ]
    return [
        Column(
            place,
            tuple(
                tuple(row.cells[place] for row in sentence) for sentence in sentences if sentence
            ),
        )
        for place in range(rows.width)
    ]


def is_beside_words(row: Row, place: int) -> bool:
    """Return whether a row of a numbered file is a multiword token or an empty node."""
    return _BESIDE_WORDS.fullmatch(row.cells[place]) is not None


def bio_of_brackets(cells: Sequence[str]) -> Iterator[str]:
    """Convert "(PERSON*", "*", "*)" to B-PERSON, I-PERSON, I-PERSON.

    Raises ValueError for nested spans, and where a span is never opened or never closed.
    """
    kind = ""
    for cell in cells:
        opened = re.findall(r"\(([^()*\s]+)", cell)
        if len(opened) > 1 or (opened and kind):
            raise ValueError(f"a span begins inside of another, in '{cell}'")
        if not opened and not kind and ")" in cell:
            raise ValueError(f"no span is open that could end, in '{cell}'")
        kind = opened[0] if opened else kind
        yield f"{'B' if opened else 'I'}-{kind}" if kind else "O"
        kind = "" if ")" in cell else kind
    if kind:
        raise ValueError(f"the span of '{kind}' does not end")


def _count(runs: Sequence[Sequence[int]]) -> bool:
    """Return whether the runs are 1, 2, 3, ... each (or from 0), or through the whole file."""
    steps = [b - a for run in runs for a, b in pairwise(run)]
    if steps and sum(step == 1 for step in steps) * 2 < len(steps):
        return False  # 1, 1, 1: numbers of sentences or parts
    return any(all(_counts_from(run, start) for run in runs) for start in (0, 1)) or _goes_on(runs)


def _counts_from(run: Sequence[int], start: int) -> bool:
    return (
        all(
            number in (start, previous + 1)
            for previous, number in zip([start - 1, *run], run, strict=False)
        )
        and run[0] == start
    )


def _goes_on(runs: Sequence[Sequence[int]]) -> bool:
    flat = [number for run in runs for number in run]
    return len(flat) > 1 and flat[0] in (0, 1) and all(b == a + 1 for a, b in pairwise(flat))
