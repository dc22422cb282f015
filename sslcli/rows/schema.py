"""Tables as rows: each column of a record is a row of numbers of its own, beside one another.

Letters: L columns, F numbers of a record (the slots of all columns). Imports no numpy: settings,
which every command reads, know tables.
"""

from itertools import accumulate
from typing import Any, Literal, NamedTuple, Self

CLIP = 10.0  # a number lies within so many scales of its column's centre
SHOWN = 12  # columns of a kind that are named
Kind = Literal["number", "category"]


class TableColumn(NamedTuple):
    """One column: a number as (x - centre) / scale and whether it is missing; a category as one of
    `categories`, one that is none of them, or missing.
    """

    name: str
    kind: Kind = "number"
    centre: float = 0.0
    scale: float = 1.0
    categories: tuple[str, ...] = ()

    @property
    def slots(self) -> int:
        """Numbers that a value becomes."""
        return 2 if self.kind == "number" else len(self.categories) + 2


class Schema(NamedTuple):
    """The columns that are read of a table, and those that are not: `label` holds what a record is,
    `left_out` why others are left out, by name.
    """

    columns: tuple[TableColumn, ...]
    label: str = ""
    left_out: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, plain: Any) -> Self:
        """Out of what JSON and YAML hold. Raises ValueError or TypeError for anything else."""
        columns = [
            TableColumn(
                each["name"],
                each["kind"],
                each["centre"],
                each["scale"],
                tuple(each["categories"]),
            )
            for each in plain["columns"]
        ]
        left_out = tuple((str(name), str(why)) for name, why in plain.get("left_out", ()))
        return cls(tuple(columns), plain.get("label", ""), left_out)

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON and YAML hold it."""
        columns = [
            {**column._asdict(), "categories": list(column.categories)} for column in self.columns
        ]
        left_out = [list(each) for each in self.left_out]
        return {"columns": columns, "label": self.label, "left_out": left_out}

    @property
    def rows(self) -> int:
        """L, rows of a record."""
        return len(self.columns)

    @property
    def starts(self) -> list[int]:
        """Where each column's slots begin, and where the last ones end."""
        return [0, *accumulate(column.slots for column in self.columns)]

    @property
    def features(self) -> int:
        """F, numbers of a row: those of one column, all others being 0."""
        return self.starts[-1]

    @property
    def numbers(self) -> int:
        """F once more: numbers of a record, of which each row holds those of one column."""
        return self.features

    @property
    def places(self) -> list[int]:
        """[F], where in the rows [L * F] of a record its numbers stand."""
        return [
            line * self.features + slot
            for line, (start, stop) in enumerate(
                zip(self.starts[:-1], self.starts[1:], strict=True)
            )
            for slot in range(start, stop)
        ]

    @property
    def described(self) -> str:
        """The table in words."""
        kinds = [column.kind for column in self.columns]
        numbers, categories = kinds.count("number"), kinds.count("category")
        parts = [f"{numbers} of numbers"] if numbers else []
        parts += [f"{categories} of categories"] if categories else []
        return f"{len(kinds)} columns, {' and '.join(parts)}"

    @property
    def said(self) -> str:
        """Which columns are read, and as what."""
        parts = []
        for kind, words in (("number", "as numbers"), ("category", "as categories")):
            names = [column.name for column in self.columns if column.kind == kind]
            if names:
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                parts.append(f"{', '.join(names[:SHOWN])}{more} {words}")
        if self.label:
            parts.append(f"{self.label} as the label, which the model does not see")
        parts += [f"not {name}: {why}" for name, why in self.left_out[:SHOWN]]
        return f"columns are read: {'; '.join(parts)}"
