"""SIGTERM, SIGINT and two of them in a row, in every phase of a run: it saves, says so, exits with
its code, and goes on to the bit.

    python tests/faults/sweep_signals.py --times 20

Phases with calls of the file system (tokenizing, the start, a save) are hit at those calls; updates
and evaluation at random times of a run that does little else.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from harness import Bench, Ended, differences, step_reached, whole_checkpoints
from hooks import FaultAt

CODES = {"terminate": 75, "interrupt": 130}
NUMBERS = {"terminate": signal.SIGTERM, "interrupt": signal.SIGINT}
# Where the calls of a phase begin and end, by words in the paths.
CALLS = {"start": ("config.yaml", "step-000001"), "save": ("step-000010", "step-000015")}
SHAPES: dict[str, dict[str, Any]] = {
    "updates": {"save_every": 60, "eval_every": 60, "keep": 1},
    "evaluation": {
        "save_every": 60,
        "eval_every": 2,
        "max_steps": 20,
        "eval_samples": 200,
        "keep": 1,
    },
    "saves": {"save_every": 1, "eval_every": 60, "max_steps": 30},
}


@dataclass(frozen=True)
class Stop:
    """`seconds` from the signal to the end of the process, where it was sent from outside.
    `in_time`: the run had not ended by itself.
    """

    name: str
    in_time: bool
    lost_steps: int
    seconds: float
    fault: str


def at_call(bench: Bench, phase: str, call: int, kind: str) -> Stop:
    """The signal comes from the process itself, right before the given call of a phase."""
    whole, run = bench.whole(max_steps=20), bench.folder / f"{phase}-{call}-{kind}"
    since, until = CALLS[phase]
    ended = bench.run(bench.words(run, max_steps=20), FaultAt(str(run), call, kind, since, until))
    return _judged(bench, whole, run, ended, kind, 0.0, max_steps=20)


def while_tokenizing(bench: Bench, call: int, kind: str) -> Stop:
    """At a call of the file system below a cache of its own, before there is a run folder."""
    whole, run, cache = (
        bench.whole(max_steps=20),
        bench.folder / f"tokenizing-{call}-{kind}",
        bench.folder / "own-cache",
    )
    shutil.rmtree(cache, ignore_errors=True)
    ended = bench.run(
        bench.words(run, max_steps=20), FaultAt(str(cache), call, kind), SSLCLI_CACHE_DIR=str(cache)
    )
    stop = _judged(bench, whole, run, ended, kind, 0.0, max_steps=20)
    stray = sorted(path.name for path in cache.rglob(".unfinished-*"))
    return Stop(
        stop.name,
        stop.in_time,
        stop.lost_steps,
        stop.seconds,
        stop.fault or (f"left in the cache: {stray}" if stray else ""),
    )


def at_time(bench: Bench, shape: str, seconds: float, kind: str, twice: bool = False) -> Stop:
    """The signal comes from outside after so many seconds; `twice`: and again a moment later, which
    may lose steps and nothing else.
    """
    whole = bench.whole(**SHAPES[shape])
    run = bench.folder / f"{shape}-{seconds:.3f}-{kind}{'-twice' if twice else ''}"
    child = bench.start(bench.words(run, **SHAPES[shape]))
    child.process.join(seconds)
    sent = time.monotonic()
    for _ in range(1 + twice):
        if child.process.exitcode is None:
            os.kill(child.process.pid, NUMBERS[kind])
            child.process.join(0.005)
    ended = child.wait()
    child.said_in.unlink(missing_ok=True)
    return _judged(bench, whole, run, ended, kind, time.monotonic() - sent, twice, **SHAPES[shape])


def _judged(
    bench: Bench,
    whole: Path,
    run: Path,
    ended: Ended,
    kind: str,
    seconds: float,
    twice: bool = False,
    **training: Any,
) -> Stop:
    """A process that had not yet taken over the signals dies of them, as any process does; nothing
    was begun then.
    """
    fault, lost = "", 0
    # Before the command has taken over the signals, and after it has given them back, they end the
    # process as they end any other.
    untaken = ended.code == -NUMBERS[kind] and (
        not (run / "run.json").is_file() or "saved in" in ended.said
    )
    if not untaken and (ended.code not in (0, CODES[kind]) or not ended.is_clean):
        fault = f"exit {ended.code}: {ended.said[-300:]}"
    elif ended.code != 0 and not twice:
        lost = step_reached(run) - max(whole_checkpoints(run), default=0)
        fault = f"{lost} steps are lost" if lost else ""
    if not fault and ended.code != 0:
        again = bench.run(bench.words(run, "--resume", **training))
        fault = "; ".join(
            differences(whole, run)
            if again.code == 0
            else [f"the resume: exit {again.code}: {again.said[-300:]}"]
        )
    shutil.rmtree(run, ignore_errors=True)
    return Stop(run.name, ended.code != 0, lost, seconds, fault)


def sweep(bench: Bench, times: int, seed: int) -> Iterator[Stop]:
    """So many stops of each kind in each phase."""
    numbers = random.Random(seed)
    for kind in CODES:
        for phase in CALLS:
            for call in sorted(numbers.sample(range(1, 41), min(times, 40))):
                yield at_call(bench, phase, call, kind)
        for call in sorted(numbers.sample(range(1, 31), min(times, 30))):
            yield while_tokenizing(bench, call, kind)
        for shape, training in SHAPES.items():
            spare = bench.folder / "timed"
            whole_seconds = bench.run(bench.words(spare, **training)).seconds
            shutil.rmtree(spare)
            for number in range(times):
                yield at_time(
                    bench, shape, numbers.uniform(0.1, whole_seconds), kind, twice=number % 4 == 3
                )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=20, help="stops of each kind in each phase")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--rehearse", action="store_true", help="the first two stops: shows mistakes of the sweep"
    )
    asked = parser.parse_args()
    times, most = (1, 2) if asked.rehearse else (asked.times, None)
    stops = []
    with tempfile.TemporaryDirectory() as folder:
        for stop in islice(sweep(Bench(Path(folder)), times, asked.seed), most):
            stops.append(stop)
            if stop.fault:
                print(f"{stop.name}: {stop.fault}")
    met = [stop for stop in stops if stop.in_time]
    good = sum(not stop.fault for stop in met)
    slowest = max((stop.seconds for stop in met), default=0.0)
    print(
        f"signals: {good}/{len(met)} saved, said so and went on "
        f"bit for bit; at most {slowest:.2f} s from signal to exit"
    )
    return int(any(stop.fault for stop in stops))


if __name__ == "__main__":
    sys.exit(main())
