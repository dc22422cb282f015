"""Records of a table as rows of numbers: what is learnt of the training part, and its use.

As they are read, the values of a record are [C, 2]: a number in two parts, whose sum it is to 48
bits, or the number of a category; not a number where it is missing.

Letters: N records, C columns as they were read, L columns of the model, F slots of all of them.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from math import floor, log10
from typing import NamedTuple, Self

import numpy as np

from sslcli.errors import DataError
from sslcli.rows.schema import CLIP, Schema, TableColumn

MOST_CATEGORIES = 64  # of a column; rarer ones are read as one that was never seen
SAMPLED = 1 << 23  # values that quantiles are taken of, evenly over all records
HIDDEN = "?"  # a value that is not shown
USUAL_SPREAD = 1.349  # of the quartiles of a normal distribution, in deviations


def in_two_parts(values_C: np.ndarray) -> np.ndarray:
    """float64 [C] as float32 [C, 2]."""
    high_C = values_C.astype(np.float32)
    return np.stack([high_C, (values_C - high_C).astype(np.float32)], axis=1)


def whole(values_NC2: np.ndarray) -> np.ndarray:
    """float64 [..., C] of values in two parts."""
    return values_NC2[..., 0].astype(np.float64) + values_NC2[..., 1]


class Learnt(NamedTuple):
    """What the training part says: a table with its scales and categories, and what was dropped."""

    table: Schema
    notes: list[str]


def learn_columns(read: Schema, chunks: Iterator[np.ndarray], records: int) -> Learnt:
    """Scales and categories of the training part; columns that say nothing there are dropped.

    `chunks`: its values as they were read, [n, C, 2]; `records`: how many there are in all. Raises
    DataError where no column is left.
    """
    every = max(1, -(-records * read.rows // SAMPLED))
    sampled, done = [], 0
    counts = [np.zeros(len(column.categories) + 1, np.int64) for column in read.columns]
    low_C, high_C = np.full(read.rows, np.inf), np.full(read.rows, -np.inf)
    missing_C = np.zeros(read.rows, np.int64)
    for chunk in chunks:
        values_nC = whole(chunk)
        is_missing_nC = np.isnan(values_nC)
        missing_C += is_missing_nC.sum(axis=0)
        low_C = np.fmin(low_C, np.fmin.reduce(values_nC, axis=0))
        high_C = np.fmax(high_C, np.fmax.reduce(values_nC, axis=0))
        for place, column in enumerate(read.columns):
            if column.kind == "category":
                own = values_nC[~is_missing_nC[:, place], place].astype(np.int64)
                counts[place] += np.bincount(own, minlength=len(counts[place]))
        sampled.append(values_nC[-done % every :: every])
        done += len(values_nC)
    values_SC, columns, notes, dropped = np.concatenate(sampled), [], [], []
    for place, column in enumerate(read.columns):
        is_mixed = 0 < missing_C[place] < done
        if not (low_C[place] < high_C[place] or is_mixed):
            dropped.append((column.name, "it is the same in every record of the training part"))
        elif column.kind == "number":
            columns.append(_scaled(column, values_SC[:, place]))
        else:
            columns.append(_counted(column, counts[place], notes))
    if dropped:
        notes.append(f"not read, because always the same: {', '.join(each for each, _ in dropped)}")
    if not columns:
        raise DataError("no column of the table differs from record to record", "check --data")
    return Learnt(Schema(tuple(columns), read.label, (*read.left_out, *dropped)), notes)


def _scaled(column: TableColumn, values_S: np.ndarray) -> TableColumn:
    """By the median and the quartiles; by the deviation where most values are alike."""
    values_S = values_S[~np.isnan(values_S)]
    if not len(values_S):
        return column
    first, middle, third = np.quantile(values_S, [0.25, 0.5, 0.75])
    scale = (third - first) / USUAL_SPREAD
    if scale <= 0:
        scale = float(values_S.std())
    return column._replace(centre=float(middle), scale=float(scale) or 1.0)


def _counted(column: TableColumn, counts: np.ndarray, notes: list[str]) -> TableColumn:
    """The most frequent categories, as they were read."""
    seen = np.flatnonzero(counts)
    kept = np.sort(seen[np.argsort(-counts[seen], kind="stable")[:MOST_CATEGORIES]])
    if len(kept) < len(seen):
        share = 1 - counts[kept].sum() / counts.sum()
        notes.append(
            f"column '{column.name}' has {len(seen):,} categories: the {MOST_CATEGORIES} most "
            f"frequent are told apart, the others, {share:.1%} of its values, are read as one"
        )
    return column._replace(categories=tuple(column.categories[number] for number in kept))


@dataclass(frozen=True)
class TableCoder:
    """Brings records, as they were read, into the rows of a model.

    Of its I columns of numbers and J columns of categories: `from_I`, `from_J`, their places among
    those that were read; `start_I`, `start_J`, their first slots. `codes`: of every category that
    was read its slot within its column, those of column j from `codes_J[j]` on; `missing_J`: the
    slot of a missing one. `places_F`: where slots stand in the rows of a record.
    """

    table: Schema
    from_I: np.ndarray
    start_I: np.ndarray
    centre_I: np.ndarray
    scale_I: np.ndarray
    from_J: np.ndarray
    start_J: np.ndarray
    missing_J: np.ndarray
    codes_J: np.ndarray
    codes: np.ndarray
    places_F: np.ndarray

    @classmethod
    def of(cls, read: Schema, table: Schema, name: str) -> Self:
        """Columns find each other by their names. Raises DataError naming those that `name`, where
        the records are from, lacks.
        """
        there = {column.name: place for place, column in enumerate(read.columns)}
        refuse_missing_columns(table, there, name)
        both = [
            (start, column, there[column.name], read.columns[there[column.name]])
            for start, column in zip(table.starts[:-1], table.columns, strict=True)
        ]
        for _, column, _, own in both:
            if own.kind != column.kind:
                raise DataError(
                    f"column '{column.name}' of {name} is read as {own.kind}, and the model reads "
                    f"it as {column.kind}",
                    "give data of the same kind, or another --model",
                )
        numbers = [each for each in both if each[1].kind == "number"]
        named = [each for each in both if each[1].kind == "category"]
        codes = [_codes(own, column) for _, column, _, own in named]
        return cls(
            table,
            _whole_numbers(place for _, _, place, _ in numbers),
            _whole_numbers(start for start, _, _, _ in numbers),
            np.asarray([column.centre for _, column, _, _ in numbers]),
            np.asarray([column.scale for _, column, _, _ in numbers]),
            _whole_numbers(place for _, _, place, _ in named),
            _whole_numbers(start for start, _, _, _ in named),
            _whole_numbers(column.slots - 1 for _, column, _, _ in named),
            np.cumsum([0, *map(len, codes)])[:-1].astype(np.int64),
            np.concatenate([np.zeros(0, np.int64), *codes]),
            _whole_numbers(table.places),
        )

    def slots(self, values_NC2: np.ndarray) -> np.ndarray:
        """float32 [N, F] of records as they were read."""
        values_NC = whole(values_NC2)
        found_NF = np.zeros((len(values_NC), self.table.features), dtype=np.float32)
        if len(self.from_I):
            values_NI = (values_NC[:, self.from_I] - self.centre_I) / self.scale_I
            is_missing_NI = np.isnan(values_NI)
            values_NI[is_missing_NI] = 0
            found_NF[:, self.start_I] = np.clip(values_NI, -CLIP, CLIP)
            found_NF[:, self.start_I + 1] = is_missing_NI
        if len(self.from_J):
            values_NJ = values_NC[:, self.from_J]
            is_missing_NJ = np.isnan(values_NJ)
            read_NJ = np.where(is_missing_NJ, 0, values_NJ).astype(np.int64) + self.codes_J
            # a column whose values are all missing has no codes to look one up in
            slot_NJ = np.append(self.codes, 0)[read_NJ]
            slot_NJ = np.where(is_missing_NJ, self.missing_J, slot_NJ) + self.start_J
            found_NF[np.arange(len(values_NC))[:, None], slot_NJ] = 1
        return found_NF

    def rows(self, values_C2: np.ndarray) -> np.ndarray:
        """float32 [L, F] of one record as it was read."""
        table = self.table
        rows_P = np.zeros(table.rows * len(self.places_F), dtype=np.float32)
        rows_P[self.places_F] = self.slots(values_C2[None])[0]
        return rows_P.reshape(table.rows, -1)


def _codes(own: TableColumn, column: TableColumn) -> np.ndarray:
    """Of each category that was read its slot; one that the model does not know is unseen."""
    known = {category: number for number, category in enumerate(column.categories)}
    found = [known.get(each, len(known)) for each in own.categories]
    return _whole_numbers(found)


def _whole_numbers(found: Iterable[int]) -> np.ndarray:
    return np.asarray(list(found), dtype=np.int64)


def refuse_missing_columns(table: Schema, there: Collection[str], name: str) -> None:
    """Raise DataError naming the columns that a model reads and a table does not have."""
    gone = [column.name for column in table.columns if column.name not in there]
    if gone:
        named = ", ".join(f"'{each}'" for each in gone[:5])
        more = f" and {len(gone) - 5} more" if len(gone) > 5 else ""
        raise DataError(
            f"{name} lacks {'column' if len(gone) == 1 else 'columns'} {named}{more}, which the "
            "model reads",
            f"it has {', '.join(list(there)[:12]) or 'none'}; columns are found by their names",
        )


def gathered(table: Schema, rows_NLF: np.ndarray) -> np.ndarray:
    """[N, F]: the slots that a record's rows hold."""
    return rows_NLF.reshape(len(rows_NLF), -1)[:, table.places]


def _number_in_words(scaled: float, column: TableColumn) -> str:
    """With as many digits as its scale is worth: float32 does not hold more."""
    decimals = 4 - floor(log10(column.scale))
    return f"{round(scaled * column.scale + column.centre, decimals):.6g}"


def in_words(table: Schema, slots_F: np.ndarray) -> list[str]:
    """[L], the values that slots stand for: numbers in their own units, categories by name; slots
    that are no numbers are hidden.
    """
    found = []
    for column, start in zip(table.columns, table.starts[:-1], strict=True):
        own = slots_F[start : start + column.slots]
        if np.isnan(own).any():
            found.append(HIDDEN)
        elif column.kind == "number":
            found.append("missing" if own[1] > 0.5 else _number_in_words(float(own[0]), column))
        else:
            names = (*column.categories, "(unseen)", "missing")
            found.append(names[int(np.argmax(own))])
    return found
