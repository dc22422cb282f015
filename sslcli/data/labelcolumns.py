"""Which columns of a record hold its texts and its label: the same ones throughout a file."""

from collections.abc import Iterator, Mapping, Sequence

from sslcli.data.files import suffix_of
from sslcli.data.golds import Gold, columns_of_truths, gold_of
from sslcli.data.readcontext import names_of, remark
from sslcli.data.reading import Unreadable
from sslcli.data.records import TABLES, Record
from sslcli.errors import DataError

Columns = Sequence[str | tuple[str, ...]]
_NO_LABELS = ("id", "idx", "index", "language")


def label_of(record: Record, kind: str, asked: str, usual: Sequence[str], texts: Sequence[str]) -> Gold | None:
    """The label as it is written, of the column that is `asked` for, or of the first of the `usual` ones that is there.

    Several columns ("a,b") say of one label each whether it is given; where there is no usual column, all that could are
    taken along. Raises DataError naming the place.
    """
    if asked:
        several = names_of(asked) if "," in asked and asked not in record.values else ()
        return columns_of_truths(record, several, True) if several else gold_of(record, kind, asked)
    column = next((name for name in usual if name in record.values), None)
    if column is not None:
        return gold_of(record, kind, column)
    others = [name for name, value in record.values.items() if name not in _NO_LABELS and value not in texts]
    return columns_of_truths(record, others, False)


def in_one_column(records: Iterator[Record], reference: str, wanted: Mapping[str, Columns]) -> Iterator[Record]:
    """All records. `wanted`: by flag the columns of which the first that a record has is read.

    Says where a file has several of them. A record whose label is in another one than those before cannot be read.
    """
    taken: dict[str, str | tuple[str, ...]] = {}
    before: list[str] | None = None
    for record in records:
        if not record.is_readable or before == (names := list(record.values)):
            yield record
            continue
        if before is None and suffix_of(reference) in TABLES:
            _refuse_without_text(record, reference, wanted)
        before = names
        for flag, columns in wanted.items():
            here = [column for column in columns if _has(record, column)]
            if not here:
                continue
            if flag not in taken:
                taken[flag] = here[0]
                if len(here) > 1:
                    rest = ", ".join(_named(column) for column in here[1:])
                    remark(f"{reference}: {_named(here[0])} is read, and not {rest} ({flag} chooses)")
            elif here[0] != taken[flag] and flag != "--label-field":
                remark(f"{reference}: some records have {_named(taken[flag])} and some {_named(here[0])} ({flag} chooses)")
            elif here[0] != taken[flag]:
                problem = f"this record has {_named(here[0])} and those before have {_named(taken[flag])}"
                hint = f"give all of them one column, or name it with {flag}"
                record = Record(record.where, Unreadable(DataError(f"{record.where}: {problem}", hint)))
                before = []  # the next one of this kind cannot be read either
                break
        yield record


def _refuse_without_text(record: Record, reference: str, wanted: Mapping[str, Columns]) -> None:
    """Of a table, whose columns no later record will have either. Raises DataError."""
    for flag, columns in wanted.items():
        if flag == "--label-field" or not columns or any(_has(record, column) for column in columns):
            continue
        there = ", ".join(f"'{name}'"[:40] for name in list(record.values)[:8])
        usual = " or ".join(_named(column) for column in columns[:4])
        problem = f"{reference} has no column {_named(columns[0])}; its first row has {there}"
        hint = f"name the texts {usual}, or say {flag}; where the first row is data, --columns names the columns"
        raise DataError(problem, hint)


def _has(record: Record, column: str | tuple[str, ...]) -> bool:
    return all(name in record.values for name in ([column] if isinstance(column, str) else column))


def _named(column: str | tuple[str, ...]) -> str:
    return " and ".join(f"'{name}'" for name in ([column] if isinstance(column, str) else column))
