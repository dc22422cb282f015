"""Items: what is classified where there is no text, an image say, as rows of numbers.

Letters: L rows of an item, F numbers of one.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sslcli.grid import Grid

ITEM, LABEL = "item", "label"  # fields of the record of an item


@dataclass(frozen=True, eq=False)
class Item:
    """An image, a sound or a row of a table. `grid`: how an image lies in its rows.

    Two items are the same if their numbers are; in words an item is its shape and a hash of them.
    """

    rows_LF: np.ndarray  # float32
    grid: Grid | None = None

    @cached_property
    def key(self) -> str:
        """A hash of the numbers and of how they lie."""
        digest = hashlib.blake2b(repr((self.rows_LF.shape, self.grid)).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.rows_LF).data)
        return digest.hexdigest()

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Item) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Item({' x '.join(map(str, self.rows_LF.shape))}, {self.key})"

    @property
    def described(self) -> str:
        """What it is, in words."""
        rows, features = self.rows_LF.shape
        return f"{rows} rows of {features} numbers" if self.grid is None else self.grid.described
