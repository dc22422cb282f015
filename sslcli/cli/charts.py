"""Plots, matrices and scatters in letters: under 100 columns wide, with numbers and marks as well as colours."""

import math
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.style import Style
from rich.text import Text

from sslcli.cli.drawing import number, sparkline
from sslcli.reports import Curve, Matrix, Plot, Scatter, has_rows_as_columns, in_cell, printable, series, stretches

WIDTH = 98
MOST_NAME = 22  # letters of a curve's name beside its shape
MOST_COLUMNS, MOST_ROWS = 12, 30  # of a matrix
MOST_POINTS = 13  # of curves that are written in numbers
CELL, MOST_CELL = 6, 7  # letters of a number, and of a column's name, with the space before it
GROUP = 12  # letters of a group's name with the space before it
SCATTER_WIDTH, SCATTER_HEIGHT = 72, 20
NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SEVERAL = "*"
# viridis at eight places, and Okabe and Ito's palette.
COLORS = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725")
GROUP_COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")


def drawn_plot(plot: Plot) -> Text:
    """Curves over the same few places in numbers, others by their shape, all on one scale."""
    text = _titled(plot.title)
    places = list(plot.curves[0].xs) if plot.curves else []
    short = 0 < len(places) <= MOST_POINTS and all(list(curve.xs) == places for curve in plot.curves)
    values = [value for curve in plot.curves for value in curve.ys if math.isfinite(value)]
    ends = (min(values), max(values)) if values else (0.0, 0.0)
    names = [printable(name) for name in (*([plot.x] if short else []), *(curve.title for curve in plot.curves))]
    width = min(WIDTH - CELL * len(places) if short else MOST_NAME, max(map(cell_len, names), default=0))
    if short:
        text.append(f"{_fitted(plot.x, width)}{''.join(number(place).rjust(CELL) for place in places)}\n", "dim")
    for curve in plot.curves:
        line = "".join(in_cell(value).rjust(CELL) for value in curve.ys) if short else _shape(curve, printable(plot.x), ends)
        text.append(f"{_fitted(curve.title, width)}{line}\n")
    if not values:
        text.append("nothing to show\n", "dim")
    return text


def _shape(curve: Curve, x: str, ends: tuple[float, float]) -> str:
    finite = [(value, place) for place, value in zip(curve.xs, curve.ys, strict=True) if math.isfinite(value)]
    if not finite:
        return "  (empty)"
    (first, _), (last, _), (highest, place) = finite[0], finite[-1], max(finite)
    return f"  {sparkline(curve.ys, ends=ends)}  {in_cell(first)} to {in_cell(last)}, highest {in_cell(highest)} at {x} {number(place)}"


def drawn_matrices(matrices: Sequence[Matrix]) -> list[Text]:
    return [drawn_matrix(alike[0]) if len(alike) == 1 else _counted(alike) for alike in series(matrices)]


def _counted(alike: Sequence[Matrix]) -> Text:
    return _titled(f"{len(alike)} maps, {alike[0].title} to {alike[-1].title}: see the picture")


def drawn_matrix(matrix: Matrix) -> Text:
    text = _titled(matrix.title)
    if not matrix.rows or not matrix.columns:
        return text.append("nothing to show\n", "dim")
    numbered = has_rows_as_columns(matrix)
    columns = [str(place) for place in range(1, len(matrix.columns) + 1)] if numbered else [printable(name) for name in matrix.columns]
    cell = max(CELL, min(MOST_CELL, max(map(cell_len, columns[:MOST_COLUMNS])) + 1))
    shown = min(len(columns), MOST_COLUMNS)
    width = min(WIDTH - GROUP - shown * cell, max(cell_len(printable(name)) for name in matrix.rows) + (4 if numbered else 0))
    text.append(f"{' ' * width}{''.join(_fitted(name, cell, right=True) for name in columns[:shown])}\n", "dim")
    groups = {start: name for start, _, name in stretches(matrix.row_groups)}
    ends = _ends(matrix)
    for place, (name, values) in enumerate(zip(matrix.rows[:MOST_ROWS], matrix.values, strict=False)):
        text.append(f"{_fitted(name, width - 4)}{place + 1:4}" if numbered else _fitted(name, width))
        for value in values[:shown]:
            text.append(in_cell(value).rjust(cell), _background(value, *ends))
        text.append(f"  {_fitted(groups[place], GROUP - 2).rstrip()}\n" if place in groups else "\n", "bold")
    left_out = [
        f"{count} more {what}" for count, what in ((len(matrix.rows) - MOST_ROWS, "rows"), (len(columns) - shown, "columns")) if count > 0
    ]
    if left_out:
        text.append(f"{' and '.join(left_out)}: see the picture or its CSV\n", "dim")
    return text


def _ends(matrix: Matrix) -> tuple[float, float]:
    finite = [value for row in matrix.values for value in row if math.isfinite(value)] or [0.0]
    return min(finite) if matrix.low is None else matrix.low, max(finite) if matrix.high is None else matrix.high


def _background(value: float, low: float, high: float) -> Style:
    """Equal values lie in the middle of the colours; what is no number has none."""
    if not math.isfinite(value):
        return Style.null()
    part = min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5
    place = round(part * (len(COLORS) - 1))
    return Style(color=Color.parse("#000000" if place > 4 else "#ffffff"), bgcolor=Color.parse(COLORS[place]))


def drawn_scatter(scatter: Scatter) -> Text:
    """A letter for each group; where points of several fall on one place, an asterisk."""
    text = _titled(scatter.title)
    names = list(dict.fromkeys(scatter.groups))
    letters = {name: NAMES[place % len(NAMES)] for place, name in enumerate(names)}
    styles = {letters[name]: GROUP_COLORS[place % len(GROUP_COLORS)] for place, name in enumerate(names)}
    points = [(x, y, letters[group]) for x, y, group in zip(scatter.xs, scatter.ys, scatter.groups, strict=True) if math.isfinite(x + y)]
    if not points:
        return text.append("nothing to show\n", "dim")
    for line in _in_letters(points):
        text.append("│")
        for letter in line:
            text.append(letter, styles.get(letter))
        text.append("\n")
    text.append(f"└{'─' * SCATTER_WIDTH}\n")
    for name in names:
        text.append(letters[name], styles[letters[name]])
        text.append(f" {printable(name)} ({list(scatter.groups).count(name):,})   ")
    return text.append("\n")


def _in_letters(points: Sequence[tuple[float, float, str]]) -> list[list[str]]:
    lines = [[" "] * SCATTER_WIDTH for _ in range(SCATTER_HEIGHT)]
    columns = _places([x for x, _, _ in points], SCATTER_WIDTH)
    rows = _places([-y for _, y, _ in points], SCATTER_HEIGHT)  # up is the first line
    for column, row, (_, _, letter) in zip(columns, rows, points, strict=True):
        lines[row][column] = letter if lines[row][column] in (" ", letter) else SEVERAL
    return lines


def _places(values: Sequence[float], count: int) -> list[int]:
    """Each value as one of `count` places between the lowest and the highest."""
    low, span = min(values, default=0.0), (max(values, default=0.0) - min(values, default=0.0)) or 1.0
    return [round((value - low) / span * (count - 1)) for value in values]


def _titled(title: str) -> Text:
    return Text.assemble((f"{printable(title)}\n", "bold") if title else "")


def _fitted(label: str, width: int, right: bool = False) -> str:
    """Exactly so many columns of a terminal, on which a Chinese letter has two."""
    label = printable(label)
    cut = cell_len(label) > (width - 1 if right else width)
    label = f"{set_cell_size(label, max(width - 2 if right else width - 1, 0)).rstrip()}…" if cut else label
    space = " " * (width - cell_len(label))
    return f"{space}{label}" if right else f"{label}{space}"
