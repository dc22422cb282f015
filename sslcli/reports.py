"""What a workflow finds out, as plain data. The screen and the page decide how it is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Score:
    """One figure and what it must be compared with. `interval`: 95 %, where it was computed."""

    name: str
    value: float
    unit: str = ""
    higher_is_better: bool = True
    count: int = 0
    interval: tuple[float, float] | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]


@dataclass(frozen=True)
class Curve:
    """One line of a picture."""

    title: str
    xs: Sequence[float]
    ys: Sequence[float]


@dataclass(frozen=True)
class Span:
    """A piece of text with its part in the story: "plain", "corrupted", "target", "special" or "correct"."""

    text: str
    role: str = "plain"


@dataclass(frozen=True)
class Passage:
    """A titled text made of spans."""

    title: str
    spans: Sequence[Span]


@dataclass(frozen=True)
class Report:
    title: str = ""
    scores: Sequence[Score] = ()
    tables: Sequence[Table] = ()
    curves: Sequence[Curve] = ()
    passages: Sequence[Passage] = ()
    notes: Sequence[str] = ()
