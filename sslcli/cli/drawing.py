"""Tables, figures, curves and passages as rich draws them."""

import math
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table as RichTable
from rich.text import Text

from sslcli.reports import Curve, Passage, Score, Table, printable

# Marks as well as colours: never colour alone.
ROLES = {
    "plain": ("", "", ""),
    "special": ("dim", "", ""),
    "corrupted": ("red", "‹", "›"),
    "target": ("bold yellow", "«", "»"),
    "correct": ("green", "", "✓"),
}
BLOCKS = "▁▂▃▄▅▆▇█"


def drawn_table(table: Table) -> RichTable:
    """Numbers to the right; a cell that is too long ends in an ellipsis, it never wraps in the middle of a word."""
    grid = RichTable(title=table.title or None, title_style="bold", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(table.columns):
        numeric = all(isinstance(row[index], int | float | None) for row in table.rows)
        widest = max((len(short(row[index])) for row in table.rows), default=0) if numeric else None  # a heading wraps, a figure does not
        grid.add_column(Text(printable(column)), justify="right" if numeric else "left", overflow="fold", min_width=widest)
    for row in table.rows:
        grid.add_row(*(Text(printable(short(cell))) for cell in row))
    return grid


def drawn_scores(scores: Sequence[Score]) -> RichTable:
    """Each figure beside what it must be compared with."""
    grid = RichTable(box=SIMPLE_HEAD, pad_edge=False)
    names = list(dict.fromkeys(name for score in scores for name in score.baselines))
    intervals, counted = any(score.interval for score in scores), any(score.count for score in scores)
    for column in ("score", "value", *(["95 % interval"] if intervals else []), *names, *(["n", "better"] if counted else [])):
        grid.add_column(column, justify="left" if column in ("score", "better") else "right")
    for score in scores:
        interval = [f"{number(score.interval[0])} to {number(score.interval[1])}" if score.interval else ""] if intervals else []
        baselines = [number(score.baselines[name]) if name in score.baselines else "" for name in names]
        value = Text(f"{number(score.value)} {score.unit}".strip(), style="bold")
        grid.add_row(printable(score.name), value, *interval, *baselines, *([_count(score), score.better] if counted else []))
    return grid


def drawn_curve(curve: Curve) -> Text:
    if not curve.ys:
        return Text(f"{printable(curve.title)}  (empty)")
    return Text.assemble(printable(curve.title), "  ", (sparkline(curve.ys), "cyan"), f"  {number(curve.ys[0])} to {number(curve.ys[-1])}")


def drawn_passage(passage: Passage) -> Text:
    text = Text.assemble((f"{printable(passage.title)}  " if passage.title else "", "bold"))
    for span in passage.spans:
        style, before, after = ROLES[span.role]
        text.append(f"{before}{printable(span.text)}{after}", style=style or None)
    return text


def sparkline(values: Sequence[float], most: int = 40, ends: tuple[float, float] | None = None) -> str:
    """The shape of a curve in one line: `most` blocks, each the mean of its part; what is not finite is left blank.

    `ends`: the values of the lowest and the highest block, those of the curve when not given.
    """
    count = min(most, len(values))
    parts = [values[index * len(values) // count : (index + 1) * len(values) // count] for index in range(count)]
    means = [sum(part) / len(part) for part in parts]
    finite = [mean for mean in means if math.isfinite(mean)]
    low, high = ends or ((min(finite), max(finite)) if finite else (0.0, 0.0))
    heights = [round((mean - low) / (high - low) * (len(BLOCKS) - 1)) if high > low and math.isfinite(mean) else 0 for mean in means]
    return "".join(BLOCKS[height] if math.isfinite(mean) else " " for mean, height in zip(means, heights, strict=True))


def short(value: Any) -> str:
    """A cell of a table, which has many: of a share three digits."""
    if not isinstance(value, float) or not 0 < abs(value) < 1:
        return number(value)
    return f"{value:.3g}" if abs(value) >= 1e-4 else f"{value:.0e}"


def number(value: Any) -> str:
    """A cell: four significant digits, thousands apart, nothing for None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 10_000 and math.isfinite(value) else f"{value:.4g}"


def _count(score: Score) -> str:
    return f"{score.count:,}" if score.count else ""
