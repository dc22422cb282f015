"""Labelled records from JSON: one list, JSON lines, or objects one after another."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from sslcli import plainfiles
from sslcli.data.documents import Where
from sslcli.data.files import read_lines, read_text
from sslcli.data.records.continuing import Unreadable
from sslcli.data.records.json_files import listed_records, split_objects
from sslcli.data.records.read_context import NOT_READ, current_reading
from sslcli.data.records.record import Record
from sslcli.errors import DataError

_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")  # as JSON spells it


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


def read_json_lines(reference: str) -> Iterator[Record]:
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


def read_json_file(reference: str) -> Iterator[Record]:
    """The records of a .json file, whatever its layout."""
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
