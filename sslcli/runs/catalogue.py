"""`ssl runs`: runs, how they ended, and how two differ. Reads any folder: half-written, damaged,
alive.
"""

import fcntl
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sslcli import plainfiles
from sslcli.engine.stopping import with_more_time
from sslcli.errors import SslError, UsageError
from sslcli.runfiles import read_layer
from sslcli.runs.tags import TAGS_FILE, tags_of

RUNS_VARIABLE = "SSLCLI_RUNS_DIR"
RUN_FILE = "config.yaml"  # what replays the run
# what it was and how it ended; a folder that holds one is a run, even one that never began
FACTS_FILE = "run.json"
OWN_FILES = (
    "checkpoints", "milestones", "plots", "probes", "samples", "generated", "study",
    "languages", "tokenizer", "trackers",
    TAGS_FILE, "best",
    "metrics.jsonl", "log.txt", "predictions.jsonl", "scores.json", "report.json", "report.html",
    FACTS_FILE, RUN_FILE,
)  # fmt: skip
FORMER_FACTS = {"floors": "baselines"}  # in runs that older versions wrote
# folders of reports: of held-out items, and of what `ssl generate` made
SAMPLES, GENERATED = "samples", "generated"
MOST_METRICS_BYTES = 1 << 31
PRETRAINED = "pretrained"  # where a fine-tuning run began, unless it is a control


@dataclass(frozen=True)
class Run:
    """A run folder.

    `evaluation`: its last line of held-out metrics; `status`: done, stopped, running, died, failed,
    diverged or unknown.
    """

    folder: Path
    facts: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    status: str

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return self.folder.name

    @property
    def objective(self) -> str:
        """Objective or task of the run, "?" if unknown."""
        return str(self.facts.get("objective", "?"))

    @property
    def kind(self) -> str:
        """ "pretrain", "finetune", ...; "?" if unknown."""
        return str(self.facts.get("kind", "?"))

    @property
    def started(self) -> str:
        """Time of the start, ISO 8601."""
        return str(self.facts.get("started", ""))

    @property
    def tags(self) -> tuple[str, ...]:
        """Words that somebody gave it: ssl runs tag."""
        return tags_of(self.folder)

    @property
    def resumable(self) -> bool:
        """Whether --resume can go on with the run."""
        return self.status in ("stopped", "died", "failed")

    def document(self) -> dict[str, Any]:
        """The run as --json prints it."""
        return {
            "name": self.name,
            "tags": self.tags,
            "folder": str(self.folder),
            "status": self.status,
            "facts": self.facts,
            "evaluation": self.evaluation,
        }


def runs_folder() -> Path:
    """Return the folder of all runs: SSLCLI_RUNS_DIR, else runs."""
    return Path(os.environ.get(RUNS_VARIABLE, "runs"))


def asked_folder(name: str | None, folder: str | None) -> Path | None:
    """Return the output folder that the user named, or None."""
    if folder:
        return Path(folder)
    return runs_folder() / name if name else None


def read_facts(folder: Path) -> dict[str, Any]:
    """run.json, empty where there is none that can be read."""
    try:
        facts = plainfiles.read_whole_json(folder / FACTS_FILE)
    except (OSError, ValueError):
        return {}
    if not isinstance(facts, dict):
        return {}
    return {FORMER_FACTS.get(key, key): value for key, value in facts.items()}


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return all whole lines of metrics.jsonl; a torn last line, the trace of a kill, is left
    out.
    """
    try:
        text = plainfiles.read_whole_text(
            folder / "metrics.jsonl", MOST_METRICS_BYTES, errors="replace"
        )
    except OSError:
        return []
    lines = []
    for line in text.splitlines():
        try:
            entry = plainfiles.parse_whole_json(line)
        except ValueError:
            continue
        if (
            isinstance(entry, dict)
            and isinstance(entry.get("step"), int)
            and isinstance(entry.get("split"), str)
        ):
            lines.append(entry)
    return lines


def all_runs() -> list[Run]:
    """Return every folder below the runs folder that has a run.json, newest first."""
    return runs_in(runs_folder())


def runs_in(parent: Path) -> list[Run]:
    """Return the runs directly below a folder, newest first."""
    try:
        folders = [path for path in parent.iterdir() if (path / FACTS_FILE).is_file()]
    except OSError:
        return []
    return sorted(
        (read_run(path) for path in folders), key=lambda run: (run.started, run.name), reverse=True
    )


def read_run(folder: Path) -> Run:
    """Read a run folder; a running run whose process is gone counts as died."""
    facts = read_facts(folder)
    evaluations = [line for line in read_metrics(folder) if line["split"] == "eval"]
    status = str(facts.get("status", "unknown"))
    if status == "running" and not is_locked(folder):
        status = "died"
    return Run(folder, facts, evaluations[-1] if evaluations else {}, status)


def is_locked(folder: Path) -> bool:
    """Tell whether a living process writes in the folder."""
    try:
        with plainfiles.open_plain(folder / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def settings_file(folder: Path) -> Path:
    """The config.yaml of a run. Raises UsageError where there is none, so nothing to go on with."""
    path = folder / RUN_FILE
    if not path.is_file():
        problem = f"{folder} is not a run that can be resumed: it has no {RUN_FILE}"
        raise UsageError(
            problem,
            "one that was killed as it began starts anew with --overwrite; ssl runs lists all",
        )
    return path


def how_to_go_on(run: Run) -> str:
    """The line to type, with a longer limit of time where the run's own was over before its first
    step; empty where there is none.
    """
    if not run.resumable:
        return ""
    if run.kind == "tour":  # several runs, each gone on with by its line
        return f"go on with: ssl tour --out {shlex.quote(str(run.folder))}"
    limit = (
        settings_of(run).get("training.max_time", "")
        if run.facts.get("reason") == "out of time"
        else ""
    )
    is_stuck = not run.facts.get("step") and limit.replace(".", "", 1).isdecimal()
    more = f" {with_more_time(float(limit))}" if is_stuck else ""
    return f"go on with: {_command(run)} --resume {run.name}{more}"


def failure_in(facts: Mapping[str, Any]) -> str:
    """Return how and why a failed or diverged run ended; empty for any other."""
    if facts.get("status") not in ("failed", "diverged"):
        return ""
    return (
        f"{facts['status']} at step {facts.get('step', '?')}: "
        f"{facts.get('reason', 'nothing says why')}"
    )


def _command(run: Run) -> str:
    if run.kind in ("finetune", "suite"):
        return f"ssl finetune {run.objective}"
    return "ssl compare" if run.kind == "compare" else "ssl pretrain"


def unreadable_settings(run: Run) -> str:
    """Why its config.yaml cannot be read, empty where it can."""
    try:
        read_layer(run.folder / RUN_FILE)
    except SslError as error:
        return error.message
    return ""


def settings_of(run: Run) -> dict[str, str]:
    """Dotted key -> value as text, from config.yaml; empty where that cannot be read. Where it was
    written does not count.
    """
    try:
        tree = read_layer(run.folder / RUN_FILE).values
    except SslError:
        return {}
    return {key: value for key, value in leaves_of(tree) if not key.startswith("run.")}


def leaves_of(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Dotted keys with their values as texts."""
    found = []
    for key, value in tree.items():
        found += (
            leaves_of(value, f"{prefix}{key}.")
            if isinstance(value, Mapping)
            else [(f"{prefix}{key}", _plain(value))]
        )
    return found


def _plain(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return " ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def metrics_of(line: Mapping[str, Any]) -> dict[str, float]:
    """Return the numeric metrics of a line of metrics.jsonl."""
    metrics = line.get("metrics")
    return (
        {name: value for name, value in metrics.items() if isinstance(value, int | float)}
        if isinstance(metrics, dict)
        else {}
    )


def by_language(facts: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the held-out metrics, or baselines, of each language, in the form of the total."""
    found = facts.get("languages")
    return (
        {name: each for name, each in found.items() if isinstance(each, dict)}
        if isinstance(found, dict)
        else {}
    )
