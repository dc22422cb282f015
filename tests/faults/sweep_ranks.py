"""Kill or stop one process of a run of two, at random, under torchrun with --max-restarts 3: the
run ends as if nothing had been.

    python tests/faults/sweep_ranks.py --times 20

A killed process is noticed by torchrun; one that hangs (SIGSTOP) by its peers, after --timeout.
torchrun then ends all and starts them anew, and they go on from the newest whole checkpoint.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import Bench, Ended, differences, metrics, step_reached

PROCESSES, LENGTH = 2, {"max_steps": 120, "save_every": 10, "eval_every": 60, "keep": 1}
TIMEOUT_SECONDS, PATIENCE_SECONDS = 30, 400
# A stopped process does not answer to SIGTERM either; torchrun kills it after this time.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "5"}
SIGNALS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}


@dataclass(frozen=True)
class Loss:
    """What came of the loss of one process. `seconds` until the run made its next update, the
    restart included.
    """

    name: str
    seconds: float
    fault: str


def start(bench: Bench, run: Path) -> subprocess.Popen[bytes]:
    words = [
        *bench.words(
            run,
            "--gpus",
            str(PROCESSES),
            "--device",
            "cpu",
            "--timeout",
            f"{TIMEOUT_SECONDS}s",
            **LENGTH,
        )
    ]
    line = [sys.executable, "-m", "sslcli", *words, "--", "--max-restarts", "3"]
    environment = {**os.environ, **bench.environment, **ENVIRONMENT}
    return subprocess.Popen(
        line,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[bytes]) -> Ended:
    try:
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        return Ended(-signal.SIGKILL, f"hangs: {said.decode(errors='replace')[-500:]}")
    return Ended(process.returncode, said.decode("utf-8", errors="replace"))


def ranks(launcher: int) -> dict[int, int]:
    """Rank -> process, of those that the launcher started and that live."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _parent(folder) == launcher:
            variables = dict(
                entry.partition(b"=")[::2] for entry in _read(folder / "environ").split(b"\0")
            )
            if b"LOCAL_RANK" in variables:
                found[int(variables[b"LOCAL_RANK"])] = int(folder.name)
    return found


def _parent(process: Path) -> int:
    text = _read(process / "stat").rpartition(b")")[2].split()
    return int(text[1]) if len(text) > 1 else -1


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def lose(bench: Bench, whole: Path, number: int, how: str, rank: int, at_step: int) -> Loss:
    run = bench.folder / f"rank-{number}-{how}"
    process = start(bench, run)
    _wait_until(lambda: step_reached(run) >= at_step or process.poll() is not None)
    victim = ranks(process.pid).get(rank)
    name, lost_at = f"rank {rank} {how} at step {step_reached(run)}", time.monotonic()
    if victim is None:
        return Loss(name, 0.0, f"there is no such process: {ended(process).said[-300:]}")
    os.kill(victim, SIGNALS[how])
    _wait_until(
        lambda: ranks(process.pid).get(rank, victim) != victim or process.poll() is not None
    )
    _wait_until(lambda: _grows(run) or process.poll() is not None)
    seconds, end = time.monotonic() - lost_at, ended(process)
    if end.code != 0:
        return Loss(name, seconds, f"exit {end.code}: {end.said[-400:]}")
    return Loss(name, seconds, "; ".join(differences(whole, run)))


def _grows(run: Path) -> bool:
    before = len(metrics(run))
    time.sleep(0.2)
    return len(metrics(run)) > before


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def sweep(bench: Bench, times: int, seed: int) -> Iterator[Loss]:
    """Both ways in turn, of either rank, somewhere in the first three quarters of the run."""
    whole = bench.folder / "whole-ranks"
    undisturbed = ended(start(bench, whole))
    assert undisturbed.code == 0, undisturbed.said
    numbers = random.Random(seed)
    for number in range(times):
        how = ("killed", "stopped")[number % 2]
        yield lose(
            bench,
            whole,
            number,
            how,
            numbers.randrange(PROCESSES),
            numbers.randrange(1, LENGTH["max_steps"] * 3 // 4),
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--rehearse", action="store_true", help="one process killed: shows mistakes of the sweep"
    )
    asked = parser.parse_args()
    losses = []
    with tempfile.TemporaryDirectory() as folder:
        for loss in sweep(Bench(Path(folder)), 1 if asked.rehearse else asked.times, asked.seed):
            losses.append(loss)
            print(
                f"{loss.name}: {loss.fault or f'next update after {loss.seconds:.1f} s'}",
                flush=True,
            )
    good = sum(not loss.fault for loss in losses)
    slowest = max(loss.seconds for loss in losses)
    print(
        f"ranks: {good}/{len(losses)} runs ended as the undisturbed "
        f"one; at most {slowest:.1f} s to the next update"
    )
    return int(good < len(losses))


if __name__ == "__main__":
    sys.exit(main())
