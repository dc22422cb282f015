"""Labelled records from JSON, JSON lines and tables, each with its position for error messages."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from sslcli import plainfiles
from sslcli.data.documents import Where
from sslcli.data.files import read_lines, read_text
from sslcli.data.records.continuing import Unreadable
from sslcli.data.records.dialects import read_any_rows
from sslcli.data.records.json_files import listed_records, split_objects
from sslcli.data.records.read_context import NOT_READ, current_reading, remark
from sslcli.data.records.tables import read_rows
from sslcli.errors import DataError, PassedOver
from sslcli.plainfiles import STANDARD_INPUT, suffix_of

TABLES = ("csv", "tsv")
# Names that headers have, in lower case.
LABEL_COLUMNS = {
    "label", "labels", "gold_label", "sentiment", "score", "stars", "rating", "target", "class",
    "category",
}  # fmt: skip
_TEXT_COLUMNS = {
    "text", "sentence", "review", "content", "premise", "hypothesis", "sentence1", "sentence2",
    "text_pair", "question",
    "question1", "question2", "context", "sequence", "tokens", "words", "title", "answer", "id",
    "idx", "index", "language",
}  # fmt: skip
_HEADER_AGAIN = "a row that names the columns again is no example"
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")  # as JSON spells it


@dataclass(frozen=True, slots=True)
class Record:
    """A flat record: column -> value, and its position."""

    where: Where
    values: Mapping[str, Any]

    def find(self, *names: str) -> tuple[str, Any]:
        """The first of these columns that the record has, and its value; the first name and None
        where it has none.
        """
        return next(
            ((name, self.values[name]) for name in names if self.values.get(name) is not None),
            (names[0], None),
        )

    def text(self, *names: str, may_be_empty: bool = False) -> str:
        """A text that must be there. Raises DataError where it is missing, no text or, unless it
        may be, empty.
        """
        name, value = self.find(*names)
        if not isinstance(value, str) or not (value.strip() or may_be_empty):
            if value is not None and not isinstance(value, str):
                raise self.wrong(
                    name, "this is no text", f'write it in quotation marks: {{"{name}": "..."}}'
                )
            if value is not None:
                raise self.wrong(name, "the text is empty", "fill it in, or leave the record out")
            raise self.missing(*names)
        return value

    def missing(self, *names: str) -> DataError:
        """An error to raise where the record has none of these columns; it names those that it
        has.
        """
        if (null := next((name for name in names if name in self.values), None)) is not None:
            return self.wrong(null, "this is null", "fill it in, or leave the record out")
        columns = ", ".join(f"'{column}'"[:40] for column in list(self.values)[:8]) or "none"
        hint = f"a record needs {' or '.join(repr(each) for each in names)}; this one has {columns}"
        if suffix_of(self.where.file) in TABLES:
            hint = f"{hint}; of a table whose first row is no header, --columns names the columns"
        return self.wrong(names[0], f"'{names[0]}' is missing", hint)

    def wrong(self, field: str, problem: str, hint: str) -> DataError:
        """Return an error that names the position, to be raised."""
        return DataError(f"{replace(self.where, field=field)}: {problem}", hint)

    @property
    def is_readable(self) -> bool:
        """Whether it has values; asking an unreadable record for a value raises the reason."""
        return not isinstance(self.values, Unreadable)

    @property
    def language(self) -> str:
        """The record's own language; empty if it names none."""
        value = self.values.get("language")
        return value if isinstance(value, str) else ""

    @property
    def id(self) -> str:
        """The record's own id ("id", "idx"), or its number."""
        _, value = self.find("id", "idx")
        return str(self.where.record) if value is None or value == "" else str(value)


def read_records(reference: str) -> Iterator[Record]:
    """Read .jsonl, .json, .csv and .tsv, compressed or not, or "-" as JSON lines, by content.

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


def read_json(reference: str) -> Any:
    """Read a .json file, compressed or not; JSON lines as a list. Raises DataError naming the
    file.
    """
    content, records = _whole_json(reference, read_text(reference))
    return content if records is None else [record.values for record in records]


def parse_json(text: str, where: Where) -> Any:
    """Stricter than json.loads: no name twice in an object, no number beyond what a float holds, no
    half characters.
    """
    try:
        value = plainfiles.parse_whole_json(text, **_STRICT)
        if _HALF_CHARACTER.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where}: a text has half a surrogate pair in it",
            "mend the file: it spells half a character",
        ) from error
    except ValueError as error:
        raise DataError(
            f"{where} is not JSON: {' '.join(str(error).split())[:120]}",
            "check how the file was written",
        ) from error
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise ValueError(f"'{twice}' stands twice in one object")
    return made


def _integer(text: str) -> int:
    _number(text)
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        missing = "; null says that a value is missing" if text == "NaN" else ""
        raise ValueError(f"{text} is no finite number{missing}")
    return value


_STRICT = {
    "object_pairs_hook": _object,
    "parse_int": _integer,
    "parse_float": _number,
    "parse_constant": _number,
}


def _reader_of(reference: str) -> Callable[[str], Iterator[Record]]:
    if reference == STANDARD_INPUT:
        return _json_lines
    readers: Mapping[str, Callable[[str], Iterator[Record]]] = {
        "jsonl": _json_lines,
        "ndjson": _json_lines,
        "json": _json_file,
        "csv": partial(_any_table, usual=","),
        "tsv": partial(_any_table, usual="\t"),
    }
    suffix = suffix_of(reference)
    if suffix not in readers:
        known = ", ".join(f".{known}" for known in readers)
        hint = f"files of records are {known}, or these as .gz or .zst"
        raise DataError(f"{reference} is of no kind that holds records", hint)
    return readers[suffix]


def _json_lines(reference: str) -> Iterator[Record]:
    """Lines; where the first one is no whole object, the file may be one list, or objects that take
    several lines each.
    """
    lines = ((number, line) for number, line in read_lines(reference) if line.strip())
    first = next(lines, None)
    if first is None:
        return
    if _json_record(first[1], Where(reference)).is_readable:
        whole = None
        lines = chain([first], lines)
    else:
        kept = [first, *lines]
        whole = _over_lines("\n".join(line for _, line in kept), reference)
        lines = iter(kept)
    if whole is not None:
        yield from whole
        return
    for number, line in lines:
        yield _json_record(line, Where(reference, number))


def _json_record(line: str, where: Where) -> Record:
    try:
        return record_of(parse_json(line, where), where)
    except DataError as error:
        return Record(where, Unreadable(error))


def _over_lines(text: str, reference: str) -> Iterator[Record] | None:
    """The records of a list, or of objects one after another; None where the text is neither."""
    try:
        if text.lstrip()[:1] == "[":
            return _numbered(
                listed_records(parse_json(text, Where(reference)), reference), reference
            )
        return _numbered(_separate_objects(text, Where(reference)), reference)
    except DataError:
        return None


def _json_file(reference: str) -> Iterator[Record]:
    content, records = _whole_json(reference, read_text(reference))
    return (
        _numbered(listed_records(content, reference), reference)
        if records is None
        else iter(records)
    )


def _whole_json(reference: str, text: str) -> tuple[Any, list[Record] | None]:
    """The content of a file that is one value, or the records of one that holds several: JSON
    lines, or objects over lines.

    transformers' own examples call JSON lines .json (huggingface/transformers#8698).
    """
    try:
        return parse_json(text, Where(reference)), None
    except DataError as error:
        every = enumerate(text.split("\n"), start=1)
        lines = [(number, line) for number, line in every if line.strip()]
        objects = len(lines) > 1 and all(line.lstrip()[:1] == "{" for _, line in lines)
        is_one = getattr(error.__cause__, "msg", "") != "Extra data"
        if text.lstrip()[:1] != "{" or (is_one and not objects):
            raise
        problem = error
    records = [_json_record(line, Where(reference, number)) for number, line in lines]
    if objects or records[0].is_readable:
        return None, records
    if (whole := _over_lines(text, reference)) is None:
        raise problem
    return None, list(whole)


def _separate_objects(text: str, where: Where) -> list[Any]:
    decoder = json.JSONDecoder(**_STRICT)
    try:
        values = list(split_objects(text, decoder.raw_decode))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where} is not JSON: {error!s:.120}", "check how the file was written"
        ) from error
    if _HALF_CHARACTER.search(text):
        parse_json(json.dumps(values), where)
    return values


def _numbered(values: Iterable[Any], reference: str) -> Iterator[Record]:
    for number, value in enumerate(values, start=1):
        where = Where(reference, number)
        try:
            yield record_of(value, where)
        except DataError as error:
            yield Record(where, Unreadable(error))


def record_of(value: Any, where: Where) -> Record:
    """Return the record of an object, or of a list of as many values as --columns has names.

    Raises DataError for anything else.
    """
    named = current_reading().columns
    if (
        isinstance(value, list)
        and value
        and len(value) == len(named)
        and not isinstance(value[0], dict)
    ):
        return Record(
            where, {name: each for name, each in zip(named, value, strict=True) if name != NOT_READ}
        )
    if not isinstance(value, dict):
        raise DataError(
            f"{where} is not an object but {type(value).__name__}",
            'a record is {"column": value, ...}',
        )
    return Record(where, value)


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
    return DataError(
        f"{where} has {found} column{'s' * (found != 1)} and should have {wanted}", hint
    )
