"""Names beside the points of a scatter, each where it covers no other and no point, where room
is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sslcli.deferred import Deferred
from sslcli.reporting.text import LONGEST_TICK, Written
from sslcli.reports import Scatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

numpy = Deferred("numpy")
MOST_LABELLED, MOST_POINTS = 60, 1_000
FONT_SIZE = 7
LETTER, HEIGHT = 4.4, 8.0  # points of a letter in that size, and of a line
GOLDEN = (5**0.5 - 1) / 2
GAP = 4.0  # between a point and its name
DOT = 3.0  # radius of a point
WIDE = "\u2e80"  # the first of the letters that are twice as wide

Box = tuple[float, float, float, float]  # left, bottom, right, top


def label_points(axes: Axes, scatter: Scatter, written: Written) -> None:
    """Label points; call it after all points are plotted.

    Of more than MOST_LABELLED so many, from all over them, whose names cover nothing; of very many,
    where the name of a single one says little, none.
    """
    many = len(scatter.labels) > MOST_LABELLED
    if len(scatter.labels) > MOST_POINTS:
        return
    axes.get_xlim(), axes.get_ylim()  # the limits are settled when they are asked for
    scale = 72 / axes.figure.dpi
    places = axes.transData.transform(list(zip(scatter.xs, scatter.ys, strict=True))) * scale
    dots = [(x - DOT, y - DOT, x + DOT, y + DOT) for x, y in places.tolist()]
    taken: list[Box] = []
    for number in _spread(len(dots)) if many else range(len(dots)):
        x, y = places[number].tolist()
        if not math.isfinite(x + y):
            continue
        if many and len(taken) == MOST_LABELLED:
            break
        name = written(scatter.labels[number], LONGEST_TICK, number + 1)
        others = numpy.array([*taken, *dots])  # its own dot is covered by none of the boxes
        letters = sum(2 if letter >= WIDE else 1 for letter in name)
        boxes = list(_around(x, y, LETTER * letters))
        covered = [float(_overlaps(box, others).sum()) for box in boxes]
        best = boxes[covered.index(min(covered))]
        if many and min(covered):
            continue
        taken.append(best)
        where = {"xytext": (best[0] - x, best[1] - y), "textcoords": "offset points"}
        point = (scatter.xs[number], scatter.ys[number])
        axes.annotate(name, point, fontsize=FONT_SIZE, color="#333333", **where)


def _spread(count: int) -> list[int]:
    """All numbers, each far from those before it: as they lie along a circle in golden steps."""
    return sorted(range(count), key=lambda number: number * GOLDEN % 1)


def _around(x: float, y: float, width: float) -> Iterator[Box]:
    """Where a name may stand, the best first: right of the point, left, above, below, farther."""
    for rise in (-HEIGHT / 4, HEIGHT / 2, -HEIGHT, 1.5 * HEIGHT, -2 * HEIGHT):
        for left in (x + GAP, x - GAP - width, x - width / 2):
            box = (left, y + rise, left + width, y + rise + HEIGHT)
            if not _overlaps(box, numpy.array([(x - DOT, y - DOT, x + DOT, y + DOT)])).any():
                yield box


def _overlaps(box: Box, others: Any) -> Any:
    """The area that a box covers of each of the others, [n, 4]."""
    left, bottom, right, top = others.T
    widths = numpy.minimum(right, box[2]) - numpy.maximum(left, box[0])
    heights = numpy.minimum(top, box[3]) - numpy.maximum(bottom, box[1])
    return numpy.clip(widths, 0, None) * numpy.clip(heights, 0, None)
