"""A disk that refuses at every file-system call of any command that writes: the earlier result
stays, a sentence, and exit code 1.

    python tests/faults/sweep_command_disk.py

No space, or an input/output error, at each call below the folder in which the command is typed, of
commands that replace an earlier result (`sweep_commands.py`). Then the same line is typed again on
a disk that takes it. A call that may fail without harm (removing what is not needed any more) may
also pass.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from command_outputs import not_whole
from harness import Bench
from hooks import ERRORS, FaultAt
from sweep_commands import Commands, InFolder, Job, Tried, one_job, told


def refuse(commands: Commands, job: Job, call: int, kind: str, lasting: bool) -> Tried:
    """The given call fails; with `lasting` every later write too. `killed` is whether the command
    ended in an error.
    """
    before, after, _ = commands.undisturbed(job)
    folder = commands.place(job)
    ended = commands.bench.run(
        job.line, InFolder(folder, FaultAt(str(folder), call, kind, lasting=lasting))
    )
    fault = not_whole(job, folder, before, after)
    if ended.code not in (0, 1) or not ended.is_clean:
        fault = f"exit {ended.code}: {ended.said[-300:]}"
    elif ended.code == 1 and os.strerror(ERRORS[kind]) not in ended.said:
        fault = f"does not say '{os.strerror(ERRORS[kind])}': {ended.said[-300:]}"
    name = f"{job.name} {'full' if kind == 'full' else 'broken'}"
    return Tried(name, ended.code == 1, fault or commands.second_try(job, folder, after))


def trials(commands: Commands, every: int = 1) -> Iterator[Callable[[], Tried]]:
    for job in commands.jobs.values():
        for call in () if job.is_run else range(1, commands.calls_of(job) + 1, every):
            yield partial(refuse, commands, job, call, "broken", lasting=False)
            yield partial(refuse, commands, job, call, "full", lasting=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--every", type=int, default=1, help="try every so many-th file-system call"
    )
    parser.add_argument("--at-once", type=int, default=2, help="trials side by side")
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="the first call of one command, refused in both ways",
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.at_once) as pool:
        commands = Commands(Bench(Path(folder)))
        if asked.rehearse:
            commands.jobs = one_job(commands)
            asked.every = commands.calls_of(*commands.jobs.values())
        return told(
            "refused calls",
            list(pool.map(lambda trial: trial(), list(trials(commands, asked.every)))),
        )


if __name__ == "__main__":
    sys.exit(main())
