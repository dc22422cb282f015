"""The figures of run.sh over seeds, printed and written as CSV: summary.py [RUNS] [FOLDER].

Of every row of a table the mean over the runs voices-apart-SEED, and the least and the most.
"""

import csv
import json
import sys
from pathlib import Path
from statistics import fmean

PREFIX = "voices-apart-"
WITHOUT_ENDS = {"conversion": ("from", "to"), "voices": ()}  # columns that are left out


def tables(runs: Path, probe: str) -> list[dict[str, list]]:
    """By an empty name the head of the probe's table, by their own the rows; for each run."""
    found = []
    for path in sorted(runs.glob(f"{PREFIX}*/probes/{probe}/report.json")):
        (table,) = json.loads(path.read_text())["tables"]
        kept = [
            place
            for place, name in enumerate(table["columns"])
            if place and name not in WITHOUT_ENDS[probe] and "untrained" not in name
        ]
        rows = [("", table["columns"]), *((row[0], row) for row in table["rows"])]
        found.append({name: [cells[place] for place in kept] for name, cells in rows})
    return found


def write(path: Path, found: list[dict[str, list]]) -> None:
    """One table as CSV, and on the screen."""
    names = [part for name in found[0][""] for part in (name, "least", "most")]
    rows = []
    for name in list(found[0])[1:]:
        columns = zip(*(each[name] for each in found), strict=True)
        figures = [f(column) for column in columns for f in (fmean, min, max)]
        rows.append([name, *(round(figure, 3) for figure in figures)])
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["", *names], *rows])
    print(f"{path.stem}, {len(found)} seeds")
    for row in (["", *names], *rows):
        print("  ", *row, sep="  ")


def main(runs: str = "runs", folder: str = "examples/voices") -> None:
    for probe in WITHOUT_ENDS:
        write(Path(folder) / f"{probe}.csv", tables(Path(runs), probe))


if __name__ == "__main__":
    main(*sys.argv[1:])
