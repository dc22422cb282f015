"""The contract of a model family: a kind of Hugging Face model directory, mapped both ways."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sslcli.config import Config
from sslcli.core.settings import TransformerSettings


@dataclass(frozen=True)
class Key:
    """One tensor of a Hugging Face file and our tensors that it holds, concatenated along dimension
    0.

    `{i}` stands for the layer. `transposed`: the file holds the transpose; `leading`: so many
    dimensions of size 1 before ours; `patch`: the matrix of a patch [D, P * P * C] as the kernel
    [D, C, P, P] of a convolution, P being this. `is_copy`: a second name of what another key names,
    and must hold the same where a file has both. Not `written`: read alone. Our names begin with
    "backbone." (those of the first key do), "head." (LanguageModelHead), "pooler." or "classifier."
    (PooledClassifier of two sentences), or with the head of a fine-tuned model: "sequence."
    (PooledClassifier), "tokens." or "spans." (RowClassifier), "items." (ItemClassifier), or are of
    an objective: "learnable.". Where several keys name the same tensors of ours, the first that a
    file has is read and all are written. Names that a shape does not have are skipped.
    """

    theirs: str
    ours: tuple[str, ...]
    transposed: bool = False
    leading: int = 0
    patch: int = 0
    is_copy: bool = False
    written: bool = True


class Family(ABC):
    """A kind of model directory: a settings map and a key map, both ways.

    A family only describes the mapping; the core reads and writes the files.
    """

    class Options(Config):
        """Options of the family; none by default."""

    summary: ClassVar[str]
    # whether its models read items, such as images, in the place of text
    reads_items: ClassVar[bool] = False

    @abstractmethod
    def reads(self, config: Mapping[str, Any]) -> bool:
        """Tell whether a directory with this config.json belongs to the family."""

    @abstractmethod
    def settings(self, config: Mapping[str, Any]) -> TransformerSettings:
        """Return our shape for a config.json.

        Raises ModelError, or pydantic's ValidationError, for what the core cannot compute with
        equal numbers.
        """

    def notes(self, config: Mapping[str, Any]) -> Sequence[str]:
        """Return sentences about what the config asks for and the core omits, such as attention
        dropout.
        """
        return ()

    def objective(self, config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
        """Return the objective that a directory was trained with, and its options, if the tensors
        beside the backbone are that objective's; its tensors are keyed "learnable.".
        """
        return None

    def objective_entries(
        self, name: str, options: Mapping[str, Any], settings: TransformerSettings
    ) -> Mapping[str, Any] | None:
        """Return the entries of config.json for an objective whose tensors the directory holds;
        None where it has no place for them.
        """
        return None

    @abstractmethod
    def config(
        self, settings: TransformerSettings, heads: Collection[str]
    ) -> Mapping[str, Any] | None:
        """Return config.json for this shape, or None if the family cannot represent it with equal
        numbers.

        `heads` lists what is written beside the backbone: some of "head", "pooler" and
        "classifier", or one of "sequence", "tokens", "spans" and "items". A model with one of the
        last four is refused unless `architectures` names a class for it.
        """

    def alternatives(
        self, settings: TransformerSettings, heads: Collection[str]
    ) -> Sequence[Mapping[str, Any]]:
        """Return further config.json contents for the same numbers, under another `model_type`.

        They are for tokenizers that transformers would replace in a directory of the first type.
        """
        return ()

    def zeros(self, config: Mapping[str, Any], settings: TransformerSettings) -> Mapping[str, int]:
        """Return names (with {i}) and sizes of vectors that a directory has and the core has not.

        They are written as zeros. A directory where one of them is not zero is refused.
        """
        return {}

    @abstractmethod
    def keys(self, settings: TransformerSettings) -> Sequence[Key]:
        """Return the key map for this shape, one entry per tensor of the file."""
