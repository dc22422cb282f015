"""Lines of a column file, split into cells, sentence by sentence.

Lines that are not words are set apart here: comments, document starts, end-of-sentence marks.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sslplugins.tasks.tag.sentences import Block, Line

_TABS = re.compile(r"\t+")
_STRUCTURE = re.compile(r"</?[A-Za-z]\w*( [^<>]*)?/?>|EOS")  # of verticals of corpora, and of MeCab
_QUOTED = re.compile(r'"([^"]|"")+"')
_DOCUMENT = "-DOCSTART-"
_BEGINNINGS = "#-<E \t"  # of lines that may be none of words
_COMMENT_OF_CONLL = re.compile(r"#(begin|end) document\b|# ?global\.columns ?=|# ?[\w:.-]+ ?= ")
FEWEST_ROWS = 5  # of fewer, blanks inside of cells may be an accident

MARKS = {"commas": ",", "semicolons": ";", "bars": "|"}  # of files without tabs and blanks
LINES_LOOKED_AT = 50_000  # to find out what parts columns

Split = Callable[[str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file of columns: line number and cells."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file.

    `sentences`: the rows of each. `width`: the usual number of cells. `separator`: as named in
    messages. `comments`: number of lines that are not words. `names`: those of "# global.columns".
    """

    sentences: tuple[tuple[Row, ...], ...]
    width: int
    separator: str
    comments: int = 0
    names: tuple[str, ...] = ()

    @property
    def all(self) -> list[Row]:
        """The rows of all sentences, in order."""
        return [row for sentence in self.sentences for row in sentence]

    @property
    def even(self) -> list[Row]:
        """The rows of the usual width."""
        return [row for row in self.all if len(row.cells) == self.width]

    def without(self, cells: tuple[str, ...]) -> "Rows":
        """Drop rows of exactly these cells: repeated headers of concatenated files."""
        left = (tuple(row for row in each if row.cells != cells) for each in self.sentences)
        return replace(self, sentences=tuple(filter(None, left)))


def rows_of(blocks: Sequence[Block]) -> Rows:
    """Split word lines into cells, sentence by sentence; empty sentences are dropped."""
    texts = [line.text for block in blocks for line in block.lines]
    plain = [place for place, text in enumerate(texts) if not _is_no_word(text)] or range(
        len(texts)
    )
    name, split, width = _separator([texts[place] for place in plain[:LINES_LOOKED_AT]])
    parted = (
        _unquoted([split(text) for text in texts])
        if name == "tabs"
        else [split(text) for text in texts]
    )
    known = {parted[place][-1] for place in plain if len(parted[place]) == width}
    sentences, comments, names = [], 0, ()
    every = iter(parted)
    for block in blocks:
        own: list[Row] = []
        for line, cells in zip(block.lines, every, strict=False):
            if _is_comment(line, cells, width, known, first=not own):
                comments += 1
                names = names or _names_in(line.text)
            elif width > 1 and _ends_sentence(line.text, cells):
                sentences.append(tuple(own))
                own = []
            else:
                own.append(Row(line.number, cells))
        sentences.append(tuple(own))
    return Rows(tuple(filter(None, sentences)), width, name, comments, names)


def _unquoted(parted: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Undo a table writer's quotation marks, only where all cells show that it wrote them."""
    quoted = [cell for cells in parted for cell in cells if '"' in cell]
    if not any('""' in cell[1:-1] for cell in quoted) or not all(map(_QUOTED.fullmatch, quoted)):
        return parted
    return [
        tuple(cell[1:-1].replace('""', '"') if '"' in cell else cell for cell in cells)
        for cells in parted
    ]


def _is_no_word(text: str) -> bool:
    if text[0] not in _BEGINNINGS:
        return False
    return (
        text.startswith("#")
        or text.lstrip().startswith(_DOCUMENT)
        or _STRUCTURE.fullmatch(text.strip()) is not None
    )


def _is_comment(line: Line, cells: Sequence[str], width: int, known: set[str], first: bool) -> bool:
    """Return whether a line that begins with "#" is a comment; it may be a word.

    A comment stands at a sentence's beginning, has another width, or ends in a cell that no word
    has. `known`: the last cells of all other lines.
    """
    if line.text[0] not in _BEGINNINGS:
        return False
    if cells[0].startswith(_DOCUMENT) or line.text.strip().startswith(_DOCUMENT):
        return True
    if not line.text.startswith("#"):
        return False
    if len(cells) == 1 < width and line.text.startswith("# "):
        return True
    if _COMMENT_OF_CONLL.match(line.text) and (len(cells) != width or cells[-1] not in known):
        return True
    return (
        first
        and bool(known)
        and (len(cells) != width or (cells[0] == "#" and width > 1 and cells[-1] not in known))
    )


def _names_in(text: str) -> tuple[str, ...]:
    key, equals, value = text.removeprefix("#").partition("=")
    return tuple(value.split()) if equals and key.strip() == "global.columns" else ()


def _ends_sentence(text: str, cells: Sequence[str]) -> bool:
    return (
        text[0] in _BEGINNINGS
        and _STRUCTURE.fullmatch(text.strip()) is not None
        and (len(cells) == 1 or text.strip().startswith("<"))
    )


def _separator(lines: Sequence[str]) -> tuple[str, Split, int]:
    """Return name, splitter and usual width: the first that gives all lines one width."""
    tabbed = any("\t" in line.strip(" \t") for line in lines)
    blanks = ("blanks", _at_blanks)
    ways = (
        [("tabs", _at_tabs), ("tabs", _at_tabs_but_last), ("tabs", _at_runs), blanks]
        if tabbed
        else [blanks]
    )
    if not tabbed and len(lines) > 1 and all(len(_at_blanks(line)) == 1 for line in lines):
        ways = [
            (name, partial(_at_mark, mark))
            for name, mark in MARKS.items()
            if all(mark in line for line in lines)
        ] or ways
    counts = {split: Counter(len(split(line)) for line in lines) for _, split in ways}
    even = [(name, split) for name, split in ways if len(counts[split]) == 1]
    if even and even[0][0] == "tabs" and len(lines) >= FEWEST_ROWS and len(counts[_at_blanks]) == 1:
        # Every line has as many blanks in its cells: they part columns too.
        even = [max(even, key=lambda way: max(counts[way[1]]))]
    if not even:
        even = [max(ways, key=lambda way: max(counts[way[1]].values()))]
    name, split = even[0]
    found = counts[split]
    return name, split, max(found, key=lambda width: (found[width], width))


def _at_mark(mark: str, line: str) -> tuple[str, ...]:
    """Split at a mark as in .csv, where a quoted cell may hold the mark."""
    return tuple(cell.strip(" ") for cell in next(csv.reader([line], delimiter=mark)))


def _at_tabs(line: str) -> tuple[str, ...]:
    return tuple(cell.strip(" ") or cell for cell in line.split("\t"))


def _at_tabs_but_last(line: str) -> tuple[str, ...]:
    """Split at tabs; trailing ones are ignored."""
    return _at_tabs(line.rstrip("\t "))


def _at_runs(line: str) -> tuple[str, ...]:
    """Split at runs of tabs, which align columns."""
    return tuple(cell.strip(" ") or cell for cell in _TABS.split(line.strip("\t ")))


def _at_blanks(line: str) -> tuple[str, ...]:
    return tuple(filter(None, line.replace("\t", " ").split(" ")))
