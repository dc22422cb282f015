"""Label columns of tasks with one label per text: which column, what is a label, what means
none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Generic, Literal

from pydantic import BeforeValidator
from typing_extensions import TypeVar

from sslcli.config import setting
from sslcli.contracts.examples import Example
from sslcli.contracts.task import Task
from sslcli.data.records.first_rows import first_rows_alone, named_as
from sslcli.data.records.item import Item
from sslcli.data.records.label_columns import in_one_column, label_of
from sslcli.data.records.label_forms import LabelNames, are_whole, form_of, plain_label
from sslcli.data.records.label_marks import MARKS
from sslcli.data.records.label_vectors import LabelForm
from sslcli.data.records.read_context import Names, joined_names, names_of
from sslcli.data.records.record import Record
from sslcli.errors import DataError
from sslcli.kits.answer_kinds import ANSWER_KINDS, chosen_kind
from sslcli.plainfiles import suffix_of


class LabelOptions(Task.Options):
    """Options for reading labels, shared by tasks with one label per text."""

    kind: Literal["auto", "classes", "labels", "number"] = setting(
        "auto",
        "one class each, several labels, or a number; auto: what the training examples have",
        "--kind",
        trains=True,
    )
    label_field: str = setting(
        "",
        (
            "column of the answer, where it has none of the usual "
            "names; A,B,...: a column of 0 and 1 for each label"
        ),
        "--label-field",
    )
    label_names: Names = setting(
        (),
        "names of the places where labels are vectors of 0 and 1; 0, 1, ... when not given",
        "--label-names",
    )
    no_label: Annotated[tuple[str, ...] | None, BeforeValidator(names_of)] = setting(
        None,
        (
            "labels that mean that there is none, or none; when not "
            "given -1, -100, -, NaN and the like, unless they are classes"
        ),
        "--no-label",
    )


LO = TypeVar("LO", bound=LabelOptions, default=LabelOptions)


class ReadsLabels(Generic[LO]):
    """The part of a Task that reads labels.

    `text_columns` and `label_columns` are the usual names of the columns; the first that a record
    has is read. A file that has several of them is remarked on, and a record whose label is in
    another column than those before cannot be used.
    """

    text_columns: ClassVar[Sequence[str | tuple[str, ...]]] = ()
    label_columns: ClassVar[Sequence[str]] = ()
    text_flags: ClassVar[str] = "--text-field"  # what names other columns of texts
    leaves_out_unlabelled = True

    @classmethod
    def example(
        cls, options: LO, record: Record, data: tuple[str, ...] | Item, answers: Sequence[str]
    ) -> Example:
        """Return the example of a record, its label from --label-field or one of the columns
        `answers`. `data`: its texts, or the item that it is.

        The label stays as it is written; `plain` normalises it. Raises DataError.
        """
        texts = () if isinstance(data, Item) else data
        label = label_of(record, options.kind, options.label_field, answers, texts)
        return Example(record.id, record.where, data, label, record.language)

    @classmethod
    def asked_columns(cls, options: LO) -> Sequence[str]:
        """Return the text columns that the options name; () for the usual ones."""
        return ()

    @classmethod
    def chosen(cls, options: LO, records: Iterator[Record], reference: str) -> Iterator[Record]:
        """Yield all records, if texts and labels are in one column each.

        Raises DataError naming the first that is not.
        """
        texts = () if cls.asked_columns(options) else cls.text_columns
        labels = () if options.label_field else cls.label_columns
        wanted = {cls.text_flags: texts, "--label-field": labels}
        return in_one_column(records, reference, wanted)

    @classmethod
    def understand(cls, options: LO, examples: Sequence[Example]) -> tuple[LO, Sequence[str]]:
        """Infer kind, label names and no-label marks from how all training labels are written."""
        alone = [_first_row_said(options, *found) for found in first_rows_alone(examples)]
        labels = [example.gold for example in examples]
        form = form_of(labels, options.kind, options.no_label, options.label_names)
        if options.kind == "auto":
            labelled = [example for example in examples if example.gold not in form.no_label]
            ANSWER_KINDS[form.kind].refuse_mixed(labelled)
        found: dict[str, Any] = {
            "kind": form.kind,
            "no_label": form.no_label,
            "label_names": form.names,
        }
        if form.columns:
            found["label_field"] = joined_names(form.names)
        empty = sum(
            not isinstance(example.data, Item) and not any(text.strip() for text in example.data)
            for example in examples
        )
        notes = [
            *alone,
            *form.notes,
            *([f"{empty:,} of the {len(examples):,} labelled texts are empty"] if empty else []),
        ]
        return options.model_copy(update=found), notes

    @classmethod
    def answers_said(cls, options: LO, labels: Sequence[str]) -> str:
        """Return what kind of labels the examples have."""
        said = ANSWER_KINDS[chosen_kind(options.kind, labels)].said.format(len(labels))
        return f"{said} (--kind decides)"

    @classmethod
    def plain(
        cls, options: LO, labels: Sequence[str], examples: Sequence[Example]
    ) -> list[Example]:
        """Return the examples with labels in plain form, None for no label."""
        no_label = MARKS if options.no_label is None else options.no_label
        whole = not labels and are_whole((each.gold for each in examples), no_label)
        form = LabelForm(
            chosen_kind(options.kind, labels), no_label, options.label_names, are_whole=whole
        )
        known = labels.known if isinstance(labels, LabelNames) else dict.fromkeys(labels)
        return [_plain(example, form, known) for example in examples]


def _first_row_said(options: LabelOptions, example: Example, stands_apart: bool) -> str:
    """A sentence about a first row that may be a header and is taken for an example.

    Raises DataError where it stands apart from all others, unless the kind of labels was said.
    """
    problem = f"{example.where}: no other row has the label '{example.gold}'"
    named = f"leave --columns away and say {named_as(example.data, example.gold)}"
    has_columns = suffix_of(example.where.file) != "txt"
    mended = named if has_columns else "take it out of the file"
    if options.kind != "auto":
        return f"{problem}, and this first row is taken for an example"
    if not stands_apart:
        return f"{problem}, and this first row is taken for an example; if it is a header, {mended}"
    hint = f"if it is one, {mended}; if it is an example, say so with --kind classes"
    raise DataError(f"{problem}, so this first row may be a header", hint)


def _plain(example: Example, form: LabelForm, known: Mapping[str, Any]) -> Example:
    try:
        return replace(example, gold=plain_label(example.gold, form, known))
    except ValueError as error:
        raise DataError(
            f"{example.where}: {error}", "write all labels in one way; --label-names names places"
        ) from error
