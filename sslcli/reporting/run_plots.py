"""Pictures of a run, each with its numbers beside it as CSV."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sslcli.deferred import Deferred
from sslcli.folders import write_atomically
from sslcli.reporting.csv_files import write_csv
from sslcli.reporting.palette import colors, paler

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

matplotlib_figure = Deferred("matplotlib.figure")
DOTS = {"marker": "o", "markersize": 3}


def loss_curve(
    lines: Sequence[Mapping[str, Any]],
    term: str,
    baselines: Mapping[str, float],
    title: str,
    path: Path,
    metric: str = "",
    unit: str = "nats per target",
) -> None:
    """Plot training and held-out loss over steps as PNG at `path`, with a .csv beside it.

    `baselines`: name -> loss of `term` in `unit`, plotted as horizontal
    lines, so that a plateau explains itself. Without any, the whole loss is plotted. `metric`:
    plotted in its place, where baselines are of some of its targets alone.
    """
    wanted = [
        line for line in lines if line["split"] in ("train", "eval") and line["loss"] is not None
    ]

    def compared(line: Mapping[str, Any]) -> Any:
        if baselines and metric:
            return line["metrics"].get(metric, math.nan)
        return line["terms"].get(term, line["loss"]) if baselines else line["loss"]

    curves = {
        split: [(line["step"], compared(line)) for line in wanted if line["split"] == split]
        for split in ("train", "eval")
    }
    train, held_out = curves["train"], curves["eval"]
    figure = matplotlib_figure.Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    own, dotted, *others = colors(2 + len(baselines))
    if train:
        axes.plot(*zip(*train, strict=True), color=own, linewidth=1, label="training")
    if held_out:
        last = f"held-out, last {held_out[-1][1]:.4g}"
        axes.plot(*zip(*held_out, strict=True), color=dotted, label=last, **DOTS)
    styles = zip(others, cycle((":", "--", "-.")), baselines.items(), strict=False)
    for color, style, (name, value) in styles:
        line = {"color": color, "linestyle": style, "linewidth": 1}
        axes.axhline(value, label=f"{name} baseline {value:.4g}", **line)
    what = metric.replace("_", " ") or f"loss of {term}"
    axes.set(
        xlabel="step",
        ylabel=(f"{what} ({unit})" if unit else what) if baselines else "loss",
        title=title,
    )
    shown = [y for _, y in (*train, *held_out) if math.isfinite(y)]
    if min([*shown, *baselines.values()], default=0) >= 0:  # a density's nats may be below
        axes.set_ylim(bottom=0)
    _finish(axes)
    _write_png(figure, path)
    write_csv(
        path.with_suffix(".csv"),
        ("step", "split", "loss"),
        [(line["step"], line["split"], line["loss"]) for line in lines if "loss" in line],
    )


def score_curves(runs: Mapping[str, Sequence[Mapping[str, Any]]], title: str, path: Path) -> None:
    """Training and held-out loss, and the deciding score, over steps; one colour a run (name -> its
    metrics.jsonl).

    PNG at `path`, and the numbers at the same path with .csv.
    """
    figure = matplotlib_figure.Figure(figsize=(12, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle(title)
    rows: list[tuple[Any, ...]] = []
    score = ""
    for color, (name, lines) in zip(colors(len(runs)), runs.items(), strict=True):
        kept = [
            line
            for line in lines
            if line["split"] in ("train", "eval") and line["loss"] is not None
        ]
        train, held_out = (
            [line for line in kept if line["split"] == split] for split in ("train", "eval")
        )
        styles = {"color": paler(color), "linewidth": 1}, {"color": color, **DOTS}
        splits = zip((train, held_out), ("training", "held-out"), styles, strict=True)
        for split, what, look in splits:
            losses = [(line["step"], line["loss"]) for line in split]
            if losses:
                left.plot(*zip(*losses, strict=True), label=f"{name}, {what}", **look)
        score = score or next((each for line in held_out for each in line["metrics"]), "")
        scored = [
            (line["step"], line["metrics"][score]) for line in held_out if score in line["metrics"]
        ]
        if scored:
            label = f"{name}, last {scored[-1][1]:.4g}"
            right.plot(*zip(*scored, strict=True), color=color, label=label, **DOTS)
        rows += [
            (name, line["step"], line["split"], line["loss"], line["metrics"].get(score, ""))
            for line in kept
        ]
    left.set(xlabel="step", ylabel="loss", title="loss", ylim=(0, None))
    right.set(xlabel="step", ylabel=score or "score", title="held-out examples")
    for axes in (left, right):
        _finish(axes)
    _write_png(figure, path)
    write_csv(path.with_suffix(".csv"), ("run", "step", "split", "loss", score or "score"), rows)


def _finish(axes: Axes) -> None:
    """The legend stands beside the axes, where no curve runs."""
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))


def _write_png(figure: Figure, path: Path) -> None:
    """Raises OSError or RunError where the disk refuses."""
    stored = io.BytesIO()
    figure.savefig(stored, format="png", dpi=150)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, stored.getvalue())
