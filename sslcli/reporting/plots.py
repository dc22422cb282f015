"""A Plot, a Scatter, a Gallery, a Matrix or several of them as a picture, with matplotlib and
without a screen.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from sslcli.deferred import Deferred
from sslcli.reporting.fonts import font_families, is_drawable
from sslcli.reporting.galleries import drawn_images
from sslcli.reporting.heatmaps import heatmap, heatmaps
from sslcli.reporting.palette import DASHES, GREY, MARKERS, colors
from sslcli.reporting.point_labels import label_points
from sslcli.reporting.text import (
    LONGEST_LABEL,
    LONGEST_TITLE,
    Written,
    as_it_is,
    entitle,
    lines_of,
    say_empty,
    with_letters_at_hand,
)
from sslcli.reports import Curve, Gallery, Matrix, Plot, Scatter, is_series, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

matplotlib, matplotlib_figure = Deferred("matplotlib"), Deferred("matplotlib.figure")
matplotlib_ticker = Deferred("matplotlib.ticker")
matplotlib_agg = Deferred("matplotlib.backends.backend_agg")
matplotlib_svg = Deferred("matplotlib.backends.backend_svg")

MOST_MARKED = 40  # points of a curve with marks
CAPTION_LETTERS_PER_INCH = 17
DOTS_PER_INCH = 120  # of PNG

Picture = Plot | Matrix | Scatter | Gallery | Sequence[Matrix] | Sequence[Plot]
MOST_BESIDE = 2  # panels in one row: more are too small to be read on a page


def drawn(picture: Picture, caption: str = "") -> dict[str, bytes]:
    """Return the files of one picture, by suffix: "png" and "svg". Equal pictures give equal bytes.

    SVG keeps text as text, which the viewer has a font for. If no font here has a letter, PNG has
    numbers in the place of labels, and titles without the letter; else both are the same figure,
    laid out once.
    """
    sizes = dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 8)
    # Texts stay as they are: a label may hold dollars.
    texts = {"svg.fonttype": "none", "axes.unicode_minus": False, "text.parse_math": False}
    styles = {"font.family": font_families(), "svg.hashsalt": "ssl", **texts, **sizes}
    png, svg = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context(styles), warnings.catch_warnings():
        # Of every letter that no font has, once a drawing: of a sentence in Chinese that is a
        # screenful.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = _laid_out(picture, caption, with_letters_at_hand)
        matplotlib_agg.FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
        if not (is_all_drawable(picture) and is_drawable(caption)):
            figure = _laid_out(picture, caption, as_it_is)
        matplotlib_svg.FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
    return {"png": png.getvalue(), "svg": svg.getvalue()}


def _laid_out(picture: Picture, caption: str, written: Written) -> Figure:
    """With the place of everything found: to save a figure finds it anew, drawing all of it once
    more.
    """
    figure = figure_of(picture, written)
    figure.dpi = DOTS_PER_INCH
    if caption:
        _write_below(figure, caption, written)
    engine = figure.get_layout_engine()
    assert engine is not None, "every figure here is made with one"
    for _ in range(2):  # where ticks stand is known after the first
        engine.execute(figure)
    figure.set_layout_engine("none")
    return figure


def is_all_drawable(picture: Picture) -> bool:
    """Tell whether its PNG can show every label as written."""
    return all(map(is_drawable, _labels(picture)))


def _labels(picture: Picture) -> list[str]:
    match picture:
        case Plot():
            return [picture.title, picture.x, picture.y, *(curve.title for curve in picture.curves)]
        case Scatter():
            return [picture.title, *picture.labels, *picture.groups]
        case Gallery():
            return [picture.title, *picture.rows, *picture.columns]
        case Matrix():
            return [
                picture.title,
                *picture.rows,
                *picture.columns,
                *picture.row_groups,
                *picture.column_groups,
            ]
    plots, matrices = _parted(picture)
    if is_series(matrices):
        return [matrix.title for matrix in matrices]
    return [label for each in (*plots, *matrices) for label in _labels(each)]


def figure_of(picture: Picture, written: Written) -> Figure:
    """Draw a picture as a matplotlib figure."""
    match picture:
        case Plot():
            return _plots([picture], written)
        case Scatter():
            return _scatter(picture, written)
        case Gallery():
            return drawn_images(picture, written)
        case Matrix():
            return heatmap([picture], written)
    plots, matrices = _parted(picture)
    if plots:
        return _plots(plots, written)
    return heatmaps(matrices, written) if is_series(matrices) else heatmap(matrices, written)


def _parted(pictures: Sequence[Plot] | Sequence[Matrix]) -> tuple[list[Plot], list[Matrix]]:
    plots = [each for each in pictures if isinstance(each, Plot)]
    return plots, [each for each in pictures if isinstance(each, Matrix)]


def _write_below(figure: Figure, caption: str, written: Written) -> None:
    longest = int(figure.get_figwidth() * CAPTION_LETTERS_PER_INCH)
    lines = [written(line, longest, 0) for line in lines_of(printable(caption), longest)]
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7, color=GREY)


def _plots(plots: Sequence[Plot], written: Written) -> Figure:
    """One panel a plot."""
    columns = min(len(plots), MOST_BESIDE)
    rows = -(-len(plots) // columns)
    size = ((8 if columns == 1 else 6) * columns, 4.8 * rows)
    figure = matplotlib_figure.Figure(figsize=size, layout="constrained")
    for place, plot in enumerate(plots, start=1):
        _plot(figure.add_subplot(rows, columns, place), plot, written)
    return figure


def _plot(axes: Axes, plot: Plot, written: Written) -> None:
    looks = zip(colors(len(plot.curves)), cycle(MARKERS), cycle(DASHES), strict=False)
    handles = [_curve(axes, curve, *look) for curve, look in zip(plot.curves, looks, strict=False)]
    axes.set(xlabel=written(plot.x, LONGEST_LABEL, 0), ylabel=written(plot.y, LONGEST_LABEL, 0))
    entitle(axes, written(plot.title, LONGEST_TITLE, 0))
    xs = [x for curve in plot.curves for x in curve.xs]
    if plot.logarithmic and any(x > 0 for x in xs):
        _count_in_powers(axes, xs)
    elif all(x == int(x) for x in xs if math.isfinite(x)):
        # there is no layer 1.5
        axes.xaxis.set_major_locator(matplotlib_ticker.MaxNLocator(integer=True))
    if plot.log_y and all(y > 0 for curve in plot.curves for y in curve.ys):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(matplotlib_ticker.ScalarFormatter())
    axes.grid(alpha=0.25)
    _explain(axes, handles, [curve.title for curve in plot.curves], written)


def _curve(axes: Axes, curve: Curve, color: str, marker: str, dash: str) -> Line2D:
    every = math.ceil(max(len(curve.xs), 1) / MOST_MARKED)
    if len(curve.lows) == 1:
        axes.vlines(curve.xs, curve.lows, curve.highs, color=color, alpha=0.5)
    elif len(curve.lows):
        axes.fill_between(curve.xs, curve.lows, curve.highs, color=color, alpha=0.15, linewidth=0)
    (line,) = axes.plot(
        curve.xs,
        curve.ys,
        color=color,
        linestyle=dash,
        linewidth=1.6,
        marker=marker,
        markersize=4,
        markevery=every,
    )
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
    axes.set_xlabel(written(scatter.x, LONGEST_LABEL, 0))
    axes.set_ylabel(written(scatter.y, LONGEST_LABEL, 0))
    axes.margins(0.08)
    axes.grid(alpha=0.2)
    for ends in scatter.links:
        axes.plot(
            [scatter.xs[end] for end in ends],
            [scatter.ys[end] for end in ends],
            color=GREY,
            linewidth=0.5,
            alpha=0.5,
        )
    names = list(dict.fromkeys(scatter.groups))
    handles = []
    for name, color, marker in zip(names, colors(len(names)), cycle(MARKERS), strict=False):
        points = [number for number, group in enumerate(scatter.groups) if group == name]
        xs, ys = [scatter.xs[point] for point in points], [scatter.ys[point] for point in points]
        handles.append(
            axes.scatter(xs, ys, color=color, marker=marker, s=28, alpha=0.85, linewidths=0)
        )
    label_points(axes, scatter, written)
    _explain(axes, handles, names, written)
    return figure


def _explain(axes: Axes, handles: Sequence[Any], names: Sequence[str], written: Written) -> None:
    """A legend beside the axes, where it hides nothing."""
    if not handles:
        say_empty(axes)
        return
    words = [written(name, LONGEST_LABEL, place) for place, name in enumerate(names, 1)]
    axes.legend(
        handles,
        words,
        frameon=False,
        fontsize=8,
        handlelength=3,
        loc="upper left",
        bbox_to_anchor=(1, 1),
    )
