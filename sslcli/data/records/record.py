"""A flat record with its position, for error messages."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sslcli.data.documents import Where
from sslcli.data.records.continuing import Unreadable
from sslcli.data.records.item import ITEM, Item
from sslcli.errors import DataError
from sslcli.plainfiles import suffix_of

TABLES = ("csv", "tsv")
# Names that headers have, in lower case.
LABEL_COLUMNS = {
    "label", "labels", "gold_label", "sentiment", "score", "stars", "rating", "target", "class",
    "category",
}  # fmt: skip


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
    def item(self) -> Item | None:
        """The image, sound or row of a table that the record is of; None of other records."""
        value = self.values.get(ITEM)
        return value if isinstance(value, Item) else None

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
