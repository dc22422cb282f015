"""Tables for a terminal of any width, without cutting words or numbers.

Cells wrap between words; where that is not enough, the columns are split into several blocks, one
below the other, and each begins with the columns that identify the rows.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from sslcli.cli.drawing import number, short
from sslcli.reports import Score, Table, filled, printable

BETWEEN, EDGES = 3, 2  # letters between two columns, and left and right of all of them
APART = "  "  # between what belongs together in a cell
# headings of the column that is bold, and of the one that can be spared
VALUE, BETTER = "value", "better"
SHORT = 20  # a text of so many letters is not wrapped
# A number, also with its unit, and an interval.
_NUMBER = re.compile(r"[-+]?\.?\d[\d,.]*(e[-+]?\d+)?( \S{1,6}| to .*)?|[-+]?inf|nan|–")


@dataclass(frozen=True)
class Column:
    """A column and its widths in characters.

    `narrowest`: with every text wrapped; `widest`: with none.
    """

    heading: str
    cells: Sequence[str]
    figures: bool
    narrowest: int
    widest: int

    @classmethod
    def of(cls, table: Table, place: int) -> "Column":
        """Build the column at index `place` of a table and measure its widths."""
        heading = printable(table.columns[place])
        cells = [printable(short(row[place])) for row in table.rows]
        figures = are_numbers(cells)
        words = max(map(_longest_word, [heading, *([] if figures else cells)]))
        longest = max(map(cell_len, cells), default=0)
        narrowest = max(words, longest if figures else min(longest, SHORT))
        return cls(heading, cells, figures, narrowest, max(longest, cell_len(heading)))


@dataclass(frozen=True)
class TerminalTable:
    """A table for rich to print.

    `strong`: headings of bold columns. `spared`: headings of columns that are left out where the
    table then has fewer blocks.
    """

    table: Table
    strong: Sequence[str] = ()
    spared: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = filled(self.table)
        columns = [Column.of(table, place) for place in range(len(table.columns))]
        if table.title:
            yield Text(printable(table.title), style="bold")
        needed = [column for column in columns if column.heading not in self.spared]
        blocks, fewer = (list(_blocks(each, options.max_width)) for each in (columns, needed))
        for block in fewer if len(fewer) < len(blocks) else blocks:
            yield self._grid(block, _widths(block, options.max_width))

    def _grid(self, columns: Sequence[Column], widths: Sequence[int]) -> RichTable:
        grid = RichTable(box=SIMPLE_HEAD, pad_edge=False)
        for column, width in zip(columns, widths, strict=True):
            grid.add_column(
                Text(column.heading), width=width, overflow="fold",
                justify="right" if column.figures else "left",
                style="bold" if column.heading in self.strong else "",
            )  # fmt: skip
        for row in zip(*(column.cells for column in columns), strict=True):
            grid.add_row(
                *(Text(_wrapped(cell, width)) for cell, width in zip(row, widths, strict=True))
            )
        return grid


def _blocks(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """Return the columns of each block; those that identify the rows are in every one."""
    names = _names(columns, width)
    rest = list(columns[len(names) :])
    while True:
        count = len(rest)
        while count > 1 and _least([*names, *rest[:count]]) > width:
            count -= 1
        yield [*names, *rest[:count]]
        rest = rest[count:]
        if not rest:
            return


def _names(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the columns that identify the rows.

    The first, or the first two where only both do and they leave half of the width.
    """
    two = list(columns[:2])
    apart = len(set(zip(*(column.cells for column in two), strict=True)))
    return two if apart > len(set(two[0].cells)) and 2 * _least(two) <= width else two[:1]


def _least(columns: Sequence[Column]) -> int:
    return sum(column.narrowest for column in columns) + BETWEEN * (len(columns) - 1) + EDGES


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    """Return the widths; the widest columns are narrowed until all fit."""
    room = max(width - BETWEEN * (len(columns) - 1) - EDGES, len(columns))
    least = [column.narrowest for column in columns]
    if sum(least) > room:  # the longest words alone are too long for the terminal, and are cut
        least = [column.narrowest if column.figures else 1 for column in columns]
    widths = [min(column.widest, max(room, column.narrowest)) for column in columns]
    while sum(widths) > room:
        wider = [place for place, each in enumerate(widths) if each > least[place]]
        if not wider:
            break
        widths[max(wider, key=widths.__getitem__)] -= 1
    return widths


def _wrapped(text: str, width: int) -> str:
    """Wrap at double blanks, which separate groups ("accuracy 0.5  loss 2"); rich does the rest."""
    lines: list[str] = []
    for part in text.split(APART):
        if lines and cell_len(f"{lines[-1]}{APART}{part}") <= width:
            lines[-1] += f"{APART}{part}"
        else:
            lines.append(part)
    return "\n".join(lines)


def are_numbers(cells: Sequence[str]) -> bool:
    """Return whether every cell that is not empty is a number."""
    return all(_NUMBER.fullmatch(cell) for cell in cells if cell)


def scores_table(scores: Sequence[Score]) -> Table:
    """Build the table of scores, each with its baselines."""
    names = list(dict.fromkeys(name for score in scores for name in score.baselines))
    columns = ("score", VALUE, "95 % interval", *names, "n", BETTER)
    return Table("", columns, [_cells(score, names) for score in scores])


def _cells(score: Score, names: Sequence[str]) -> list[str]:
    interval = " to ".join(map(number, score.interval or ()))
    beside = [number(score.baselines[name]) if name in score.baselines else "" for name in names]
    counted = [f"{score.count:,}", score.better] if score.count else ["", ""]
    return [score.name, f"{number(score.value)} {score.unit}".strip(), interval, *beside, *counted]


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)
