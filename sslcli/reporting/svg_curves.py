"""The curves of the page of `ssl report` as SVG, written directly: loading matplotlib takes longer.

Text stays text, in the fonts of whoever looks at it; the legend stands below the axes, where no
curve runs.
"""

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import cycle

from sslcli.reporting.palette import GREY, colors
from sslcli.reports import Curve, Plot, printable

WIDTH, HEIGHT = 480, 280  # of axes with their numbers and names; few enough for a phone
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 38, 46  # around the axes
MARGIN = 12  # left of the title and of the legend
MOST_TICKS = 6
MOST_MARKED = 40  # points of a curve with marks
LARGEST, SMALLEST = 14, 8  # letters of the title
LINE_HEIGHT = 20  # of the legend
LETTER = 7.2  # width of one letter of the legend; of a Chinese one twice that
WIDE = "\u2e80"  # the first of the wide letters
DASHES = ("none", "7 3", "2 3", "9 3 2 3")
FONTS = "system-ui, Noto Sans, Noto Sans CJK SC, PingFang SC, sans-serif"
Point = tuple[float, float]


def curves_svg(plot: Plot) -> bytes:
    """Equal plots give equal bytes."""
    across = Scale.of([x for curve in plot.curves for x in curve.xs], (LEFT, WIDTH - RIGHT))
    values = [y for curve in plot.curves for y in curve.ys]
    up = Scale.of(values, (HEIGHT - BOTTOM, TOP), plot.log_y)
    looks = list(zip(plot.curves, colors(len(plot.curves)), cycle(DASHES), strict=False))
    legend, height = _legend(looks)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        f'width="{WIDTH}" height="{height}" font-size="13" font-family="{FONTS}">',
        _text(MARGIN, 22, plot.title, f'font-size="{_size(plot.title):.1f}" font-weight="600"'),
        *_axes(plot, across, up),
        *(part for look in looks for part in _curve(*look, across, up)),
        *legend,
        "</svg>",
    ]
    return "\n".join(parts).encode()


class Scale:
    """Map from values to picture coordinates, linear or logarithmic."""

    def __init__(self, low: float, high: float, ends: Point, logarithmic: bool) -> None:
        self.low, self.high, self.ends, self.logarithmic = low, high, ends, logarithmic

    @classmethod
    def of(cls, values: Sequence[float], ends: Point, logarithmic: bool = False) -> "Scale":
        """Logarithmic only where every value is above 0."""
        known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(known), max(known)
        if logarithmic and low > 0:
            return cls(low / 1.05, high * 1.05, ends, True)
        room = 0.04 * (high - low) or 0.5 * abs(low) or 0.5
        return cls(low - room, high + room, ends, False)

    def __call__(self, value: float) -> float:
        (start, stop), numbers = self.ends, (self.low, self.high, value)
        low, high, value = map(math.log, numbers) if self.logarithmic else numbers
        return start + (stop - start) * (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round numbers: 1, 2 or 5 times a power of ten."""
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for steps in ((1, 2, 5), (1, 3), (1,)):
                found = [step * 10.0**power for power in powers for step in steps]
                found = [value for value in found if self.low <= value <= self.high]
                if len(found) <= MOST_TICKS:
                    break
            if len(found) > 1:
                return found[:: -(-len(found) // MOST_TICKS)]
        rough = (self.high - self.low) / MOST_TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [number * step for number in range(first, last + 1)]


def _axes(plot: Plot, across: Scale, up: Scale) -> Iterator[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for value in up.ticks():
        y = up(value)
        yield f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#dddddd"/>'
        yield _text(LEFT - 6, y + 4, f"{value:.6g}", f'text-anchor="end" fill="{GREY}"')
    for value in across.ticks():
        x = across(value)
        yield f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#eeeeee"/>'
        yield _text(x, bottom + 16, f"{value:,.10g}", f'text-anchor="middle" fill="{GREY}"')
    yield f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="{GREY}"/>'
    yield _text((LEFT + right) / 2, bottom + 36, plot.x, 'text-anchor="middle"')
    middle = (TOP + bottom) / 2
    name = f"{plot.y} (logarithmic)" if up.logarithmic else plot.y
    yield _text(14, middle, name, f'text-anchor="middle" transform="rotate(-90 14 {middle:.0f})"')


def _curve(curve: Curve, color: str, dash: str, across: Scale, up: Scale) -> Iterator[str]:
    """A line for every stretch of numbers; a dot for each of a few points, and for one alone."""
    marked = len(curve.xs) <= MOST_MARKED
    stroke = f'fill="none" stroke="{color}" stroke-width="1.8" stroke-dasharray="{dash}"'
    for stretch in _stretches(curve):
        points = [(across(x), up(y)) for x, y in stretch]
        if marked or len(points) == 1:
            for x, y in points:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>'
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in _seen(points))
        yield f'<polyline points="{line}" {stroke}/>'


def _stretches(curve: Curve) -> Iterator[list[Point]]:
    """What lies between values that are no numbers."""
    stretch: list[Point] = []
    for x, y in zip(curve.xs, curve.ys, strict=True):
        if math.isfinite(y):
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


def _legend(looks: Sequence[tuple[Curve, str, str]]) -> tuple[list[str], int]:
    """Below the axes, each curve with its last value; and the height of the whole picture."""
    parts, x, y = [], MARGIN, HEIGHT + 8
    for curve, color, dash in looks:
        last = next((f"{value:.4g}" for value in reversed(curve.ys) if math.isfinite(value)), "")
        name = f"{printable(curve.title)} {last}".strip()
        width = 44 + LETTER * _letters(name)
        if x > MARGIN and x + width > WIDTH:
            x, y = MARGIN, y + LINE_HEIGHT
        stroke = f'stroke="{color}" stroke-width="2.5" stroke-dasharray="{dash}"'
        parts.append(f'<path d="M{x:.0f} {y - 4}h26" {stroke}/>')
        parts.append(_text(x + 32, y, name, ""))
        x += width
    return parts, y + 12


def _size(title: str) -> float:
    """Of letters, so that a title is not cut."""
    room = (WIDTH - 2 * MARGIN) / (0.6 * max(_letters(title), 1))
    return max(min(LARGEST, room), SMALLEST)


def _letters(words: str) -> int:
    return sum(2 if letter >= WIDE else 1 for letter in printable(words))


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(printable(words))}</text>'
