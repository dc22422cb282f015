"""What goes through a task: examples as read, as encoded, as answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sslcli.data.batches import Sample
from sslcli.data.documents import Where

Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled record. `data` is the task's own; `gold` is None where the record has no answer; `language`: where it says so.

    `note`: what was decided in reading it and is to be known, in the same words for all examples that it holds for.
    """

    id: str
    where: Where
    data: Any
    gold: Any = None
    language: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an example becomes: several samples where windows multiply, none where there is nothing to learn from.

    `whole_tokens`: before anything was cut off. `lost`: what of the text or of the gold answer was cut off, in words. `places`: whatever
    `merge` needs to find back from tokens to the text. `cut`: parts of the text of which the model sees the beginning only ("text",
    "first text", "second text", "question", "word"), and the tokens that each was cut at.
    """

    samples: Sequence[Sample]
    whole_tokens: int
    lost: str = ""
    places: Any = None
    cut: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Annotated:
    """A text and what is known of places in it: half open spans of characters, and the label of each; of the whole text, one."""

    text: str
    spans: Sequence[tuple[int, int]]
    labels: Sequence[str]
    language: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer as JSON can hold it. `confidence`: its probability, where there is one."""

    value: Any
    confidence: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
