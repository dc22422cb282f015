"""Events of a run, as immutable records. Observers read them; nothing flows back into the loop."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Started:
    """A run begins.

    `facts`: title -> one line, in the order to be shown (model, data, objective, batch, ...).
    """

    folder: Path | None
    facts: Mapping[str, str]
    first_step: int
    total_steps: int


@dataclass(frozen=True)
class Stepped:
    """Training steps since the last such event; losses and metrics are over all their targets."""

    step: int
    loss: float
    terms: Mapping[str, float]
    metrics: Mapping[str, float]
    rate: float
    gradient_norm: float
    tokens_per_second: float
    seconds: float


@dataclass(frozen=True)
class HeldOutMetrics:
    """Metrics of a part of the held-out data; `counts`: number of targets (or bytes) by name."""

    loss: float
    terms: Mapping[str, float]
    metrics: Mapping[str, float]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Evaluated:
    """An evaluation; `counts` and `languages` as in Evaluation."""

    step: int
    loss: float
    terms: Mapping[str, float]
    metrics: Mapping[str, float]
    best: bool
    counts: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, HeldOutMetrics] = field(default_factory=dict)


@dataclass(frozen=True)
class Saved:
    """A checkpoint or milestone is on disk."""

    step: int
    path: Path
    kind: Literal["checkpoint", "milestone"]


@dataclass(frozen=True)
class Sampled:
    """Outputs of the model for a few examples: pairs of input and output."""

    step: int
    examples: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Skipped:
    """An update was not applied, because a gradient was not finite."""

    step: int
    in_a_row: int


@dataclass(frozen=True)
class Noted:
    """A message for the user: a skipped checkpoint, an ignored field."""

    text: str


@dataclass(frozen=True)
class Finished:
    """A run ended, and why."""

    step: int
    reason: Literal["done", "interrupted", "preempted", "out of time"]
    best_step: int | None
    best_loss: float | None
    seconds: float


Event = Started | Stepped | Evaluated | Saved | Sampled | Skipped | Noted | Finished
Observer = Callable[[Event], None]
