"""Which columns of a record hold its texts and its label: the same ones throughout a file."""

import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence

from sslcli.data.records.continuing import Unreadable
from sslcli.data.records.labels import AskedKind, Gold, as_number, columns_of_truths, gold_of
from sslcli.data.records.read_context import NOT_READ, current_reading, names_of, remark
from sslcli.data.records.record import LABEL_COLUMNS, TABLES, Record
from sslcli.errors import DataError
from sslcli.plainfiles import suffix_of

Columns = Sequence[str | tuple[str, ...]]
_NO_LABELS = ("id", "idx", "index", "language")


def label_of(
    record: Record, kind: AskedKind, asked: str, usual: Sequence[str], texts: Sequence[str]
) -> Gold | None:
    """Return the label as written, from the column `asked` or the first of the `usual` ones.

    Several columns ("a,b") each say of one label whether it is given; a name with a comma is in
    quotation marks. Without a usual column, all candidates are taken along. Raises DataError naming
    the position.
    """
    if current_reading().labels == "unread":
        return None
    if asked:
        names = (asked,) if asked in record.values else names_of(asked) or (asked,)
        several = len(names) > 1
        return columns_of_truths(record, names, True) if several else gold_of(record, kind, *names)
    column = next((name for name in usual if name in record.values), None)
    if column is not None:
        return gold_of(record, kind, column)
    others = [
        name
        for name, value in record.values.items()
        if name.lower() not in _NO_LABELS and value not in texts
    ]
    found = columns_of_truths(record, others, False)
    if found is not None and any(
        name.lower() in LABEL_COLUMNS and name not in found.names for name in others
    ):
        return None  # "category" beside columns of zeros and ones: which of them are meant?
    return found


def in_usual_case(record: Record, usual: Collection[str]) -> Record:
    """Rename columns that differ from a usual name in case alone ("Tokens"), with a remark."""
    names = [name for name in record.values if name not in usual]
    by_case: dict[str, list[str]] = {}
    for name in names:
        by_case.setdefault(name.strip().casefold(), []).append(name)
    wanted = {
        by_case[name][0]: name
        for name in usual
        if name not in record.values and len(by_case.get(name, ())) == 1
    }
    for own, name in wanted.items():
        remark(f"{record.where.file}: '{own}' is read as '{name}'")
    return (
        Record(
            record.where, {wanted.get(name, name): value for name, value in record.values.items()}
        )
        if wanted
        else record
    )


def in_one_column(
    records: Iterator[Record], reference: str, wanted: Mapping[str, Columns]
) -> Iterator[Record]:
    """Yield all records, with `wanted` columns by flag; the first column that a record has is read.

    Names may differ in case ("Text"): the record has the usual one. There are remarks on that, and
    on files with several of the columns. A record whose label is in another column than those
    before cannot be read.
    """
    taken: dict[str, str] = {}  # by flag, the columns as the file names them
    before: list[str] | None = None
    usual: dict[str, str] = {}
    for record in records:
        if not record.is_readable:
            yield record
            continue
        if before == (names := list(record.values)):
            yield _renamed(record, usual)
            continue
        found = {flag: _candidates(names, columns) for flag, columns in wanted.items()}
        if before is None and suffix_of(reference) in TABLES:
            _refuse_without_text(record, reference, wanted, found)
        before = names
        usual = {own: name for each in found.values() for own, name in (each[0] if each else ())}
        for flag, candidates in found.items():
            if not candidates:
                continue
            here, *rest = (_named([own for own, _ in each]) for each in candidates)
            if flag not in taken:
                taken[flag] = here
                _say_taken(reference, flag, here, candidates[0], rest)
            elif here != taken[flag] and (
                flag != "--label-field" or current_reading().labels != "needed"
            ):
                remark(
                    f"{reference}: some records have {taken[flag]} and some {here} ({flag} chooses)"
                )
            elif here != taken[flag]:
                problem = f"this record has {here} and those before have {taken[flag]}"
                hint = f"give all of them one column, or name it with {flag}"
                record = Record(
                    record.where, Unreadable(DataError(f"{record.where}: {problem}", hint))
                )
                before = []  # the next one of this kind cannot be read either
                break
        yield _renamed(record, usual) if record.is_readable else record


Candidate = tuple[tuple[str, str], ...]  # the columns of a file and the usual name of each


def _candidates(names: Sequence[str], columns: Columns) -> list[Candidate]:
    """All columns that could be read, the first one first: each as it is written, then in another
    case.
    """
    by_case: dict[str, list[str]] = {}
    for name in names:
        by_case.setdefault(name.strip().casefold(), []).append(name)
    found = []
    for column in columns:
        parts = [column] if isinstance(column, str) else column
        written = [
            sorted(by_case.get(part.casefold(), ()), key=lambda own, part=part: own != part)
            for part in parts
        ]
        found += [tuple(zip(each, parts, strict=True)) for each in zip(*written, strict=False)]
    return found


def _renamed(record: Record, usual: Mapping[str, str]) -> Record:
    """With columns under their usual names; whatever else has such a name is left out, for it is
    not read.
    """
    if all(own == name for own, name in usual.items()):
        return record
    others = {
        name: value
        for name, value in record.values.items()
        if name not in usual and name not in usual.values()
    }
    return Record(record.where, {name: record.values[own] for own, name in usual.items()} | others)


def _say_taken(reference: str, flag: str, here: str, first: Candidate, rest: Sequence[str]) -> None:
    chooses = "choose" if " and " in flag else "chooses"
    verb = "are" if len(first) > 1 else "is"
    if rest:
        remark(f"{reference}: {here} {verb} read, and not {', '.join(rest)} ({flag} {chooses})")
    elif any(own != name for own, name in first):
        remark(
            f"{reference}: {here} {verb} read as "
            f"{_named([name for _, name in first])} ({flag} {chooses} another)"
        )


def _refuse_without_text(
    record: Record,
    reference: str,
    wanted: Mapping[str, Columns],
    found: Mapping[str, Sequence[Candidate]],
) -> None:
    """Of a table, whose columns no later record will have either. Raises DataError."""
    for flag, columns in wanted.items():
        if flag == "--label-field" or not columns or found[flag]:
            continue
        there = ", ".join(
            f"'{textwrap.shorten(name, 40, placeholder='...')}'" for name in list(record.values)[:8]
        )
        usual = " or ".join(_named(column) for column in columns[:4])
        problem = f"{reference} has no column {_named(columns[0])}; its first row has {there}"
        example = ",".join(_likely_names(list(record.values), columns[0]))
        names = "name" if " and " in flag else "names"
        hint = f"where this row is data, say --columns {example} or as the columns are"
        raise DataError(
            problem, f"{hint}; where it is a header, {flag} {names} the texts, or call them {usual}"
        )


def _likely_names(cells: Sequence[str], texts: str | tuple[str, ...]) -> list[str]:
    """What --columns might say of a first row of data.

    The cells of most words are the texts, and of the others the last word, or number, is the label.
    """
    wanted = [texts] if isinstance(texts, str) else list(texts)
    by_length = sorted(range(len(cells)), key=lambda n: (-len(cells[n].split()), -len(cells[n])))
    names = dict(zip(sorted(by_length[: len(wanted)]), wanted, strict=False))
    others = [place for place in range(len(cells)) if place not in names]
    if others:
        names[max(others, key=lambda place: (as_number(cells[place]) is None, place))] = "label"
    return [names.get(place, NOT_READ) for place in range(len(cells))]


def _named(column: str | Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in ([column] if isinstance(column, str) else column))
