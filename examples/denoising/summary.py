"""The runs of run.sh side by side: summary.py RUNS NAME [NAME ...]; writes NAME.csv, as the README
shows it, curves.csv with every evaluation, and curves.png.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

NOISES = (
    "mask",
    "delete",
    "infill",
    "permute",
    "rotate",
    "infill-permute",
    "all",
    "spans",
    "mass",
    "mlm",
)
COLUMNS = (
    "loss",
    "unigram",
    "bigram",
    "touched_loss",
    "copied_loss",
    "other_source_loss",
    "masked_accuracy",
    "pos_accuracy",
)


def evaluations(run: Path) -> list[dict[str, Any]]:
    """Step, loss and metrics of every evaluation, in their order."""
    path = run / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    found = [line for line in map(json.loads, lines) if line["split"] == "eval"]
    return [{"step": line["step"], "loss": line["loss"], **line["metrics"]} for line in found]


def there(runs: Path, name: str) -> list[str]:
    """The noises that have been run."""
    return [noise for noise in NOISES if evaluations(runs / f"{name}-{noise}")]


def accuracy(run: Path) -> float | None:
    """Of parts of speech."""
    path = run / "scores.json"
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))[0]["value"]


def row(runs: Path, name: str, noise: str) -> dict[str, Any]:
    """The last evaluation of a run, with its baselines and what was asked of it afterwards."""
    run = runs / f"{name}-{noise}"
    (*_, last), path = evaluations(run), run / "run.json"
    asked = evaluations(runs / f"{run.name}-masked")
    return {
        **json.loads(path.read_text(encoding="utf-8"))["baselines"]["losses"],
        **last,
        "masked_accuracy": asked[0].get("masked_accuracy") if asked else None,
        "pos_accuracy": accuracy(runs / f"{run.name}-pos"),
    }


def write_table(runs: Path, name: str) -> None:
    """Print NAME's rows, and write them."""
    rows = [[noise, *map(row(runs, name, noise).get, COLUMNS)] for noise in there(runs, name)]
    rows.append(["random weights", *[None] * 7, accuracy(runs / f"{name}-mask-pos-random")])
    with open(f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("noise", *COLUMNS), *rows])
    print(f"{name:16}", *(f"{column:>17}" for column in COLUMNS))
    for noise, *values in rows:
        shown = ("" if value is None else f"{value:.3f}" for value in values)
        print(f"{noise:16}", *(f"{text:>17}" for text in shown))


def draw(runs: Path, names: list[str]) -> None:
    """Write all curves, and one picture: a row a language; the whole loss, and that of touched
    targets.
    """
    figure = Figure(figsize=(11, 4 * len(names)), layout="constrained")
    panels = figure.subplots(len(names), 2, squeeze=False)
    table = []
    for name, (whole, touched) in zip(names, panels, strict=True):
        for number, noise in enumerate(there(runs, name)):
            curve = evaluations(runs / f"{name}-{noise}")
            table += [
                [name, noise, *map(point.get, ("step", *COLUMNS[:1], *COLUMNS[3:6]))]
                for point in curve
            ]
            style = {"label": noise, "color": f"C{number}"}
            for axes, key in ((whole, "loss"), (touched, "touched_loss")):
                if key in curve[-1]:
                    steps, losses = [p["step"] for p in curve], [p[key] for p in curve]
                    axes.plot(steps, losses, **style)
        unigram = row(runs, name, there(runs, name)[0])["unigram"]
        for axes, title in ((whole, "all targets"), (touched, "touched targets")):
            axes.axhline(unigram, color="0.5", linestyle=":", label="unigram")
            axes.set(title=f"{name}: {title}", xlabel="step", ylabel="held-out loss, nats")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside right")
    with open("curves.csv", "w", newline="", encoding="utf-8") as file:
        head = ("language", "noise", "step", *COLUMNS[:1], *COLUMNS[3:6])
        csv.writer(file).writerows([head, *table])
    figure.savefig("curves.png", dpi=90)


if __name__ == "__main__":
    folder, *languages = sys.argv[1:]
    for language in languages:
        write_table(Path(folder), language)
    draw(Path(folder), languages)
