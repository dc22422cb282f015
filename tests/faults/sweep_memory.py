"""A ladder of address spaces (RLIMIT_AS) that grow narrower: the batch is cut finer with the same
curve, or the run says what is missing.

    python tests/faults/sweep_memory.py

The limit is what the process has mapped when the command begins, and so many megabytes more.
"""

import argparse
import resource
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness import Bench, metrics

LENGTH = {"max_steps": 4, "batch_size": 512, "save_every": 4, "eval_every": 4}
LARGE = {"width": 256, "heads": 4, "feedforward_width": 1024, "depth": 2, "dropout": 0}
LADDER_MEGABYTES = (2000, 1000, 700, 500, 350, 250, 180, 120, 80, 50, 20, 5)
MOST_DIFFERENCE = 1e-6


@dataclass(frozen=True)
class Rung:
    megabytes: int
    code: int
    parts: int
    fault: str


def narrow(megabytes: int) -> None:
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = mapped + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def losses(run: Path) -> list[float]:
    return [line["loss"] for line in metrics(run) if line["split"] in ("train", "eval")]


def try_rung(bench: Bench, whole: Path, megabytes: int) -> Rung:
    run = bench.folder / f"narrow-{megabytes}"
    ended = bench.run(words(bench, run), partial(narrow, megabytes))
    log, fault = run / "log.txt", ""
    cuts = log.read_text(encoding="utf-8").count("out of memory") if log.is_file() else 0
    if ended.code == 0:
        largest = max(
            abs(one - other) for one, other in zip(losses(whole), losses(run), strict=True)
        )
        fault = f"losses differ by {largest:.1e}" if largest > MOST_DIFFERENCE else ""
    elif ended.code != 1 or not ended.is_clean or "memory" not in ended.said:
        fault = f"exit {ended.code}: {ended.said[-400:]}"
    return Rung(megabytes, ended.code, cuts, fault)


def words(bench: Bench, run: Path) -> list[str]:
    shape = [
        word for key, value in LARGE.items() for word in ("--set", f"model.shape.{key}={value}")
    ]
    return [*bench.words(run, **LENGTH), *shape]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="the widest limit alone: shows mistakes of the sweep",
    )
    ladder = LADDER_MEGABYTES[:1] if parser.parse_args().rehearse else LADDER_MEGABYTES
    with tempfile.TemporaryDirectory() as folder:
        bench, whole = Bench(Path(folder)), Path(folder) / "whole"
        undisturbed = bench.run(words(bench, whole))
        assert undisturbed.code == 0, undisturbed.said
        rungs = [try_rung(bench, whole, megabytes) for megabytes in ladder]
    for rung in rungs:
        how = (
            f"finished, cut finer {rung.parts} times"
            if rung.code == 0
            else "refused with a sentence"
        )
        print(f"{rung.megabytes:>5} MB: {rung.fault or how}")
    good = sum(not rung.fault for rung in rungs)
    print(
        f"memory: {good}/{len(rungs)} limits met, "
        f"{sum(rung.code == 0 for rung in rungs)} with the same curve"
    )
    return int(good < len(rungs))


if __name__ == "__main__":
    sys.exit(main())
