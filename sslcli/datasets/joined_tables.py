"""Tables of several files as one: each of its own numbers its own categories."""

from collections.abc import Mapping

import numpy as np

from sslcli.errors import DataError
from sslcli.rows.schema import Schema


class JoinedTables:
    """The columns of all files, with the categories of all of them in the order of their coming."""

    def __init__(self) -> None:
        self._first: Schema | None = None
        self._last: Schema | None = None
        self._known: Mapping[int, dict[str, int]] = {}  # of each column of categories
        self._codes: dict[int, np.ndarray] = {}

    @property
    def table(self) -> Schema | None:
        """The table of all records so far, None where there is none."""
        if self._first is None:
            return None
        columns = [
            column._replace(categories=tuple(self._known.get(place, ())))
            for place, column in enumerate(self._first.columns)
        ]
        return self._first._replace(columns=tuple(columns))

    def joined(self, table: Schema, values: np.ndarray | None) -> np.ndarray:
        """The values of a record, [C, 2], with the numbers of the joined categories."""
        assert values is not None, "a record has values"
        if table is not self._last:
            self._take(table)
        if not self._codes:
            return values
        values = values.copy()
        for place, codes in self._codes.items():
            if not np.isnan(values[place, 0]):
                values[place, 0] = codes[int(values[place, 0])]
        return values

    def _take(self, table: Schema) -> None:
        """Raises DataError where a file has other columns than those before it."""
        if self._first is None:
            self._first = table
            self._known = {
                place: {} for place, column in enumerate(table.columns) if column.kind == "category"
            }
        here, first = (
            [(column.name, column.kind) for column in each.columns] for each in (table, self._first)
        )
        if here != first:
            raise DataError(
                f"a file has the columns {here}, and those before it have {first}"[:300],
                "give files of the same columns",
            )
        self._last, self._codes = table, {}
        for place, known in self._known.items():
            own = table.columns[place].categories
            codes = [known.setdefault(each, len(known)) for each in own]
            if codes != list(range(len(codes))):
                self._codes[place] = np.asarray(codes)
