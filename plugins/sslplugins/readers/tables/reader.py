"""Tables of separated values (CSV, TSV), one record a document; the first line names the columns.

The file is read twice: once to see what its columns hold, once for its records, so that memory does
not grow with it. How numbers are scaled, and which categories a model knows, is learnt later, on
the training part alone.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import nan
from typing import ClassVar, Literal

import numpy as np

from sslcli.api import (
    Config,
    DataError,
    Document,
    Reader,
    Schema,
    TableColumn,
    Where,
    amount,
    current_reading,
    in_two_parts,
    read_rows,
    refuse_missing_columns,
    setting,
    suffix_of,
)
from sslplugins.readers.tables.columns import NO_LABEL, Seen, is_identifier, label_among, present
from sslplugins.readers.tables.values import is_missing, number_in, why_no_number

SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";", "bar": "|"}
UNKNOWN = "the model does not know it"


class TableReader(Reader["TableReader.Options"]):
    """Records of columns that hold numbers or categories, with missing values."""

    summary = "tables of numbers and categories (CSV, TSV), a record a line"
    modality = "table"

    class Options(Config):
        label: str | None = setting(
            None,
            "column that says what a record is, which the model does not see; found by its usual"
            " names (label, class, target, anomaly, ...) when not given, 'none' for none",
            "--label",
        )
        columns: list[str] = setting([], "columns that are read; all when not given", "--columns")
        leave_out: list[str] = setting(
            [], "columns that are not read, as those that only name a record", "--leave-out"
        )
        categories: list[str] = setting(
            [], "columns whose numbers are names of categories", "--categories"
        )
        separator: Literal["auto", "comma", "tab", "semicolon", "bar"] = setting(
            "auto", "what stands between the values of a line", "--separator"
        )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._known: Schema | None = None

    def as_in(self, table: Schema) -> "TableReader":
        """Return the reader for the columns of this table."""
        reader = type(self)(self.options)
        reader._known = table
        return reader

    def opened(self, reference: str) -> "TableFile":
        """The file and the names of its columns. Raises DataError where it has none."""
        return TableFile.opened(reference, SEPARATORS.get(self.options.separator))

    def documents(self, reference: str) -> Iterator[Document]:
        """Yield the records. Raises DataError naming file, line and column of what is no table, or
        none that can be told for sure.
        """
        file = self.opened(reference)
        table = self._told(file) if self._known is None else self._as_known(file, self._known)
        places = [file.names.index(column.name) for column in table.columns]
        codes = [
            {category: code for code, category in enumerate(column.categories)}
            for column in table.columns
        ]
        label_at = file.names.index(table.label) if table.label else None
        for line, cells in file.lines():
            values = [
                _value(cells[at], column, known, file.at(line, column.name))
                for at, column, known in zip(places, table.columns, codes, strict=True)
            ]
            yield Document(
                file.at(line),
                array=in_two_parts(np.asarray(values, dtype=np.float64)),
                label=(cells[label_at] or None) if label_at is not None else None,
                table=table,
            )

    def _told(self, file: "TableFile") -> Schema:
        """The columns, by their names and by what they hold."""
        options, names, reference = self.options, file.names, file.reference
        label = label_among(names, options.label, reference)
        asked = present(names, options.columns, "--columns", reference)
        named = present(names, options.categories, "--categories", reference)
        out = present(names, options.leave_out, "--leave-out", reference)
        reasons = dict.fromkeys(out, "as it was asked")
        if not asked:
            only_names = [name for name in names if is_identifier(name) and name not in named]
            reasons = dict.fromkeys(only_names, "by its name it only names records") | reasons
        wanted = [
            name for name in asked or names if name not in reasons and name not in ("", label)
        ]
        columns = []
        for seen in file.seen(wanted, named):
            found = (
                seen.as_categories(reference)
                if seen.name in named
                else seen.column(reference, file.unit)
            )
            if isinstance(found, str):
                reasons[seen.name] = found
            else:
                columns.append(found)
        if not columns:
            why = "; ".join(f"{name}: {why}" for name, why in reasons.items()) or "there is none"
            raise DataError(
                f"{reference} has no column that can be read ({why[:200]})",
                "name some with --columns",
            )
        return Schema(tuple(columns), label, tuple(reasons.items()))

    def _as_known(self, file: "TableFile", known: Schema) -> Schema:
        """The columns of a known table, wherever they stand, with the categories of this file."""
        names, reference = file.names, file.reference
        refuse_missing_columns(known, names, reference)
        own = {column.name: column.kind for column in known.columns}
        label = self._label_beside(known, own, names, reference)
        named = [name for name, kind in own.items() if kind == "category"]
        categories = {seen.name: tuple(sorted(seen.distinct)) for seen in file.seen(named, named)}
        columns = [
            TableColumn(name, kind, categories=categories.get(name, ()))
            for name, kind in own.items()
        ]
        expected = {*own, label, *(name for name, _ in known.left_out)}
        unknown = [(name, UNKNOWN) for name in names if name not in expected]
        return Schema(tuple(columns), label, tuple(unknown))

    def _label_beside(
        self, known: Schema, own: Collection[str], names: Sequence[str], reference: str
    ) -> str:
        """The column of the labels, which the model does not read. Raises DataError for one that it
        does.
        """
        asked = self.options.label
        if asked in own and asked != NO_LABEL:
            raise DataError(
                f"{reference}: column '{asked}' is one that the model reads, so it is no label",
                "name another with --label, or pretrain a model without it: --leave-out",
            )
        is_needed = current_reading().labels == "needed" or asked in (*names, NO_LABEL)
        if asked not in (None, known.label) and is_needed:
            return label_among(names, asked, reference)
        if known.label in names:
            return known.label
        return label_among([name for name in names if name not in own], None, reference)


@dataclass(frozen=True)
class TableFile:
    """A file of separated values whose first line names its columns."""

    reference: str
    separator: str
    names: Sequence[str]

    unit: ClassVar[Literal["record", "line"]] = "line"

    def at(self, number: int, column: str | None = None) -> Where:
        """The position of a record, or of a cell of it."""
        return Where(self.reference, number, column, self.unit)

    @classmethod
    def opened(cls, reference: str, separator: str | None) -> "TableFile":
        """By the separator that is said, or that of which the first line has most."""
        first = next(iter(read_rows(reference, "\0", False)), None)
        if first is None:
            raise DataError(f"{reference} is empty", "its first line names the columns")
        if separator is None:
            is_tabbed = suffix_of(reference) == "tsv"
            separator = "\t" if is_tabbed else max(SEPARATORS.values(), key=first[1][0].count)
        names = [name.strip() for name in next(iter(read_rows(reference, separator, True)))[1]]
        _refuse_names(names, reference)
        return cls(reference, separator, names)

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """The cells of each record, without white space around them, and the line it begins in.
        Raises DataError for a line of another length.
        """
        rows = iter(read_rows(self.reference, self.separator, True, keeps_empty=True))
        next(rows)
        expected = len(self.names)
        for line, cells in rows:
            if len(cells) != expected:
                where = Where.at_line(self.reference, line)
                raise DataError(
                    f"{where} has {amount(len(cells), 'value')}, and there are "
                    f"{amount(expected, 'column')}",
                    "put quotation marks around a value that holds the separator, or choose "
                    "--separator",
                )
            yield line, [cell.strip() for cell in cells]

    def seen(self, wanted: Sequence[str], named: Collection[str]) -> list[Seen]:
        """What these columns hold; those that are `named` hold categories. Raises DataError where
        there is no record.
        """
        found = [Seen(name) for name in wanted]
        places = [(self.names.index(each.name), each, each.name in named) for each in found]
        records = 0
        for line, cells in self.lines():
            records += 1
            for at, each, is_named in places:
                each.note(cells[at], line, is_named=is_named)
        if not records:
            raise DataError(
                f"{self.reference} has names of columns and no record", "check the file"
            )
        return found


def _refuse_names(names: Sequence[str], reference: str) -> None:
    """Raises DataError where the first line does not name each column."""
    where = Where.at_line(reference, 1)
    if names and all(number_in(name) is not None or is_missing(name) for name in names):
        raise DataError(
            f"{where} holds values where the names of the columns belong", "add a line of names"
        )
    if blank := [number for number, name in enumerate(names[1:], 2) if not name]:
        raise DataError(f"{where}: column {blank[0]} has no name", "give it one")
    if double := [name for number, name in enumerate(names) if name in names[:number]]:
        raise DataError(f"{where} names two columns '{double[0]}'", "rename one of them")


def _value(cell: str, column: TableColumn, codes: dict[str, int], where: Where) -> float:
    """A number, or that of a category; not a number where it is missing."""
    if is_missing(cell):
        return nan
    if column.kind == "category":
        return float(codes[cell])
    value = number_in(cell)
    if value is None:
        what, hint = why_no_number(cell)
        raise DataError(
            f"{where} holds {what} where a number belongs", hint or "mend it, or leave it empty"
        )
    return value
