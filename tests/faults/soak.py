"""A hundred thousand updates and a thousand checkpoints of a tiny model in one process: memory,
open files and what is left on disk.

    python tests/faults/soak.py --steps 100000

Prints the resident memory over time as megabytes an hour (least squares over the second half, when
every buffer has its size), the open file descriptors at the beginning and at the end, and the
checkpoints that are left.
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import Bench, whole_checkpoints

SAVES = 1_000
SAMPLE_SECONDS = 2.0


@dataclass(frozen=True)
class Sample:
    seconds: float
    resident_bytes: int
    open_files: int


def sample(process: int, started: float) -> Sample | None:
    """None where the process is gone."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        handles = len(os.listdir(f"/proc/{process}/fd"))
    except (OSError, IndexError):
        return None
    return Sample(time.monotonic() - started, pages * os.sysconf("SC_PAGE_SIZE"), handles)


def megabytes_an_hour(samples: list[Sample]) -> float:
    """The slope of resident memory over the second half of the samples."""
    half = samples[len(samples) // 2 :]
    slope, _ = np.polyfit([one.seconds for one in half], [one.resident_bytes for one in half], 1)
    return float(slope) * 3600 / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument(
        "--rehearse", action="store_true", help="200 steps: shows mistakes of the script"
    )
    asked = parser.parse_args()
    steps, pause = (200, SAMPLE_SECONDS / 40) if asked.rehearse else (asked.steps, SAMPLE_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        bench, run = Bench(Path(folder)), Path(folder) / "soak"
        every = max(1, steps // SAVES)
        lengths = {
            "max_steps": steps,
            "save_every": every,
            "eval_every": every * 10,
            "log_every": 20,
        }
        child = bench.start(bench.words(run, **lengths))
        samples = []
        while child.process.exitcode is None:
            child.process.join(pause)
            taken = sample(child.process.pid, child.started)
            if taken is not None and (run / "metrics.jsonl").is_file():
                samples.append(taken)
        ended = child.wait()
        left, stray = whole_checkpoints(run), sorted(path.name for path in run.rglob(".*"))
    if ended.code != 0 or len(samples) < 10:
        print(
            (
                f"the run ended with exit {ended.code} after "
                f"{len(samples)} samples: {ended.said[-500:]}"
            ),
            file=sys.stderr,
        )
        return 1
    first, last = samples[0], samples[-1]
    print(f"{steps:,} steps and {steps // every:,} saves in {ended.seconds / 60:.1f} minutes")
    sizes = f"from {first.resident_bytes / 1e6:.0f} to {last.resident_bytes / 1e6:.0f} MB"
    print(f"resident memory {megabytes_an_hour(samples):+.2f} MB an hour, {sizes}")
    print(
        f"open files {first.open_files} at the beginning, {last.open_files} "
        f"at the end; checkpoints left {left}; strays {stray}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
