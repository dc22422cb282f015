"""Sentences of tagged words out of CoNLL-U, out of columns (CoNLL-2003, BIO), and out of flat records.

CoNLL-U: https://universaldependencies.org/format.html.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from sslcli.api import DataError, Example, Record, Where, read_lines
from sslplugins.tagging.pieces import words_of

Column = Literal["upos", "xpos"]
COLUMNS_OF_CONLLU = 10
PLACES: dict[Column, int] = {"upos": 3, "xpos": 4}
NOTHING = ("_", "")  # how CoNLL-U writes that a column says nothing; some leave it empty
_NUMBER = re.compile(r"[1-9]\d*")
_RANGE_OR_EMPTY = re.compile(r"[1-9]\d*-[1-9]\d*|\d+\.[1-9]\d*")  # 3-4 is written in one, 8.1 is not written at all
_BLANKS = re.compile(r"[ \t]+")
_DOCUMENT = "-DOCSTART-"
_COLUMNS_HINT = "a line is a word, a tab or blanks, and a tag"


@dataclass(frozen=True, slots=True)
class Sentence:
    """`column`: of CoNLL-U, the one that the tags were read from. `text`: as it was written, where the record says so.

    `said`: sentences on how its file was read. It is not part of what makes two sentences equal.
    """

    words: tuple[str, ...]
    column: Column | None = None
    text: str = ""
    said: tuple[str, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """The lines between two empty ones; `name` as CoNLL-U's sent_id gives it."""

    name: str
    where: Where
    lines: tuple[_Line, ...]


def read_conllu(reference: str, column: Column | None) -> Iterator[Example]:
    """All sentences. Where no column is asked for it is UPOS, but XPOS in a file whose UPOS is empty throughout.

    A file that is empty there has no gold answers. Raises DataError naming file, sentence and field.
    """
    blocks = list(_conllu_blocks(reference))
    filled = {name for name, place in PLACES.items() if any(line.cells[place] not in NOTHING for block in blocks for line in block.lines)}
    if column is None:
        column = "xpos" if filled == {"xpos"} else "upos"
    elif column not in filled and filled:
        (other,) = filled
        raise DataError(f"{reference} has nothing in its {column.upper()} column", f"use --column {other}")
    if not filled:
        return (Example(block.name, block.where, Sentence(_forms(block), column)) for block in blocks)
    return map(partial(_tagged, column=column), blocks)


def _forms(block: _Block) -> tuple[str, ...]:
    return tuple(line.cells[1] for line in block.lines)


def _tagged(block: _Block, column: Column) -> Example:
    tags = tuple(line.cells[PLACES[column]] for line in block.lines)
    bare = next((line for line, tag in zip(block.lines, tags, strict=True) if tag in NOTHING), None)
    if bare is not None:
        raise _wrong(block.where, column.upper(), f"line {bare.number}: '{bare.cells[1]}' has no tag", "give every word one")
    return Example(block.name, block.where, Sentence(_forms(block), column), tags)


def read_columns(reference: str) -> Iterator[Example]:
    """A word at the beginning of each line and its tag at the end, tabs or blanks between; an empty line ends a sentence.

    Where lines have a word and nothing else there are no gold answers. Raises DataError naming file, sentence and field.
    """
    return filter(None, map(_in_columns, _blocks(reference)))


def _in_columns(block: _Block) -> Example | None:
    """None of a block that only says where a document begins."""
    rows = [_Line(line.number, _cells(line.cells[0])) for line in block.lines]
    rows = [row for row in rows if row.cells[0] != _DOCUMENT]
    if not rows:
        return None
    if numbered := next((row for row in rows if len(row.cells) == COLUMNS_OF_CONLLU and _NUMBER.fullmatch(row.cells[0])), None):
        problem = f"line {numbered.number} has ten columns and begins with a number, as in CoNLL-U"
        raise _wrong(block.where, "word", problem, "give the file the ending .conllu")
    untagged = [row for row in rows if len(row.cells) == 1]
    if untagged and len(untagged) < len(rows):
        row = untagged[0]
        raise _wrong(block.where, "tag", f"line {row.number}: '{row.cells[0]}' has no tag", _COLUMNS_HINT)
    if empty := next((row for row in rows if "" in (row.cells[0], row.cells[-1])), None):
        raise _wrong(block.where, "word", f"line {empty.number} begins or ends with nothing", _COLUMNS_HINT)
    words, tags = (tuple(row.cells[place] for row in rows) for place in (0, -1))
    return Example(block.name, block.where, Sentence(words), None if untagged else tags)


def sentence_of(record: Record) -> Example:
    """Of a flat record: lists of texts, or texts with blanks between the words (in a table). Tags may be missing.

    Where there are no words but a running text, these are looked for in it.
    """
    name, words = record.find("tokens", "words", "text")
    words = tuple(words_of(words)) if name == "text" and isinstance(words, str) else _texts(record, name, words)
    if not words:
        raise record.wrong(name, "there are no words", "a record needs 'tokens', a list of words, and 'tags', one for each of them")
    name, tags = record.find("tags", "upos", "pos_tags", "ner_tags", "xpos", "labels")
    if tags is None:
        return Example(record.id, record.where, Sentence(words, text=_written(record)), language=record.language)
    tags = _texts(record, name, tags)
    if len(tags) != len(words):
        raise record.wrong(name, f"{len(tags)} tag{'s' * (len(tags) != 1)} for {len(words)} words", "every word needs a tag")
    return Example(record.id, record.where, Sentence(words, text=_written(record)), tags, record.language)


def _written(record: Record) -> str:
    text = record.values.get("text")
    return text if isinstance(text, str) else ""


def _texts(record: Record, name: str, value: object) -> tuple[str, ...]:
    """Numbers are taken for tags too: data sets often number their classes."""
    listed = value.split() if isinstance(value, str) else [] if value is None else value
    if not isinstance(listed, list):
        raise record.wrong(name, f"this is no list but {type(value).__name__}", "give a list of texts")
    wrong = [place for place, text in enumerate(listed) if isinstance(text, bool) or not isinstance(text, str | int) or text == ""]
    if wrong:
        raise record.wrong(f"{name}[{wrong[0]}]", f"{listed[wrong[0]]!r:.40} is no text", "give a list of texts, none of them empty")
    return tuple(map(str, listed))


def _conllu_blocks(reference: str) -> Iterator[_Block]:
    """With the lines of words alone, in ten columns."""
    for block in _blocks(reference, comments=True):
        rows = [_Line(line.number, tuple(line.cells[0].split("\t"))) for line in block.lines]
        for row in rows:
            if len(row.cells) != COLUMNS_OF_CONLLU:
                problem = f"line {row.number} has {len(row.cells)} columns, not {COLUMNS_OF_CONLLU}"
                raise _wrong(block.where, None, problem, "CoNLL-U parts its columns with tabs; give other formats the ending .conll")
            if not (_NUMBER.fullmatch(row.cells[0]) or _RANGE_OR_EMPTY.fullmatch(row.cells[0])):
                raise _wrong(
                    block.where, "ID", f"line {row.number} has '{row.cells[0]}', which is no number", "words are numbered 1, 2, 3, ..."
                )
            if not row.cells[1]:
                raise _wrong(block.where, "FORM", f"line {row.number} has no word", "every word needs its form")
        rows = [row for row in rows if _NUMBER.fullmatch(row.cells[0])]
        if skipped := next((row for number, row in enumerate(rows, start=1) if row.cells[0] != str(number)), None):
            problem = f"line {skipped.number} has word {skipped.cells[0]} where {rows.index(skipped) + 1} should be"
            raise _wrong(block.where, "ID", problem, "words are numbered 1, 2, 3, ...; an empty line ends a sentence")
        if rows:
            yield _Block(block.name, block.where, tuple(rows))


def _blocks(reference: str, comments: bool = False) -> Iterator[_Block]:
    """Lines as single cells; `comments`: those that begin with # are none."""
    count, name, gathered = 0, "", []
    for number, line in read_lines(reference):
        if comments and line.startswith("#"):
            key, _, value = line[1:].partition("=")
            name = value.strip() if key.strip() == "sent_id" else name
        elif line.strip():
            gathered.append(_Line(number, (line,)))
        elif gathered:
            count += 1
            yield _Block(name or str(count), Where(reference, count), tuple(gathered))
            name, gathered = "", []
    if gathered:
        yield _Block(name or str(count + 1), Where(reference, count + 1), tuple(gathered))
    elif not count:
        raise DataError(f"{reference} has no sentences", "give a file with at least one")


def _cells(line: str) -> Sequence[str]:
    return tuple(line.split("\t")) if "\t" in line else tuple(_BLANKS.split(line.strip(" ")))


def _wrong(where: Where, field: str | None, problem: str, hint: str) -> DataError:
    return DataError(f"{Where(where.file, where.record, field)}: {problem}", hint)
