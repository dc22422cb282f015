"""Names beside the points of a scatter, each where it covers no other and no point, where room
is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sslcli.reporting.text import LONGEST_TICK, Written
from sslcli.reports import Scatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONT_SIZE = 7
LETTER, HEIGHT = 4.4, 8.0  # points of a letter in that size, and of a line
GAP = 4.0  # between a point and its name
DOT = 3.0  # radius of a point
WIDE = "\u2e80"  # the first of the letters that are twice as wide

Box = tuple[float, float, float, float]  # left, bottom, right, top


def label_points(axes: Axes, scatter: Scatter, written: Written) -> None:
    """Label points; call it after all points are plotted."""
    axes.get_xlim(), axes.get_ylim()  # the limits are settled when they are asked for
    scale = 72 / axes.figure.dpi
    places = axes.transData.transform(list(zip(scatter.xs, scatter.ys, strict=True))) * scale
    dots = [(x - DOT, y - DOT, x + DOT, y + DOT) for x, y in places.tolist()]
    taken: list[Box] = []
    for number, (x, y) in enumerate(places.tolist()):
        if not math.isfinite(x + y):
            continue
        name = written(scatter.labels[number], LONGEST_TICK, number + 1)
        others = [*taken, *dots[:number], *dots[number + 1 :]]
        letters = sum(2 if letter >= WIDE else 1 for letter in name)
        boxes = list(_around(x, y, LETTER * letters))
        best = min(boxes, key=lambda box: sum(_overlap(box, other) for other in others))
        taken.append(best)
        where = {"xytext": (best[0] - x, best[1] - y), "textcoords": "offset points"}
        point = (scatter.xs[number], scatter.ys[number])
        axes.annotate(name, point, fontsize=FONT_SIZE, color="#333333", **where)


def _around(x: float, y: float, width: float) -> Iterator[Box]:
    """Where a name may stand, the best first: right of the point, left, above, below, farther."""
    for rise in (-HEIGHT / 4, HEIGHT / 2, -HEIGHT, 1.5 * HEIGHT, -2 * HEIGHT):
        for left in (x + GAP, x - GAP - width, x - width / 2):
            box = (left, y + rise, left + width, y + rise + HEIGHT)
            if not _overlap(box, (x - DOT, y - DOT, x + DOT, y + DOT)):
                yield box


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """The area that both cover."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0
