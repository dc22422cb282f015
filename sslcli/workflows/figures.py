"""Pictures of a run, each with its numbers beside it as CSV."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sslcli.deferred import Deferred
from sslcli.folders import write_atomically
from sslcli.workflows.csvfiles import write_csv

if TYPE_CHECKING:
    from matplotlib.figure import Figure

matplotlib_figure = Deferred("matplotlib.figure")

# Okabe and Ito's palette: told apart by the colour-blind too.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#666666"


def loss_curve(lines: Sequence[Mapping[str, Any]], term: str, floors: Mapping[str, float], title: str, path: Path) -> None:
    """Training and held-out loss over steps as PNG at `path`, and the numbers at the same path with .csv.

    `floors`: name -> cross entropy in nats per target of `term`, drawn as horizontal lines, so that a plateau explains
    itself. Where there are none, the whole loss is drawn.
    """
    wanted = [line for line in lines if line["split"] in ("train", "eval") and line["loss"] is not None]
    curves = {
        split: [
            (line["step"], line["terms"].get(term, line["loss"]) if floors else line["loss"]) for line in wanted if line["split"] == split
        ]
        for split in ("train", "eval")
    }
    train, held_out = curves["train"], curves["eval"]
    figure = matplotlib_figure.Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    if train:
        axes.plot(*zip(*train, strict=True), color=BLUE, linewidth=1, alpha=0.7, label="training")
    if held_out:
        axes.plot(*zip(*held_out, strict=True), color=ORANGE, marker="o", markersize=3, label="held-out")
    for style, (name, floor) in zip((":", "--", "-."), floors.items(), strict=False):
        axes.axhline(floor, color=GREY, linestyle=style, linewidth=1, label=f"{name} floor {floor:.2f}")
    axes.set(xlabel="step", ylabel=f"loss of {term} (nats per target)" if floors else "loss", title=title)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    _write_png(figure, path)
    write_csv(
        path.with_suffix(".csv"),
        ("step", "split", "loss"),
        [(line["step"], line["split"], line["loss"]) for line in lines if "loss" in line],
    )


def score_curves(runs: Mapping[str, Sequence[Mapping[str, Any]]], title: str, path: Path) -> None:
    """Training and held-out loss, and the deciding score, over steps; one colour a run (name -> its metrics.jsonl).

    PNG at `path`, and the numbers at the same path with .csv.
    """
    figure = matplotlib_figure.Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    rows: list[tuple[Any, ...]] = []
    score = ""
    for color, (name, lines) in zip(cycle((BLUE, ORANGE, GREEN, GREY)), runs.items(), strict=False):
        kept = [line for line in lines if line["split"] in ("train", "eval") and line["loss"] is not None]
        train, held_out = ([line for line in kept if line["split"] == split] for split in ("train", "eval"))
        left.plot([line["step"] for line in train], [line["loss"] for line in train], color=color, linewidth=1, alpha=0.4)
        left.plot(
            [line["step"] for line in held_out], [line["loss"] for line in held_out], color=color, marker="o", markersize=3, label=name
        )
        score = score or next((each for line in held_out for each in line["metrics"]), "")
        scored = [(line["step"], line["metrics"][score]) for line in held_out if score in line["metrics"]]
        right.plot([step for step, _ in scored], [value for _, value in scored], color=color, marker="o", markersize=3, label=name)
        rows += [(name, line["step"], line["split"], line["loss"], line["metrics"].get(score, "")) for line in kept]
    left.set(xlabel="step", ylabel="loss (thin: training, dots: held out)", title=title, ylim=(0, None))
    right.set(xlabel="step", ylabel=score or "score", title="held-out examples")
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    _write_png(figure, path)
    write_csv(path.with_suffix(".csv"), ("run", "step", "split", "loss", score or "score"), rows)


def _write_png(figure: Figure, path: Path) -> None:
    """Raises OSError or RunError where the disk refuses."""
    stored = io.BytesIO()
    figure.savefig(stored, format="png", dpi=150)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, stored.getvalue())
