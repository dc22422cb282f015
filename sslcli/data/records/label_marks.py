"""Marks that stand for no label, and which of them are classes by all that the labels show."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sslcli.data.records.labels import Gold, as_number, in_order
from sslcli.errors import DataError

# "-": SNLI and MultiNLI, where annotators did not agree; -1: the same as `datasets` writes it, and
# its test splits (huggingface/datasets#1963); -100: what losses of torch ignore; the words: missing
# values as pandas, R and SQL write them.
MARKS = (
    "-",
    "-1",
    "-1.0",
    "-100",
    "-100.0",
    "nan",
    "NaN",
    "NA",
    "N/A",
    "<NA>",
    "null",
    "NULL",
    "None",
    "\\N",
)
# Of the marks, those that may be a class or a number; in lists they are the only marks.
NUMBERS = ("-1", "-1.0", "-100", "-100.0")
WORDS = ("NA", "N/A", "null", "None")  # and those that may be names of classes
MOST_SHOWN_LABELS = 6


def means_no_label(value: Any) -> bool:
    """Tell whether a field marks a missing label, where no class has that name."""
    return value is None or str(value).strip() in ("", *MARKS)


def as_text(gold: Gold) -> str:
    """Return a label as text."""
    return str(gold)


def unmarked(gold: Gold, marks: Collection[str]) -> Gold | None:
    """The label; of a list, without the marks among NUMBERS. None where there is none."""
    if not isinstance(gold, tuple):
        return None if as_text(gold) in marks else gold
    left = tuple(label for label in gold if label not in NUMBERS or label not in marks)
    return left if left or not gold else None


def without_classes(
    marks: tuple[str, ...], found: list[str], texts: Mapping[str, int], kind: str
) -> tuple[tuple[str, ...], list[str]]:
    """The marks but for those that are classes or numbers by all that the labels show. Raises
    DataError where it is open.
    """
    others = {text: count for text, count in texts.items() if count and text not in found}
    classes = [mark for mark in found if _is_class(mark, texts[mark], others, kind)]
    return tuple(mark for mark in marks if mark not in classes), [
        mark for mark in found if mark not in classes
    ]


def _is_class(mark: str, count: int, others: Mapping[str, int], kind: str) -> bool:
    if mark == "-":
        return "+" in others
    if not others:
        return False
    if mark in WORDS and count >= min(others.values()):
        raise _open(mark, others)
    numbers = {as_number(text) for text in others}
    if mark not in NUMBERS or None in numbers:
        return False  # a word, or words beside a number
    value = float(mark)
    if any(number < 0 for number in numbers if number is not None and number != value):
        return True  # a scale such as -2 to 2
    fraction = any(number % 1 for number in numbers if number is not None) or kind == "number"
    if not fraction and value == -1.0 and numbers == {1.0}:
        return True  # the two classes of a separating plane
    if not fraction and (value == -100.0 or numbers > {0.0, 1.0}):
        return False  # classes are counted from 0; of -1, 0 and 1 nobody knows
    raise _open(mark, others)


def _open(mark: str, others: Iterable[str]) -> DataError:
    said = ", ".join(in_order(others)[:MOST_SHOWN_LABELS])
    return DataError(
        f"the label {mark} may mean that there is none, or be one like {said}",
        f"--no-label={mark} leaves these examples out; --no-label none takes every label as it is",
    )
