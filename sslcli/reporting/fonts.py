"""Fonts of pictures: matplotlib ships DejaVu Sans; Chinese needs a font of the machine."""

from functools import cache
from pathlib import Path

from sslcli.deferred import Deferred

font_manager = Deferred("matplotlib.font_manager")
ALWAYS = "DejaVu Sans"
CJK_FONTS = (
    "Noto Sans CJK", "Source Han Sans", "PingFang", "Hiragino Sans GB", "Microsoft YaHei",
    "WenQuanYi", "SimHei", "Noto Serif CJK",
    "Source Han Serif", "Droid Sans Fallback",
)  # fmt: skip
SIMPLIFIED = (" SC", " CN")  # of families that come once a region, the one drawn first
HOW_TO_GET_ONE = "apt install fonts-noto-cjk"


def cjk_font() -> str | None:
    """The name of an installed family with Chinese letters."""
    return _chinese(frozenset(font.name for font in font_manager.fontManager.ttflist))


@cache
def _chinese(installed: frozenset[str]) -> str | None:
    """Every label of a picture asks for it."""
    fitting = [
        name for family in CJK_FONTS for name in sorted(installed) if name.startswith(family)
    ]
    return next(
        (name for name in fitting if name.endswith(SIMPLIFIED)), fitting[0] if fitting else None
    )


def font_families() -> list[str]:
    """Return the font families in order of preference."""
    return [ALWAYS, *filter(None, [cjk_font()])]


def is_drawable(text: str) -> bool:
    """Tell whether a font here has every letter."""
    return set(map(ord, "".join(text.split()))) <= letters()


def letters() -> frozenset[int]:
    """The codes of all letters that have a shape here."""
    return _letters(tuple(font_families()))


@cache
def _letters(names: tuple[str, ...]) -> frozenset[int]:
    fonts = (font_manager.get_font(Path(font_manager.findfont(name))) for name in names)
    return frozenset(code for font in fonts for code in font.get_charmap())
