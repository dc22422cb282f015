"""Kill any command that writes, at random times, type the same line again, and compare with a
folder that was left alone.

    python tests/faults/sweep_commands.py --kills 60 --every 1

Every command writes into `out`, where the result of an earlier, other command lies already. After
the kill there is the earlier result, the new one, or a folder that says of itself that it is not
whole; after the second try there is the new one to the bit, and nothing else. With --every the kill
also comes before each such call of the file system below that folder. Twins are two processes that
write one `out` at the same time, one of which is killed; a launcher is a command with --gpus 2,
which is killed and not its processes.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from command_outputs import OUT, contents, litter, not_whole
from harness import Bench, Ended, metrics
from hooks import FaultAt

SOONER, PATIENCE_SECONDS = 0.7, 300
TINY = [
    "--max-steps",
    "12",
    "--batch-size",
    "8",
    "--no-plot",
    "--set",
    "training.save_every=3",
    "--set",
    "training.eval_every=6",
]
TINY += ["--set", "training.keep=1", "--set", "training.milestones=false", "--device", "cpu"]


@dataclass(frozen=True)
class Job:
    """`line` is what is typed, in a folder that holds `out` if `before`, which is typed first, made
    one; `again` the second try.

    `is_run`: `out`, and what begins with its name, are run folders. `beside`: something else lies
    in `out`, which therefore is not replaced as a whole, and may be marked as not whole by having
    no report, beside a part of one result.
    """

    name: str
    line: Sequence[str]
    before: Sequence[str] = ()
    again: Sequence[str] = ()
    is_run: bool = False
    beside: bool = False


@dataclass(frozen=True)
class Tried:
    name: str
    killed: bool
    fault: str = ""


@dataclass(frozen=True)
class InFolder:
    """The command is typed in this folder, with a fault."""

    folder: Path
    fault: Callable[[], None]

    def __call__(self) -> None:
        os.chdir(self.folder)
        self.fault()


class Commands:
    """A bench with a pretrained run, a fine-tuned one and data for every command, and what each
    leaves when nobody disturbs it.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench, self.folder = bench, bench.folder / "commands"
        self.folder.mkdir()
        _write_data(self.folder)
        self._made: dict[str, tuple[dict[str, Any], dict[str, Any], float]] = {}
        self._count = 0
        trained = ["--max-steps", "4", "--no-plot", "--set", "training.milestones=false"]
        small = [
            word
            for name in ("width=16", "heads=2", "depth=1", "feedforward_width=32")
            for word in ("--set", f"model.shape.{name}")
        ]
        pretrained = [
            "pretrain",
            "--objective",
            "mlm",
            "--arch",
            "tiny",
            "--data",
            str(bench.corpus),
            "--vocabulary",
            "120",
            *small,
        ]
        self._succeed([*pretrained, "--seq-len", "24", *trained, "--out", "pre"], self.folder)
        self._succeed(self.finetuning("classify", "--seed", "1", "--out", "tuned"), self.folder)

    def _succeed(self, line: Sequence[str], folder: Path) -> float:
        ended = self.run(line, folder)
        assert ended.code == 0, ended.said
        return ended.seconds

    def run(self, line: Sequence[str], folder: Path) -> Ended:
        return self.bench.run(line, partial(os.chdir, folder))

    def finetuning(self, task: str, *more: str) -> list[str]:
        data = self.folder / ("glue_data" if task == "glue" else "train.jsonl")
        return [
            "finetune",
            task,
            "--model",
            str(self.folder / "pre"),
            "--data",
            str(data),
            *TINY,
            *more,
        ]

    @cached_property
    def jobs(self) -> Mapping[str, Job]:
        tuned, pre = (["--model", str(self.folder / name)] for name in ("tuned", "pre"))
        one, other = (["--data", str(self.folder / f"{name}.jsonl")] for name in ("test", "other"))
        out, again = ["--out", OUT], ["--out", OUT, "--resume"]
        jobs = [
            Job(
                "finetune",
                self.finetuning("classify", *out),
                (),
                self.finetuning("classify", *again),
                True,
            ),
            Job(
                "study",
                self.finetuning("classify", "--seeds", "2", "--compare-scratch", *out),
                (),
                self.finetuning("classify", "--seeds", "2", "--compare-scratch", *again),
                True,
            ),
            Job(
                "glue",
                self.finetuning("glue", "--parts", "CoLA", *out),
                (),
                self.finetuning("glue", "--parts", "CoLA", *again),
                True,
            ),
            Job(
                "predict",
                ["predict", "classify", *tuned, *one, *out],
                ["predict", "classify", *tuned, *other, *out],
            ),
            Job(
                "evaluate",
                ["evaluate", "classify", *tuned, *one, *out],
                ["evaluate", "classify", *tuned, *other, *out],
            ),
            Job(
                "evaluate beside",
                ["evaluate", "classify", *tuned, *one, *out],
                ["evaluate", "classify", *tuned, *other, *out],
                beside=True,
            ),
            Job(
                "probe",
                ["probe", "similarity", "cat", *pre, *out],
                ["probe", "similarity", "dog", *pre, *out],
            ),
            Job(
                "export",
                ["export", str(self.folder / "tuned"), OUT, "--overwrite"],
                ["export", str(self.folder / "pre"), OUT],
            ),
            Job(
                "tokenize",
                [
                    "tokenize",
                    "--data",
                    str(self.bench.corpus),
                    "--vocabulary",
                    "120",
                    *out,
                    "--overwrite",
                ],
                ["tokenize", "--data", str(self.bench.corpus), "--vocabulary", "90", *out],
            ),
        ]
        return {job.name: job for job in jobs}

    def undisturbed(self, job: Job) -> tuple[dict[str, Any], dict[str, Any], float]:
        """What lies there before, what after, and how many seconds the command takes; made once."""
        if job.name not in self._made:
            folder = self.place(job)
            before = contents(folder)
            seconds = self._succeed(job.line, folder)
            self._made[job.name] = (before, contents(folder), seconds)
        return self._made[job.name]

    def place(self, job: Job) -> Path:
        """A new folder in which the line can be typed."""
        self._count += 1
        folder = self.folder / f"{job.name}-{self._count}"
        folder.mkdir()
        earlier = self.folder / f"before-{job.name}"
        if job.before:
            if not earlier.exists():
                earlier.mkdir()
                self._succeed(job.before, earlier)
                if job.beside:
                    (earlier / OUT / "thesis.txt").write_text("three years of work")
            shutil.rmtree(folder)
            shutil.copytree(earlier, folder)
        return folder

    def kill(self, job: Job, share: float) -> Tried:
        """SIGKILL after so great a share of the time that the command takes; what was over by then
        is killed sooner.
        """
        seconds = self.undisturbed(job)[-1]
        folder = self.place(job)
        child = self.bench.start(job.line, partial(os.chdir, folder))
        child.process.join(share * seconds)
        child.process.kill()
        if child.wait().code >= 0:
            shutil.rmtree(folder)
            return self.kill(job, SOONER * share)
        return self._judged(job, folder)

    def calls_of(self, job: Job) -> int:
        """How many calls of the file system below its folder the command makes."""
        return len(self.noted_calls(job))

    def noted_calls(self, job: Job) -> list[str]:
        """Each of them as what was called, and its path below the folder."""
        folder, noted = self.place(job), self.folder / f"calls-{job.name}.txt"
        ended = self.bench.run(
            job.line, InFolder(folder, FaultAt(str(folder), 0, "count", noted=str(noted)))
        )
        assert ended.code == 0, ended.said
        lines = noted.read_text(encoding="utf-8").splitlines()
        noted.unlink()
        return lines

    def kill_at_call(self, job: Job, call: int) -> Tried:
        folder = self.place(job)
        ended = self.bench.run(job.line, InFolder(folder, FaultAt(str(folder), call, "kill")))
        return self._judged(job, folder) if ended.code < 0 else Tried(job.name, False)

    def _judged(self, job: Job, folder: Path) -> Tried:
        before, after, _ = self.undisturbed(job)
        fault = not_whole(job, folder, before, after)
        return Tried(job.name, True, fault or self.second_try(job, folder, after))

    def second_try(self, job: Job, folder: Path, after: Mapping[str, Any]) -> str:
        ended = self.run(job.again or job.line, folder)
        if ended.code != 0:
            return f"the second try: exit {ended.code}: {ended.said[-400:]}"
        found = contents(folder)
        wrong = sorted(name for name in {*found, *after} if found.get(name) != after.get(name))
        shutil.rmtree(folder)
        return f"after the second try differ: {', '.join(wrong[:6])}" if wrong else ""

    def kill_twin(self, job: Job, share: float) -> Tried:
        """Two write one `out`, each something of its own; one is killed, and the other ends as if
        it had been alone.
        """
        before, after, seconds = self.undisturbed(job)
        folder = self.place(job)
        killed, lives = (
            self.bench.start(line, partial(os.chdir, folder)) for line in (job.before, job.line)
        )
        killed.process.join(2 * share * seconds)  # two take about twice the time of one
        killed.process.kill()
        code, ended = killed.wait().code, lives.wait()
        fault = not_whole(job, folder, before, after)
        if ended.code != 0:
            refused = "is not empty" in ended.said or "--overwrite" in ended.said
            fault = fault or (
                "" if refused else f"the twin: exit {ended.code}: {ended.said[-300:]}"
            )
        return Tried(f"twin {job.name}", code < 0, fault or self.second_try(job, folder, after))

    def kill_launcher(self, share: float) -> Tried:
        """Its two processes save and end by themselves; what they leave is gone on with by two
        others.
        """
        words = [*self.finetuning("classify", "--out", OUT, "--gpus", "2"), "--max-steps", "100000"]
        folder = self.folder / f"launcher-{share:.3f}"
        folder.mkdir()
        environment = {**os.environ, **self.bench.environment, "OMP_NUM_THREADS": "1"}
        line = [sys.executable, "-m", "sslcli", *words]
        process = subprocess.Popen(
            line, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait_until(
            lambda: len(metrics(folder / OUT)) > 1 + 3 * share or process.poll() is not None
        )
        process.kill()
        process.wait()
        _wait_until(lambda: not _processes_in(folder))
        if left := _processes_in(folder):
            return Tried("launcher", True, f"still there: {left}")
        facts = folder / OUT / "run.json"
        status = json.loads(facts.read_text())["status"] if facts.is_file() else "nothing began"
        return Tried(
            "launcher",
            True,
            "" if status == "stopped" and not litter(folder) else f"{status}, {litter(folder)}",
        )


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)


def _processes_in(folder: Path) -> list[int]:
    """Those that work in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdigit()
                and os.readlink(entry / "cwd") == str(folder)
                and b"sslcli" in (entry / "cmdline").read_bytes()
            ):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _write_data(folder: Path) -> None:
    for name, count, first in (("train", 40, 0), ("test", 24, 100), ("other", 30, 200)):
        records = [
            {
                "id": f"{name}{n}",
                "text": f"the {('cat', 'dog')[n % 2]} sees the house {first + n}",
                "label": "ab"[n % 2],
            }
            for n in range(count)
        ]
        (folder / f"{name}.jsonl").write_text(
            "".join(json.dumps(record) + "\n" for record in records)
        )
    cola = folder / "glue_data" / "CoLA"
    cola.mkdir(parents=True)
    for split, numbers in (("train", range(24)), ("dev", range(40, 52))):
        rows = ["\t".join(["x", str(1 - n % 2), "", f"the cat sees {n} dogs"]) for n in numbers]
        (cola / f"{split}.tsv").write_text("\n".join(rows) + "\n")
    (cola / "test.tsv").write_text(
        "index\tsentence\n" + "".join(f"{n}\tthe dog sees {n} cats\n" for n in range(5))
    )


TWINS = ("predict", "evaluate", "probe")


def trials(
    commands: Commands, kills: int, seed: int, launchers: int
) -> Iterator[Callable[[], Tried]]:
    """So many kills, the commands and the twins in turn, each at a time of its own."""
    numbers = random.Random(seed)
    kinds: list[tuple[Callable[[Job, float], Tried], str]] = [
        (commands.kill, name) for name in commands.jobs
    ] + [(commands.kill_twin, name) for name in TWINS]
    for number in range(kills - launchers):
        trial, name = kinds[number % len(kinds)]
        yield partial(trial, commands.jobs[name], numbers.uniform(0.05, 1.0))
    for _ in range(launchers):
        yield partial(commands.kill_launcher, numbers.random())


def trials_at_calls(commands: Commands, every: int) -> Iterator[Callable[[], Tried]]:
    """Of the commands that are no runs, which `sweep_kills.py` kills so."""
    for job in commands.jobs.values() if every else ():
        for call in () if job.is_run else range(1, commands.calls_of(job) + 1, every):
            yield partial(commands.kill_at_call, job, call)


def sweep(
    commands: Commands, trials: Iterable[Callable[[], Tried]], at_once: int = 1
) -> list[Tried]:
    for job in commands.jobs.values():
        commands.undisturbed(job)
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda trial: trial(), trials))


def one_job(commands: Commands) -> dict[str, Job]:
    """The first command that is no run, for rehearsals."""
    return dict([next((name, job) for name, job in commands.jobs.items() if not job.is_run)])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument(
        "--every",
        type=int,
        default=1,
        help="kill at every so many-th call of the file system too; 0 for none",
    )
    parser.add_argument(
        "--launchers", type=int, default=3, help="how many of them are of a launcher"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=2, help="trials side by side")
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="one command, killed once at random and once at a call",
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        commands = Commands(Bench(Path(folder)))
        if asked.rehearse:
            commands.jobs = one_job(commands)
            asked.kills, asked.launchers, asked.every = (
                1,
                0,
                commands.calls_of(*commands.jobs.values()),
            )
        kinds = {
            "random times": trials(commands, asked.kills, asked.seed, asked.launchers),
            "calls of the file system": trials_at_calls(commands, asked.every),
        }
        return max(
            [told(kind, sweep(commands, those, asked.at_once)) for kind, those in kinds.items()]
        )


def told(kind: str, found: Sequence[Tried]) -> int:
    """Print what came of the trials, and give the exit code."""
    for tried in found:
        if tried.fault:
            print(f"{tried.name}: {tried.fault}", flush=True)
    good = sum(not tried.fault for tried in found)
    each = ", ".join(
        f"{count} {name}" for name, count in Counter(tried.name for tried in found).items()
    )
    in_time = sum(tried.killed for tried in found)
    print(
        (
            f"{kind}: {good}/{len(found)} kills ({in_time} in "
            f"time): none mixed, falsely done or left over; {each}"
        ),
        flush=True,
    )
    return int(good < len(found))


if __name__ == "__main__":
    sys.exit(main())
