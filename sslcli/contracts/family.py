"""The contract of a family: a kind of model directory, its settings map and its key map, both ways."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sslcli.config import Config
from sslcli.core.settings import TransformerSettings


@dataclass(frozen=True)
class Key:
    """One tensor of a foreign file and the tensors of ours that lie in it, one under the other along dimension 0.

    `{i}` stands for the layer. `transposed`: the file holds the transpose. Ours begin with "backbone." (the first key's do),
    "head." (LanguageModelHead), "pooler." or "classifier." (PooledClassifier of two sentences), or with what a head of a
    fine-tuned model answers: "sequence." (PooledClassifier), "tokens." or "spans." (RowClassifier). Of several keys for
    the same tensors of ours the first that a file has is read, and all are written; keys of ours that a shape does not
    have are passed over.
    """

    theirs: str
    ours: tuple[str, ...]
    transposed: bool = False


class Family(ABC):
    """A kind of model directory: a settings map and a key map, both ways. core does the reading and writing."""

    class Options(Config): ...

    summary: ClassVar[str]

    @abstractmethod
    def reads(self, config: Mapping[str, Any]) -> bool: ...

    @abstractmethod
    def settings(self, config: Mapping[str, Any]) -> TransformerSettings:
        """Raises ModelError, or pydantic's ValidationError, for what the core cannot do with equal numbers."""

    def notes(self, config: Mapping[str, Any]) -> Sequence[str]:
        """Sentences about what the config asks for and the core does without, such as dropout on attention."""
        return ()

    @abstractmethod
    def config(self, settings: TransformerSettings, heads: Collection[str]) -> Mapping[str, Any] | None:
        """config.json for this shape, or None where this family cannot hold it with equal numbers.

        `heads`: what is written beside the backbone: some of "head", "pooler" and "classifier", or one of "sequence",
        "tokens" and "spans". A model with one of these three is refused unless `architectures` names a class for it.
        """

    def alternatives(self, settings: TransformerSettings, heads: Collection[str]) -> Sequence[Mapping[str, Any]]:
        """Other files config.json for the same numbers, under another `model_type`.

        They are for tokenizers that transformers would replace in a directory of the first one.
        """
        return ()

    def zeros(self, config: Mapping[str, Any], settings: TransformerSettings) -> Mapping[str, int]:
        """Vectors that a directory holds and the core has not: their names, with {i}, and sizes.

        They are written as zeros. A directory where one of them is not zero is refused.
        """
        return {}

    @abstractmethod
    def keys(self, settings: TransformerSettings) -> Sequence[Key]: ...
