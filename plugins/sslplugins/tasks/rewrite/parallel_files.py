"""Files of sources and targets: records, two columns with a tab between them, two files line by
line.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from sslcli.api import (
    ARROW_SUFFIXES,
    DataError,
    Example,
    Parsed,
    PassedOver,
    Record,
    UsageError,
    Where,
    current_reading,
    read_lines,
    read_records,
    read_table,
    remark,
    suffix_of,
)
from sslplugins.tasks.rewrite.pairs_of_texts import PAIRS, Columns, columns_of

_TABBED = ("tsv", "txt")
_HOLD_RECORDS = ("jsonl", "ndjson", "json", "csv", "tsv", *ARROW_SUFFIXES)
SOURCE, TARGET = PAIRS[0]
EMPTY = "one of the two lines is empty"


def read_pairs_of(reference: str, asked: Columns) -> Iterator[Record]:
    """Yield the records of a file; of two columns with a tab between them it is decided whether the
    first row names them, aloud. Raises DataError.
    """
    if suffix_of(reference) not in _TABBED or current_reading().columns:
        return read_records(reference)
    if not Path(reference).is_file():
        return read_records(reference)
    quoted = current_reading().quoted is True
    plain = read_table(reference, header=False, columns=(SOURCE, TARGET), quoted=quoted)
    first = next(plain, None)
    if first is None or not first.is_readable:  # none, or other than two columns
        return _with_header(reference)
    names = [str(first.values[name]).strip() for name in (SOURCE, TARGET)]
    if columns_of(names, asked, reference) not in (None, asked) or asked.source in names:
        return _with_header(reference)
    remark(
        f"{reference}: its first row is taken for an example, source and target with a tab between "
        "them (a first row that names its columns, as source and target, is none)"
    )
    return chain([first], plain)


def _with_header(reference: str) -> Iterator[Record]:
    """A .txt too is a table, if there are tabs in it."""
    if suffix_of(reference) == "txt":
        return read_table(reference)
    return read_records(reference)


def together(references: Sequence[str], language_of: Callable[[str], tuple[str, str]]) -> list:
    """Two files of lines, each with its language ("en=a.en", "zh=a.zh"), become one reference.

    Raises UsageError where they are of one language, or more than two, or one file is both sides.
    """
    tagged = [(reference, *language_of(reference)) for reference in references]
    lines = [each for each in tagged if each[1] and _is_lines(each[2])]
    if not lines:
        return list(references)
    if len(lines) != 2 or len({language for _, language, _ in lines}) != 2:
        listed = ", ".join(each for each, *_ in lines)
        raise UsageError(
            f"{listed} {'is' if len(lines) == 1 else 'are'} not two files of two languages",
            "give one file of sources and one of targets, line by line: --data en=FILE --data "
            "zh=FILE",
        )
    if len({os.path.realpath(path) for *_, path in lines}) != 2:
        raise UsageError(
            f"{lines[0][2]} is given as the sources and as the targets",
            "give two files, line by line: --data en=FILE --data zh=FILE",
        )
    pair = tuple(each for each, *_ in lines)
    return [pair, *(each for each in references if each not in pair)]


def _is_lines(path: str) -> bool:
    return Path(path).is_file() and suffix_of(path) not in _HOLD_RECORDS


def read_aligned(
    paths: Sequence[tuple[str, str]], parse: Callable[[Record], Example]
) -> Iterator[Example]:
    """Yield the pairs of two files, line i of one with line i of the other; `paths`: language and
    path of each.

    Pairs with an empty side are passed over. Raises DataError where the numbers of lines differ:
    then no line can be trusted.
    """
    (first, source), (second, target) = paths
    sides = [list(read_lines(path)) for path in (source, target)]
    if len(sides[0]) != len(sides[1]):
        raise DataError(
            f"{source} has {len(sides[0]):,} lines and {target} has {len(sides[1]):,}",
            "line i of one must belong to line i of the other: the numbers must be equal",
        )
    remark(f"{source} and {target} are read line by line, from {first} to {second}")

    def example(number: int) -> Example:
        (line, text), (_, other) = sides[0][number], sides[1][number]
        where = Where.at_line(source, line)
        if not text.strip() or not other.strip():
            raise PassedOver(where, EMPTY)
        return parse(Record(where, {SOURCE: text.strip(), TARGET: other.strip()}))

    return Parsed(example, range(len(sides[0])))
