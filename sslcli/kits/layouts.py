"""Images and records of tables alike: which numbers of their rows count, what is usual of them, and
how they are shown.

Letters: N items, L rows of one, T rows of all of them end to end, F numbers of a row.
"""

from collections.abc import Mapping

import numpy as np

from sslcli.data.table_rows import gathered, in_words
from sslcli.grid import Grid
from sslcli.kits.images import MOST_SHOWN, image_tables
from sslcli.reports import Table
from sslcli.rows.schema import Schema

Layout = Grid | Schema
NUMBERS_OF_RECORD = (
    "of each column: a number, in its spread around the median, and whether it is missing; of a "
    "category 1 or 0 for each that there is; restored by their squared error"
)


class Counting:
    """Which numbers of rows are to be restored: of an image all; of a record those of its own
    column in each row, but no number that is missing.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.own_LF = np.ones((layout.rows, layout.features), dtype=bool)
        self._numbers = np.zeros((2, 0), dtype=np.int64)  # rows and first slots
        if isinstance(layout, Schema):
            self.own_LF = np.zeros(layout.rows * layout.features, dtype=bool)
            self.own_LF[layout.places] = True
            self.own_LF = self.own_LF.reshape(layout.rows, layout.features)
            numbers = [
                (row, start)
                for row, (column, start) in enumerate(
                    zip(layout.columns, layout.starts[:-1], strict=True)
                )
                if column.kind == "number"
            ]
            self._numbers = np.asarray(numbers, dtype=np.int64).reshape(-1, 2).T

    @property
    def noisy_LF(self) -> np.ndarray:
        """bool [L, F], numbers that noise may be added to: no category, no flag."""
        if isinstance(self.layout, Grid):
            return self.own_LF
        found_LF = np.zeros_like(self.own_LF)
        found_LF[self._numbers[0], self._numbers[1]] = True
        return found_LF

    def __call__(self, rows_TF: np.ndarray) -> np.ndarray:
        """bool [T, F]"""
        layout = self.layout
        rows_NLF = rows_TF.reshape(-1, layout.rows, layout.features)
        counted_NLF = np.repeat(self.own_LF[None], len(rows_NLF), axis=0)
        rows, slots = self._numbers
        counted_NLF[:, rows, slots] = rows_NLF[:, rows, slots + 1] == 0
        return counted_NLF.reshape(rows_TF.shape)


def usual_rows(layout: Layout, train_NLF: np.ndarray) -> dict[str, np.ndarray]:
    """Rows [L, F] that are told of every item, by name: the mean image; of a table the mean of each
    column, where those of a category are its shares, and the same with the most common category.
    """
    mean_LF = train_NLF.mean(axis=0, dtype=np.float64)
    if isinstance(layout, Grid):
        return {"mean image": mean_LF}
    common_LF = mean_LF.copy()
    for row, (column, start) in enumerate(zip(layout.columns, layout.starts[:-1], strict=True)):
        own = common_LF[row, start : start + column.slots]
        if column.kind == "category":
            own[:] = np.arange(len(own)) == own.argmax()
        else:
            is_there_N = train_NLF[:, row, start + 1] == 0
            own[0] = train_NLF[is_there_N, row, start].mean() if is_there_N.any() else 0
            mean_LF[row, start] = own[0]
            own[1] = own[1] > 0.5
    found = {"mean of each column": mean_LF}
    if any(column.kind == "category" for column in layout.columns):
        found["mean or most common"] = common_LF
    return found


def item_tables(layout: Layout, rows: Mapping[str, np.ndarray]) -> list[Table]:
    """The first items of a batch side by side, by title their rows [T, F]: images in characters,
    records with the values that their numbers stand for.
    """
    if isinstance(layout, Grid):
        return image_tables(layout, rows)
    words = {
        title: [in_words(layout, slots_F) for slots_F in _slots(layout, rows_TF)]
        for title, rows_TF in rows.items()
    }
    names = [column.name for column in layout.columns]
    count = min(map(len, words.values()))
    return [
        Table(
            f"record {number + 1}",
            ["column", *words],
            [
                (name, *(records[number][place] for records in words.values()))
                for place, name in enumerate(names)
            ],
        )
        for number in range(min(count, MOST_SHOWN))
    ]


def _slots(layout: Schema, rows_TF: np.ndarray) -> np.ndarray:
    """[n, F] of the first few records; what is hidden has nothing in its slots."""
    rows_NLF = rows_TF.reshape(-1, layout.rows, layout.features)[:MOST_SHOWN]
    return gathered(layout, rows_NLF)
