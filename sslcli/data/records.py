"""Labelled records out of JSON, JSON lines and tables, each knowing its place, so that a mistake can be found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sslcli.data.documents import Where
from sslcli.errors import DataError


@dataclass(frozen=True, slots=True)
class Record:
    """One flat record: column -> value, and where it stands."""

    where: Where
    values: Mapping[str, Any]

    def find(self, *names: str) -> tuple[str, Any]:
        """The first of these columns that the record has, and its value; the first name and None where it has none."""
        return next(((name, self.values[name]) for name in names if self.values.get(name) is not None), (names[0], None))

    def text(self, *names: str) -> str:
        """A text that must be there. Raises DataError where it is missing, empty or no text."""
        name, value = self.find(*names)
        if not isinstance(value, str) or not value.strip():
            problem = f"'{name}' is missing" if value is None else "the text is empty" if isinstance(value, str) else "this is no text"
            columns = ", ".join(f"'{column}'" for column in list(self.values)[:8]) or "none"
            raise self.wrong(name, problem, f"a record needs {' or '.join(repr(each) for each in names)}; this one has {columns}")
        return value

    def wrong(self, field: str, problem: str, hint: str) -> DataError:
        """An error to raise, which names the place."""
        return DataError(f"{replace(self.where, field=field)}: {problem}", hint)


def read_records(reference: str) -> Iterator[Record]:
    """Of .jsonl, .json (a list, or an object whose "data" is one), .csv and .tsv, packed or not, or "-" as JSON lines.

    Raises DataError naming file and record.
    """
    raise NotImplementedError
