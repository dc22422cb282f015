"""Items: the array documents of a corpus one by one, as a frozen model is asked about them.

Letters: N items, L rows of one, F numbers of a row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sslcli.data.batches import Batch, Sample, collate
from sslcli.grid import Grid
from sslcli.rows.schema import Schema

ITEMS_AT_ONCE = 256
MOST_BYTES = 1 << 28  # of rows that are kept in memory


def _nowhere(document: int) -> str:
    return ""


@dataclass(frozen=True)
class Items:
    """N documents of arrays, read when they are asked for.

    `documents` int64 [N]: their numbers; of one `rows_of` gives the rows [L, F] as the model reads
    them, and `label_of` what the source calls it. `name`: of all of them, for messages.
    `layout`: what their rows are. `notes`: what is to be said of them. `file_of`:
    the file that a document came from.
    """

    documents: np.ndarray
    rows_of: Callable[[int], np.ndarray]
    label_of: Callable[[int], str | None]
    name: str
    layout: Grid | Schema | None = None
    notes: tuple[str, ...] = ()
    file_of: Callable[[int], str] = _nowhere

    def __len__(self) -> int:
        return len(self.documents)

    @cached_property
    def labels(self) -> tuple[str | None, ...]:
        """What the source calls each item, None where it does not say."""
        return tuple(map(self.label_of, self.documents.tolist()))

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The file that each item came from."""
        return tuple(map(self.file_of, self.documents.tolist()))

    def rows(self, item: int) -> np.ndarray:
        """float32 [L, F], as the model reads them."""
        return self.rows_of(int(self.documents[item]))

    def batches(self, size: int = ITEMS_AT_ONCE) -> Iterator[Batch]:
        """All items in order, at most `size` together; random numbers are keyed by the documents'
        numbers.
        """
        for start in range(0, len(self), size):
            some = range(start, min(start + size, len(self)))
            samples = [Sample(rows=self.rows(item)) for item in some]
            yield collate(self.documents[some.start : some.stop], samples)

    def in_memory(self) -> "Items":
        """The same items, whose rows are read now where they are no more than MOST_BYTES: for those
        that are asked for often.
        """
        if not len(self) or len(self) * self.rows(0).nbytes > MOST_BYTES:
            return self
        rows = {int(number): self.rows_of(int(number)) for number in self.documents}
        return replace(self, rows_of=rows.__getitem__)

    def some(self, count: int) -> "Items":
        """At most so many, evenly over all of them, in their order."""
        if count >= len(self):
            return self
        return self.among(np.linspace(0, len(self) - 1, count).astype(np.int64))

    def among(self, chosen: np.ndarray) -> "Items":
        """Those at these places, or where a mask is true."""
        return replace(self, documents=self.documents[chosen])
