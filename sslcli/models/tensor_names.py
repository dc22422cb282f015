"""The names of a model's tensors in the files of a directory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sslcli.errors import ModelError

_OLD_NAMES = ((".weight", ".gamma"), (".bias", ".beta"))  # of norms, before 2019


class TensorKey(Protocol):
    """One tensor of a Hugging Face file and our tensors in it, concatenated along dimension 0."""

    @property
    def theirs(self) -> str:
        """Name of the tensor in the file."""

    @property
    def ours(self) -> tuple[str, ...]:
        """Names of our tensors in it."""

    @property
    def transposed(self) -> bool:
        """Whether the file holds the transpose."""

    @property
    def leading(self) -> int:
        """How many dimensions of size 1 stand before ours in the file."""

    @property
    def patch(self) -> int:
        """Side of the kernel as which the file holds the matrix of a patch; 0 for none."""

    @property
    def is_copy(self) -> bool:
        """Whether another key names the same, which a file must hold here too."""

    @property
    def written(self) -> bool:
        """Whether files of ours have it; it is read in any case."""


@dataclass(frozen=True, slots=True)
class Stored:
    """File, name and header of a stored tensor."""

    path: Path
    shape: tuple[int, ...]
    dtype: str


def expanded(keys: Sequence[TensorKey], depth: int) -> Iterator[TensorKey]:
    """Yield each key, and one per layer where it contains {i}."""
    for key in keys:
        for layer in range(depth if "{i}" in key.theirs else 1):
            yield _Named(
                key.theirs.replace("{i}", str(layer)),
                tuple(n.replace("{i}", str(layer)) for n in key.ours),
                key.transposed,
                key.leading,
                key.patch,
                key.is_copy,
                key.written,
            )


@dataclass(frozen=True)
class _Named:
    theirs: str
    ours: tuple[str, ...]
    transposed: bool
    leading: int
    patch: int
    is_copy: bool
    written: bool


class NamesInFile:
    """Names of a family's keys as a file has them: with the family's own prefix ("bert."), a longer
    one that ends so, or none.

    The first key must be one of the backbone; where its name is found says what the prefix is.
    """

    def __init__(self, stored: Mapping[str, Stored], keys: Sequence[TensorKey]) -> None:
        self.stored = stored
        first = keys[0].theirs
        self.family, _, rest = first.partition(".")
        prefixes = [
            name.removesuffix(rest) for name in stored if name == rest or name.endswith(f".{rest}")
        ]
        if not prefixes:
            raise ModelError(
                f"{folder_of(stored)} has no tensor '{first}'",
                "the weights are of another kind of model than config.json says, or damaged",
            )
        if len(prefixes) > 1:
            raise ModelError(
                f"{folder_of(stored)} holds {len(prefixes)} models: {', '.join(sorted(prefixes))}",
                "give each its own directory",
            )
        self.inner = prefixes[0]
        if self.inner and not f".{self.inner}".endswith(f".{self.family}."):
            raise ModelError(
                (
                    f"{folder_of(stored)} has its tensors under "
                    f"'{self.inner.rstrip('.')}', and not under '{self.family}' or bare"
                ),
                "the weights are of another kind of model than config.json says",
            )
        self.outer = self.inner.removesuffix(f"{self.family}.")

    def find(self, theirs: str) -> str | None:
        """The name in the file of a key's tensor, None where it is not there."""
        rest = theirs.removeprefix(f"{self.family}.")
        name = f"{self.outer if rest == theirs else self.inner}{rest}"
        old = [name.removesuffix(new) + before for new, before in _OLD_NAMES if name.endswith(new)]
        return next((each for each in (name, *old) if each in self.stored), None)


def folder_of(stored: Mapping[str, Stored]) -> str:
    """The folder of the tensors, as a sentence names it."""
    paths = sorted({entry.path for entry in stored.values()})
    return (
        str(paths[0])
        if len(paths) == 1
        else f"{paths[0].parent} ({len(paths)} files)"
        if paths
        else "the weight file"
    )
