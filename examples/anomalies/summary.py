"""The figures of run.sh as tables, printed and written as CSV: summary.py [RUNS] [FOLDER]."""

import csv
import json
import sys
from pathlib import Path
from statistics import fmean

PREFIX = "anomalies-"
CHANCE = "chance"


def reports(runs: Path, of: str) -> dict[str, dict]:
    """By what follows the prefix of a run's name, the report of its probe."""
    paths = sorted(runs.glob(f"{PREFIX}{of}-*/probes/anomaly/report.json"))
    skipped = len(f"{PREFIX}{of}-")
    return {path.parents[2].name[skipped:]: json.loads(path.read_text()) for path in paths}


def areas(report: dict) -> dict[str, float]:
    """The AUROC of every score, of the model and without it."""
    scores = [each for each in report["scores"] if each["name"].startswith("AUROC of ")]
    found = {each["name"].removeprefix("AUROC of "): each["value"] for each in scores}
    for name, value in scores[0]["baselines"].items():
        if name != CHANCE:
            found["PCA" if name.startswith("PCA") else name] = value
    return found


def write(path: Path, header: list[str], rows: list[list]) -> None:
    """One table as CSV, and on the screen."""
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    print(path.stem)
    for row in (header, *rows):
        print("  ", *(f"{cell:.3f}" if isinstance(cell, float) else cell for cell in row))


def payments(runs: Path, folder: Path) -> None:
    """What the scores find, and the AUROC of every kind of anomaly."""
    kinds, found = [], []
    for name, report in reports(runs, "payments").items():
        tables = {table["title"]: table for table in report["tables"]}
        for row in tables["with the model, and without"]["rows"]:
            score, _, *figures = row
            found.append([name, score, *(round(figure, 4) for figure in figures)])
        by_kind = tables["AUROC by kind of anomaly"]
        for place, score in enumerate(by_kind["columns"][2:], start=2):
            kinds.append([name, score, *(round(row[place], 4) for row in by_kind["rows"])])
        named = [row[0] for row in by_kind["rows"]]
    write(folder / "payments.csv", ["objective", "score", "AUROC", "AP", "found", "false"], found)
    write(folder / "kinds.csv", ["objective", "score", *named], kinds)


def of_runs(runs: Path, of: str, folder: Path) -> None:
    """The AUROC of every run and score, and their means."""
    found = {name: areas(report) for name, report in reports(runs, of).items()}
    scores = list(next(iter(found.values())))
    rows = [[name, *(round(each[score], 4) for score in scores)] for name, each in found.items()]
    means = (fmean(each[score] for each in found.values()) for score in scores)
    rows.append(["mean", *(round(mean, 4) for mean in means)])
    write(folder / f"{of}.csv", [of, *scores], rows)


if __name__ == "__main__":
    runs, folder = (Path(each) for each in [*sys.argv[1:], "runs", "."][:2])
    if len(sys.argv) == 2:
        folder = Path(".")
    payments(runs, folder)
    for of in ("shuttle", "fashion"):
        of_runs(runs, of, folder)
