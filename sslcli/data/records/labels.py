"""Labels of whole sequences, as files hold them: one class, any number of labels, or a number."""

import ast
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

from sslcli.data.records.record import Record
from sslcli.errors import UsageError, did_you_mean

Kind = Literal["classes", "labels", "number"]
AskedKind = Literal["auto", "classes", "labels", "number"]  # auto: as the training examples have it
LARGEST_NUMBER = 1e18
# whole numbers with a decimal point are classes where there are at most so many
MOST_CLASSES_AS_FLOATS = 50
_HINT = "an answer is a text, a number or a list of texts"
_LIST_HINT = "give names of labels, or a 0 or 1 for each label there is"
_NUMPY_TRUTHS = {"True": True, "False": False, "true": True, "false": False}
# As torch and numpy show a list.
_ARRAY = re.compile(r"(?:tensor|array)\((\[.*?\])(?:, (?:dtype|device)=[\w.':]+)*\)", re.DOTALL)
_EXPONENT = re.compile(r"-?\d+[eE][-+]?\d+")
_PLACES = re.compile(r"[01](( [01])+|( ?, ?[01]){2,})")  # of two with a comma, 1,0 may be a number
_TRUTHS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}


@dataclass(frozen=True, slots=True)
class Vector:
    """A list of zeros and ones: a 0/1 vector, or a list of the labels 0 and 1.

    `certain`: written as 0.0 and 1.0 or false and true, so it is a vector. `names`: the columns of
    the entries, if each had one of its own, and `asked` whether the user named these.
    """

    places: tuple[int, ...]
    certain: bool = False
    names: tuple[str, ...] = ()
    asked: bool = False


Gold = str | float | tuple[str, ...] | Vector


def gold_of(record: Record, kind: AskedKind, *names: str) -> Gold | None:
    """Return the label of the first of these columns, in its own type; None if absent or empty.

    The result does not depend on `kind`, but what no answer of that kind can be is refused. Raises
    DataError naming position and column.
    """
    name, value = record.find(*names)
    if isinstance(value, str) and (listed := _list_in(value, kind)) is not None:
        value = listed
    if value is None or value == "":
        return None
    if isinstance(value, list):
        return _listed(record, name, value, kind)
    gold = value if isinstance(value, float) else _text_of(value)
    if gold is None or (kind == "number" and not _is_number(gold)):
        raise record.wrong(
            name, "this is no number" if kind == "number" else "this is no label", _HINT
        )
    return gold


def columns_of_truths(record: Record, names: Sequence[str], asked: bool) -> Vector | None:
    """Return the columns that each say of one label whether it is given, as 0/1 or false/true.

    Of columns that are `asked` for, all must be there, or none if nothing is set; others are
    skipped. Raises DataError naming a column with any other value.
    """
    found: dict[str, int] = {}
    for name in names:
        place = _TRUTHS.get(str(record.values.get(name)).strip().lower())
        if place is not None:
            found[name] = place
        elif asked and any(record.values.get(each) not in (None, "") for each in names):
            hint = "a column of --label-field A,B,... says of one label whether it is given"
            raise record.wrong(name, f"{record.values.get(name)!r:.40} is neither 0 nor 1", hint)
    return (
        Vector(tuple(found.values()), certain=True, names=tuple(found), asked=asked)
        if found
        else None
    )


def _listed(record: Record, name: str, value: list[Any], kind: AskedKind) -> Gold:
    found = [_text_of(label) for label in value]
    labels = [label for label in found if label is not None]
    all_named = len(labels) == len(found)
    if kind == "classes" and len(found) == len(labels) == 1:
        return labels[0]
    places = [_TRUTHS[text] for label in value if (text := str(label).lower()) in _TRUTHS]
    if found and len(places) == len(found) and kind != "number":
        return Vector(
            tuple(places), certain=any(isinstance(label, bool | float) for label in value)
        )
    if any(
        isinstance(label, bool) or (isinstance(label, float) and label != int(label))
        for label in value
    ):
        raise record.wrong(name, "the list has numbers or truths that are no labels", _LIST_HINT)
    if not all_named or kind in ("classes", "number"):
        raise record.wrong(
            name, "a list of labels" if all_named else "this is no list of labels", _HINT
        )
    numbers = Counter(label for label in labels if as_number(label) is not None)
    if len(numbers) > 1 and numbers.total() == len(labels) > len(numbers):
        twice = numbers.most_common(1)[0][0]
        problem = f"the list has {twice} more than once, and a label is given once"
        raise record.wrong(name, problem, _LIST_HINT)
    return converted(tuple(labels), "labels")


def _list_in(text: str, kind: str) -> list[Any] | None:
    """The list that a table has as text, as Python, JSON or numpy write it: "[0, 1]", "('a', 'b')",
    "[1. 0.]", "1 0 1".
    """
    inner = _ARRAY.sub(r"\1", text.strip())
    if (
        kind == "labels"
        and inner
        and all(part.strip() in _TRUTHS for part in inner.split(","))
        and "," in inner
    ):
        inner = f"[{inner}]"
    elif kind in ("auto", "labels") and _PLACES.fullmatch(inner):
        return [int(part) for part in inner.replace(",", " ").split()]
    if inner[:1] + inner[-1:] not in ("[]", "()", "{}"):
        return None
    try:
        value = ast.literal_eval(inner)
        return list(value) if isinstance(value, list | tuple | set) else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    parts = inner[1:-1].split() if inner[0] == "[" else []
    if parts and all(part.isdecimal() for part in parts):
        return [int(part) for part in parts]
    numbers = [_NUMPY_TRUTHS.get(part, as_number(part)) for part in parts]
    return numbers if parts and None not in numbers else None


def kind_of(golds: Iterable[Gold], most_classes: int = MOST_CLASSES_AS_FLOATS) -> Kind:
    """Lists are sets of labels; anything that is no number is a class, and so are whole numbers.

    Numbers of which one has a fraction are numbers; whole ones with a decimal point are too where
    there are more than `most_classes` different ones.
    """
    golds = list(golds)
    single = [gold for gold in golds if not isinstance(gold, tuple | Vector)]
    if len(single) < len(golds):
        return "labels"
    if not any(
        isinstance(gold, float) or "." in gold or _EXPONENT.fullmatch(gold) for gold in single
    ):
        return "classes"
    numbers = {as_number(gold) for gold in single}
    if None in numbers:
        return "classes"
    fraction = any(number % 1 for number in numbers if number is not None)
    return "number" if fraction or len(numbers) > most_classes else "classes"


@overload
def converted(gold: Gold, kind: Literal["number"]) -> float: ...
@overload
def converted(gold: Gold, kind: Literal["classes"]) -> str: ...
@overload
def converted(gold: Gold, kind: Literal["labels"]) -> tuple[str, ...]: ...
@overload
def converted(gold: Gold, kind: Kind) -> float | str | tuple[str, ...]: ...
def converted(gold: Gold, kind: Kind) -> float | str | tuple[str, ...]:
    """The answer as its kind has it: a text, a sorted tuple of different texts (of one text, cut at
    commas), or a float.
    """
    if isinstance(gold, Vector):
        gold = tuple(map(str, gold.places))
    if kind == "number":
        assert not isinstance(gold, tuple), "a list is no number, which whoever read it has refused"
        return float(gold)
    if kind == "classes":
        return str(_text_of(gold))
    labels = gold if isinstance(gold, tuple) else str(_text_of(gold)).split(",")
    return tuple(sorted({label.strip() for label in labels} - {""}))


def checked_label(gold: Gold, kind: Kind) -> float | str | tuple[str, ...]:
    """`converted`, of an answer that came from elsewhere than those that decided the kind. Raises
    ValueError saying what it is not.
    """
    number = as_number(gold) if kind == "number" else 0.0
    if number is None:
        raise ValueError(
            f"the answer {gold!r:.40} is no number, as those of the training examples are"
        )
    if abs(number) > LARGEST_NUMBER:
        raise ValueError(
            f"the answer {number:g} is beyond {LARGEST_NUMBER:g}, "
            "and its square would be beyond what a loss can be"
        )
    if kind == "classes" and isinstance(gold, tuple | Vector):
        listed = list(gold.places if isinstance(gold, Vector) else gold)
        raise ValueError(
            f"the answer {listed!r:.40} is a list, and the training examples have one class each"
        )
    return converted(gold, kind)


def counted(golds: Iterable[Gold], kind: Kind) -> Counter[str]:
    """Count how often each label is given; empty for numbers."""
    if kind == "number":
        return Counter()
    return Counter(
        label
        for gold in golds
        for label in (
            converted(gold, "labels") if kind == "labels" else (converted(gold, "classes"),)
        )
    )


def in_order(labels: Iterable[str]) -> list[str]:
    """Sorted; as numbers where all of them are whole numbers."""
    labels = list(labels)
    whole = all(label.removeprefix("-").isdecimal() for label in labels)
    return sorted(labels, key=int) if whole else sorted(labels)


def weights_of(value: Any) -> Literal["none", "balanced"] | dict[str, float]:
    """ "no=1,yes=3" -> {"no": 1.0, "yes": 3.0}. Raises ValueError for what is neither that nor one
    of the two words.
    """
    if value in ("none", "balanced"):
        return value
    pairs = (
        value.items()
        if isinstance(value, Mapping)
        else (part.rpartition("=")[::2] for part in str(value).split(","))
    )
    try:
        weights = {str(label).strip(): float(weight) for label, weight in pairs}
    except (TypeError, ValueError):
        weights = {}
    if not weights or not all(label and 0 < weight < math.inf for label, weight in weights.items()):
        raise ValueError("must be none, balanced, or numbers above 0 by label, as in no=1,yes=3")
    return weights


def settled_weights(
    asked: Literal["balanced"] | Mapping[str, float], counts: Mapping[str, int]
) -> dict[str, float]:
    """A weight for every class, their mean over the examples 1; balanced ones are n / (C n_c).
    Raises UsageError.
    """
    if asked == "balanced":
        asked = {label: 1 / count for label, count in counts.items()}
    if unknown := asked.keys() - counts.keys():
        stranger = min(unknown)
        hint = did_you_mean(stranger, counts) or f"labels: {', '.join(in_order(counts))}"
        raise UsageError(f"--class-weights names '{stranger}', which no training example is", hint)
    weights = {label: asked.get(label, 1.0) for label in in_order(counts)}
    mean = math.fsum(weights[label] * count for label, count in counts.items()) / sum(
        counts.values()
    )
    return {label: weight / mean for label, weight in weights.items()}


def mean_of(golds: Sequence[Gold]) -> float:
    """Return the mean of numeric labels."""
    return math.fsum(converted(gold, "number") for gold in golds) / len(golds)


def _text_of(value: Any) -> str | None:
    """A label as text: 3.0 and 3 are "3", true is "true"; None for what is no label."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return (
        str(value).strip() if isinstance(value, str | int | float) and str(value).strip() else None
    )


def as_number(gold: Any) -> float | None:
    """The finite number that a label is, None where it is none."""
    try:
        number = float(gold)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _is_number(gold: Gold) -> bool:
    return as_number(gold) is not None
