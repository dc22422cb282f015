"""What a reader gives: one document, of text or of numbers, and the place it came from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Modality = Literal["text", "images", "sound", "table"]


@dataclass(frozen=True, slots=True)
class Where:
    """A place a person can go to: the file, the record in it (counted from 1) and the field."""

    file: str
    record: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        record = f", record {self.record}" if self.record is not None else ""
        return f"{self.file}{record}" + (f", field '{self.field}'" if self.field else "")


@dataclass(frozen=True, slots=True)
class Document:
    """Text or an array, never both.

    `sentences`, where the source knows them, are pieces whose concatenation is the text; otherwise the tokenizing
    workflow splits. `array` is [items, features] for sequences of ready features, or any shape an objective reads.
    """

    where: Where
    text: str | None = None
    sentences: tuple[str, ...] | None = None
    array: np.ndarray | None = None
    language: str = ""
    label: str | None = None
