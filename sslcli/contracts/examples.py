"""Examples of a task at each stage: as read, as encoded, as predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sslcli.data.batches import Sample
from sslcli.data.documents import Where

Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled record.

    `data` belongs to the task; `gold` is the label, None where the record has none; `language` is
    empty where the record does not name one. `note` is a remark on how the record was read, in the
    same words for every example that it holds for.
    """

    id: str
    where: Where
    data: Any
    gold: Any = None
    language: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The samples of one example: several where windows overlap, none where nothing can be learned.

    `whole_tokens`: length before truncation. `lost`: which part of the text or of the label was
    truncated, in words. `places`: what `merge` needs to map tokens back to the text. `cut`:
    truncated parts of the text ("text", "first text", "second text", "question", "word") and the
    number of tokens that each was truncated to.
    """

    samples: Sequence[Sample]
    whole_tokens: int
    lost: str = ""
    places: Any = None
    cut: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Annotated:
    """A text with labelled spans: half-open character ranges, and a label for each.

    A label of the whole text is one span over all of it.
    """

    text: str
    spans: Sequence[tuple[int, int]]
    labels: Sequence[str]
    language: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted answer that JSON can hold; `confidence` is its probability, where there is
    one.
    """

    value: Any
    confidence: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
