"""What a learnable may be able to do beside learning: a workflow asks for the ability, never for a name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from sslcli.config import Config
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample
from sslcli.data.rng import Rng


@dataclass(frozen=True)
class Artifact:
    """One thing that was generated, with its score and whatever else is worth a column."""

    text: str
    score: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Generates(Protocol):
    """`Request` (a Config) becomes flags of `ssl generate`; the bare word on the line is its field `text`."""

    Request: ClassVar[type[Config]]

    def generate(self, backbone: Transformer, request: Any, rng: Rng) -> Iterator[Artifact]: ...


@runtime_checkable
class Illustrates(Generates, Protocol):
    """A generator that makes requests of held-out samples itself: what it answers is shown while it learns."""

    def illustrations(self, samples: Sequence[Sample]) -> Sequence[tuple[str, Config]]:
        """How a request is shown, and the request; fewer than samples, or none, where one does not lend itself to it."""
