"""Tagged sentences out of CoNLL-U: https://universaldependencies.org/format.html."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from sslcli.api import (
    DataError,
    Example,
    Parsed,
    UsageError,
    Where,
    amount,
    current_reading,
    remark,
)
from sslplugins.tasks.tag.sentences import Block, Column, Line, Sentence, blocks_of, wrong

COLUMNS_OF_CONLLU = 10
PLACES: dict[Column, int] = {"upos": 3, "xpos": 4}
NOTHING = ("_", "")  # how CoNLL-U writes that a column says nothing; some leave it empty
_NUMBER = re.compile(r"[1-9]\d*")
# 3-4 is written in one, 8.1 is not written at all
_RANGE_OR_EMPTY = re.compile(r"[1-9]\d*-[1-9]\d*|\d+\.[1-9]\d*")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Words:
    """The word lines of one sentence; `name` is its sent_id."""

    name: str
    where: Where
    lines: tuple[_Line, ...]


def conllu_column(asked: str | None) -> Column | None:
    """Return the column of the tags. Raises UsageError for a column without tags."""
    if asked is None:
        return None
    column = next((column for column in PLACES if column == asked.lower()), None)
    if column is None:
        raise UsageError(
            f"CoNLL-U has its tags in upos and xpos, not in '{asked}'",
            "use --column upos or --column xpos",
        )
    return column


def read_conllu(reference: str, column: Column | None) -> Iterator[Example]:
    """Read all sentences, tagged by UPOS, or by XPOS in a file whose UPOS is empty throughout.

    A file whose tag column is empty has no labels. Raises DataError naming file, sentence and
    field.
    """
    return examples_of_blocks(reference, blocks_of(reference), column)


def examples_of_blocks(
    reference: str, blocks: Iterable[Block], column: Column | None
) -> Iterator[Example]:
    """Read as `read_conllu` does, out of lines that were read already."""
    found = list(_words_of(reference, blocks))
    words = [each for each in found if isinstance(each, _Words)]
    filled = {
        name
        for name, place in PLACES.items()
        if any(line.cells[place] not in NOTHING for each in words for line in each.lines)
    }
    if words and all(line.cells[1] == "_" for each in words for line in each.lines) and filled:
        problem = f"{reference} has '_' in place of every word: the text is withheld"
        raise DataError(problem, "the treebank's own page says how its words are put in")
    if column is None:
        column = "xpos" if filled == {"xpos"} else "upos"
    elif column not in filled and filled:
        (other,) = filled
        raise DataError(
            f"{reference} has nothing in its {column.upper()} column", f"use --column {other}"
        )
    if filled:
        remark(
            f"{reference}: words are the FORM column and "
            f"tags the {column.upper()} column of CoNLL-U"
        )
    return Parsed(partial(_example, column=column, has_tags=bool(filled)), found)


def _example(sentence: "_Words | DataError", column: Column, has_tags: bool) -> Example:
    if isinstance(sentence, DataError):
        raise sentence
    if has_tags and current_reading().labels != "unread":
        return _tagged(sentence, column)
    return Example(sentence.name, sentence.where, Sentence(_forms(sentence), column))


def _forms(block: _Words) -> tuple[str, ...]:
    return tuple(line.cells[1] for line in block.lines)


def _tagged(block: _Words, column: Column) -> Example:
    tags = tuple(line.cells[PLACES[column]] for line in block.lines)
    bare = next((line for line, tag in zip(block.lines, tags, strict=True) if tag in NOTHING), None)
    if bare is not None:
        raise wrong(
            block.where,
            column.upper(),
            f"line {bare.number}: '{bare.cells[1]}' has no tag",
            "give every word one",
        )
    return Example(block.name, block.where, Sentence(_forms(block), column), tags)


def _words_of(reference: str, blocks: Iterable[Block]) -> Iterator[_Words | DataError]:
    """Yield each sentence's word lines, or its error.

    Raises DataError where there is no sentence.
    """
    record = 0
    for block in blocks:
        lines = [line for line in block.lines if not line.text.startswith("#")]
        record += bool(lines)
        try:
            rows = _rows(Where(reference, record), lines)
        except DataError as error:
            yield error
            continue
        if rows:
            yield _Words(_name_of(block) or str(record), Where(reference, record), rows)
    if not record:
        raise DataError(f"{reference} has no sentences", "give a file with at least one")


def _rows(where: Where, lines: Iterable[Line]) -> tuple[_Line, ...]:
    """Return the word lines alone, in ten columns."""
    rows = [_Line(line.number, _cells(line.text)) for line in lines]
    for row in rows:
        if len(row.cells) != COLUMNS_OF_CONLLU:
            problem = (
                f"line {row.number} has {amount(len(row.cells), 'column')}, not {COLUMNS_OF_CONLLU}"
            )
            raise wrong(
                where,
                None,
                problem,
                "CoNLL-U parts its columns with tabs; give other formats the ending .conll",
            )
        if not (_NUMBER.fullmatch(row.cells[0]) or _RANGE_OR_EMPTY.fullmatch(row.cells[0])):
            problem = f"line {row.number} has '{row.cells[0]}', which is no number"
            raise wrong(where, "ID", problem, "words are numbered 1, 2, 3, ...")
        if not row.cells[1]:
            raise wrong(
                where, "FORM", f"line {row.number} has no word", "every word needs its form"
            )
    rows = [row for row in rows if _NUMBER.fullmatch(row.cells[0])]
    if skipped := next(
        (row for number, row in enumerate(rows, start=1) if row.cells[0] != str(number)), None
    ):
        problem = (
            f"line {skipped.number} has word {skipped.cells[0]} "
            f"where {rows.index(skipped) + 1} should be"
        )
        raise wrong(
            where, "ID", problem, "words are numbered 1, 2, 3, ...; an empty line ends a sentence"
        )
    return tuple(rows)


def _cells(text: str) -> tuple[str, ...]:
    cells = text.split("\t")
    return tuple(cell.strip(" ") for cell in cells) if " " in text else tuple(cells)


def _name_of(block: Block) -> str:
    pairs = [line.text[1:].partition("=") for line in block.lines if line.text.startswith("#")]
    return next(
        (value.strip() for key, _, value in reversed(pairs) if key.strip() == "sent_id"), ""
    )
