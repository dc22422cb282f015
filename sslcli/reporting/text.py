"""Text in pictures: labels cut to a length, and substitutes for missing letters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import TYPE_CHECKING

from sslcli.reporting.fonts import is_drawable, letters
from sslcli.reporting.palette import GREY
from sslcli.reports import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT_OUT = "…"  # in the place of letters that no font here has
LONGEST_TITLE, LONGEST_LABEL, LONGEST_TICK = 90, 44, 22  # characters
# (label, most characters, number among its like, 0 where it has none) -> the text to draw. Of
# labels of rows, columns and points it is that of the table beside the picture.
Written = Callable[[str, int, int], str]


def as_it_is(label: str, longest: int, number: int = 0) -> str:
    """Return a label cut to `longest` characters, with its own characters."""
    label = printable(label)
    return label if len(label) <= longest else f"{label[: longest - 1]}…"


def with_letters_at_hand(label: str, longest: int, number: int = 0) -> str:
    """Its number where a letter of it has no shape here; of what has no number, only the rest."""
    if is_drawable(label):
        return as_it_is(label, longest)
    if number:
        return f"#{number}"
    shapes = letters()
    parts = groupby(label, lambda letter: letter.isspace() or ord(letter) in shapes)
    known = ("".join(run) if drawable else LEFT_OUT for drawable, run in parts)
    return as_it_is("".join(known), longest)


def lines_of(text: str, longest: int) -> list[str]:
    """Cut between words, or within one that alone is longer than a line of `longest` characters."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= longest:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [
        line[start : start + longest]
        for line in lines
        for start in range(0, max(len(line), 1), longest)
    ]


def entitle(axes: Axes, title: str, above: int = 6) -> None:
    """`above`: points between the picture and its title."""
    axes.set_title(title, loc="left", fontsize=11, pad=above)


def say_empty(axes: Axes) -> None:
    """Write "nothing to show" into empty axes."""
    axes.text(
        0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", va="center", color=GREY
    )
    axes.set_xticks([])
    axes.set_yticks([])
