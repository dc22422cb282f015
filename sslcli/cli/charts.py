"""Plots, matrices and scatter plots in characters, with numbers and marks beside colours."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.style import Style
from rich.text import Text

from sslcli.cli.drawing import LEAST_BLOCKS, MOST_BLOCKS, number, sparkline
from sslcli.reports import (
    Curve,
    Matrix,
    Plot,
    Scatter,
    has_rows_as_columns,
    in_cell,
    printable,
    series,
    stretches,
)

WIDEST = 98
MOST_NAME = 30  # letters of a curve's name
SOME_NAME = 20  # letters of it that are enough where all places stand side by side then
LEAST_NAME = 14  # letters of a row's name
MOST_COLUMNS, MOST_ROWS = 12, 30  # of a matrix
MOST_POINTS = 13  # of curves that are written in numbers
CELL, MOST_CELL = 6, 13  # letters of a number, and of a column's name, with the space before it
GROUP = 12  # letters of a group's name with the space before it
SCATTER_WIDTH, SCATTER_HEIGHT = 72, 20
NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SEVERAL = "*"
# viridis at eight places, and Okabe and Ito's palette.
COLORS = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725")
GROUP_COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")


def drawn_plot(plot: Plot, width: int = WIDEST) -> Text:
    """Draw a plot on one scale: numbers where the curves share few points, else sparklines."""
    text = _titled(plot.title, width)
    places = list(plot.curves[0].xs) if plot.curves else []
    values = [value for curve in plot.curves for value in curve.ys if math.isfinite(value)]
    if 0 < len(places) <= MOST_POINTS and all(list(curve.xs) == places for curve in plot.curves):
        _append_numbers(text, plot, width)
    else:
        ends = (min(values), max(values)) if values else (0.0, 0.0)
        name = min(MOST_NAME, _longest(curve.title for curve in plot.curves))
        for curve in plot.curves:
            shape = _shape(curve, plot, ends, width - name)
            text.append(f"{_fitted(curve.title, name)}{shape}\n")
    if not values:
        text.append("nothing to show\n", "dim")
    return text


def _append_numbers(text: Text, plot: Plot, width: int) -> None:
    """Append rows of numbers, in several blocks where they do not fit side by side."""
    heads = [number(place) for place in plot.curves[0].xs]
    cell = max(CELL, *(len(head) + 1 for head in heads))
    longest = _longest((plot.x, *(curve.title for curve in plot.curves)))
    beside = width - cell * len(heads)
    name = min(longest, beside if beside >= SOME_NAME else min(MOST_NAME, width // 2))
    for part in _parts(len(heads), (width - name) // cell):
        head = "".join(head.rjust(cell) for head in heads[part])
        text.append(f"{_fitted(plot.x, name)}{head}\n", "dim")
        for curve in plot.curves:
            values = "".join(in_cell(value).rjust(cell) for value in curve.ys[part])
            text.append(f"{_fitted(curve.title, name)}{values}\n")


def _longest(names: Iterable[str]) -> int:
    return max((cell_len(printable(name)) for name in names), default=0)


def _parts(count: int, most: int) -> list[slice]:
    """Split `count` items into parts of at most `most`."""
    most = max(most, 1)
    return [slice(start, min(start + most, count)) for start in range(0, count, most)]


def _shape(curve: Curve, plot: Plot, ends: tuple[float, float], width: int) -> str:
    """Draw a curve: ends, position of the maximum, and a sparkline in the room left, over the x of
    all curves of the plot.
    """
    points = zip(curve.xs, curve.ys, strict=True)
    finite = [(value, place) for place, value in points if math.isfinite(value)]
    if not finite:
        return "  (empty)"
    (first, _), (last, _), (highest, place) = finite[0], finite[-1], max(finite)
    said = f"  {in_cell(first)} to {in_cell(last)}"
    more = f", highest {in_cell(highest)} at {printable(plot.x)} {number(place)}"
    if width - len(said) - len(more) - 2 >= LEAST_BLOCKS:
        said += more
    most = max(min(MOST_BLOCKS, width - len(said) - 2), LEAST_BLOCKS)
    values = _along(curve, plot, most)
    return f"  {sparkline(values, most, ends=ends)}{said}"


def _along(curve: Curve, plot: Plot, count: int) -> list[float]:
    """The curve at evenly spaced places of the plot's x, straight between its points; its values as
    they are where all curves have the same places. Not a number where it has none.
    """
    if all(list(each.xs) == list(curve.xs) for each in plot.curves):
        return list(curve.ys)
    shown = math.log1p if plot.logarithmic else float
    xs = [shown(x) for each in plot.curves for x in each.xs if x > -1 or not plot.logarithmic]
    low, high = min(xs), max(xs)
    points = sorted((shown(x), y) for x, y in zip(curve.xs, curve.ys, strict=True))
    step = (high - low) / max(1, count - 1)
    if len(points) == 1:
        nearest = round((points[0][0] - low) / step) if step else 0
        return [points[0][1] if number == nearest else math.nan for number in range(count)]
    return [_between(points, low + number * step) for number in range(count)]


def _between(points: Sequence[tuple[float, float]], x: float) -> float:
    """Straight between the two points beside x, which are in order; not a number beyond them."""
    slack = 1e-9 * max(1.0, abs(x))
    after = bisect_right(points, (x + slack, math.inf))
    if after == 0 or (after == len(points) and x > points[-1][0] + slack):
        return math.nan
    (left, first), (right, second) = points[after - 1], points[min(after, len(points) - 1)]
    share = min(1.0, max(0.0, (x - left) / (right - left))) if right > left else 0.0
    return first + share * (second - first)


def drawn_matrices(matrices: Sequence[Matrix], width: int = WIDEST) -> list[Text]:
    """Draw matrices, those that share labels side by side, in at most `width` columns."""
    return [_drawn_alike(alike, width) for alike in series(matrices)]


def _drawn_alike(alike: Sequence[Matrix], width: int) -> Text:
    return drawn_matrix(alike[0], width) if len(alike) == 1 else _counted(alike, width)


def _counted(alike: Sequence[Matrix], width: int) -> Text:
    said = f"{len(alike)} maps, {alike[0].title} to {alike[-1].title}: see the picture"
    return _titled(said, width)


def drawn_matrix(matrix: Matrix, width: int = WIDEST) -> Text:
    """Draw a matrix, in several blocks where its columns do not fit side by side."""
    text = _titled(matrix.title, width)
    if not matrix.rows or not matrix.columns:
        return text.append("nothing to show\n", "dim")
    numbered = has_rows_as_columns(matrix)
    columns = [str(at) for at in range(1, len(matrix.columns) + 1)] if numbered else matrix.columns
    shown = min(len(columns), MOST_COLUMNS)
    cell = max(CELL, min(MOST_CELL, _longest(columns[:shown]) + 1))
    room = width - (GROUP if matrix.row_groups else 0)
    longest = _longest(matrix.rows) + (4 if numbered else 0)
    name = min(longest, max(room - shown * cell, LEAST_NAME))
    for part in _parts(shown, (room - name) // cell):
        head = "".join(_fitted(head, cell, right=True) for head in columns[part])
        text.append(f"{' ' * name}{head}\n", "dim")
        _append_rows(text, matrix, part, name, cell)
    counts = (len(matrix.rows) - MOST_ROWS, "rows"), (len(columns) - shown, "columns")
    left_out = [f"{count} more {what}" for count, what in counts if count > 0]
    if left_out:
        text.append(f"{' and '.join(left_out)}: see the picture or its CSV\n", "dim")
    return text


def _append_rows(text: Text, matrix: Matrix, part: slice, name: int, cell: int) -> None:
    numbered = has_rows_as_columns(matrix)
    groups = {start: group for start, _, group in stretches(matrix.row_groups)}
    ends = _ends(matrix)
    rows = zip(matrix.rows[:MOST_ROWS], matrix.values, strict=False)
    for place, (row, values) in enumerate(rows):
        text.append(f"{_fitted(row, name - 4)}{place + 1:4}" if numbered else _fitted(row, name))
        for value in values[part]:
            text.append(in_cell(value).rjust(cell), _background(value, *ends))
        group = f"  {_fitted(groups[place], GROUP - 2).rstrip()}" if place in groups else ""
        text.append(f"{group}\n", "bold")


def _ends(matrix: Matrix) -> tuple[float, float]:
    finite = [value for row in matrix.values for value in row if math.isfinite(value)] or [0.0]
    return min(finite) if matrix.low is None else matrix.low, max(
        finite
    ) if matrix.high is None else matrix.high


def _background(value: float, low: float, high: float) -> Style:
    """Return the colour of a value; a constant matrix has the middle one, NaN none."""
    if not math.isfinite(value):
        return Style.null()
    part = min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5
    place = round(part * (len(COLORS) - 1))
    return Style(
        color=Color.parse("#000000" if place > 4 else "#ffffff"), bgcolor=Color.parse(COLORS[place])
    )


def drawn_scatter(scatter: Scatter, width: int = WIDEST) -> Text:
    """Draw a letter for each group, an asterisk where several groups coincide."""
    across = max(min(SCATTER_WIDTH, width - 1), 1)
    text = _titled(scatter.title, width)
    names = list(dict.fromkeys(scatter.groups))
    letters = {name: NAMES[place % len(NAMES)] for place, name in enumerate(names)}
    styles = {
        letters[name]: GROUP_COLORS[place % len(GROUP_COLORS)] for place, name in enumerate(names)
    }
    points = [
        (x, y, letters[group])
        for x, y, group in zip(scatter.xs, scatter.ys, scatter.groups, strict=True)
        if math.isfinite(x + y)
    ]
    if not points:
        return text.append("nothing to show\n", "dim")
    for line in _in_letters(points, across):
        text.append("│")
        for letter in line:
            text.append(letter, styles.get(letter))
        text.append("\n")
    text.append(f"└{'─' * across}\n")
    used = 0
    for name in names:
        said = f" {printable(name)} ({list(scatter.groups).count(name):,})   "
        if used and used + 1 + cell_len(said) > width:
            text.append("\n")
            used = 0
        text.append(letters[name], styles[letters[name]])
        text.append(said)
        used += 1 + cell_len(said)
    return text.append("\n")


def _in_letters(points: Sequence[tuple[float, float, str]], across: int) -> list[list[str]]:
    lines = [[" "] * across for _ in range(SCATTER_HEIGHT)]
    columns = _places([x for x, _, _ in points], across)
    rows = _places([-y for _, y, _ in points], SCATTER_HEIGHT)  # up is the first line
    for column, row, (_, _, letter) in zip(columns, rows, points, strict=True):
        lines[row][column] = letter if lines[row][column] in (" ", letter) else SEVERAL
    return lines


def _places(values: Sequence[float], count: int) -> list[int]:
    """Bin each value into one of `count` positions between lowest and highest."""
    low, span = (
        min(values, default=0.0),
        (max(values, default=0.0) - min(values, default=0.0)) or 1.0,
    )
    return [round((value - low) / span * (count - 1)) for value in values]


def _titled(title: str, width: int) -> Text:
    lines = wrap(printable(title), width, break_long_words=False, break_on_hyphens=False)
    return Text("".join(f"{line}\n" for line in lines), "bold")


def _fitted(label: str, width: int, right: bool = False) -> str:
    """Pad or cut to exactly this many terminal columns; a Chinese character takes two."""
    label = printable(label)
    cut = cell_len(label) > (width - 1 if right else width)
    label = (
        f"{set_cell_size(label, max(width - 2 if right else width - 1, 0)).rstrip()}…"
        if cut
        else label
    )
    space = " " * (width - cell_len(label))
    return f"{space}{label}" if right else f"{label}{space}"
