"""Reading of sources and targets: out of records, of two columns, of two files line by line."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Generic, Self

from pydantic import model_validator
from typing_extensions import TypeVar

from sslcli.api import (
    DataError,
    Example,
    Parsed,
    Record,
    Task,
    current_reading,
    setting,
    split_language,
)
from sslplugins.tasks.rewrite.pairs_of_texts import (
    FLAGS,
    PAIRS,
    Columns,
    columns_of,
    flattened,
    source_column,
    targets_of,
)
from sslplugins.tasks.rewrite.parallel_files import (
    SOURCE,
    TARGET,
    read_aligned,
    read_pairs_of,
    together,
)


class PairOptions(Task.Options):
    """Options for reading sources and targets."""

    source_field: str = setting(
        "", "column of the source, where it has none of the usual names", "--source-field"
    )
    target_field: str = setting(
        "", "column of the target, where it has none of the usual names", "--target-field"
    )

    @model_validator(mode="after")
    def _two_columns(self) -> Self:
        if self.source_field and self.source_field == self.target_field:
            raise ValueError(
                f"--source-field and --target-field both name '{self.source_field}'; a target that"
                " is its source teaches nothing"
            )
        return self


PO = TypeVar("PO", bound=PairOptions, default=PairOptions)


class ReadsPairs(Generic[PO]):
    """The part of a task that reads pairs of texts: `Example.data` is the source, the label the
    target, or a tuple of all that are right.
    """

    records = "parallel"

    @classmethod
    def positional_fields(cls, options: PO) -> tuple[str, ...]:
        """Return the column of a source that is typed on the command line."""
        return (options.source_field or SOURCE,)

    @classmethod
    def asked_columns(cls, options: PO) -> Columns:
        """Return the columns that the options name."""
        return Columns(options.source_field, options.target_field)

    @classmethod
    def parse(cls, options: PO, record: Record) -> Example:
        """Parse one record. Raises DataError naming its position and field."""
        record, asked = flattened(record), cls.asked_columns(options)
        names = list(record.values)
        found = columns_of(names, asked, record.where.file)
        source = source_column(names, asked) if found is None else found.source
        if source is None:
            there = ", ".join(f"'{name}'"[:40] for name in names[:8])
            usual = ", ".join(" and ".join(pair) for pair in (PAIRS[0], *PAIRS[4:8:3]))
            raise DataError(
                f"{record.where}: which columns are source and target is not known: it has {there}",
                f"name them with {FLAGS}; usual ones are {usual}; of a table without a header,"
                " --columns names them",
            )
        text = record.text(source).strip()
        is_read = found is not None and current_reading().labels != "unread"
        target = targets_of(record, found.target) if found is not None and is_read else None
        return Example(record.id, record.where, text, target, record.language)

    @classmethod
    def chosen(cls, options: PO, records: Iterator[Record], reference: str) -> Iterator[Record]:
        """Yield all records; the columns of the first one are those of all that have them."""
        asked, found = cls.asked_columns(options), None
        for record in records:
            if not record.is_readable:
                yield record
                continue
            record = flattened(record)
            if found is None:
                found = columns_of(list(record.values), asked, reference)
            if found is None or not {found.source, found.target} <= record.values.keys():
                yield record
                continue
            own = (found.source, found.target)
            rest = {
                name: value
                for name, value in record.values.items()
                if name in ("id", "idx", "language")
            }
            names = own if asked.source or asked.target else (SOURCE, TARGET)
            texts = {name: record.values[each] for name, each in zip(names, own, strict=True)}
            yield Record(record.where, {**rest, **texts})

    @classmethod
    def read(cls, options: PO, reference: str) -> Iterator[Example]:
        """Yield all examples of one file. Raises DataError."""
        records = read_pairs_of(reference, cls.asked_columns(options))
        return Parsed(partial(cls.parse, options), cls.chosen(options, records, reference))

    @classmethod
    def together(cls, references: Sequence[str]) -> Sequence[str | tuple[str, ...]]:
        """Make one of two files of lines, each with its language. Raises UsageError."""
        return together(references, split_language)

    @classmethod
    def read_together(cls, options: PO, references: tuple[str, ...]) -> Iterator[Example]:
        """Yield the examples of two files line by line. Raises DataError."""
        plain = options.model_copy(update={"source_field": "", "target_field": ""})
        paths = [split_language(reference) for reference in references]
        if options.source_field == paths[1][0] or options.target_field == paths[0][0]:
            paths.reverse()
        return read_aligned(paths, partial(cls.parse, plain))

    @classmethod
    def key(cls, example: Example) -> str:
        """The source, however it is spaced."""
        return " ".join(example.data.split())

    @classmethod
    def described(cls, example: Example) -> Mapping[str, str]:
        """Return the source, its target, and further references."""
        if example.gold is None:
            return {"source": example.data, "target": "it has none"}
        if isinstance(example.gold, str):
            return {"source": example.data, "target": example.gold}
        first, *others = example.gold
        return {"source": example.data, "target": first, "also right": "; ".join(others)}
