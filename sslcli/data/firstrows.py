"""First rows that may name the columns of a table which was said to have no header."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sslcli.data.documents import Where
from sslcli.data.golds import as_number
from sslcli.plainfiles import suffix_of

IF_HEADER = "if this first row is a header, leave --columns away"
_HOLD_ROWS = ("csv", "tsv", "txt")


def is_first_row(where: Where) -> bool:
    """Whether it is the first line of a table that has no header, or one that was taken for a row."""
    return where.unit == "line" and where.record == 1 and suffix_of(where.file) in _HOLD_ROWS


def first_rows_apart(examples: Sequence[Any]) -> Iterator[Any]:
    """Of each file the first row, where its label stands apart from all others of the file.

    It is that of no other row, and every other one comes twice at least; or it alone is no number.
    """
    by_file: dict[str, list[Any]] = {}
    for example in examples:
        by_file.setdefault(example.where.file, []).append(example)
    for own in by_file.values():
        if is_first_row(own[0].where) and _stands_apart([example.gold for example in own]):
            yield own[0]


def _stands_apart(golds: Sequence[Any]) -> bool:
    first, *others = golds
    counts = Counter(gold for gold in others if gold is not None)
    if not isinstance(first, str) or not counts or first in counts:
        return False
    are_numbers = as_number(first) is None and all(as_number(gold) is not None for gold in counts)
    return are_numbers or min(counts.values()) > 1


def named_as(texts: Sequence[str], label: str) -> str:
    """What to type if these are the names of the columns."""
    fields = ["--text-field"] if len(texts) == 1 else ["--first-field", "--second-field"]
    pairs = zip([*fields, "--label-field"], [*texts, label], strict=False)
    return " ".join(f"{flag} {shlex.quote(name)}" for flag, name in pairs)
