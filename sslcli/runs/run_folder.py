"""The folder of one run: who may write in it, what it records, and how a resume finds it as it was.

runs/mlm-20261121-081203-a3f9/
  config.yaml    resolved settings; they replay the run       metrics.jsonl  one line a log entry or
  evaluation
  run.json       versions, host, data, status                 log.txt        the same in words
  tokenizer/     checkpoints/     milestones/     plots/      best           name of the best
  checkpoint
"""

import fcntl
import json
import os
import platform
import socket
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from sslcli import plainfiles
from sslcli.asides import is_left, settled
from sslcli.engine.checkpoints.checkpoint import Progress
from sslcli.engine.events import (
    Evaluated,
    Event,
    Finished,
    Noted,
    Sampled,
    Saved,
    Skipped,
    Started,
    Stepped,
)
from sslcli.errors import RunError, UsageError
from sslcli.folders import refused, write_atomically
from sslcli.reports import finite, printable
from sslcli.runs.catalogue import FACTS_FILE, asked_folder, read_metrics, runs_folder

LOOKS, SECONDS_BETWEEN_LOOKS = 3, 0.05
BEGINNING = frozenset({"lock", FACTS_FILE, "tokenizer"})  # before config.yaml there is no run


def new_name(kind: str) -> str:
    """Return a unique name for a run: KIND-DATE-TIME-HEX."""
    return f"{kind}-{datetime.now(UTC).strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"


def new_run_folder(name: str | None, folder: str | None, kind: str, overwrite: bool) -> Path:
    """The folder to write in, created. Raises UsageError where it holds a run already and may not
    be overwritten.
    """
    path = asked_folder(name, folder) or runs_folder() / new_name(kind)
    refuse_occupied(path, overwrite)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"cannot make the run folder {path}: {error.strerror}", "choose another with --out"
        ) from error
    return path


def refuse_occupied(path: Path, overwrite: bool) -> None:
    """Raises UsageError where a new run cannot be written there."""
    settled(path, as_a_whole=False)
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file, not a folder", "choose another --out")
    if path.exists() and not _holds_nothing(path):
        if not overwrite:
            raise UsageError(
                f"{path} is not empty",
                "continue it with --resume, replace it with --overwrite, or choose another --out",
            )
        if not (path / FACTS_FILE).is_file():
            raise UsageError(
                f"{path} holds something that is no run, which overwriting would delete",
                "choose another --out",
            )


def _holds_nothing(folder: Path) -> bool:
    """Whether it is empty, but for what a start that was killed before its run began has left."""
    names = {entry.name for entry in folder.iterdir() if not is_left(entry)}
    return names <= (BEGINNING if FACTS_FILE in names else {"lock"})


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Lock a folder for one writer. Raises UsageError naming the holder; a dead holder's lock is
    free.
    """
    _refuse_other_kinds(folder / "lock")
    try:
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise RunError(
            f"cannot write in {folder}: {error.strerror}", "choose another folder with --out"
        ) from error
    with lock:
        try:
            _take(lock)
        except BlockingIOError as error:
            lock.seek(0)
            raise UsageError(
                f"{folder} is in use by {lock.read().strip() or 'another process'}",
                "wait for it, or choose another --out",
            ) from error
        lock.seek(0)
        lock.truncate()
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        yield


def _take(lock: IO[str]) -> None:
    """Raises BlockingIOError where a writer holds it. Who only looks whether one does holds it for
    a moment.
    """
    for left in reversed(range(LOOKS)):
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise
            time.sleep(SECONDS_BETWEEN_LOOKS)
        except OSError:  # a disk that knows no locks
            return None
    return None


def _refuse_other_kinds(*paths: Path) -> None:
    """Raises RunError where one is there and is no plain file: to append to a pipe waits for a
    reader.
    """
    for path in paths:
        try:
            plainfiles.refuse_other_kinds(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            problem = f"cannot write {path}: {plainfiles.reason(error)}"
            raise RunError(problem, "remove it, or choose another folder with --out") from error


def environment() -> dict[str, Any]:
    """Return versions and hardware that the numbers of a run may depend on."""
    packages = {
        name: version(name) for name in ("sslcli", "torch", "numpy", "tokenizers", "safetensors")
    }
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "packages": packages,
    }


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write run.json atomically."""
    write_atomically(
        folder / FACTS_FILE, json.dumps(facts, indent=1, ensure_ascii=False, default=str)
    )


class Recorder:
    """An observer that writes metrics.jsonl and log.txt. On a resume it drops the lines the run
    will write again.
    """

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.metrics, self.log = folder / "metrics.jsonl", folder / "log.txt"
        _refuse_other_kinds(self.metrics, self.log)
        kept = [line for line in read_metrics(folder) if _stands(line, progress)]
        write_atomically(self.metrics, "".join(json.dumps(line) + "\n" for line in kept))

    def __call__(self, event: Event) -> None:
        line = metrics_line(event)
        try:
            if line is not None:
                with self.metrics.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(finite(line), ensure_ascii=False) + "\n")
            with self.log.open("a", encoding="utf-8") as file:
                file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {describe(event)}\n")
        except OSError as error:
            raise refused(self.metrics, error, "free some space and go on with --resume") from error


def _stands(line: Mapping[str, Any], progress: Progress) -> bool:
    limit = progress.step if line["split"] == "train" else progress.evaluated_step
    return line["step"] <= limit


def metrics_line(event: Event) -> dict[str, Any] | None:
    """An event as a line of metrics.jsonl, None where it has no numbers."""
    if isinstance(event, Stepped):
        rest = {
            "lr": event.rate,
            "gradient_norm": event.gradient_norm,
            "tokens_per_second": event.tokens_per_second,
            "seconds": event.seconds,
        }
        return {
            "step": event.step,
            "split": "train",
            "loss": event.loss,
            "terms": event.terms,
            "metrics": event.metrics,
            **rest,
        }
    if isinstance(event, Evaluated):
        return {
            "step": event.step,
            "split": "eval",
            "loss": event.loss,
            "terms": event.terms,
            "metrics": event.metrics,
            "counts": event.counts,
            "best": event.best,
            **(
                {"languages": {name: asdict(figures) for name, figures in event.languages.items()}}
                if event.languages
                else {}
            ),
        }
    if isinstance(event, Sampled):
        return {"step": event.step, "split": "sample", "examples": list(event.examples)}
    return None


def describe(event: Event) -> str:
    """An event in one plain line of key=value pairs."""
    match event:
        case Started():
            return " · ".join(f"{title}: {fact}" for title, fact in event.facts.items())
        case Stepped():
            return (
                f"step={event.step} loss={event.loss:.4f}{_pairs(event.metrics)} "
                f"lr={event.rate:.2e} tok/s={event.tokens_per_second:,.0f}"
            )
        case Evaluated():
            by_language = _pairs(
                {printable(name): figures.loss for name, figures in event.languages.items()},
                "eval_loss_",
            )
            metrics = _pairs(event.metrics, "eval_")
            loss = f"eval_loss={event.loss:.4f}{by_language}{metrics}"
            return f"step={event.step} {loss}{' best' * event.best}"
        case Saved():
            return f"{event.kind} {event.path}"
        case Sampled():
            return "".join(
                f"\n    {printable(given)} -> {printable(made)}" for given, made in event.examples
            )
        case Skipped():
            return f"step={event.step} skipped: gradient not finite ({event.in_a_row} in a row)"
        case Noted():
            return event.text
        case Finished():
            return f"{event.reason} at step {event.step} after {event.seconds:.0f}s"


def _pairs(metrics: Mapping[str, float], prefix: str = "") -> str:
    return "".join(
        f" {prefix}{name.replace(' ', '_')}={value:.4g}" for name, value in metrics.items()
    )


def now() -> str:
    """Return the time, UTC, ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
