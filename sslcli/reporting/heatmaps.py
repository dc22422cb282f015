"""A matrix as coloured cells with numbers in them, and many matrices as small maps in one
picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sslcli.deferred import Deferred
from sslcli.reporting.text import (
    LONGEST_LABEL,
    LONGEST_TICK,
    LONGEST_TITLE,
    Written,
    entitle,
    say_empty,
)
from sslcli.reports import MOST_NUMBERED, Matrix, has_rows_as_columns, in_cell, stretches

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

matplotlib_colors, matplotlib_figure = Deferred("matplotlib.colors"), Deferred("matplotlib.figure")
COLORS = "viridis"
MOST_NAMED = 60  # rows and columns with labels
LARGEST_INCHES = 16
MOST_ACROSS = 2  # matrices with numbers side by side


def heatmap(matrices: Sequence[Matrix], written: Written) -> Figure:
    """Draw one matrix, or several with the same rows and columns, with numbers and scale."""
    across = min(maps_across([matrix.title for matrix in matrices]), MOST_ACROSS)
    down = math.ceil(len(matrices) / across)
    width, height = _size(*_names(matrices[0], written))
    size = (width * across, height * down)
    figure = matplotlib_figure.Figure(figsize=size, layout="constrained")
    for place, matrix in enumerate(matrices, 1):
        _draw(figure, figure.add_subplot(down, across, place), matrix, written)
    return figure


def _draw(figure: Figure, axes: Axes, matrix: Matrix, written: Written) -> None:
    row_names, column_names = _names(matrix, written)
    entitle(axes, written(matrix.title, LONGEST_TITLE, 0), above=20 if matrix.column_groups else 6)
    if not row_names or not column_names:
        say_empty(axes)
        return
    image = _cells(axes, matrix, _scale([matrix]))
    _name(axes, row_names, column_names)
    axes.set(xlabel=written(matrix.x, LONGEST_LABEL, 0), ylabel=written(matrix.y, LONGEST_LABEL, 0))
    if _is_numbered(row_names, column_names):
        _number(axes, image, matrix.values)
    _part_groups(axes, matrix, written)
    figure.colorbar(image, ax=axes, fraction=0.03, pad=0.06 if matrix.row_groups else 0.02)


def heatmaps(matrices: Sequence[Matrix], written: Written) -> Figure:
    """Small maps beside one another, on one scale."""
    across = maps_across([matrix.title for matrix in matrices])
    down = math.ceil(len(matrices) / across)
    figure = matplotlib_figure.Figure(
        figsize=(min(LARGEST_INCHES, 1.6 * across + 1.5), min(24, 1.75 * down + 0.8)),
        layout="constrained",
    )
    scale, images = _scale(matrices), []
    for place, matrix in enumerate(matrices, 1):
        axes = figure.add_subplot(down, across, place)
        images.append(_cells(axes, matrix, scale))
        axes.set_title(written(matrix.title, LONGEST_TICK, 0), fontsize=7)
        axes.set_xticks([])
        axes.set_yticks([])
    figure.supxlabel(written(matrices[0].x, LONGEST_LABEL, 0), fontsize=8)
    figure.supylabel(written(matrices[0].y, LONGEST_LABEL, 0), fontsize=8)
    figure.colorbar(images[-1], ax=figure.axes, fraction=0.02, pad=0.01)
    return figure


def maps_across(titles: Sequence[str]) -> int:
    """Return how many maps to draw per row.

    As many as share a title but for the last word ("layer 2 head 0", ...); nearly a square if these
    differ.
    """
    stems = [title.rpartition(" ")[0] for title in titles]
    across = stems.count(stems[0])
    is_even = across > 1 and all(stems.count(stem) == across for stem in stems)
    return across if is_even and across < len(titles) else math.ceil(math.sqrt(len(titles)))


def _names(matrix: Matrix, written: Written) -> tuple[list[str], list[str]]:
    """Labels of rows and columns; where both are the same long texts, the columns have the numbers
    of the rows.
    """
    rows = [written(label, LONGEST_LABEL, number) for number, label in enumerate(matrix.rows, 1)]
    if has_rows_as_columns(matrix):
        return [f"{name}  {number}" for number, name in enumerate(rows, 1)], [
            str(number) for number in range(1, len(rows) + 1)
        ]
    return rows, [
        written(label, LONGEST_TICK, number) for number, label in enumerate(matrix.columns, 1)
    ]


def _longest(names: Sequence[str]) -> int:
    return max(map(len, names), default=0)


def _is_numbered(rows: Sequence[str], columns: Sequence[str]) -> bool:
    return len(rows) <= MOST_NUMBERED and len(columns) <= MOST_NUMBERED


def _size(rows: Sequence[str], columns: Sequence[str]) -> tuple[float, float]:
    """Inches; room for cells, for labels, and for the scale of the colours."""
    cell = 0.52 if _is_numbered(rows, columns) else min(0.3, 9 / max(len(rows), len(columns)))
    width = len(columns) * cell + _longest(rows) * 0.075 + 2.2
    height = len(rows) * cell + _longest(columns) * 0.06 + 1.6
    return max(4.5, min(LARGEST_INCHES, width)), max(2.6, min(LARGEST_INCHES, height))


def _scale(matrices: Sequence[Matrix]) -> Normalize:
    """From the lowest to the highest of what is finite, or as the matrices say; equal values lie in
    the middle.
    """
    values = [
        value
        for matrix in matrices
        for row in matrix.values
        for value in row
        if math.isfinite(value)
    ] or [0.0]
    low = min((matrix.low for matrix in matrices if matrix.low is not None), default=min(values))
    high = max((matrix.high for matrix in matrices if matrix.high is not None), default=max(values))
    low, high = (low, high) if high > low else (low - 0.5, low + 0.5)
    return matplotlib_colors.Normalize(low, high)


def _cells(axes: Axes, matrix: Matrix, scale: Normalize) -> AxesImage:
    axes.set_facecolor("#dddddd")  # behind cells that are no number
    return axes.imshow(
        [[float(value) for value in row] for row in matrix.values],
        cmap=COLORS,
        norm=scale,
        aspect="auto",
    )


def _name(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Every label, or every so many where there are more than can be read."""
    for axis, names in ((axes.yaxis, rows), (axes.xaxis, columns)):
        every = math.ceil(len(names) / MOST_NAMED)
        axis.set_ticks(
            range(0, len(names), every),
            names[::every],
            fontsize=8 if len(names) <= MOST_NUMBERED else 6,
        )
    if _longest(columns) > 3:
        turned = (
            {"rotation": 55, "ha": "right", "rotation_mode": "anchor"}
            if len(columns) <= MOST_NUMBERED
            else {"rotation": 90}
        )
        for label in axes.get_xticklabels():
            label.set(**turned)


def _number(axes: Axes, image: AxesImage, values: Sequence[Sequence[float]]) -> None:
    array = image.get_array()
    assert array is not None, "it was made of values"
    scaled: Any = image.norm(array)  # of all at once: a number alone takes as long
    brightness = scaled.filled(1.0)
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            is_bright = brightness[row, column] > 0.6
            color = "black" if is_bright else "white"
            text = axes.text(
                column, row, in_cell(value), ha="center", va="center", fontsize=7, color=color
            )
            text.set_in_layout(False)  # it stands inside the axes, whose place it does not change


def _part_groups(axes: Axes, matrix: Matrix, written: Written) -> None:
    """White lines between groups; names of the rows' groups on the right, of the columns' above."""
    beside = {
        "transform": axes.get_yaxis_transform(),
        "rotation": 90,
        "va": "center",
        "fontsize": 8,
    }
    for number, (start, stop, name) in enumerate(stretches(matrix.row_groups), 1):
        axes.axhline(start - 0.5, color="white", linewidth=3 if start else 0)
        axes.text(1.01, (start + stop - 1) / 2, written(name, LONGEST_TICK, number), **beside)
    above = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "bottom", "fontsize": 8}
    for number, (start, stop, name) in enumerate(stretches(matrix.column_groups), 1):
        axes.axvline(start - 0.5, color="white", linewidth=3 if start else 0)
        axes.text((start + stop - 1) / 2, 1.01, written(name, LONGEST_TICK, number), **above)
