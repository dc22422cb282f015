"""The figures of runs of run.sh side by side, beside what they must reach: summary.py RUN [RUN
...]; they go to summary.csv too.
"""

import csv
import json
import sys
from pathlib import Path

SHIFT, ALIGNMENT, SENSES = (
    "probes/translate-shift-mean-evaluated",
    "probes/alignment",
    "probes/similarity",
)
QUESTIONS = "../{run}-qa/study"
# what, its report, how the score's name begins, which of its baselines (the score itself where
# empty), what it must be
FIGURES = (
    ("shift, accuracy at 1", SHIFT, "translation accuracy at 1", "", ">= .35"),
    ("  alpha 0", SHIFT, "translation accuracy at 1", "alpha 0", "<= .05"),
    ("  random vector", SHIFT, "translation accuracy at 1", "random vector", "<= .05"),
    (
        "  alpha 0, target tokens only",
        SHIFT,
        "translation accuracy at 1",
        "alpha 0, target tokens only",
        "",
    ),
    ("words found, centred", ALIGNMENT, "words at layer", "", ">= .25"),
    ("  raw", ALIGNMENT, "words at layer", "raw", ""),
    ("sentences found, centred", ALIGNMENT, "sentences at layer", "", ">= .5"),
    ("  raw", ALIGNMENT, "sentences at layer", "raw", ""),
    ("sense gap, last layer", SENSES, "sense gap", "", ""),
    ("  layer 0", SENSES, "sense gap", "layer 0", ""),
    ("  rise", SENSES, "rise", "", ">= .15"),
    ("qa learnt in en, f1 in zh", QUESTIONS, "f1 in zh", "", ""),
    ("  from random weights", QUESTIONS, "f1 in zh", "random", ""),
    ("  learnt in zh", QUESTIONS, "f1 in zh", "in-language", ""),
)


def figure(run: Path, place: str, name: str, baseline: str) -> float | None:
    """None where the run has no such report or figure."""
    path = run / place.format(run=run.name) / "report.json"
    if not path.is_file():
        return None
    scores = json.loads(path.read_text(encoding="utf-8"))["scores"]
    score = next((score for score in scores if score["name"].startswith(name)), None)
    value = (
        None if score is None else score["baselines"].get(baseline) if baseline else score["value"]
    )
    return value / 100 if value is not None and score["unit"] == "%" else value


def main(names: list[str]) -> None:
    runs = [Path(name) for name in names]
    rows = [
        (what, *(figure(run, *place) for run in runs), wanted) for what, *place, wanted in FIGURES
    ]
    with open("summary.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("figure", *(run.name for run in runs), "must be"), *rows])
    print(f"{'':32}", *(f"{run.name:>17}" for run in runs), f"{'must be':>10}")
    for what, *values, wanted in rows:
        print(
            f"{what:32}",
            *(f"{'' if value is None else f'{value:.3f}':>17}" for value in values),
            f"{wanted:>10}",
        )


if __name__ == "__main__":
    main(sys.argv[1:])
