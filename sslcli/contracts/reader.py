"""The contract of a reader: documents from what --data names."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, Protocol, runtime_checkable

from sslcli.config import Config
from sslcli.contracts.examples import Split
from sslcli.contracts.options import O
from sslcli.data.documents import Document
from sslcli.data.records.record import Record
from sslcli.grid import Grid
from sslcli.modalities import Modality
from sslcli.rows.schema import Schema


class Reader(ABC, Generic[O]):
    """Reads documents from a reference.

    Its entry point is named after what it opens: a suffix ("jsonl") or a scheme ("demo").
    `modality`: what its documents hold, text or arrays [t, F] of rows; `others`: references whose
    documents hold something else.
    """

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    modality: ClassVar[Modality] = "text"
    others: ClassVar[Mapping[str, Modality]] = {}
    # what comes through a pipe, and files whose names say no more
    reads_plain_text: ClassVar[bool] = False

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def documents(self, reference: str) -> Iterator[Document]:
        """Yield the documents of a reference in order. Raises DataError for what cannot be read."""

    @classmethod
    def holds(cls, reference: str) -> Modality:
        """Return what the documents of a reference hold; a reader that sees it in a file says so
        here.
        """
        return cls.others.get(reference, cls.modality)

    def recipe(self, reference: str, objective: str) -> Mapping[str, Any]:
        """Return pretraining settings (dotted key -> value) that were found to work for this data.

        A settings file and flags override them.
        """
        return {}

    def recipe_beside(
        self, reference: str, objective: str, said: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The recipe where some settings are `said` already (dotted key -> value): what works
        together with them.
        """
        return self.recipe(reference, objective)

    @classmethod
    def options_for(cls, grid: Grid) -> Mapping[str, Any]:
        """Return the options with which images are cut as a model has learnt to read them."""
        return {}

    def task_recipe(self, reference: str, task: str) -> Mapping[str, Any]:
        """Return settings found to work for fine-tuning on this data; files and flags override
        them.
        """
        return {}


@runtime_checkable
class HasLanguages(Protocol):
    """A reader of several languages, from which a tag selects.

    "zh=demo:world" is its Chinese part, not all of it labelled as Chinese.
    """

    def only(self, *languages: str) -> Reader:
        """Return the reader for these languages alone. Raises DataError for one that it does not
        have.
        """


@runtime_checkable
class ReadsColumns(Protocol):
    """A reader of tables, whose documents have columns."""

    def as_in(self, table: Schema) -> Reader:
        """Return the reader for columns that are known, which are found by their names."""


@runtime_checkable
class GivesRecords(Protocol):
    """A reader that also provides labelled records of some kinds (`Task.records`)."""

    def records(self, reference: str, kind: str, split: Split) -> Iterator[Record]:
        """Yield the records of one kind and split. Raises DataError for a kind that it does not
        have.
        """


@runtime_checkable
class Computed(Protocol):
    """A reader whose documents and records follow from its options and its code alone.

    They are computed once per machine and cached. Documents have text, fields of `where` beside
    file and record are empty, and values of records are those of JSON.
    """

    def content_key(self, reference: str) -> str:
        """Return a key that differs wherever anything that the reader gives differs."""
