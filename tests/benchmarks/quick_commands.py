"""Processor seconds of whole commands in two checkouts, side by side: what a person waits for after
a line is typed.

    python tests/benchmarks/quick_commands.py OLD NEW [--rounds 5] [--only mistyped,completion]
    python tests/benchmarks/quick_commands.py --rehearse

OLD and NEW are checkouts of the project. Every line of ROWS runs as a process of its own in both,
forth and back, and user and system seconds of the processor are taken, so that other work on the
machine counts little; a cell is the median of the rounds. Lines of `first` find an empty cache;
those of a kind other than it, `mistyped`, `completion` and `help` ask a tiny model of 40,000
sentences that each checkout trains before, with a cache of its own, and run once before they are
measured: what is computed once a machine is there. Seconds of that first time are printed beside. A
line that ends with another exit code than its row says ends the benchmark. --rehearse runs some
rows once, both times in this checkout.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parents[2]
TINY = (
    "pretrain --objective mlm --arch tiny --max-steps 20 --batch-size "
    "16 --seq-len 32 --vocabulary 300 --name tiny --no-plot"
    " --set data.reader_options.sentences={sentences}"
)


@dataclass(frozen=True)
class Row:
    """One line. `rehearsed`: whether --rehearse runs it too."""

    kind: str
    words: Sequence[str]
    code: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    rehearsed: bool = False

    @property
    def name(self) -> str:
        return self.environment.get("COMP_WORDS", f"ssl {' '.join(self.words)}")


def mistyped(line: str, rehearsed: bool = False) -> Row:
    return Row("mistyped", line.split(), 2, rehearsed=rehearsed)


def completed(line: str, rehearsed: bool = False) -> Row:
    """What the shell asks for the last word of a line."""
    asked = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        "_SSL_COMPLETE": "complete_bash",
    }
    return Row("completion", (), 0, asked, rehearsed)


ROWS = (
    mistyped("pretrain --mask-rat 0.3", rehearsed=True),
    mistyped("pretrain --mask-rate x"),
    mistyped("pretrain --lr x"),
    mistyped("pretrain corpus.txt"),
    mistyped("pretrain --objective mlm+clm"),
    mistyped("finetune squad.json"),
    mistyped("finetune qa --stride x"),
    mistyped("probe apple"),
    mistyped("probe similarity --wrod apple"),
    mistyped("generate x --model bert-base-uncased"),
    completed("ssl pretrain --mask", rehearsed=True),
    completed("ssl finetune qa --str"),
    Row("help", ["--help"], rehearsed=True),
    Row("first", ["pretrain", "--objective", "mlm", "--no-plot", "--max-steps", "1"]),
    Row("first", ["pretrain", "--objective", "mlm", "--no-plot", "--max-steps", "121"]),
    Row("probe", ["probe", "similarity", "apple"], rehearsed=True),
    Row("shift", ["translate-shift", "the cook eats a fresh apple."]),
    Row("report", ["report"]),
    Row("embryology", ["probe", "embryology", "runs/tiny", "--words", "50", "--examples", "50"]),
    Row("embryology-whole", ["probe", "embryology", "runs/tiny"]),
)
WITHOUT_A_MODEL = ("mistyped", "completion", "help", "first")


@dataclass(frozen=True)
class Side:
    """A checkout, and a folder with its runs and its cache."""

    checkout: Path
    home: Path


def seconds_of(side: Side, row: Row) -> float:
    """User and system seconds of one process and of what it starts. Raises SystemExit for another
    exit code than the row's.
    """
    path = os.pathsep.join(
        map(str, (plugins_named(side), side.checkout, side.checkout / "plugins"))
    )
    environment = {
        **os.environ,
        **row.environment,
        "PYTHONPATH": path,
        "SSLCLI_RUNS_DIR": "runs",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    environment["SSLCLI_CACHE_DIR"] = (
        tempfile.mkdtemp(dir=side.home) if row.kind == "first" else str(side.home / "cache")
    )
    with (side.home / "said.txt").open("w+") as said:
        command = [sys.executable, "-m", "sslcli", *row.words]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=said, cwd=side.home, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != row.code:
            said.seek(0)
            sys.exit(
                f"{row.name} in {side.checkout} ended with "
                f"{process.returncode}, not {row.code}: {said.read()[-2000:]}"
            )
    return usage.ru_utime + usage.ru_stime


def plugins_named(side: Side) -> Path:
    """A folder for the import path that names the plugins of this checkout, whatever is
    installed.
    """
    folder = side.home / "named"
    about = folder / "sslcli-0.1.0.dist-info"
    if not about.is_dir():
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: sslcli\nVersion: 0.1.0\n")
        kinds = tomllib.loads((side.checkout / "pyproject.toml").read_text())["project"][
            "entry-points"
        ]
        lines = [
            line
            for kind, names in kinds.items()
            for line in (f"[{kind}]", *(f"{name} = {value}" for name, value in names.items()))
        ]
        (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def measured(row: Row, sides: Sequence[Side], rounds: int) -> list[float]:
    """The median over rounds of each side, each of which has all sides, forth and back in turn."""
    seconds: list[list[float]] = [[] for _ in sides]
    places = list(range(len(sides)))
    for number in range(rounds):
        for place in places if number % 2 == 0 else places[::-1]:
            seconds[place].append(seconds_of(sides[place], row))
    return list(map(statistics.median, seconds))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkouts", nargs="*", type=Path, metavar="OLD NEW")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="kinds of rows, parted by commas")
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="some rows, once, in this checkout: shows mistakes, not speed",
    )
    asked = parser.parse_args()
    if len(asked.checkouts) != (0 if asked.rehearse else 2):
        parser.error("name two checkouts, or --rehearse alone")
    checkouts = [HERE] if asked.rehearse else [path.resolve() for path in asked.checkouts]
    kinds = {kind for kind in asked.only.split(",") if kind} or {row.kind for row in ROWS}
    rows = [row for row in ROWS if row.kind in kinds and (row.rehearsed or not asked.rehearse)]
    set_up = Row("set-up", TINY.format(sentences=300 if asked.rehearse else 40_000).split())
    print(
        "| line | old, s | new, s | new of old | first "
        "time: old, s | new, s |\n|---|---|---|---|---|---|"
    )
    with ExitStack() as stack:
        sides = [
            Side(each, Path(stack.enter_context(tempfile.TemporaryDirectory())))
            for each in checkouts
        ]
        sides = sides * 2 if asked.rehearse else sides
        if any(row.kind not in WITHOUT_A_MODEL for row in rows):
            for side in dict.fromkeys(sides):
                seconds_of(side, set_up)
        for row in rows:
            first = (
                ["", ""]
                if row.kind in WITHOUT_A_MODEL
                else [f"{seconds_of(side, row):.2f}" for side in sides]
            )
            before, after = measured(row, sides, 1 if asked.rehearse else asked.rounds)
            cells = (
                f"`{row.name}`",
                f"{before:.2f}",
                f"{after:.2f}",
                f"{after / before:.2f}",
                *first,
            )
            print(f"| {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
