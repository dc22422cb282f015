"""Documents that readers give, of text or of numbers, and the position they came from."""

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Literal, Self

import numpy as np

from sslcli.grid import Grid
from sslcli.modalities import Frames
from sslcli.rows.schema import Schema


@dataclass(frozen=True, slots=True)
class Where:
    """A position for error messages: the file, the record in it (counted from 1) and the field.

    `unit`: what `record` counts; lines where a file is read line by line, as an editor numbers
    them.
    """

    file: str
    record: int | None = None
    field: str | None = None
    unit: Literal["record", "line"] = dataclass_field(default="record", compare=False)

    @classmethod
    def at_line(cls, file: str, number: int) -> Self:
        """Return the position of line `number` of a file, counted from 1."""
        return cls(file, number, unit="line")

    def __str__(self) -> str:
        record = f", {self.unit} {self.record}" if self.record is not None else ""
        return f"{self.file}{record}" + (f", field '{self.field}'" if self.field else "")


@dataclass(frozen=True, slots=True)
class Document:
    """A document: text or an array, never both.

    `sentences`, if the source knows them, are pieces whose concatenation is the text; otherwise the
    tokenizing workflow splits it. `array` is [items, features] for sequences of rows, or any shape
    that an objective reads. `grid`: how the rows of an image were cut; of one size in all data.
    `frames`: how the rows of a recording were made; the same in all data.
    `table`: the columns of a record, whose array is [C, 2] (see `table_rows`).
    """

    where: Where
    text: str | None = None
    sentences: tuple[str, ...] | None = None
    array: np.ndarray | None = None
    language: str = ""
    label: str | None = None
    grid: Grid | None = None
    frames: Frames | None = None
    table: Schema | None = None
