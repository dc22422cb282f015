"""Labels as vectors of zeros and ones, or as columns of them: their form, and which labels one
names.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sslcli.data.records.label_marks import MARKS, MOST_SHOWN_LABELS
from sslcli.data.records.labels import AskedKind, Gold, Kind, Vector, converted
from sslcli.data.records.read_context import joined_names
from sslcli.errors import DataError, UsageError


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


def label_of_vector(gold: Vector, form: LabelForm, known: Mapping[str, Any]) -> Gold | None:
    """Return the labels that a vector stands for, None where its columns are no labels.

    `known` are the labels of the model, in order. Raises ValueError saying what is wrong.
    """
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


def form_of_vectors(
    others: Sequence[Gold],
    vectors: Sequence[Vector],
    kind: AskedKind,
    names: tuple[str, ...],
    marks: tuple[str, ...],
) -> LabelForm:
    """Infer the form of labels of which some are vectors.

    `others`: labels that are none of vectors, and say that there is a label. Raises DataError or
    UsageError where they are ambiguous.
    """
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
    note = f"{note}; {taken_as(decided, single and kind == 'auto')}"
    return LabelForm(decided, marks, names or tuple(map(str, range(size))), notes=(note,))


def _of_columns(vectors: Sequence[Vector], kind: AskedKind) -> LabelForm:
    """Several columns of zeros and ones: asked for, or all that there is beside the text."""
    shared = set(vectors[0].names).intersection(*(vector.names for vector in vectors))
    common = [name for name in vectors[0].names if name in shared]
    decided: Kind = "classes" if kind == "classes" else "labels"
    asked = vectors[0].asked
    if len(common) < 2 and not asked:
        return LabelForm(decided, MARKS)
    shown = [joined_names([name]) for name in common[:MOST_SHOWN_LABELS]]
    named = ", ".join(shown) + (", ..." if len(common) > MOST_SHOWN_LABELS else "")
    note = (
        f"labels are the {len(common)} columns of zeros and "
        f"ones: {named} (--label-field A,B,... names others)"
    )
    places = [dict(zip(vector.names, vector.places, strict=True)) for vector in vectors]
    single = all(sum(own[name] for name in common) == 1 for own in places)
    note = f"{note}; {taken_as(decided, single and kind == 'auto')}"
    return LabelForm(decided, MARKS, tuple(common), columns=not asked, notes=(note,))


def taken_as(kind: Kind, single: bool) -> str:
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
