"""The contract of a reader: documents out of what --data names."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, Protocol, runtime_checkable

from sslcli.config import Config
from sslcli.contracts.learnable import O
from sslcli.data.documents import Document, Modality


class Reader(ABC, Generic[O]):
    """Documents out of a reference. Its entry point is named by what it opens: a suffix ("jsonl") or a scheme ("demo").

    `modality`: what all its documents hold; text, or arrays [t, F] of ready rows.
    """

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    modality: ClassVar[Modality] = "text"

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def documents(self, reference: str) -> Iterator[Document]: ...

    def recipe(self, reference: str, objective: str) -> Mapping[str, Any]:
        """Settings (dotted key -> value) that were found to work for this data; they yield to a file and to flags."""
        return {}

    def recipe_beside(self, reference: str, objective: str, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """The recipe where some settings are `said` already (dotted key -> value): what works together with them."""
        return self.recipe(reference, objective)

    def task_recipe(self, reference: str, task: str) -> Mapping[str, Any]:
        """The same for fine-tuning."""
        return {}


@runtime_checkable
class HasLanguages(Protocol):
    """A reader of several languages, of which a tag chooses: "zh=demo:world" is its Chinese part, not all of it called Chinese."""

    def only(self, *languages: str) -> Reader:
        """The same reader for these languages alone. Raises DataError for one that it has not."""
