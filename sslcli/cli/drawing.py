"""Numbers, curves and passages as rich text."""

import math
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from sslcli.reports import Curve, Passage, printable

# Marks as well as colours: never colour alone.
ROLES = {
    "plain": ("", "", ""),
    "special": ("dim", "", ""),
    "corrupted": ("red", "‹", "›"),
    "target": ("bold yellow", "«", "»"),
    "correct": ("green", "", "✓"),
}
BLOCKS = "▁▂▃▄▅▆▇█"
LEAST_BLOCKS, MOST_BLOCKS = 8, 40  # of a curve in one line
Ends = tuple[float, float]


def drawn_curve(curve: Curve, width: int = 200) -> Text:
    """Draw a curve as one line: title, sparkline, first and last value."""
    title = printable(curve.title)
    if not curve.ys:
        return Text(f"{title}  (empty)")
    ends = f"  {number(curve.ys[0])} to {number(curve.ys[-1])}"
    most = max(min(MOST_BLOCKS, width - len(title) - len(ends) - 2), LEAST_BLOCKS)
    return Text.assemble(title, "  ", (sparkline(curve.ys, most), "cyan"), ends)


def drawn_passage(passage: Passage) -> Text:
    """Draw a passage with its spans coloured and marked by role."""
    text = Text.assemble((f"{printable(passage.title)}  " if passage.title else "", "bold"))
    for span in passage.spans:
        style, before, after = ROLES[span.role]
        text.append(f"{before}{printable(span.text)}{after}", style=style or None)
    return text


def sparkline(values: Sequence[float], most: int = MOST_BLOCKS, ends: Ends | None = None) -> str:
    """Draw a curve as `most` block characters, each the mean of its part, NaN as blanks.

    `ends`: the values of the lowest and the highest block, those of the curve when not given.
    """
    count = min(most, len(values))
    parts = [
        values[index * len(values) // count : (index + 1) * len(values) // count]
        for index in range(count)
    ]
    means = [sum(part) / len(part) for part in parts]
    finite = [mean for mean in means if math.isfinite(mean)]
    low, high = ends or ((min(finite), max(finite)) if finite else (0.0, 0.0))
    heights = [
        round((mean - low) / (high - low) * (len(BLOCKS) - 1))
        if high > low and math.isfinite(mean)
        else 0
        for mean in means
    ]
    return "".join(
        BLOCKS[height] if math.isfinite(mean) else " "
        for mean, height in zip(means, heights, strict=True)
    )


def short(value: Any) -> str:
    """Format a table cell; shares have three digits."""
    if not isinstance(value, float) or not 0 < abs(value) < 1:
        return number(value)
    return f"{value:.3g}" if abs(value) >= 1e-4 else f"{value:.0e}"


def number(value: Any) -> str:
    """Format a number: four significant digits, thousands separated, empty for None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 10_000 and math.isfinite(value) else f"{value:.4g}"
