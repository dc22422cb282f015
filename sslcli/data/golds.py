"""Gold answers about whole sequences, as files hold them: one class of several, any number of labels, or a number."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from sslcli.data.records import Record
from sslcli.errors import UsageError, did_you_mean

Kind = Literal["classes", "labels", "number"]
Gold = str | float | tuple[str, ...]
LARGEST_NUMBER = 1e18
_HINT = "an answer is a text, a number or a list of texts"


def gold_of(record: Record, kind: Kind | Literal["auto"], *names: str) -> Gold | None:
    """What the first of these columns says, of its own type; None where it is not there or empty.

    It is the same whatever `kind` is known by now; what no answer of that kind can be is refused. Raises DataError naming
    place and column.
    """
    name, value = record.find(*names)
    if value is None or value == "":
        return None
    if isinstance(value, list):
        labels = [_text_of(label) for label in value]
        if None in labels or kind in ("classes", "number"):
            raise record.wrong(name, "a list of labels" if None not in labels else "this is no list of labels", _HINT)
        return converted(tuple(labels), "labels")
    gold = value if isinstance(value, float) else _text_of(value)
    if gold is None or (kind == "number" and not _is_number(gold)):
        raise record.wrong(name, "this is no number" if kind == "number" else "this is no label", _HINT)
    return gold


def kind_of(golds: Iterable[Gold]) -> Kind:
    """Lists are sets of labels; numbers, of which one at least has a decimal point, are numbers; anything else is a class."""
    golds = list(golds)
    if any(isinstance(gold, tuple) for gold in golds):
        return "labels"
    decimal = any(isinstance(gold, float) or "." in gold for gold in golds)
    return "number" if decimal and all(map(_is_number, golds)) else "classes"


def converted(gold: Gold, kind: Kind) -> Gold:
    """The answer as its kind has it: a text, a sorted tuple of different texts (of one text, cut at commas), or a float."""
    if kind == "number":
        return float(gold)
    if kind == "classes":
        return str(_text_of(gold))
    labels = gold if isinstance(gold, tuple) else str(_text_of(gold)).split(",")
    return tuple(sorted({label.strip() for label in labels} - {""}))


def checked(gold: Gold, kind: Kind) -> Gold:
    """`converted`, of an answer that came from elsewhere than those that decided the kind. Raises ValueError saying what it is not."""
    if kind == "number" and not _is_number(gold):
        raise ValueError(f"the answer {gold!r:.40} is no number, as those of the training examples are")
    if kind == "number" and abs(float(gold)) > LARGEST_NUMBER:
        raise ValueError(f"the answer {gold:g} is beyond {LARGEST_NUMBER:g}, and its square would be beyond what a loss can be")
    if kind == "classes" and isinstance(gold, tuple):
        raise ValueError(f"the answer {list(gold)!r:.40} is a list, and the training examples have one class each")
    return converted(gold, kind)


def counted(golds: Iterable[Gold], kind: Kind) -> Counter[str]:
    """How often each label is given; empty for numbers."""
    if kind == "number":
        return Counter()
    found = (converted(gold, kind) for gold in golds)
    return Counter(label for gold in found for label in (gold if isinstance(gold, tuple) else (gold,)))


def in_order(labels: Iterable[str]) -> list[str]:
    """Sorted; as numbers where all of them are whole numbers."""
    labels = list(labels)
    whole = all(label.removeprefix("-").isdecimal() for label in labels)
    return sorted(labels, key=int) if whole else sorted(labels)


def weights_of(value: Any) -> Literal["none", "balanced"] | dict[str, float]:
    """ "no=1,yes=3" -> {"no": 1.0, "yes": 3.0}. Raises ValueError for what is neither that nor one of the two words."""
    if value in ("none", "balanced"):
        return value
    pairs = value.items() if isinstance(value, Mapping) else (part.rpartition("=")[::2] for part in str(value).split(","))
    try:
        weights = {str(label).strip(): float(weight) for label, weight in pairs}
    except (TypeError, ValueError):
        weights = {}
    if not weights or not all(label and 0 < weight < math.inf for label, weight in weights.items()):
        raise ValueError("must be none, balanced, or numbers above 0 by label, as in no=1,yes=3")
    return weights


def settled_weights(asked: Literal["balanced"] | Mapping[str, float], kind: Kind, counts: Mapping[str, int]) -> dict[str, float]:
    """A weight for every class, their mean over the examples 1; balanced ones are n / (C n_c). Raises UsageError."""
    if kind != "classes":
        raise UsageError("class weights need one class for every example", "leave --class-weights away")
    if asked == "balanced":
        asked = {label: 1 / count for label, count in counts.items()}
    if unknown := asked.keys() - counts.keys():
        stranger = min(unknown)
        hint = did_you_mean(stranger, counts) or f"labels: {', '.join(in_order(counts))}"
        raise UsageError(f"--class-weights names '{stranger}', which no training example is", hint)
    weights = {label: asked.get(label, 1.0) for label in in_order(counts)}
    mean = math.fsum(weights[label] * count for label, count in counts.items()) / sum(counts.values())
    return {label: weight / mean for label, weight in weights.items()}


def mean_of(golds: Sequence[Gold]) -> float:
    return math.fsum(float(gold) for gold in golds) / len(golds)


def _text_of(value: Any) -> str | None:
    """A label as text: 3.0 and 3 are "3", true is "true"; None for what is no label."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value).strip() if isinstance(value, str | int | float) and str(value).strip() else None


def _is_number(gold: Gold) -> bool:
    try:
        return math.isfinite(float(gold))
    except (TypeError, ValueError):
        return False
