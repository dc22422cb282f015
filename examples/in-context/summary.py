"""The tables of run.sh side by side: summary.py OUT [FOLDER]; prints them as the README has them,
and writes TABLE.csv with every score, its interval and its baselines into FOLDER, or into OUT.
"""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = ("score", "value", "low", "high", "examples", "baselines")


def csv_rows(report: Mapping[str, Any]) -> list[Sequence[Any]]:
    """A row for each score."""
    rows = []
    for score in report["scores"]:
        low, high = score["interval"]
        beside = "; ".join(f"{name} {value:.4g}" for name, value in score["baselines"].items())
        figures = (f"{value:.4g}" for value in (score["value"], low, high))
        rows.append((score["name"], *figures, score["count"], beside))
    return rows


def markdown(report: Mapping[str, Any]) -> list[str]:
    """The table, and what is said of it."""
    (table,) = report["tables"]
    lines = [f"| {' | '.join(map(str, table['columns']))} |", "|---" * len(table["columns"]) + "|"]
    for row in table["rows"]:
        cells = ("" if cell is None else str(cell) for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    said = [note for note in report["notes"] if "-shot: " in note]
    return [*lines, "", *(f"- {note}" for note in said)]


def main(out: Path, folder: Path) -> None:
    for path in sorted(out.glob("*/report.json")):
        report, name = json.loads(path.read_text(encoding="utf-8")), path.parent.name
        print(f"### {name}: {report['title']}\n", *markdown(report), sep="\n", end="\n\n")
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([COLUMNS, *csv_rows(report)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[-1]))
