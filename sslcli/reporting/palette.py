"""Colours of curves and groups: no two of one picture are the same."""

import colorsys

GREY = "#666666"
DARK, LEAST_CONTRAST = "#181A1B", 4.5  # the dark page, and what is told from it without trouble
# Okabe and Ito's palette, told apart by the colour-blind too, without its yellow, lost on white.
# Behind it what is far from all of them.
FIRST = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000",
    "#7A2DA0", "#8A9A00", "#7B4A26", "#B00040", "#1F2FA8",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "*")
DASHES = ("-", "--", "-.", ":")


def colors(count: int) -> list[str]:
    """Behind the first ones all around the circle of hues, dark and light in turn."""
    more = max(count - len(FIRST), 0)
    rest = [_hex_of(place / more, 0.35 if place % 2 else 0.6, 0.75) for place in range(more)]
    return [*FIRST[:count], *rest]


def paler(color: str) -> str:
    """Halfway to white: for what belongs to a curve of that colour."""
    parts = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{(part + 255) // 2:02X}" for part in parts)


def on_dark(color: str) -> str:
    """The colour itself where it is told from a dark page, else a brighter one of its hue."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_shares(color))
    if not saturation:  # black is white there
        color = _hex_of(hue, 1 - lightness, 0.0)
    while contrast(color, DARK) < LEAST_CONTRAST:
        lightness = min(lightness + 0.02, 1.0)
        color = _hex_of(hue, lightness, saturation)
    return color


def contrast(one: str, other: str) -> float:
    """Ratio of relative luminances, 1 to 21, as WCAG 2 defines it."""
    darker, brighter = sorted(map(_luminance, (one, other)))
    return (brighter + 0.05) / (darker + 0.05)


def _shares(color: str) -> list[float]:
    """Red, green and blue, from 0 to 1."""
    return [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]


def _luminance(color: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in _shares(color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hex_of(hue: float, lightness: float, saturation: float) -> str:
    parts = colorsys.hls_to_rgb(hue, lightness, saturation)
    return "#" + "".join(f"{round(255 * part):02X}" for part in parts)
