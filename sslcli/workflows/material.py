"""What a frozen model is looked at with: the references of the line, else the data of the run that trained it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sslcli import registry
from sslcli.data.documents import Document
from sslcli.data.records import Record
from sslcli.data.settings import DataSettings
from sslcli.errors import UsageError
from sslcli.labelled import Annotated, Annotates, GivesRecords
from sslcli.workflows.labelling import labelled_data, task_class, task_options
from sslcli.workflows.settings import LabelledSettings
from sslcli.workflows.sources import documents, expand, reader_of


@dataclass(frozen=True)
class References:
    """`given`: what --data says; `trained`: the data of the run. Both as --data takes them, of which the first that is there counts."""

    given: Sequence[str] = ()
    trained: Sequence[str] = ()
    reader_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def all(self) -> Sequence[str]:
        return self.given or self.trained

    def documents(self) -> Iterator[Document]:
        if not self.all:
            raise UsageError("there is no text to look at: this model does not say what it was trained on", "give some: --data en=FILE")
        data = DataSettings(train=tuple(self.all), reader_options=dict(self.reader_options))
        return documents(expand(self.all, None), data)

    def records(self, kind: str) -> Iterator[Record]:
        data = DataSettings(reader_options=dict(self.reader_options))
        for source in expand(self._generated(), None):
            reader = reader_of(source, data)
            if isinstance(reader, GivesRecords):
                return reader.records(source.reference, kind, "test")
        raise UsageError(f"there is no {kind} for this model: its data is not one that knows them", "give a file; --help lists the flags")

    def annotated(self, task: str) -> tuple[Sequence[Annotated], Sequence[Annotated]]:
        cls = task_class(task)
        if not isinstance(cls, Annotates):
            raise UsageError(f"the answers of {task} are no labels of places in a text", "choose pos, tag, sentiment or classify")
        options = task_options(task, {})
        references = tuple(self.given or self._generated())
        if not references:
            raise UsageError(f"there are no labels of {task} to look for", "give a labelled file: --data FILE")
        found = labelled_data(cls, options, LabelledSettings(train=references, reader_options=dict(self.reader_options)))
        train, test = (list(map(partial(cls.annotated, options), examples)) for examples in (found.train, found.test))
        return train, test

    def _generated(self) -> list[str]:
        """Those of a source that makes its own material ("demo:world")."""
        known = registry.names("readers")
        return [
            reference
            for reference in self.all
            if ":" in reference
            and reference.partition(":")[0].partition("=")[2] in ("", *known)
            and reference.partition(":")[0].rpartition("=")[2] in known
        ]
