"""Notation of labels, inferred from all training examples together.

One label alone does not say whether -1 is a class or marks a missing label, whether [1, 0] names
two labels or is a 0/1 vector, or whether 1.0 is a class or a number. An ambiguous case is an error
or a remark.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from sslcli.data.records.label_marks import (
    MARKS,
    NUMBERS,
    as_text,
    unmarked,
    without_classes,
)
from sslcli.data.records.label_oddities import (
    WHOLE_NUMBER,
    notes_of_labels,
    refuse_bits,
    refuse_joined,
)
from sslcli.data.records.label_vectors import LabelForm, form_of_vectors, label_of_vector, taken_as
from sslcli.data.records.labels import (
    AskedKind,
    Gold,
    Kind,
    Vector,
    converted,
    kind_of,
)
from sslcli.errors import UsageError


class LabelNames(tuple[str, ...]):
    """The labels of a model in order, among which one is looked up as in a dictionary."""

    @cached_property
    def known(self) -> Mapping[str, None]:
        """The names as dictionary keys, for fast lookup."""
        return dict.fromkeys(self)

    def __contains__(self, label: object) -> bool:
        return label in self.known


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
        others = [gold for gold in plain if gold != () and unmarked(gold, marks) is not None]
        form = form_of_vectors(others, vectors, kind, tuple(names), marks)
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
        marks, found = without_classes(marks, found, texts + in_lists, kind)
    left = [gold for gold in (unmarked(gold, found) for gold in given) if gold is not None]
    decided: Kind = kind_of(left) if kind == "auto" else kind
    if kind == "auto" and decided == "classes":
        refuse_joined({as_text(gold) for gold in left})
        refuse_bits({as_text(gold) for gold in left})
    notes = (*_notes_of_lists(left, kind), *notes_of_labels(left, decided, kind == "auto"))
    return LabelForm(decided, marks, notes=notes)


def are_whole(golds: Iterable[Gold | None], no_label: Sequence[str]) -> bool:
    """Tell whether all labels, except marks of none, are whole numbers."""
    texts = {gold for gold in golds if isinstance(gold, str)}.difference(no_label)
    return all(WHOLE_NUMBER.fullmatch(text) or text.removeprefix("-").isdecimal() for text in texts)


def plain_label(gold: Gold | None, form: LabelForm, known: Mapping[str, Any]) -> Gold | None:
    """Return the label in plain form: None for a mark of none, names for vectors, 1 for 1.0.

    `known` are the labels of the model, in order; empty while they are being collected. Raises
    ValueError saying what is wrong.
    """
    if gold is None or isinstance(gold, Vector):
        return None if gold is None else label_of_vector(gold, form, known)
    gold = unmarked(gold, [mark for mark in form.no_label if mark not in known])
    if gold is None or isinstance(gold, tuple):
        return gold
    whole = (
        WHOLE_NUMBER.fullmatch(gold) if form.kind == "classes" and isinstance(gold, str) else None
    )
    if whole and gold not in known and (form.are_whole if not known else whole[1] in known):
        return whole[1]
    is_class = isinstance(gold, float) and form.kind == "classes"
    return converted(gold, "classes") if is_class else gold


def _notes_of_lists(golds: Sequence[Gold], kind: AskedKind) -> tuple[str, ...]:
    """What to say of lists that hold one label each."""
    if kind != "auto" or not all(map(_is_list_of_one, golds)):
        return ()
    return (f"labels are lists; {taken_as('labels', True)}",) if golds else ()


def _is_list_of_one(gold: Gold) -> bool:
    if isinstance(gold, Vector):
        return len(gold.places) == 1 and not (gold.certain or gold.names)
    return isinstance(gold, tuple) and len(gold) == 1
