"""Notation of labels, inferred from all training examples together.

One label alone does not say whether -1 is a class or marks a missing label, whether [1, 0] names
two labels or is a 0/1 vector, or whether 1.0 is a class or a number. An ambiguous case is an error
or a remark.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from sslcli.data.records.labels import (
    AskedKind,
    Gold,
    Kind,
    Vector,
    as_number,
    converted,
    counted,
    in_order,
    kind_of,
)
from sslcli.data.records.read_context import joined_names
from sslcli.errors import DataError, UsageError

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
LIKE_IDS = 0.9  # share of different labels from which on they look like ids
FEWEST_IDS = 50  # examples
MANY = 1_000  # different classes that are worth a sentence
_BITS = re.compile("[01]{2,}")
_WHOLE = re.compile(r"(-?\d+)\.0*")
# what stands between several labels in one text
JOINTS = {",": "commas", ";": "semicolons", "|": "bars"}
_DECIMAL_COMMA = re.compile(r"-?\d+(,\d+)?")
_SHOWN = 6


class LabelNames(tuple[str, ...]):
    """The labels of a model in order, among which one is looked up as in a dictionary."""

    @cached_property
    def known(self) -> Mapping[str, None]:
        """The names as dictionary keys, for fast lookup."""
        return dict.fromkeys(self)

    def __contains__(self, label: object) -> bool:
        return label in self.known


@dataclass(frozen=True)
class LabelForm:
    """How labels are written.

    `no_label`: texts that mean no label. `names`: of the entries of vectors, () without vectors.
    `notes`: remarks. `columns`: whether the names are those of columns, which only a search of all
    columns found. `are_whole`: whether all labels are whole numbers, so that 1.0 is the class 1.
    """

    kind: Kind
    no_label: tuple[str, ...]
    names: tuple[str, ...] = ()
    columns: bool = False
    are_whole: bool = False
    notes: Sequence[str] = field(default_factory=tuple)


def form_of(
    golds: Sequence[Gold | None],
    kind: AskedKind,
    no_label: Sequence[str] | None = None,
    names: Sequence[str] = (),
) -> LabelForm:
    """Infer the form of all training labels. `kind` may be "auto"; `no_label` and `names` are the
    user's.

    Raises DataError or UsageError that names the flag to set where the labels are ambiguous.
    """
    given = [gold for gold in golds if gold is not None]
    marks = tuple(MARKS) if no_label is None else tuple(no_label)
    vectors = [gold for gold in given if isinstance(gold, Vector)]
    if vectors:
        plain = (gold for gold in given if not isinstance(gold, Vector))
        others = [gold for gold in plain if gold != () and _unmarked(gold, marks) is not None]
        form = _of_vectors(others, vectors, kind, tuple(names), marks)
        return replace(form, notes=(*form.notes, *_notes_of_lists(given, kind)))
    if names:
        raise UsageError(
            "--label-names names the places of vectors of zeros and ones, and there are none",
            "leave it out",
        )
    texts = Counter(as_text(gold) for gold in given if not isinstance(gold, tuple))
    in_lists = Counter(label for gold in given if isinstance(gold, tuple) for label in gold)
    found = [mark for mark in marks if texts[mark] or (mark in NUMBERS and in_lists[mark])]
    if no_label is None:
        marks, found = _without_classes(marks, found, texts + in_lists, kind)
    left = [gold for gold in (_unmarked(gold, found) for gold in given) if gold is not None]
    decided: Kind = kind_of(left) if kind == "auto" else kind
    if kind == "auto" and decided == "classes":
        _refuse_joined({as_text(gold) for gold in left})
        _refuse_bits({as_text(gold) for gold in left})
    notes = (*_notes_of_lists(left, kind), *_notes(left, decided, kind == "auto"))
    return LabelForm(decided, marks, notes=notes)


def are_whole(golds: Iterable[Gold | None], no_label: Sequence[str]) -> bool:
    """Tell whether all labels, except marks of none, are whole numbers."""
    texts = {gold for gold in golds if isinstance(gold, str)}.difference(no_label)
    return all(_WHOLE.fullmatch(text) or text.removeprefix("-").isdecimal() for text in texts)


def means_no_label(value: Any) -> bool:
    """Tell whether a field marks a missing label, where no class has that name."""
    return value is None or str(value).strip() in ("", *MARKS)


def as_text(gold: Gold) -> str:
    """Return a label as text."""
    return str(gold)


def _unmarked(gold: Gold, marks: Collection[str]) -> Gold | None:
    """The label; of a list, without the marks among NUMBERS. None where there is none."""
    if not isinstance(gold, tuple):
        return None if as_text(gold) in marks else gold
    left = tuple(label for label in gold if label not in NUMBERS or label not in marks)
    return left if left or not gold else None


def plain_label(gold: Gold | None, form: LabelForm, known: Mapping[str, Any]) -> Gold | None:
    """Return the label in plain form: None for a mark of none, names for vectors, 1 for 1.0.

    `known` are the labels of the model, in order; empty while they are being collected. Raises
    ValueError saying what is wrong.
    """
    if gold is None or isinstance(gold, Vector):
        return None if gold is None else _of_vector(gold, form, known)
    gold = _unmarked(gold, [mark for mark in form.no_label if mark not in known])
    if gold is None or isinstance(gold, tuple):
        return gold
    whole = _WHOLE.fullmatch(gold) if form.kind == "classes" and isinstance(gold, str) else None
    if whole and gold not in known and (form.are_whole if not known else whole[1] in known):
        return whole[1]
    is_class = isinstance(gold, float) and form.kind == "classes"
    return converted(gold, "classes") if is_class else gold


def _of_vector(gold: Vector, form: LabelForm, known: Mapping[str, Any]) -> Gold | None:
    names = form.names
    if gold.names and not names:
        are_labels = bool(known) and (gold.asked or known.keys() <= set(gold.names))
        if not are_labels:
            return None  # columns of zeros and ones beside a text, which nobody called labels
        names = gold.names if gold.asked else tuple(known)
    if not names and len(known) == len(gold.places) and not known.keys() >= {"0", "1"}:
        names = tuple(known)
    if not names and form.kind == "classes" and known:
        raise ValueError("the label is a list of zeros and ones, and every text has one class")
    if not names:
        return converted(gold, "labels")
    if gold.names:
        places = dict(zip(gold.names, gold.places, strict=True))
        given = [name for name in names if places.get(name)]
    elif len(gold.places) != len(names):
        raise ValueError(
            f"the label is a vector of {len(gold.places)} places, and there are {len(names)} labels"
        )
    else:
        given = [name for name, place in zip(names, gold.places, strict=True) if place]
    if form.kind != "classes":
        return tuple(sorted(given))
    if len(given) != 1:
        raise ValueError(f"the vector has {len(given)} ones, and a class is a single one")
    return given[0]


def _without_classes(
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
    said = ", ".join(in_order(others)[:_SHOWN])
    return DataError(
        f"the label {mark} may mean that there is none, or be one like {said}",
        f"--no-label={mark} leaves these examples out; --no-label none takes every label as it is",
    )


def _refuse_bits(labels: Collection[str]) -> None:
    """Raises DataError where labels look like vectors with nothing between their places: 010."""
    sizes = {len(label) for label in labels}
    if len(sizes) == 1 and all(map(_BITS.fullmatch, labels)) and min(labels)[0] == "0":
        problem = f"labels such as '{min(labels)}' may be vectors, or names of classes"
        hint = "write vectors as lists, [0, 1]; --kind classes takes each label as one class"
        raise DataError(problem, hint)


def _refuse_joined(labels: Collection[str]) -> None:
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


def _of_vectors(
    others: Sequence[Gold],
    vectors: Sequence[Vector],
    kind: AskedKind,
    names: tuple[str, ...],
    marks: tuple[str, ...],
) -> LabelForm:
    """`others`: labels that are none of vectors, and say that there is a label."""
    sizes = Counter(len(vector.places) for vector in vectors)
    if vectors[0].names:
        return _of_columns(vectors, kind)
    plain = next(iter(others), None)
    size = len(names) or (next(iter(sizes)) if len(sizes) == 1 else 0)
    repeated = any(len(set(vector.places)) < len(vector.places) for vector in vectors)
    certain = any(vector.certain for vector in vectors)
    if (certain or repeated) and (plain is not None or len(sizes) > 1):
        other = (
            f"'{plain}'"
            if plain is not None
            else f"vectors of {' and '.join(map(str, sorted(sizes)))} places"
        )
        raise DataError(
            f"some labels are vectors of zeros and ones, and others are {other}",
            "write all of them in one way (--kind)",
        )
    if (
        kind == "number"
        or plain is not None
        or len(sizes) > 1
        or (size == 1 and not certain and not names)
    ):
        return LabelForm("labels" if kind == "auto" else kind, marks)
    if not (certain or repeated or names):
        raise DataError(
            (
                f"labels such as {list(vectors[0].places)} may be vectors, "
                "one place for each label, or lists of the labels 0 and 1"
            ),
            (
                "--label-names A,B,... names the places; "
                'labels that are texts need no guess: ["a", "b"]'
            ),
        )
    if names and len(names) != next(iter(sizes)):
        raise UsageError(
            f"--label-names has {len(names)} names for vectors of {next(iter(sizes))} places",
            "--label-names needs one for each",
        )
    single = all(sum(vector.places) == 1 for vector in vectors)
    decided: Kind = "classes" if kind == "classes" else "labels"
    note = f"labels are vectors of zeros and ones, a place for each of {size} labels"
    if not names:
        note = f"{note}, which are called 0 to {size - 1} (--label-names names them)"
    note = f"{note}; {_taken_as(decided, single and kind == 'auto')}"
    return LabelForm(decided, marks, names or tuple(map(str, range(size))), notes=(note,))


def _of_columns(vectors: Sequence[Vector], kind: AskedKind) -> LabelForm:
    """Several columns of zeros and ones: asked for, or all that there is beside the text."""
    shared = set(vectors[0].names).intersection(*(vector.names for vector in vectors))
    common = [name for name in vectors[0].names if name in shared]
    decided: Kind = "classes" if kind == "classes" else "labels"
    asked = vectors[0].asked
    if len(common) < 2 and not asked:
        return LabelForm(decided, MARKS)
    shown = [joined_names([name]) for name in common[:_SHOWN]]
    named = ", ".join(shown) + (", ..." if len(common) > _SHOWN else "")
    note = (
        f"labels are the {len(common)} columns of zeros and "
        f"ones: {named} (--label-field A,B,... names others)"
    )
    places = [dict(zip(vector.names, vector.places, strict=True)) for vector in vectors]
    single = all(sum(own[name] for name in common) == 1 for own in places)
    note = f"{note}; {_taken_as(decided, single and kind == 'auto')}"
    return LabelForm(decided, MARKS, tuple(common), columns=not asked, notes=(note,))


def _taken_as(kind: Kind, single: bool) -> str:
    """Whether zeros and ones exclude each other.

    `single`: every example has one 1, and nobody said the kind.
    """
    if kind == "classes":
        return "they are classes, of which each text has one"
    said = "each is predicted independently, so a text may have several or none"
    return (
        f"{said}, but every one has exactly one: --kind classes learns them as classes"
        if single
        else said
    )


def _notes_of_lists(golds: Sequence[Gold], kind: AskedKind) -> tuple[str, ...]:
    """What to say of lists that hold one label each."""
    if kind != "auto" or not all(map(_is_list_of_one, golds)):
        return ()
    return (f"labels are lists; {_taken_as('labels', True)}",) if golds else ()


def _is_list_of_one(gold: Gold) -> bool:
    if isinstance(gold, Vector):
        return len(gold.places) == 1 and not (gold.certain or gold.names)
    return isinstance(gold, tuple) and len(gold) == 1


def _notes(golds: Sequence[Gold], kind: Kind, decided_here: bool) -> tuple[str, ...]:
    texts = [gold for gold in golds if not isinstance(gold, tuple | Vector)]
    notes = []
    if decided_here and texts and kind == "number":
        notes.append(
            "labels are numbers, and a number is predicted "
            "(--kind classes makes each of them a class)"
        )
    if (
        decided_here
        and kind == "classes"
        and any(isinstance(gold, float) or _WHOLE.fullmatch(gold) for gold in texts)
    ):
        notes.append(
            "labels such as 1.0 are whole numbers, and "
            "taken for classes (--kind number learns numbers)"
        )
    if (
        decided_here
        and kind == "classes"
        and (word := _word_among_numbers({as_text(gold) for gold in texts}))
    ):
        hint = (
            f"--no-label={word} leaves these examples out; "
            "--kind classes takes every label for a class"
        )
        raise DataError(
            f"most labels are numbers with a fraction, and {word!r:.40} is no number", hint
        )
    if kind == "number":
        if len(texts) > 1 and len({as_number(text) for text in texts}) == 1:
            raise DataError(
                f"every training example has the number {texts[0]}",
                "--label-field names the column of the labels",
            )
        return tuple(notes)
    counts = counted(golds, kind)
    notes += _spellings(counts)
    if (
        decided_here
        and kind == "classes"
        and len(texts) >= FEWEST_IDS
        and len(counts) >= LIKE_IDS * len(texts)
    ):
        problem = (
            f"{len(texts):,} examples have {len(counts):,} different labels, as ids or texts have"
        )
        raise DataError(
            problem,
            (
                "--label-field names the column of the labels; "
                "--kind classes says that these are right"
            ),
        )
    if (
        kind == "classes"
        and len(texts) >= FEWEST_IDS
        and (len(counts) > MANY or 2 * len(counts) > len(texts))
    ):
        notes.append(
            f"{len(texts):,} examples have {len(counts):,} "
            "different labels (--label-field names another column)"
        )
    return tuple(notes)


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
        for labels in alike[:_SHOWN]
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
