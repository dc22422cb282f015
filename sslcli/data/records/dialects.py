"""Dialect of a table: its separator, and whether quotation marks enclose values.

A .csv is quoted. A .tsv may be either: GLUE's files have quotation marks as text, pandas and
spreadsheets enclose a value that holds one and double those inside (facebookresearch/pytext#777).
The file itself decides, and an ambiguous case is remarked on.
"""

import csv
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sslcli.data.files import read_lines
from sslcli.data.records.read_context import current_reading, remark
from sslcli.data.records.tables import Lines, Pieces, csv_rows, read_rows
from sslcli.errors import DataError
from sslcli.plainfiles import STANDARD_INPUT

CANDIDATES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
MOST_KEPT_BYTES = 1 << 25  # of a file whose lines are all kept
_SAMPLE_LINES = 200
_MARK = '"'


def read_any_rows(
    reference: str, usual: str, width: int | None = None
) -> Iterator[tuple[int, list[str]]]:
    """(line, values) of every row of a .csv (`usual` ",") or .tsv ("\\t"), however it is written.

    `width`: how many columns it has, where that is known. Raises DataError naming file and line.
    """
    asked, lines = current_reading(), _reread(reference)
    sample = list(islice(lines(), _SAMPLE_LINES))
    directive = _directive(sample)
    skipped = 1 if directive else 0
    separator = asked.separator or directive or _separator(reference, usual, sample, width)
    quoted = asked.quoted
    if quoted is None and usual == ",":
        quoted = True
    elif quoted is None:
        lines = _kept(reference, lines)
        quoted = _is_quoted(reference, separator, lines)
    rows = read_rows(reference, separator, quoted, islice(lines(), skipped, None))
    return _watched(reference, separator, rows) if quoted else rows


def _watched(
    reference: str, separator: str, rows: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    """The same rows. Said at their end: whole rows that seem to stand inside a value, as behind a
    mark that opens by mistake.
    """
    width, first, swallowed = 0, 0, 0
    for line, values in rows:
        width = width or len(values)
        if found := _rows_inside(values, separator, width):
            first, swallowed = first or line, swallowed + found
        yield line, values
    if swallowed:
        rows_stand = (
            "1 line that looks like a row stands"
            if swallowed == 1
            else f"{swallowed:,} lines that look like rows stand"
        )
        remark(
            f"{reference}: {rows_stand} inside a quoted "
            f"value, the first in the row of line {first};"
            " where that is not meant, a quotation mark there opens or closes by mistake"
        )


def _rows_inside(values: Sequence[str], separator: str, width: int) -> int:
    """How many whole lines of a value have as many columns as the table, where all of its lines
    have.
    """
    for value in values if width > 1 else ():
        inner = [line for line in value.split("\n")[1:-1] if line.strip()] if "\n" in value else []
        if inner and all(line.count(separator) == width - 1 for line in inner):
            return len(inner)
    return 0


def _reread(reference: str) -> Callable[[], Iterator[tuple[int, str]]]:
    """Gives the lines from the first one on, again and again; those of a pipe are kept in
    memory.
    """
    if reference != STANDARD_INPUT and _is_regular(reference):
        return lambda: read_lines(reference)
    kept = list(read_lines(reference))
    return lambda: iter(kept)


def _kept(
    reference: str, lines: Callable[[], Iterator[tuple[int, str]]]
) -> Callable[[], Iterator[tuple[int, str]]]:
    """The same from memory, where the file is not large: it is read once."""
    if not _is_regular(reference) or Path(reference).stat().st_size > MOST_KEPT_BYTES:
        return lines
    kept = list(lines())
    return lambda: iter(kept)


def _is_regular(reference: str) -> bool:
    try:
        return stat.S_ISREG(Path(reference).stat().st_mode)
    except OSError:
        return True  # reading it says what is wrong


def _directive(sample: Sequence[tuple[int, str]]) -> str | None:
    """The separator that a first line "sep=;" names, as Excel writes and reads it."""
    first = sample[0][1].strip(' "') if sample else ""
    return first[4:] if first.lower().startswith("sep=") and len(first) == 5 else None


def _separator(
    reference: str, usual: str, sample: Sequence[tuple[int, str]], width: int | None
) -> str:
    """`usual`, unless only another one parts every row of the sample into the same columns, which
    is said.
    """
    fits = {mark: _fit(sample, mark, width) for mark in CANDIDATES}
    if fits[usual].columns > 1 or not sample:
        return usual
    others = [mark for mark, fit in fits.items() if fit.columns > 1 and fit.share == 1.0]
    others = others or [mark for mark, fit in fits.items() if fit.columns > 1 and fit.share >= 0.5]
    if len(others) > 1:
        named = " or ".join(CANDIDATES[mark] for mark in others)
        raise DataError(f"{reference}: {named} may part its columns", "say which with --separator")
    if not others:
        return usual
    remark(
        f"{reference}: {CANDIDATES[others[0]]} part its columns, "
        f"not {CANDIDATES[usual]} (--separator says another)"
    )
    return others[0]


@dataclass(frozen=True)
class _Fit:
    """`columns` of the first row; `share` of the rows that have as many."""

    columns: int
    share: float


def _fit(sample: Sequence[tuple[int, str]], separator: str, width: int | None) -> _Fit:
    """Of a sample whose last row may be cut off."""
    try:
        rows = [row for row in csv_rows(Pieces(sample), separator, strict=False) if row]
    except csv.Error:
        return _Fit(0, 0.0)
    rows = rows[:-1] if len(sample) == _SAMPLE_LINES else rows
    if not rows or (width is not None and len(rows[0]) != width):
        return _Fit(0, 0.0)
    return _Fit(len(rows[0]), sum(len(row) == len(rows[0]) for row in rows) / len(rows))


@dataclass
class _Marks:
    """Cells with quotation marks. `doubled`: enclosed, those inside doubled, as only quoting writes
    them; `enclosed`: enclosed, none inside; `text`: neither. `enclosed_columns`: whether some
    column, its name included, is enclosed throughout.
    """

    doubled: int = 0
    enclosed: int = 0
    text: int = 0
    enclosed_columns: bool = False


def _is_quoted(
    reference: str, separator: str, lines: Callable[[], Iterator[tuple[int, str]]]
) -> bool:
    """Whether a .tsv is quoted, by all of its rows; said where it could be either."""
    if not any(_MARK in line for _, line in lines()):
        return False
    survey = _Surveyed(separator, lines())
    quoted = _quoted_rows(reference, separator, survey)
    plain, marks = survey.rows, survey.marks
    if (plain is None) != (quoted is None):
        return plain is None
    if plain is None or plain == quoted:
        if marks.text and marks.doubled:
            _say(
                reference,
                marks.doubled < marks.text,
                f"{marks.doubled:,} values look quoted and {marks.text:,} do not",
            )
            return marks.doubled >= marks.text
        if marks.doubled or marks.enclosed_columns:
            return not marks.text
        if marks.enclosed and not marks.text:
            stand = "1 value stands" if marks.enclosed == 1 else f"{marks.enclosed:,} values stand"
            _say(reference, True, f"{stand} in quotation marks")
        return False
    _say(reference, True, f"it has {plain:,} rows so and {quoted:,} where marks enclose values")
    return False


def _say(reference: str, as_text: bool, why: str) -> None:
    taken = (
        "its quotation marks are taken for text"
        if as_text
        else "its quotation marks are taken to enclose values"
    )
    remark(
        f"{reference}: {taken} ({why}; --quoted "
        f"{'yes' if as_text else 'no'} reads it the other way)"
    )


class _Surveyed(Iterator[tuple[int, str]]):
    """Lines, of which it is counted on the way how they are when quotation marks are text.

    `rows`, None where they do not all have as many columns as the first; and `marks`.
    """

    def __init__(self, separator: str, lines: Lines) -> None:
        self._separator, self._lines = separator, iter(lines)
        self.rows: int | None = 0
        self.marks = _Marks()
        self._width = 0
        self._throughout: set[int] | None = None

    def __next__(self) -> tuple[int, str]:
        number, line = next(self._lines)
        if line.strip():
            width = line.count(self._separator) + 1
            self._width = self._width or width
            self.rows = None if self.rows is None or width != self._width else self.rows + 1
            self._count_marks(line)
        return number, line

    def _count_marks(self, line: str) -> None:
        cells = line.split(self._separator) if _MARK in line else []
        enclosed = {
            place
            for place, cell in enumerate(cells)
            if len(cell) > 1 and cell[0] == cell[-1] == _MARK
        }
        self._throughout = enclosed if self._throughout is None else self._throughout & enclosed
        self.marks.enclosed_columns = bool(self._throughout)
        for place, cell in enumerate(cells):
            inner = cell[1:-1].replace(_MARK * 2, "") if place in enclosed else cell
            if _MARK in inner:
                self.marks.text += 1
            elif place in enclosed:
                doubled = _MARK in cell[1:-1]
                self.marks.doubled += doubled
                self.marks.enclosed += not doubled


def _quoted_rows(reference: str, separator: str, lines: _Surveyed) -> int | None:
    """How many rows there are where marks enclose values, None where they differ in columns.

    All of the lines are read.
    """
    count, width = 0, 0
    try:
        for _, values in read_rows(reference, separator, True, lines):
            width = width or len(values)
            count += 1
            if len(values) != width:
                raise DataError("uneven")
    except DataError:
        deque(lines, maxlen=0)
        return None
    return count
