"""The texts that a file of `ssl generate --data` asks about: lines, or a field of its records."""

import json
from collections.abc import Sequence

from sslcli.data.files import read_lines
from sslcli.data.records.record import LABEL_COLUMNS, TABLES, Record
from sslcli.data.records.records import read_records
from sslcli.datasets.cache import Say
from sslcli.errors import DataError
from sslcli.plainfiles import ARROW_SUFFIXES, STANDARD_INPUT, suffix_of
from sslcli.reports import amount

RECORDS = ("jsonl", "ndjson", "json", "csv", "tsv", *ARROW_SUFFIXES)
TEXT_FIELD = "text"
# What a record may say beside its text.
_BESIDE = {*LABEL_COLUMNS, "id", "idx", "index", "language"}


def holds_records(reference: str, field: str | None = None) -> bool:
    """Whether a file holds records, and no lines of text; standard input does where a `field` of
    them is named.
    """
    if reference == STANDARD_INPUT:
        return field is not None
    return suffix_of(reference) in RECORDS


def texts_in(reference: str, field: str | None, say: Say) -> list[str]:
    """The texts of a file or of standard input in their order: every line that holds something, or
    the field of every record, which `say` is told.

    Raises DataError where there is none, or a record has no such text.
    """
    if holds_records(reference, field):
        return _of_records(list(read_records(reference)), reference, field, say)
    found = [line for _, line in read_lines(reference) if line.strip()]
    if not found:
        raise DataError("there is no text to answer", "write one in every line")
    if all(map(_is_object, found)):
        way = "add --text-field NAME" if reference == STANDARD_INPUT else "call the file .jsonl"
        say(f"note: every line is taken as it is, though all are JSON records; {way} to read those")
    return found


def _of_records(
    records: Sequence[Record], reference: str, field: str | None, say: Say
) -> list[str]:
    name = field or _only_text(records[0])
    for record in records:
        if record.is_readable and name not in record.values:
            hint = f"say --text-field NAME; it has {_fields_of(record)}"
            raise record.wrong(name, f"'{name}' is missing", hint)
    found = [record.text(name) for record in records]
    place = "standard input" if reference == STANDARD_INPUT else reference
    said = "" if field else "; --text-field names another"
    say(f"note: {amount(len(found), 'text')} of the field '{name}' of {place}{said}")
    if field is None and name != TEXT_FIELD and suffix_of(reference) in TABLES:
        say(
            f"note: the first line of {place} is read as names of its columns, '{name}' too; if it "
            "is a text as the others are, call the file .txt"
        )
    return found


def _only_text(record: Record) -> str:
    """The field that is asked about where nobody names one. Raises DataError where several may be
    it.
    """
    if TEXT_FIELD in record.values:
        return TEXT_FIELD
    names = [name for name, value in record.values.items() if isinstance(value, str)]
    texts = [name for name in names if name.casefold() not in _BESIDE]
    if len(texts) == 1:
        return texts[0]
    raise DataError(
        f"{record.where}: which field holds the text?",
        f"say --text-field NAME; it has {_fields_of(record)}",
    )


def _fields_of(record: Record) -> str:
    return ", ".join(f"'{name}'"[:40] for name in list(record.values)[:8]) or "none"


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
