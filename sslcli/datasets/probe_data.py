"""Data to probe a frozen model with: references of the command line, else the run's training
data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from sslcli import registry
from sslcli.contracts.examples import Annotated
from sslcli.contracts.probe import Part
from sslcli.contracts.reader import GivesRecords
from sslcli.contracts.task import Annotates
from sslcli.data.documents import Document
from sslcli.data.items import Items
from sslcli.data.records.record import Record
from sslcli.data.settings import DataSettings
from sslcli.datasets.computed import records_of
from sslcli.datasets.item_data import ItemData
from sslcli.datasets.labelled import labelled_data
from sslcli.datasets.locate import split_language
from sslcli.datasets.sifter import Sifter
from sslcli.datasets.sources import Source, documents, expand, reader_of
from sslcli.datasets.tasks import task_class, task_options
from sslcli.errors import UsageError
from sslcli.progress import working
from sslcli.settings import LabelledSettings

_DOCUMENTS_LOOKED_AT = 64


@dataclass(frozen=True)
class References:
    """Probe data from references.

    `given` and `reader`: from --data and --reader. `trained`: the run's training data, used if
    nothing is given; its reader's options hold for given references that the same reader opens.
    `own_items`: of a model that reads no text.
    """

    given: Sequence[str] = ()
    trained: DataSettings = field(default_factory=lambda: DataSettings(train=()))
    reader: str | None = None
    own_items: ItemData | None = None

    def languages(self) -> Sequence[str]:
        """Return the languages of the references, and of the first documents of those without."""
        sources = self._sources()
        unsaid = [source for source in sources if not source.language]
        seen = (document.language for document in islice(self._read(unsaid), _DOCUMENTS_LOOKED_AT))
        return sorted({*(source.language for source in sources), *seen} - {""})

    def documents(self, language: str = "") -> Iterator[Document]:
        """Yield texts of the references, or only those of one language."""
        working(f"reading texts of {language}" if language else "reading texts")
        if not language:
            return self._read(self._sources())
        found = self._read(
            [source for source in self._sources() if source.language in ("", language)]
        )
        return (document for document in found if document.language == language)

    def records(self, kind: str) -> Iterator[Record]:
        """Yield records of the first reader that provides this kind."""
        working(f"reading {kind}")
        data = DataSettings(reader_options=self._options)
        sources = expand(self._generated, None)
        for source in sources:
            same = dict.fromkeys(
                each.language
                for each in sources
                if each.reference == source.reference and each.language
            )
            # "en=demo:world zh=demo:world" is one source in two languages
            reader = reader_of(source, data, list(same))
            if isinstance(reader, GivesRecords):
                return records_of(reader, source.reference, kind, "test")
        raise UsageError(
            f"there is no {kind} for this model: its data does not know them",
            "give a file; --help lists the flags",
        )

    def annotated(self, task: str) -> tuple[Sequence[Annotated], Sequence[Annotated]]:
        """Return the labelled spans of a task's training and test examples."""
        working(f"reading labels of {task}")
        cls = task_class(task)
        annotator: type = cls
        if not issubclass(annotator, Annotates):
            raise UsageError(
                f"the answers of {task} are no labels of places in a text",
                f"choose one of {', '.join(_annotating())}",
            )
        references = tuple(self.given or self._generated)
        if not references:
            raise UsageError(
                f"there are no labels of {task} to look for", "give a labelled file: --data FILE"
            )
        options = task_options(task, {})
        data = LabelledSettings(train=references, reader_options=self._options)
        found = labelled_data(cls, options, data, Sifter(None))
        train, test = (
            list(map(partial(annotator.annotated, found.options), examples))
            for examples in (found.train, found.test)
        )
        return train, test

    def items(self, part: Part) -> Items:
        """Return items of the run's training part, or its held-out part, which given references
        replace.
        """
        if self.own_items is None:
            raise UsageError("this model reads text", "choose another probe, or another --model")
        working("reading the data")
        return self.own_items.items(part, self.given, self.reader)

    def _sources(self) -> Sequence[Source]:
        if not self._all:
            raise UsageError(
                "there is no text to look at: this model does not say what it was trained on",
                "give some: --data en=FILE",
            )
        return expand(self._all, self._reader)

    def _read(self, sources: Sequence[Source]) -> Iterator[Document]:
        return documents(sources, DataSettings(reader_options=self._options))

    @property
    def _all(self) -> Sequence[str]:
        return self.given or self.trained.train

    @property
    def _reader(self) -> str | None:
        return self.reader if self.given else self.trained.reader

    @property
    def _generated(self) -> list[str]:
        """Those of a source that makes its own material ("demo:world")."""
        return [
            reference for reference in self._all if _scheme(reference) in registry.names("readers")
        ]

    @property
    def _options(self) -> dict[str, Any]:
        trained = {_scheme(reference) for reference in self.trained.train}
        return (
            dict(self.trained.reader_options)
            if all(_scheme(reference) in trained for reference in self._all)
            else {}
        )


def _annotating() -> list[str]:
    """The tasks whose answers are labels of places."""
    tasks: dict[str, type] = {name: task_class(name) for name in registry.names("tasks")}
    return [name for name, task in tasks.items() if issubclass(task, Annotates)]


def _scheme(reference: str) -> str:
    """ "demo" of "demo:world" and of "en=demo:world"; nothing of a path."""
    scheme, colon, _ = split_language(reference)[1].partition(":")
    return scheme if colon else ""
