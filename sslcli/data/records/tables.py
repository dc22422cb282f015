"""Rows of separated values, with the line that each begins in."""

import csv
from collections.abc import Iterable, Iterator

from sslcli.data.documents import Where
from sslcli.data.files import LONGEST_LINE_BYTES, read_lines
from sslcli.errors import DataError

Lines = Iterable[tuple[int, str]]
_HINTS = {  # what Python's csv module says -> what was found, and what to do
    "unexpected end of data": (
        "a quotation mark opens and is never closed",
        (
            'close it, or write "" for a mark inside a quoted '
            "value; a .tsv without quoting is read with --quoted no"
        ),
    ),
    "expected after": (
        "text follows the quotation mark that closes a value",
        (
            'write "" (not \\") for a mark inside a quoted value; '
            "a .tsv without quoting is read with --quoted no"
        ),
    ),
    "field larger": (
        f"a value has more than {LONGEST_LINE_BYTES >> 20} Mi characters",
        "a quotation mark before it may never be closed; break longer texts into several rows",
    ),
}


def read_rows(
    reference: str,
    separator: str,
    quoted: bool,
    lines: Lines | None = None,
    *,
    keeps_empty: bool = False,
) -> Iterator[tuple[int, list[str]]]:
    """(line from 1, values) of every row that is not blank. `quoted`: a value may stand in
    quotation marks, line ends in it.

    `lines` are those of the file, where they were read already; `keeps_empty`: a row of several
    values that are all empty is one too. Raises DataError naming file and
    line.
    """
    lines = read_lines(reference) if lines is None else lines
    if not quoted:
        yield from ((number, line.split(separator)) for number, line in lines if line.strip())
        return
    counted = Pieces(lines)
    rows, first = csv_rows(counted, separator, strict=True), 1
    try:
        for values in rows:
            if any(values) or (keeps_empty and len(values) > 1):
                yield first, values
            first = max(counted.next_line, first + 1)  # rows that a bare CR parts stand in one line
    except csv.Error as error:
        found, hint = next(
            (each for part, each in _HINTS.items() if part in str(error)),
            (
                str(error),
                "put quotation marks around a value that holds the separator or a line's end",
            ),
        )
        where = Where.at_line(reference, first)
        problem = f"{where}: the row that begins here cannot be read: {found}"
        raise DataError(problem, hint) from error


def csv_rows(lines: Iterable[str], separator: str, strict: bool) -> Iterator[list[str]]:
    """Yield rows as csv.reader does, with values as long as a line may be. Raises csv.Error."""
    # the module's own is 131,072
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE_BYTES))
    return csv.reader(lines, delimiter=separator, strict=strict)


class Pieces(Iterator[str]):
    """Lines as the csv module wants them, with their ends; also cut after a bare carriage return,
    which ends rows outside quotation marks. `next_line` is the number of the line that the next row
    begins in.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines, self._pieces, self._number = iter(lines), [], 0

    @property
    def next_line(self) -> int:
        """Number of the line that is read next."""
        return self._number + (not self._pieces)

    def __next__(self) -> str:
        if not self._pieces:
            self._number, line = next(self._lines)
            self._pieces = f"{line}\n".replace("\r", "\r\0").split("\0")[::-1]  # lines have no NUL
        return self._pieces.pop()
