"""Colours of curves and groups: no two of one picture are the same."""

import colorsys

GREY = "#666666"
# Okabe and Ito's palette, told apart by the colour-blind too, without its yellow, lost on white.
FIRST = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "*")
DASHES = ("-", "--", "-.", ":")


def colors(count: int) -> list[str]:
    """Behind the first ones all around the circle of hues, dark and light in turn."""
    more = max(count - len(FIRST), 0)
    rest = [_hex(place / more, 0.35 if place % 2 else 0.6) for place in range(more)]
    return [*FIRST[:count], *rest]


def paler(color: str) -> str:
    """Halfway to white: for what belongs to a curve of that colour."""
    parts = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{(part + 255) // 2:02X}" for part in parts)


def _hex(hue: float, lightness: float) -> str:
    parts = colorsys.hls_to_rgb(hue, lightness, 0.75)
    return "#" + "".join(f"{round(255 * part):02X}" for part in parts)
