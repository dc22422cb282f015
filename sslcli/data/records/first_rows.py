"""First rows that may be a header of a table declared to have none."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from sslcli.data.documents import Where
from sslcli.data.records.labels import as_number
from sslcli.plainfiles import suffix_of

IF_HEADER = "if this first row is a header, leave --columns away"
_HOLD_ROWS = ("csv", "tsv", "txt")
_LONGEST_NAME, _MOST_WORDS = 30, 3  # of a column
_OF_SENTENCES = re.compile(r"[,;!?\uff0c\uff1b\uff01\uff1f\u3002\u3001]|\.$")


def is_first_row(where: Where) -> bool:
    """Tell whether it is the first line of a table without a header, or one taken for a row."""
    return where.unit == "line" and where.record == 1 and suffix_of(where.file) in _HOLD_ROWS


def first_rows_alone(examples: Sequence[Any]) -> Iterator[tuple[Any, bool]]:
    """Return, by file, the first row that may be a header, and whether it stands apart.

    Its label occurs in no other row, others occur twice, and its texts may be column names; it
    stands apart if every other label occurs at least twice, or if its own alone is no number.
    """
    by_file: dict[str, list[Any]] = {}
    for example in examples:
        by_file.setdefault(example.where.file, []).append(example)
    for first, *others in by_file.values():
        counts = Counter(example.gold for example in others if example.gold is not None)
        is_alone = isinstance(first.gold, str) and counts and first.gold not in counts
        if not is_alone or not is_first_row(first.where):
            continue
        names_numbers = as_number(first.gold) is None and all(
            as_number(gold) is not None for gold in counts
        )
        are_classes = max(counts.values()) > 1
        if names_numbers or (
            are_classes and _are_like_names(first.data, [each.data for each in others])
        ):
            yield first, names_numbers or min(counts.values()) > 1


def _are_like_names(texts: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    return all(_is_like_name(text, [each[at] for each in others]) for at, text in enumerate(texts))


def _is_like_name(text: str, below: Sequence[str]) -> bool:
    """Whether it is of few words, and shorter than most texts below it or of other letters."""
    if len(text) > _LONGEST_NAME or len(text.split()) > _MOST_WORDS or _OF_SENTENCES.search(text):
        return False
    return len(text) < median(map(len, below)) or not set(text) <= set().union(*below)


def named_as(texts: Sequence[str], label: str) -> str:
    """Return the flags to type if these are the names of the columns."""
    fields = ["--text-field"] if len(texts) == 1 else ["--first-field", "--second-field"]
    pairs = zip([*fields, "--label-field"], [*texts, label], strict=False)
    return " ".join(f"{flag} {shlex.quote(name)}" for flag, name in pairs)
