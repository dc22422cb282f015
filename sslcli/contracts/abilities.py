"""Optional abilities of a learnable and the protocols that workflows ask for, never plugin
names.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from sslcli.config import Config
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample
from sslcli.data.rng import Rng


@dataclass(frozen=True)
class Artifact:
    """A generated text with its score, if there is one, and further columns."""

    text: str
    score: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Generates(Protocol):
    """A learnable that generates text.

    The fields of `Request` (a Config) become flags of `ssl generate`; a bare word on the command
    line fills its field `text`.
    """

    Request: ClassVar[type[Config]]

    def generate(self, backbone: Transformer, request: Any, rng: Rng) -> Iterator[Artifact]:
        """Yield the artifacts of one request, sampling from `rng` alone."""


@runtime_checkable
class Illustrates(Generates, Protocol):
    """A generator that makes requests of held-out samples itself; its answers are shown during
    training.
    """

    def illustrations(self, samples: Sequence[Sample]) -> Sequence[tuple[str, Config]]:
        """Return (title, request) pairs; fewer than samples, or none, where a sample does not
        suit.
        """
