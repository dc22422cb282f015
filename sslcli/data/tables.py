"""Rows of separated values, with the line that each begins in."""

import csv
from collections.abc import Iterator

from sslcli.data.documents import Where
from sslcli.data.files import read_lines
from sslcli.errors import DataError


def read_rows(reference: str, separator: str, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """(line from 1, values) of every row that is not blank. `quoted`: a value may stand in quotation marks, line ends in it.

    Raises DataError naming file and line.
    """
    if not quoted:
        yield from ((number, line.split(separator)) for number, line in read_lines(reference) if line.strip())
        return
    lines = (f"{line}\n" for _, line in read_lines(reference))
    rows, first = csv.reader(lines, delimiter=separator, strict=True), 1
    try:
        for values in rows:
            if values:
                yield first, values
            first = rows.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{Where(reference, first)}: the row that begins here cannot be read: {error}",
            'put quotation marks around a value that holds a comma or a line\'s end, and write "" for one inside',
        ) from error
