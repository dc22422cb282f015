"""Labelled records from JSON, JSON lines and tables, each with its position for error messages."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain

from sslcli.data.arrow_files import ArrowFile
from sslcli.data.documents import Where
from sslcli.data.records.continuing import Unreadable
from sslcli.data.records.dialects import read_any_rows
from sslcli.data.records.json_records import read_json_file, read_json_lines
from sslcli.data.records.read_context import NOT_READ, current_reading, remark
from sslcli.data.records.record import LABEL_COLUMNS, TABLES, Record
from sslcli.data.records.tables import read_rows
from sslcli.errors import DataError, PassedOver
from sslcli.plainfiles import ARROW_SUFFIXES, STANDARD_INPUT, suffix_of
from sslcli.reports import amount

_TEXT_COLUMNS = {
    "text", "sentence", "review", "content", "premise", "hypothesis", "sentence1", "sentence2",
    "text_pair", "question",
    "question1", "question2", "context", "sequence", "tokens", "words", "title", "answer", "id",
    "idx", "index", "language",
}  # fmt: skip
_HEADER_AGAIN = "a row that names the columns again is no example"


def read_records(reference: str) -> Iterator[Record]:
    """Read .jsonl, .json, .csv and .tsv, compressed or not, .parquet, .arrow and .feather, or "-"
    as JSON lines, by content.

    JSON may be a list, lines, objects one after another, or one of the layouts of json_files;
    tables may be in any dialect that `dialects` detects. Record numbers are lines, in .json indices
    in the list. Raises DataError naming file and record; also if there is no record. An unreadable
    record is yielded too, and raises when it is asked for a value.
    """
    records = _reader_of(reference)(reference)
    first = next(records, None)
    if first is None:
        raise DataError(f"{reference} has no records", "give a file with at least one")
    named = (
        current_reading().columns
        if suffix_of(reference) not in TABLES and first.is_readable
        else ()
    )
    if named and [name for name in named if name != NOT_READ] != list(first.values):
        remark(
            f"{reference}: its records name their columns "
            f"themselves, so --columns {','.join(named)} is not used"
        )
    yield from chain([first], records)


def _reader_of(reference: str) -> Callable[[str], Iterator[Record]]:
    if reference == STANDARD_INPUT:
        return read_json_lines
    readers: Mapping[str, Callable[[str], Iterator[Record]]] = {
        "jsonl": read_json_lines,
        "ndjson": read_json_lines,
        "json": read_json_file,
        "csv": partial(_any_table, usual=","),
        "tsv": partial(_any_table, usual="\t"),
        **dict.fromkeys(ARROW_SUFFIXES, _typed_records),
    }
    suffix = suffix_of(reference)
    if suffix not in readers:
        known = ", ".join(f".{known}" for known in readers)
        hint = f"files of records are {known}, or these as .gz or .zst"
        raise DataError(f"{reference} is of no kind that holds records", hint)
    return readers[suffix]


def _typed_records(reference: str) -> Iterator[Record]:
    """The rows of a table of Parquet or Arrow; a cell without a value is no field."""
    for number, values in ArrowFile.opened(reference).records():
        held = {name: value for name, value in values.items() if value is not None}
        yield Record(Where(reference, number), held)


def read_table(
    reference: str,
    *,
    header: bool = True,
    columns: tuple[str, ...] | None = None,
    quoted: bool = False,
    skip_short: bool = False,
) -> Iterator[Record]:
    """Read rows of a tab-separated file; `columns` name them without a header, or rename them.

    `quoted`: quotation marks enclose values, as in .csv, instead of being text. A row that is too
    short is refused, or skipped with `skip_short`. Raises DataError naming file and line; for a row
    of another width when it is asked for a value.
    """
    rows = read_rows(reference, "\t", quoted)
    return _table(reference, rows, header, columns, skip_short)


def _any_table(reference: str, usual: str) -> Iterator[Record]:
    """A table however it is written; --columns names the columns of one without a header, "-" those
    that are not read.
    """
    named = current_reading().columns
    rows = read_any_rows(reference, usual, len(named) or None)
    if named:
        rows = _without_header(reference, rows, named)
    names = tuple("" if name == NOT_READ else name for name in named)
    return _table(reference, rows, not named, names or None, False)


def _without_header(
    reference: str, rows: Iterator[tuple[int, list[str]]], named: tuple[str, ...]
) -> Iterator[tuple[int, list[str]]]:
    """All rows, a first one that only repeats or numbers the columns left out. Raises DataError
    where it seems to name them.
    """
    first = next(rows, None)
    if first is None:
        return
    line, values = first
    cells = [value.strip().casefold() for value in values]
    texts = [
        cell
        for cell, name in zip(cells, named, strict=False)
        if name.casefold() not in LABEL_COLUMNS
    ]
    pairs = [
        (cell, name.casefold())
        for cell, name in zip(cells, named, strict=False)
        if name != NOT_READ
    ]
    repeats = len(cells) == len(named) and all(cell == name for cell, name in pairs)
    if repeats or cells == list(map(str, range(len(named)))):
        remark(f"{reference}: the first row names the columns and is no example")
    elif _TEXT_COLUMNS.intersection(texts) or (_TEXT_COLUMNS | LABEL_COLUMNS).issuperset(cells):
        problem = (
            f"{Where.at_line(reference, line)}: this first row, "
            f"{', '.join(values)!r:.60}, looks like a header"
        )
        raise DataError(problem, "leave --columns away and let the header name the columns")
    else:
        yield first
    yield from rows


def _table(
    reference: str,
    rows: Iterator[tuple[int, list[str]]],
    header: bool,
    columns: tuple[str, ...] | None,
    skip_short: bool,
) -> Iterator[Record]:
    for line, values in rows:
        where = Where.at_line(reference, line)
        if header:
            columns, header = _columns(values, columns, where), False
            continue
        assert columns, "a table without a header needs names for its columns"
        while len(values) > len(columns) and not values[-1].strip():
            # a separator at the end of a row, as spreadsheets write for cells that were once used
            values.pop()
        if len(values) < len(columns) and skip_short:
            continue
        if len(values) != len(columns):
            yield Record(where, Unreadable(_uneven(where, len(values), len(columns))))
            continue
        if len(columns) > 1 and tuple(value.strip() for value in values) == columns:
            # Tables that were put one behind the other.
            yield Record(where, Unreadable(PassedOver(where, _HEADER_AGAIN)))
            continue
        yield Record(
            where, {name: value for name, value in zip(columns, values, strict=True) if name}
        )


def _columns(written: list[str], wanted: tuple[str, ...] | None, where: Where) -> tuple[str, ...]:
    """Names without blanks around them; a column without a name, such as the index that pandas
    writes, is not read.
    """
    columns = wanted or tuple(name.strip() for name in written)
    if len(columns) != len(written):
        raise _uneven(where, len(written), len(columns))
    if twice := {name for name in columns if name and columns.count(name) > 1}:
        hint = (
            "give every column a name of its own; where the "
            "first row is data, --columns names the columns"
        )
        raise DataError(f"{where}: two columns are called '{min(twice)}'", hint)
    return columns


def _uneven(where: Where, found: int, wanted: int) -> DataError:
    hint = (
        "quote values that hold the separator or a line's "
        "end, or name the separator with --separator"
    )
    if current_reading().columns:
        hint = (
            f"--columns names {wanted}: name all of them, {NOT_READ} for "
            "one that is not read; or name the separator with --separator"
        )
    elif found == wanted + 1:
        hint = f"{hint}; a first column without a name, such as row names of R, needs one"
    return DataError(f"{where} has {amount(found, 'column')} and should have {wanted}", hint)
