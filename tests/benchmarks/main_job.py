"""What `ssl pretrain --objective mlm` costs and reaches on demo:world: whole runs in one or two
checkouts, side by side.

    python tests/benchmarks/main_job.py CHECKOUT [CHECKOUT] [--seeds 0 1 2] [--threads 1] [--also
    "FLAGS"] ...
    python tests/benchmarks/main_job.py --rehearse

Every run is a process of its own from an empty cache; user and system seconds of the processor are
taken, and the held-out figures of its last step. The checkouts take turns within a seed. --also
FLAGS adds the last checkout once more with these flags of `ssl pretrain`, for what another recipe
would cost; --threads 0 leaves the number of threads to the command. --rehearse runs two steps on
few sentences, twice in this checkout.
"""

import argparse
import json
import shlex
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quick_commands import HERE, Row, Side, seconds_of

SHORT = ("--max-steps", "2", "--batch-size", "8", "--set", "data.reader_options.sentences=300")


@dataclass(frozen=True)
class Job:
    """A checkout, and flags beside those of the job. `name`: what the table calls it."""

    name: str
    checkout: Path
    flags: Sequence[str] = ()


@dataclass(frozen=True)
class Ended:
    seconds: float
    steps: int
    loss: float
    accuracy: float


def ended(job: Job, seed: int, threads: int) -> Ended:
    """One run, from nothing to its last evaluation."""
    environment = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    words = (
        "pretrain",
        "--objective",
        "mlm",
        "--no-plot",
        "--seed",
        str(seed),
        "--name",
        "job",
        *job.flags,
    )
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        # A row of the kind `first` has a cache of its own.
        seconds = seconds_of(Side(job.checkout, home), Row("first", words, environment=environment))
        lines = (home / "runs" / "job" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    last = next(line for line in map(json.loads, reversed(lines)) if line["split"] == "eval")
    return Ended(seconds, last["step"], last["loss"], last["metrics"]["accuracy"])


def jobs_of(checkouts: Sequence[Path], also: Sequence[str]) -> list[Job]:
    names = ("old", "new")[-len(checkouts) :]
    jobs = [Job(name, checkout.resolve()) for name, checkout in zip(names, checkouts, strict=True)]
    return jobs + [
        Job(f"{names[-1]} `{flags}`", jobs[-1].checkout, shlex.split(flags)) for flags in also
    ]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkouts", nargs="*", type=Path, metavar="CHECKOUT")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--also", action="append", default=[], metavar="FLAGS")
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="two steps, twice in this checkout: shows mistakes, not speed",
    )
    asked = parser.parse_args()
    if len(asked.checkouts) not in ((0,) if asked.rehearse else (1, 2)):
        parser.error("name one or two checkouts, or --rehearse alone")
    jobs = (
        [Job("here", HERE, SHORT)] * 2 if asked.rehearse else jobs_of(asked.checkouts, asked.also)
    )
    seeds = asked.seeds[:1] if asked.rehearse else asked.seeds
    runs: list[list[Ended]] = [[] for _ in jobs]
    for seed in seeds:
        for job, found in zip(jobs, runs, strict=True):
            found.append(ended(job, seed, asked.threads))
            print(f"seed {seed}, {job.name}: {found[-1]}", file=sys.stderr, flush=True)
    print(
        "| side | steps | processor, s | of the first | accuracy, "
        f"seeds {' '.join(map(str, seeds))} | mean | loss, mean |"
    )
    print("|---|---|---|---|---|---|---|")
    first = statistics.median(run.seconds for run in runs[0])
    for job, found in zip(jobs, runs, strict=True):
        seconds = statistics.median(run.seconds for run in found)
        accuracies = " ".join(f"{run.accuracy:.4f}" for run in found)
        mean, loss = (
            statistics.fmean(run.accuracy for run in found),
            statistics.fmean(run.loss for run in found),
        )
        steps = f"{found[0].steps:,}"
        print(
            f"| {job.name} | {steps} | {seconds:.1f} | {seconds / first:.2f} "
            f"| {accuracies} | {mean:.4f} | {loss:.4f} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
