"""What is odd about the labels of a data set: joined labels, ids, spellings of one label."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal

from sslcli.data.records.label_marks import MOST_SHOWN_LABELS, as_text
from sslcli.data.records.labels import Gold, Kind, Vector, as_number, counted
from sslcli.errors import DataError

LIKE_IDS = 0.9  # share of different labels from which on they look like ids
FEWEST_IDS = 50  # examples
MANY = 1_000  # different classes that are worth a sentence
_BITS = re.compile("[01]{2,}")
WHOLE_NUMBER = re.compile(r"(-?\d+)\.0*")
# what stands between several labels in one text
JOINTS = {",": "commas", ";": "semicolons", "|": "bars"}
_DECIMAL_COMMA = re.compile(r"-?\d+(,\d+)?")


def refuse_bits(labels: Collection[str]) -> None:
    """Raises DataError where labels look like vectors with nothing between their places: 010."""
    sizes = {len(label) for label in labels}
    if len(sizes) == 1 and all(map(_BITS.fullmatch, labels)) and min(labels)[0] == "0":
        problem = f"labels such as '{min(labels)}' may be vectors, or names of classes"
        hint = "write vectors as lists, [0, 1]; --kind classes takes each label as one class"
        raise DataError(problem, hint)


def refuse_joined(labels: Collection[str]) -> None:
    """Raises DataError where labels look like several labels in one text, or like numbers with a
    decimal comma.
    """
    for mark, name in JOINTS.items():
        parts = {label: {part.strip() for part in label.split(mark)} for label in labels}
        joined = [label for label in labels if mark in label]
        counts = Counter(part for own in parts.values() for part in own)
        of_others = [
            label for label in joined if all(part and counts[part] > 1 for part in parts[label])
        ]
        if joined and mark == "," and all(map(_DECIMAL_COMMA.fullmatch, labels)):
            hint = (
                "write numbers with a point (1.5); --kind labels takes "
                "lists apart, --kind classes takes each as one class"
            )
            raise DataError(
                f"labels such as {min(joined)} may be numbers with a comma, or lists of labels",
                hint,
            )
        if joined and 2 * len(of_others) >= len(joined):
            apart = (
                "--kind labels takes them apart"
                if mark == ","
                else "commas between them and --kind labels take them apart"
            )
            problem = (
                f"labels such as '{min(of_others)}' may be several "
                f"labels with {name} between them, or a single one"
            )
            raise DataError(problem, f"{apart}; --kind classes takes each as one class")


def notes_of_labels(golds: Sequence[Gold], kind: Kind, decided_here: bool) -> tuple[str, ...]:
    """Return remarks on labels that are there; `decided_here`: nobody said their kind.

    Raises DataError for a column that holds no labels by all that they show.
    """
    texts = [gold for gold in golds if not isinstance(gold, tuple | Vector)]
    notes = list(_on_the_kind(texts, kind)) if decided_here else []
    if kind == "number":
        if len(texts) > 1 and len({as_number(text) for text in texts}) == 1:
            raise DataError(
                f"every training example has the number {texts[0]}",
                "--label-field names the column of the labels",
            )
        return tuple(notes)
    counts = counted(golds, kind)
    notes += _spellings(counts)
    if kind == "classes" and len(texts) >= FEWEST_IDS:
        notes += _on_many(len(texts), len(counts), decided_here)
    return tuple(notes)


def _on_the_kind(texts: Sequence[str | float], kind: Kind) -> Iterator[str]:
    """What to say of a kind that the labels were taken for, and nobody said."""
    if texts and kind == "number":
        yield (
            "labels are numbers, and a number is predicted "
            "(--kind classes makes each of them a class)"
        )
    if kind != "classes":
        return
    if any(isinstance(gold, float) or WHOLE_NUMBER.fullmatch(gold) for gold in texts):
        yield (
            "labels such as 1.0 are whole numbers, and "
            "taken for classes (--kind number learns numbers)"
        )
    if word := _word_among_numbers({as_text(gold) for gold in texts}):
        raise DataError(
            f"most labels are numbers with a fraction, and {word!r:.40} is no number",
            (
                f"--no-label={word} leaves these examples out; "
                "--kind classes takes every label for a class"
            ),
        )


def _on_many(examples: int, labels: int, decided_here: bool) -> Iterator[str]:
    """What to say of as many different classes as ids or texts have."""
    found = f"{examples:,} examples have {labels:,} different labels"
    if decided_here and labels >= LIKE_IDS * examples:
        raise DataError(
            f"{found}, as ids or texts have",
            (
                "--label-field names the column of the labels; "
                "--kind classes says that these are right"
            ),
        )
    if labels > MANY or 2 * labels > examples:
        yield f"{found} (--label-field names another column)"


def _word_among_numbers(labels: Collection[str]) -> str:
    """One of few labels that are no numbers, where most are numbers with a fraction; else the empty
    string.
    """
    words = [label for label in labels if as_number(label) is None]
    fractions = [
        label for label in labels if (number := as_number(label)) is not None and number % 1
    ]
    return (
        min(words) if words and len(words) < len(labels) / 2 and len(fractions) > len(words) else ""
    )


def _spellings(counts: Mapping[str, int]) -> list[str]:
    """Labels that may be one, for they differ only in the ways that the sentence names."""
    by_spelling: dict[str | Decimal, list[str]] = {}
    for label in counts:
        by_spelling.setdefault(_plain_spelling(label), []).append(label)
    alike = [labels for labels in by_spelling.values() if len(labels) > 1]
    ways = "case, blanks, forms of Unicode or the way a number is written"
    return [
        f"labels that differ only in {ways} are different ones: "
        + " and ".join(f"{_visible(label)} ({counts[label]:,})" for label in labels)
        for labels in alike[:MOST_SHOWN_LABELS]
    ]


def _plain_spelling(label: str) -> str | Decimal:
    """A whole number as its value; else in small letters, composed, without what cannot be seen.

    Fractions are texts: 2.1 and 2.10 may be sections.
    """
    if (number := as_number(label)) is not None and number % 1 == 0:
        return Decimal(label)  # exactly, as a float would not be
    seen = (
        letter
        for letter in unicodedata.normalize("NFKC", label)
        if unicodedata.category(letter) != "Cf"
    )
    return " ".join("".join(seen).casefold().split())


def _visible(label: str) -> str:
    """In quotation marks; as codes where its characters do not show which they are."""
    shows = label.isprintable() and unicodedata.is_normalized("NFKC", label)
    return f"'{label}'" if shows else ascii(label)
