"""The curves of a page as SVG that stands in its HTML, written directly: loading matplotlib takes
longer, and a picture in a file knows neither the colours of the page nor where somebody points.

The picture is axes and curves alone. Title and legend are the page's, whose lines break as texts
do. Each curve carries its values, which the script of the page shows.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle

from sslcli.reporting.palette import colors, on_dark
from sslcli.reports import Curve, Plot, printable

WIDTH, HEIGHT = 440, 250  # of the whole picture; few enough for a phone
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 22, 44  # around the axes
ZERO_APART = 0.07  # of a logarithmic axis: left of the smallest number lies 0
MOST_TICKS = 6
MOST_MARKED = 40  # points of a curve with marks
MOST_POINTED = 500  # points of a curve whose values can be asked for
DASHES = ("none", "7 3", "2 3", "9 3 2 3")
Point = tuple[float, float]


@dataclass(frozen=True)
class CurveLook:
    """How a curve is drawn: one colour on white and one on black, and its dashes; and its last
    value.
    """

    title: str
    last: str
    light: str
    dark: str
    dash: str


def looks_of(plot: Plot) -> list[CurveLook]:
    """Those of all curves, in their order; no two have one colour."""
    chosen = zip(plot.curves, colors(len(plot.curves)), cycle(DASHES), strict=False)
    return [
        CurveLook(printable(curve.title), _last(curve), color, on_dark(color), dash)
        for curve, color, dash in chosen
    ]


def curves_svg(plot: Plot, words: Callable[[str], str] = str) -> str:
    """The axes with all curves, and their names in `words`. Equal plots give equal texts."""
    xs = [x for curve in plot.curves for x in curve.xs]
    across = Scale.of(xs, (LEFT, WIDTH - RIGHT), plot.logarithmic, with_zero=True)
    values = [y for curve in plot.curves for y in (*curve.ys, *curve.lows, *curve.highs)]
    up = Scale.of(values, (HEIGHT - BOTTOM, TOP), plot.log_y)
    drawn = zip(plot.curves, looks_of(plot), strict=True)
    parts = [
        f'<svg class="axes" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" tabindex="0"',
        f'aria-label="{_attribute(words(plot.title))}" data-x="{_attribute(words(plot.x))}"',
        f'data-top="{TOP}" data-bottom="{HEIGHT - BOTTOM}">',
        *_axes(plot, across, up, words),
        *(part for curve, look in drawn for part in _curve(curve, look, across, up)),
        "</svg>",
    ]
    return "\n".join(parts)


class Scale:
    """Map from values to picture coordinates, linear or logarithmic.

    `with_zero`: whether a logarithmic one has a place for what is not above 0, at its beginning.
    """

    def __init__(
        self, low: float, high: float, ends: Point, logarithmic: bool, with_zero: bool = False
    ) -> None:
        self.low, self.high, self.logarithmic = low, high, logarithmic
        self.zero, stop = ends
        self.ends = (self.zero + ZERO_APART * (stop - self.zero) * with_zero, stop)
        self.with_zero, self.whole = with_zero, False

    @classmethod
    def of(
        cls,
        values: Sequence[float],
        ends: Point,
        logarithmic: bool = False,
        with_zero: bool = False,
    ) -> "Scale":
        """Logarithmic only where values are above 0: all of them, or `with_zero` some."""
        known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        above = [value for value in known if value > 0]
        if logarithmic and above and (with_zero or len(above) == len(known)):
            return cls(min(above) / 1.05, max(above) * 1.05, ends, True, len(above) < len(known))
        low, high = min(known), max(known)
        room = 0.04 * (high - low) or 0.5 * abs(low) or 0.5
        scale = cls(low - room, high + room, ends, False)
        scale.whole = all(value == int(value) for value in known)
        return scale

    def __call__(self, value: float) -> float:
        if self.logarithmic and value <= 0:
            return self.zero
        (start, stop), numbers = self.ends, (self.low, self.high, value)
        low, high, value = map(math.log, numbers) if self.logarithmic else numbers
        return start + (stop - start) * (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round numbers: 1, 2 or 5 times a power of ten; of whole numbers no others."""
        zero = [0.0] if self.with_zero else []
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for steps in ((1, 2, 5), (1, 3), (1,)):
                found = [step * 10.0**power for power in powers for step in steps]
                found = [value for value in found if self.low <= value <= self.high]
                if len(found) <= MOST_TICKS:
                    break
            if len(found) > 1:
                return zero + found[:: -(-len(found) // MOST_TICKS)]
        rough = (self.high - self.low) / MOST_TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough)
        step = max(step, 1.0) if self.whole else step
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return zero + [number * step for number in range(first, last + 1)]


def _axes(plot: Plot, across: Scale, up: Scale, words: Callable[[str], str]) -> Iterator[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for value in up.ticks():
        y = up(value)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>'
        yield _text(LEFT - 6, y + 4, f"{value:.6g}", 'class="tick" text-anchor="end"')
    for value in across.ticks():
        x = across(value)
        yield f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>'
        yield _text(x, bottom + 16, f"{value:,.10g}", 'class="tick" text-anchor="middle"')
    yield f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>'
    below, name = (
        f"{words(own)} ({words('logarithmic')})" if scale.logarithmic else words(own)
        for own, scale in ((plot.x, across), (plot.y, up))
    )
    yield _text((LEFT + right) / 2, bottom + 36, below, 'text-anchor="middle"')
    middle = (TOP + bottom) / 2
    yield _text(14, middle, name, f'text-anchor="middle" transform="rotate(-90 14 {middle:.0f})"')


def _curve(curve: Curve, look: CurveLook, across: Scale, up: Scale) -> Iterator[str]:
    """A line for every stretch of numbers; a dot for each of a few points, and for one alone; 95 %
    intervals as a band, or as a bar where there is one.
    """
    points = zip(curve.xs, curve.ys, strict=True)
    shown = [point for point in points if all(map(math.isfinite, point))]
    values = [
        [
            round(across(x), 1),
            round(up(y), 1),
            f"{x:,.10g}" if float(x).is_integer() else f"{x:.4g}",
            f"{y:.4g}",
        ]
        for x, y in (shown if len(shown) <= MOST_POINTED else _thinned(shown))
    ]
    constant = f' data-constant="{values[0][3]}"' if len({y for _, y in shown}) == 1 else ""
    style = f"--light:{look.light};--dark:{look.dark}"
    pointed = json.dumps(values, separators=(",", ":"))
    yield f'<g class="curve" style="{style}"{constant} data-values="{_attribute(pointed)}">'
    if len(curve.lows):
        yield from _intervals(curve, across, up)
    for stretch in _stretches(curve):
        points = [(across(x), up(y)) for x, y in stretch]
        if len(curve.xs) <= MOST_MARKED or len(points) == 1:
            for x, y in points:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in _seen(points))
        yield f'<polyline points="{line}" stroke-dasharray="{look.dash}"/>'
    yield "</g>"


def _intervals(curve: Curve, across: Scale, up: Scale) -> Iterator[str]:
    rows = zip(curve.xs, curve.lows, curve.highs, strict=True)
    known = [row for row in rows if all(map(math.isfinite, row))]
    if len(known) == 1:
        ((x, low, high),) = known
        yield f'<path class="bar" d="M{across(x):.1f} {up(low):.1f}V{up(high):.1f}"/>'
    elif known:
        around = [(x, low) for x, low, _ in known] + [(x, high) for x, _, high in known[::-1]]
        points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in around)
        yield f'<polygon points="{points}"/>'


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Of very many points some, evenly, with the last."""
    step = -(-len(points) // MOST_POINTED)
    return [*points[:-1:step], points[-1]]


def _stretches(curve: Curve) -> Iterator[list[Point]]:
    """What lies between values that are no numbers."""
    stretch: list[Point] = []
    for x, y in zip(curve.xs, curve.ys, strict=True):
        if math.isfinite(x) and math.isfinite(y):
            stretch.append((x, y))
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _seen(points: Sequence[Point]) -> list[Point]:
    """Of the points in one column of pixels the ends and the extremes: no other can be seen."""
    if len(points) <= 2 * WIDTH:
        return list(points)
    columns: dict[int, list[Point]] = {}
    for point in points:
        columns.setdefault(int(point[0]), []).append(point)
    kept = []
    for column in columns.values():
        by_height = sorted(range(len(column)), key=lambda at: column[at][1])
        kept += [column[at] for at in sorted({0, len(column) - 1, by_height[0], by_height[-1]})]
    return kept


def _last(curve: Curve) -> str:
    return next((f"{value:.4g}" for value in reversed(curve.ys) if math.isfinite(value)), "")


def _attribute(words: str) -> str:
    return escape(printable(words), quote=True)


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(printable(words))}</text>'
