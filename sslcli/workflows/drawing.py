"""A Plot, a Scatter, a Matrix or several of them as a picture, with matplotlib and without a screen."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from sslcli.deferred import Deferred
from sslcli.reports import Curve, Matrix, Plot, Scatter, printable
from sslcli.workflows.fonts import families, is_drawable
from sslcli.workflows.heatmaps import heatmap, heatmaps
from sslcli.workflows.labels import (
    GREY,
    LONGEST_LABEL,
    LONGEST_TICK,
    LONGEST_TITLE,
    Written,
    as_it_is,
    entitle,
    lines_of,
    say_empty,
    with_letters_at_hand,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

matplotlib, matplotlib_figure = Deferred("matplotlib"), Deferred("matplotlib.figure")
matplotlib_text, matplotlib_ticker = Deferred("matplotlib.text"), Deferred("matplotlib.ticker")

# Okabe and Ito's palette without its yellow, which is lost on white: told apart by the colour-blind too.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "*")  # one more than colours, so that pairs repeat late
DASHES = ("-", "--", "-.", ":")
MOST_MARKED = 40  # points of a curve with marks
MOST_LABELLED = 60  # points of a scatter with labels
CAPTION_LETTERS_PER_INCH = 17
MOST_INSIDE = 4  # entries of a legend that stand in the picture

Picture = Plot | Matrix | Scatter | Sequence[Matrix] | Sequence[Plot]
MOST_BESIDE = 3  # panels in one row


def drawn(picture: Picture, form: str, caption: str = "") -> bytes:
    """The file of one picture; `form` is "png" or "svg". The same picture gives the same bytes.

    SVG keeps text as text, which whoever shows it has a font for. PNG has numbers or codes for what no font here has.
    """
    sizes = dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 8)
    styles = {"font.family": families(), "svg.fonttype": "none", "svg.hashsalt": "ssl", "axes.unicode_minus": False, **sizes}
    written = as_it_is if form == "svg" else with_letters_at_hand
    stored = io.BytesIO()
    with matplotlib.rc_context(styles), warnings.catch_warnings():
        # Of every letter that no font has, once a drawing: of a sentence in Chinese that is a screenful.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = _figure_of(picture, written)
        if caption:
            _write_below(figure, caption, written)
        for text in figure.findobj(matplotlib_text.Text):
            text.set_parse_math(False)  # a label may hold dollars
        figure.savefig(stored, format=form, dpi=120, metadata={"Date": None} if form == "svg" else {"Software": None})
    return stored.getvalue()


def is_all_drawable(picture: Picture) -> bool:
    """Whether the PNG of it has every label as it is."""
    return all(map(is_drawable, _labels(picture)))


def _labels(picture: Picture) -> list[str]:
    match picture:
        case Plot():
            return [picture.title, picture.x, picture.y, *(curve.title for curve in picture.curves)]
        case Scatter():
            return [picture.title, *picture.labels, *picture.groups]
        case Matrix():
            return [picture.title, *picture.rows, *picture.columns, *picture.row_groups, *picture.column_groups]
    return [label for each in picture for label in (_labels(each) if isinstance(each, Plot) else [each.title])]


def _figure_of(picture: Picture, written: Written) -> Figure:
    match picture:
        case Plot():
            return _plots([picture], written)
        case Scatter():
            return _scatter(picture, written)
        case Matrix():
            return heatmap(picture, written)
        case [Plot(), *_]:
            return _plots(picture, written)
    return heatmaps(picture, written)


def _write_below(figure: Figure, caption: str, written: Written) -> None:
    longest = int(figure.get_figwidth() * CAPTION_LETTERS_PER_INCH)
    lines = [written(line, longest, 0) for line in lines_of(printable(caption), longest)]
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7, color=GREY)


def _plots(plots: Sequence[Plot], written: Written) -> Figure:
    """One panel a plot."""
    columns = min(len(plots), MOST_BESIDE)
    rows = -(-len(plots) // columns)
    figure = matplotlib_figure.Figure(figsize=((8 if columns == 1 else 6.5) * columns, 4.8 * rows), layout="constrained")
    for place, plot in enumerate(plots, start=1):
        _plot(figure.add_subplot(rows, columns, place), plot, written)
    return figure


def _plot(axes: Axes, plot: Plot, written: Written) -> None:
    looks = zip(cycle(PALETTE), cycle(MARKERS), cycle(DASHES), strict=False)
    handles = [_curve(axes, curve, *look) for curve, look in zip(plot.curves, looks, strict=False)]
    axes.set(xlabel=written(plot.x, LONGEST_LABEL, 0), ylabel=written(plot.y, LONGEST_LABEL, 0))
    entitle(axes, written(plot.title, LONGEST_TITLE, 0))
    xs = [x for curve in plot.curves for x in curve.xs]
    if plot.logarithmic and any(x > 0 for x in xs):
        _count_in_powers(axes, xs)
    elif all(x == int(x) for x in xs if math.isfinite(x)):
        axes.xaxis.set_major_locator(matplotlib_ticker.MaxNLocator(integer=True))  # there is no layer 1.5
    axes.grid(alpha=0.25)
    _explain(axes, handles, [written(curve.title, LONGEST_LABEL, 0) for curve in plot.curves])


def _curve(axes: Axes, curve: Curve, color: str, marker: str, dash: str) -> Line2D:
    every = math.ceil(max(len(curve.xs), 1) / MOST_MARKED)
    if len(curve.lows) == 1:
        axes.vlines(curve.xs, curve.lows, curve.highs, color=color, alpha=0.5)
    elif len(curve.lows):
        axes.fill_between(curve.xs, curve.lows, curve.highs, color=color, alpha=0.15, linewidth=0)
    (line,) = axes.plot(curve.xs, curve.ys, color=color, linestyle=dash, linewidth=1.6, marker=marker, markersize=4, markevery=every)
    return line


def _count_in_powers(axes: Axes, xs: Sequence[float]) -> None:
    """A logarithmic x, on which 0 has its place left of the smallest."""
    least, most = min(x for x in xs if x > 0), max(xs)
    base = 10 if most / least >= 1_000 else 2
    powers = range(math.floor(math.log(least, base)), math.floor(math.log(most, base) + 1e-9) + 1)
    axes.set_xscale("symlog", linthresh=least, linscale=0.5)
    axes.set_xticks([*([0] if min(xs) <= 0 else []), *(base**power for power in powers)])
    axes.xaxis.set_major_formatter(matplotlib_ticker.ScalarFormatter())
    axes.minorticks_off()
    axes.set_xlim(min(xs), most * 1.15)


def _scatter(scatter: Scatter, written: Written) -> Figure:
    figure = matplotlib_figure.Figure(figsize=(8, 6), layout="constrained")
    axes = figure.add_subplot()
    entitle(axes, written(scatter.title, LONGEST_TITLE, 0))
    for ends in scatter.links:
        axes.plot([scatter.xs[end] for end in ends], [scatter.ys[end] for end in ends], color=GREY, linewidth=0.5, alpha=0.5)
    names = list(dict.fromkeys(scatter.groups))
    handles = []
    for name, color, marker in zip(names, cycle(PALETTE), cycle(MARKERS), strict=False):
        points = [number for number, group in enumerate(scatter.groups) if group == name]
        xs, ys = [scatter.xs[point] for point in points], [scatter.ys[point] for point in points]
        handles.append(axes.scatter(xs, ys, color=color, marker=marker, s=28, alpha=0.85, linewidths=0))
    if len(scatter.labels) <= MOST_LABELLED:
        for number, (label, x, y) in enumerate(zip(scatter.labels, scatter.xs, scatter.ys, strict=True), 1):
            name = written(label, LONGEST_TICK, number)
            axes.annotate(name, (x, y), xytext=(4, 3), textcoords="offset points", fontsize=7, color="#333333")
    axes.margins(0.08)
    axes.grid(alpha=0.2)
    _explain(axes, handles, [written(name, LONGEST_LABEL, 0) for name in names])
    return figure


def _explain(axes: Axes, handles: Sequence[Any], names: Sequence[str]) -> None:
    """A legend, beside the picture where it is long."""
    if not handles:
        say_empty(axes)
        return
    beside = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if len(names) > MOST_INSIDE else {"loc": "best"}
    axes.legend(handles, names, frameon=False, fontsize=8, handlelength=3, **beside)
