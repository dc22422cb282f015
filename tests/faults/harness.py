"""Tiny trainings in processes that may be killed, and whether what they leave equals what a whole
run leaves.

A fork server has torch loaded before it forks, so a training of 60 steps takes about a second from
its first line to its last. The product is seen from outside only: its command line, its exit code,
what it says, and its run folder.
"""

import hashlib
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

sys.path.append(str(Path(__file__).parents[1]))  # where these files are run as scripts

from forked import SERVER, speak_into
from inputs_models import write_tiny_model

from sslcli.cli.app import run as ssl
from sslcli.errors import ModelError
from sslcli.folders import read_sealed

SAVE_EVERY, STEPS = 5, 60
PATIENCE_SECONDS = 120
CLOCKS = ("seconds", "tokens_per_second")
SHAPE = {"depth": 1, "width": 16, "heads": 2, "feedforward_width": 32, "dropout": 0.1}


@dataclass(frozen=True)
class Ended:
    """`code` is negative for a process that a signal ended. `seconds` from its start to its end."""

    code: int
    said: str
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """It ended by itself, with a code of the table, a sentence and no traceback."""
        ended_well = (
            self.code in (0, 1, 2, 3, 75, 130)
            and "Traceback" not in self.said
            and "should not have happened" not in self.said
        )
        return ended_well and (self.code == 0 or "error:" in self.said or "stopped:" in self.said)


@dataclass(frozen=True)
class Child:
    """One command of the product in a process of its own."""

    process: Any
    said_in: Path
    started: float

    def wait(self, seconds: float = PATIENCE_SECONDS) -> Ended:
        """Raises TimeoutError, after killing it, where it does not end in time."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(
                f"still running after {seconds} s: "
                f"{self.said_in.read_text(errors='replace')[-500:]}"
            )
        said = self.said_in.read_text(encoding="utf-8", errors="replace")
        return Ended(self._code(), said, time.monotonic() - self.started)

    def _code(self) -> int:
        """multiprocessing gives 255 where two threads ask for the end of one process; then what the
        child itself wrote down.
        """
        written = _code_file(self.said_in)
        code = int(written.read_text()) if written.is_file() else self.process.exitcode
        written.unlink(missing_ok=True)
        return code if self.process.exitcode == 255 else self.process.exitcode


class Bench:
    """A folder with a small corpus, a cache and the runs that are spoilt in it.

    `job`: what is trained, an objective or "rewrite", a fine-tuning of a tiny encoder-decoder.
    """

    def __init__(self, folder: Path, job: str = "mlm") -> None:
        self.folder, self.job, self.corpus = folder, job, folder / "animals.txt"
        self.environment = {
            "SSLCLI_CACHE_DIR": str(folder / "cache"),
            "SSLCLI_RUNS_DIR": str(folder / "runs"),
        }
        folder.mkdir(parents=True, exist_ok=True)
        self.corpus.write_text("\n\n".join(_paragraphs(120)) + "\n", encoding="utf-8")
        if job == "rewrite":
            write_tiny_model(folder / "bart", "bart")
            pairs = [{"source": text, "target": text.split()[1]} for text in _paragraphs(60)]
            lines = [f"{json.dumps({'id': n, **pair})}\n" for n, pair in enumerate(pairs)]
            (folder / "pairs.jsonl").write_text("".join(lines), encoding="utf-8")
        self._count = 0

    def words(self, run: Path, *more: str, **training: Any) -> list[str]:
        """The command line of the tiny training in the folder `run`; said again with --resume, it
        goes on with it.
        """
        trained = {
            "max_steps": STEPS,
            "save_every": SAVE_EVERY,
            "eval_every": 20,
            "log_every": 1,
            "batch_size": 8,
            "eval_samples": 8,
        }
        settings = {f"training.{key}": value for key, value in {**trained, **training}.items()}
        settings |= {"data.held_out": 0.1, "optimizer.rate": 0.003}
        if self.job == "rewrite":
            settings |= {"model.dropout": 0.1, "training.keep": 2, "training.milestones": True}
            line = ["finetune", "rewrite", "--model", str(self.folder / "bart")]
            line += ["--data", str(self.folder / "pairs.jsonl")]
        else:
            settings |= {f"model.shape.{key}": value for key, value in SHAPE.items()}
            settings |= {"data.sequence_tokens": 24, "tokenizer.vocabulary": 120}
            line = ["pretrain", "--objective", self.job, "--arch", "tiny"]
            line += ["--data", str(self.corpus)]
        return [
            *line,
            "--no-plot",
            "--out",
            str(run),
            *(word for key, value in settings.items() for word in ("--set", f"{key}={value}")),
            *more,
        ]

    def start(
        self, words: Sequence[str], fault: Callable[[], None] | None = None, **environment: str
    ) -> Child:
        """`fault` is called in the child before the command; it can be pickled."""
        self._count += 1
        said_in = self.folder / f"said-{os.getpid()}-{self._count:05d}.txt"
        said_in.touch()  # a child may be killed before it writes a word
        process = SERVER.Process(
            target=_child,
            args=(list(words), {**self.environment, **environment}, str(said_in), fault),
        )
        started = time.monotonic()
        process.start()
        return Child(process, said_in, started)

    def run(
        self, words: Sequence[str], fault: Callable[[], None] | None = None, **environment: str
    ) -> Ended:
        child = self.start(words, fault, **environment)
        ended = child.wait()
        child.said_in.unlink(missing_ok=True)
        return ended

    def here(self, words: Sequence[str]) -> Ended:
        """The same command inside this process: a fifth of the time, and no way to kill it."""
        said = io.StringIO()
        threads, before = (
            torch.get_num_threads(),
            {name: os.environ.get(name) for name in self.environment},
        )
        # as in a child: sums over another number of threads have other last bits
        torch.set_num_threads(1)
        os.environ.update(self.environment)
        started = time.monotonic()
        try:
            with redirect_stdout(said), redirect_stderr(said):
                code = ssl(words)
        finally:
            torch.set_num_threads(threads)
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        return Ended(code, said.getvalue(), time.monotonic() - started)

    def whole(self, **training: Any) -> Path:
        """The folder of the uninterrupted run with these settings, which others are compared with;
        made once.
        """
        folder = self.folder / "-".join(
            ["whole", *(f"{key}={value}" for key, value in sorted(training.items()))]
        )
        if not (folder / "run.json").is_file():
            ended = self.run(self.words(folder, **training))
            assert ended.code == 0, ended.said
        return folder

    def copy(self, whole: Path, name: str) -> Path:
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return Path(shutil.copytree(whole, self.folder / name, symlinks=True))


def _child(
    words: list[str], environment: dict[str, str], said_in: str, fault: Callable[[], None] | None
) -> None:
    os.environ.update(environment)
    speak_into(said_in)
    torch.set_num_threads(1)
    if fault is not None:
        fault()
    code = ssl(words)
    sys.stdout.flush()
    _code_file(Path(said_in)).write_text(str(code))
    sys.exit(code)


def _code_file(said_in: Path) -> Path:
    return said_in.with_suffix(".code")


def _paragraphs(count: int) -> list[str]:
    """Small paragraphs in which what an animal does depends on what it is."""
    animals, verbs, places = (
        ["cat", "dog", "bird", "fish", "horse", "mouse"],
        ["sees", "likes", "follows"],
        ["garden", "house", "river"],
    )

    def sentence(animal: int, number: int) -> str:
        other, place = animals[(animal + number) % 6], places[(animal + number) % 3]
        return f"The {animals[animal]} {verbs[animal % 3]} the {other} in the {place}."

    return [
        " ".join(sentence(number * 7 % 6, place + number) for place in range(3 + number * 5 % 4))
        for number in range(count)
    ]


def whole_checkpoints(run: Path) -> list[int]:
    """The steps of the checkpoints whose every file has the size and the hash of its manifest, in
    order.
    """
    steps = []
    for path in (run / "checkpoints").glob("step-*"):
        try:
            read_sealed(path)
        except ModelError:
            continue
        steps.append(int(path.name.removeprefix("step-")))
    return sorted(steps)


def step_reached(run: Path) -> int:
    """The last update that the run reported; 0 where it reported none."""
    return max((line["step"] for line in metrics(run) if line["split"] == "train"), default=0)


def metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without what a clock decides; a last line that was cut off is left
    out.
    """
    path, lines = run / "metrics.jsonl", []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            lines.append(
                {key: value for key, value in json.loads(text).items() if key not in CLOCKS}
            )
        except ValueError:
            continue
    return lines


def differences(whole: Path, other: Path, below: str = "") -> list[str]:
    """What a run left otherwise than the uninterrupted one: weights, optimizer, position, logged
    numbers, files. Empty: equal bits.

    `below`: only what has a name that begins so.
    """
    one, two = _contents(whole, below), _contents(other, below)
    found = [f"{name} is only in one of them" for name in sorted(one.keys() ^ two.keys())]
    return found + [
        f"{name} differs" for name in sorted(one.keys() & two.keys()) if one[name] != two[name]
    ]


def _contents(run: Path, below: str) -> dict[str, Any]:
    """Every file that may not depend on a clock or a host, as a hash or as its values."""
    contents: dict[str, Any] = {} if below else {"metrics.jsonl": metrics(run)}
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run).as_posix()
        if not name.startswith(below):
            continue
        if path.name == "state.json":
            contents[name] = _without_clocks(json.loads(path.read_text(encoding="utf-8")))
        elif (
            path.suffix == ".safetensors"
            or name in ("best", "predictions.jsonl", "scores.json")
            or ".unfinished-" in name
            or ".replaced-" in name
        ):
            contents[name] = (
                hashlib.blake2b(path.read_bytes()).hexdigest() if path.is_file() else "folder"
            )
    return contents


def _without_clocks(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key not in CLOCKS}
