"""Kill a training at any moment and at every file-system call, say the same line again, and compare
with a run that was left alone.

    python tests/faults/sweep_kills.py --kills 200

Random kills fall uniformly into the time an uninterrupted run takes. The others come before each
file-system call, and in the middle of each file, of the start of a run, of a save in its middle
that prunes two older checkpoints, and of the last one.
"""

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from harness import Bench, Ended, differences, step_reached, whole_checkpoints
from hooks import FaultAt

SOONER = 0.8
# A save that prunes, in the middle of the run; everything before the first update; the last save,
# with all that drops what a run at its end needs no more, and reports it; and an evaluation with
# the updates before it.
WINDOWS = {
    "save": ("step-000040", "step-000045"),
    "start": ("", "step-000001"),
    "end": ("checkpoints/.unfinished-step-000060", ""),
    "evaluation": ("step-000035", "step-000040"),
}


@dataclass(frozen=True)
class Kill:
    """What came of one kill. `lost_steps`: updates that the run had reported and that no whole
    checkpoint held.
    """

    name: str
    killed: bool
    lost_steps: int
    fault: str = ""


@dataclass
class KillTally:
    kills: list[Kill] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return sum(kill.killed for kill in self.kills)

    @property
    def recovered(self) -> int:
        return sum(kill.killed and not kill.fault for kill in self.kills)

    @property
    def most_lost_steps(self) -> int:
        return max((kill.lost_steps for kill in self.kills), default=0)

    @property
    def faults(self) -> list[str]:
        return [f"{kill.name}: {kill.fault}" for kill in self.kills if kill.fault]

    @property
    def describe(self) -> str:
        return (
            f"kills {self.recovered}/{self.tried} recovered bit "
            f"for bit, {self.most_lost_steps} steps lost at most"
        )


def kill_at_call(bench: Bench, whole: Path, window: str, call: int) -> Kill:
    """SIGKILL before the given file-system call of a window; counted as no kill where the window
    has fewer calls.
    """
    run = bench.folder / f"killed-{window}-{call}"
    since, until = WINDOWS[window]
    return _resumed(
        bench,
        whole,
        run,
        bench.run(bench.words(run), FaultAt(str(run), call, "kill", since, until)),
    )


def kill_at_time(bench: Bench, whole: Path, number: int, seconds: float) -> Kill:
    """SIGKILL so long after the start, wherever the run then is. One that was over by then is begun
    again and killed earlier.
    """
    run = bench.folder / f"killed-time-{number}"
    child = bench.start(bench.words(run))
    child.process.join(seconds)
    child.process.kill()
    ended = child.wait()
    child.said_in.unlink(missing_ok=True)
    kill = _resumed(bench, whole, run, ended)
    return kill if kill.killed else kill_at_time(bench, whole, number, SOONER * seconds)


def _resumed(bench: Bench, whole: Path, run: Path, ended: Ended) -> Kill:
    if ended.code >= 0:
        shutil.rmtree(run, ignore_errors=True)
        return Kill(run.name, False, 0)
    lost = step_reached(run) - max(whole_checkpoints(run), default=0)
    again = bench.run(bench.words(run, "--resume"))
    found = (
        differences(whole, run) if again.code == 0 else [f"exit {again.code}: {again.said[-400:]}"]
    )
    shutil.rmtree(run, ignore_errors=True)
    return Kill(run.name, True, lost, "; ".join(found))


def calls_of(bench: Bench, window: str) -> int:
    """How many file-system calls a window has."""
    return len(noted_calls(bench, window))


def noted_calls(bench: Bench, window: str) -> list[str]:
    """Each call of a window as what was called, and its path in the run, of a run that is left
    alone.
    """
    run, noted = bench.folder / f"counted-{window}", bench.folder / f"calls-{window}.txt"
    since, until = WINDOWS[window]
    ended = bench.run(
        bench.words(run), FaultAt(str(run), 0, "count", since, until, noted=str(noted))
    )
    assert ended.code == 0, ended.said
    shutil.rmtree(run)
    lines = noted.read_text(encoding="utf-8").splitlines()
    noted.unlink()
    return lines


def random_kills(bench: Bench, whole: Path, count: int, seed: int) -> Iterator[Callable[[], Kill]]:
    """Kills at random times up to what a whole run takes."""
    spare = bench.folder / "timed"
    seconds = bench.run(bench.words(spare)).seconds
    shutil.rmtree(spare)
    numbers = random.Random(seed)
    for number in range(count):
        yield partial(kill_at_time, bench, whole, number, numbers.uniform(0.0, seconds))


def kills_at_calls(
    bench: Bench, whole: Path, window: str, every: int = 1
) -> Iterator[Callable[[], Kill]]:
    for call in range(1, calls_of(bench, window) + 1, every):
        yield partial(kill_at_call, bench, whole, window, call)


def sweep(
    trials: Iterable[Callable[[], Kill]],
    at_once: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> KillTally:
    tally = KillTally()
    with ThreadPoolExecutor(at_once) as pool:
        for kill in pool.map(lambda trial: trial(), trials):
            tally.kills.append(kill)
            if kill.fault:
                say(f"{kill.name}: {kill.fault}")
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200, help="kills at random times")
    parser.add_argument(
        "--every", type=int, default=1, help="try every so many-th file-system call; 0 for none"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=2, help="trainings side by side")
    parser.add_argument(
        "--rehearse", action="store_true", help="one kill of each kind: shows mistakes of the sweep"
    )
    asked = parser.parse_args()
    most = 1 if asked.rehearse else None
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        whole = bench.whole()
        trials = {"random times": random_kills(bench, whole, asked.kills, asked.seed)}
        for window in WINDOWS if asked.every else ():
            trials[f"calls of a {window}"] = kills_at_calls(bench, whole, window, asked.every)
        tallies = {
            name: sweep(islice(kills, most), asked.at_once, print) for name, kills in trials.items()
        }
    for name, tally in tallies.items():
        print(f"{name}: {tally.describe}")
    return int(any(tally.faults for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
