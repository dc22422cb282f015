"""Labelled records out of JSON, JSON lines and tables, each knowing its place, so that a mistake can be found."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from sslcli import plainfiles
from sslcli.data.documents import Where
from sslcli.data.files import STANDARD_INPUT, read_lines, read_text, suffix_of
from sslcli.data.reading import Unreadable
from sslcli.data.tables import read_rows
from sslcli.errors import DataError

_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")  # as JSON spells it


@dataclass(frozen=True, slots=True)
class Record:
    """One flat record: column -> value, and where it stands."""

    where: Where
    values: Mapping[str, Any]

    def find(self, *names: str) -> tuple[str, Any]:
        """The first of these columns that the record has, and its value; the first name and None where it has none."""
        return next(((name, self.values[name]) for name in names if self.values.get(name) is not None), (names[0], None))

    def text(self, *names: str, may_be_empty: bool = False) -> str:
        """A text that must be there. Raises DataError where it is missing, no text or, unless it may be, empty."""
        name, value = self.find(*names)
        if not isinstance(value, str) or not (value.strip() or may_be_empty):
            if value is not None and not isinstance(value, str):
                raise self.wrong(name, "this is no text", f'write it in quotation marks: {{"{name}": "..."}}')
            if value is not None:
                raise self.wrong(name, "the text is empty", "fill it in, or leave the record out")
            columns = ", ".join(f"'{column}'" for column in list(self.values)[:8]) or "none"
            hint = f"a record needs {' or '.join(repr(each) for each in names)}; this one has {columns}"
            raise self.wrong(name, f"'{name}' is missing", hint)
        return value

    def wrong(self, field: str, problem: str, hint: str) -> DataError:
        """An error to raise, which names the place."""
        return DataError(f"{replace(self.where, field=field)}: {problem}", hint)

    @property
    def is_readable(self) -> bool:
        """Whether it has values. One that could not be read raises why when it is asked for any of them."""
        return not isinstance(self.values, Unreadable)

    @property
    def language(self) -> str:
        """What the record says of its language; nothing where it says none."""
        value = self.values.get("language")
        return value if isinstance(value, str) else ""

    @property
    def id(self) -> str:
        """What the record calls itself ("id", "idx"), or its number."""
        _, value = self.find("id", "idx")
        return str(self.where.record) if value is None or value == "" else str(value)


def read_records(reference: str) -> Iterator[Record]:
    """Of .jsonl, .json (a list, or an object whose "data" is one), .csv and .tsv, packed or not, or "-" as JSON lines.

    Record numbers are lines, but in .json places in the list. Raises DataError naming file and record; also where there
    is no record at all. A record that cannot be read is given too, and raises when it is asked for a value.
    """
    records = _reader_of(reference)(reference)
    first = next(records, None)
    if first is None:
        raise DataError(f"{reference} has no records", "give a file with at least one")
    yield from chain([first], records)


def read_table(
    reference: str, *, header: bool = True, columns: tuple[str, ...] | None = None, quoted: bool = False, skip_short: bool = False
) -> Iterator[Record]:
    """Rows of a tab-separated file. `columns` name them where there is no header, and rename them where there is.

    `quoted`: quotation marks enclose values, as in .csv, instead of being text. A row that is too short is refused, or
    passed over where `skip_short` says so. Raises DataError naming file and line; a row of another width when it is
    asked for a value.
    """
    rows = read_rows(reference, "\t", quoted)
    return _table(reference, rows, header, columns, skip_short)


def read_json(reference: str) -> Any:
    """All of a .json file, packed or not. Raises DataError naming the file."""
    return parse_json(read_text(reference), Where(reference))


def parse_json(text: str, where: Where) -> Any:
    """Stricter than json.loads: no name twice in an object, no number beyond what a float holds, no half characters."""
    try:
        value = plainfiles.parse_json(text, object_pairs_hook=_object, parse_int=_whole, parse_float=_number, parse_constant=_number)
        if _HALF_CHARACTER.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{where}: a text has half a surrogate pair in it", "mend the file: it spells half a character") from error
    except ValueError as error:
        raise DataError(f"{where} is not JSON: {' '.join(str(error).split())[:120]}", "check how the file was written") from error
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise ValueError(f"'{twice}' stands twice in one object")
    return made


def _whole(text: str) -> int:
    _number(text)
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number that can be reckoned with")
    return value


def _reader_of(reference: str) -> Callable[[str], Iterator[Record]]:
    if reference == STANDARD_INPUT:
        return _json_lines
    readers: Mapping[str, Callable[[str], Iterator[Record]]] = {
        "jsonl": _json_lines, "ndjson": _json_lines, "json": _json_list, "csv": _commas, "tsv": read_table,
    }  # fmt: skip
    suffix = suffix_of(reference)
    if suffix not in readers:
        known = ", ".join(f".{known}" for known in readers)
        raise DataError(f"{reference} is of no kind that holds records", f"files of records are {known}, or these as .gz or .zst")
    return readers[suffix]


def _json_lines(reference: str) -> Iterator[Record]:
    for number, line in read_lines(reference):
        if line.strip():
            yield _json_record(line, Where(reference, number))


def _json_record(line: str, where: Where) -> Record:
    try:
        return record_of(parse_json(line, where), where)
    except DataError as error:
        return Record(where, Unreadable(error))


def _json_list(reference: str) -> Iterator[Record]:
    content = read_json(reference)
    listed = content.get("data") if isinstance(content, dict) else content
    if not isinstance(listed, list):
        raise DataError(f"{reference} holds no list of records", 'write [{...}, {...}] or {"data": [{...}, {...}]}')
    for number, value in enumerate(listed, start=1):
        where = Where(reference, number)
        try:
            yield record_of(value, where)
        except DataError as error:
            yield Record(where, Unreadable(error))


def record_of(value: Any, where: Where) -> Record:
    """Raises DataError for what is no object."""
    if not isinstance(value, dict):
        raise DataError(f"{where} is not an object but {type(value).__name__}", 'a record is {"column": value, ...}')
    return Record(where, value)


def _commas(reference: str) -> Iterator[Record]:
    return _table(reference, read_rows(reference, ",", quoted=True), True, None, False)


def _table(
    reference: str, rows: Iterator[tuple[int, list[str]]], header: bool, columns: tuple[str, ...] | None, skip_short: bool
) -> Iterator[Record]:
    for line, values in rows:
        where = Where(reference, line)
        if header:
            columns, header = _columns(values, columns, where), False
            continue
        assert columns, "a table without a header needs names for its columns"
        if len(values) < len(columns) and skip_short:
            continue
        if len(values) != len(columns):
            yield Record(where, Unreadable(_uneven(where, len(values), len(columns))))
            continue
        yield Record(where, dict(zip(columns, values, strict=True)))


def _columns(written: list[str], wanted: tuple[str, ...] | None, where: Where) -> tuple[str, ...]:
    columns = wanted or tuple(written)
    if len(columns) != len(written):
        raise _uneven(where, len(written), len(columns))
    if twice := {name for name in columns if columns.count(name) > 1}:
        raise DataError(f"{where}: two columns are called '{min(twice)}'", "give every column a name of its own")
    return columns


def _uneven(where: Where, found: int, wanted: int) -> DataError:
    hint = "quote values that hold the separator or a line's end (.csv), or check the file's ending: commas part a .csv, tabs a .tsv"
    return DataError(f"{where} has {found} column{'s' * (found != 1)} and should have {wanted}", hint)
