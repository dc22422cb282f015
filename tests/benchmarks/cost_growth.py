"""How the time of a step grows with sequence length, batch and parameters, beside how the formula
says it grows.

    python tests/benchmarks/cost_growth.py [--rounds 5] [--processes] [--rehearse]

Of each series one size grows and the rest stays; all sizes of all series are timed in turn, several
rounds. Slopes are of log(seconds) by log(size), least squares over medians; the formula's is that
of core/arithmetic.py on the same batches. Exit code 1 where a measured slope is more than 0.10
above the formula's: some part then grows faster than its arithmetic.

With --processes also one and two processes of one thread each, through the command line itself.
--rehearse runs all of it on two tiny sizes of each series, and judges nothing.
"""

import argparse
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from workloads import Ours, Workload

# isort: split
import numpy as np
import torch

from sslcli.core.arithmetic import flops_per_token, parameters
from sslcli.core.inputs import to_device
from sslcli.engine.gradients import accumulate_gradients
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.replicas import Replica

ALLOWANCE = 0.10
SMALL_VOCABULARY = 2_000  # the head and the optimizer of a large one would hide what grows
PROCESS_STEPS = 40
BASE = Workload("clm", 128, 4, SMALL_VOCABULARY)


@dataclass(frozen=True)
class Series:
    """`workloads` by the size that grows."""

    name: str
    workloads: Mapping[int, Workload]


SERIES = (
    Series(
        "sequence length",
        {
            tokens: replace(BASE, longest=tokens, batch=1)
            for tokens in (128, 256, 512, 1_024, 2_048)
        },
    ),
    Series("batch", {batch: replace(BASE, batch=batch) for batch in (2, 4, 8, 16)}),
    Series("depth", {depth: replace(BASE, depth=depth) for depth in (2, 4, 8, 16)}),
    Series("width", {width: replace(BASE, width=width) for width in (128, 256, 512, 768)}),
)


def rehearsed_series(series: Series) -> Series:
    """Its two smallest sizes, narrow and short."""
    small = {"vocabulary": 200} if series.name == "width" else {"vocabulary": 200, "width": 32}
    return Series(
        series.name,
        {size: replace(series.workloads[size], **small) for size in sorted(series.workloads)[:2]},
    )


class Step:
    """One training step of a workload, again and again on the same batch."""

    def __init__(self, workload: Workload) -> None:
        self.hardware = Hardware(
            torch.device("cuda" if torch.cuda.is_available() else "cpu"), None, False
        )
        ours = Ours(workload, self.hardware)
        self.learner, self.optimizer, self.workload = ours.learner, ours.optimizer(), workload
        self.batch = to_device(next(ours.loader().steps(0)).batches[0], self.hardware.device)

    def seconds(self) -> float:
        began = time.perf_counter()
        accumulate_gradients(Replica(self.learner), self.batch, self.batch.counts, self.hardware)
        self.optimizer.step(1.0, self.optimizer.norm())
        self.optimizer.zero()
        if self.hardware.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    def flops(self) -> float:
        packing = self.batch.inputs.packing
        attended = sum(length**2 for length in packing.lengths) / packing.total
        return packing.total * flops_per_token(
            self.workload.settings, attended, len(self.batch.targets_N) / packing.total
        )


def slope(sizes: list[float], costs: list[float]) -> float:
    """Least squares of log(cost) by log(size)."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def measure(series: Series, rounds: int) -> tuple[float, float]:
    """The measured slope and the formula's; of depth and width, by the number of parameters."""
    steps = {size: Step(workload) for size, workload in series.workloads.items()}
    taken: dict[int, list[float]] = {size: [] for size in steps}
    for round_number in range(rounds + 1):
        for size in list(steps)[:: 1 if round_number % 2 == 0 else -1]:
            seconds = steps[size].seconds()
            if round_number > 0:  # the first one settles
                taken[size].append(seconds)
    middle = {size: statistics.median(seconds) for size, seconds in taken.items()}
    grows = series.name in ("depth", "width")
    sizes = [
        float(parameters(step.workload.settings) if grows else size) for size, step in steps.items()
    ]
    print(
        f"{series.name}: "
        + ", ".join(f"{size:,}: {1e3 * seconds:,.1f} ms" for size, seconds in middle.items()),
        flush=True,
    )
    return slope(sizes, list(middle.values())), slope(
        sizes, [step.flops() for step in steps.values()]
    )


def tokens_per_second(processes: int, folder: Path, steps: int) -> float:
    """Of one run of the command line with as many processes, one thread each; as it reports
    itself.
    """
    name = f"growth-{processes}"
    words = [
        sys.executable, "-m", "sslcli", "pretrain", "--objective", "mlm", "--arch", "tiny",
        "--device", "cpu", "--gpus", str(processes),
        "--max-steps", str(steps), "--log-every", str(steps), "--name", name, "--no-milestones",
        "--set", "training.eval_samples=64", "--set", "data.reader_options.sentences=2000",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "SSLCLI_RUNS_DIR": str(folder),
        "SSLCLI_CACHE_DIR": str(folder.parent / "cache"),
    }
    subprocess.run(words, env=environment, check=True, capture_output=True)
    metrics = (folder / name / "metrics.jsonl").read_text()
    return float(re.findall(r'"tokens_per_second": ?([0-9.e+]+)', metrics)[-1])


def compare_processes(rounds: int, steps: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ratios = []
        for round_number in range(rounds):
            one = tokens_per_second(1, Path(folder) / f"{round_number}-one", steps)
            ratios.append(tokens_per_second(2, Path(folder) / f"{round_number}-two", steps) / one)
    print(
        f"two processes of one thread: {statistics.median(ratios):.2f} "
        f"times one (rounds {', '.join(f'{r:.2f}' for r in ratios)})"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", action="store_true")
    parser.add_argument(
        "--rehearse", action="store_true", help="tiny sizes, one round: shows mistakes, not growth"
    )
    given = parser.parse_args()
    rounds, steps = (1, 2) if given.rehearse else (given.rounds, PROCESS_STEPS)
    series_of_all = [rehearsed_series(series) for series in SERIES] if given.rehearse else SERIES
    found = {series.name: measure(series, rounds) for series in series_of_all}
    print(f"  {'':18s}{'slope':>7s}{'formula':>9s}")
    failed = False
    for name, (measured, formula) in found.items():
        above = not math.isfinite(measured) or measured > formula + ALLOWANCE
        failed = failed or above
        print(
            f"  {name:18s}{measured:7.2f}{formula:9.2f}{'   too steep' if above else ''}",
            flush=True,
        )
    if given.processes or given.rehearse:
        compare_processes(rounds, steps)
    return int(failed and not given.rehearse)


if __name__ == "__main__":
    sys.exit(main())
