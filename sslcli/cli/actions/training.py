"""Functions shared by all commands that train: run folder, processes, and exit code."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sslcli.cli.options import AUTO, Given
from sslcli.cli.progress import header_lines
from sslcli.cli.screen import Screen
from sslcli.datasets.cache import Say, quiet
from sslcli.engine.events import Started
from sslcli.engine.processes.rank import is_restart, launch_name, rank_and_size, restarts_are_left
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import Interrupted, Preempted, UsageError
from sslcli.reports import Report, amount
from sslcli.runs.catalogue import RUN_FILE, Run, read_facts, runs_folder, settings_file
from sslcli.runs.references import LATEST, resumable_run, resumed_run
from sslcli.settings import RunSettings
from sslcli.workflows.training import launch
from sslcli.workflows.training.resolve import ResolvedRun
from sslcli.workflows.training.resume import Resume
from sslcli.workflows.training.run import RunResult

MOST_RECOMMENDED = 4  # settings of a recipe that one line still shows


def resumed(given: Given, kind: str, say: Say = quiet) -> Resume | None:
    """Return the run to resume, None for a new run; where the line does not name it, it is said
    which.

    --resume alone starts a new run where --name or --out name a folder that does not exist yet.
    """
    reference = given.get("resume")
    if reference is None:
        return _restarted(given) if is_restart() else None
    if reference != AUTO:
        kinds = ("finetune", "suite") if kind in ("finetune", "suite") else (kind,)
        run = resumed_run(reference, kinds)
        if reference.startswith(LATEST):
            _say_resumed(run, say)
        return Resume(run.folder)
    named = _said_folder(given)
    if named is None:
        run = resumable_run(kind)
        _say_resumed(run, say)
        return Resume(settings_file(run.folder).parent)
    return Resume(named) if (named / RUN_FILE).is_file() else None


def _say_resumed(run: Run, say: Say) -> None:
    which = "the newest that is not finished" if run.resumable else "the newest"
    say(f"resuming {run.folder} ({which}; choose with --resume RUN)")


def say_recipe(resolved: ResolvedRun[Any], screen: Screen) -> None:
    """Say what the recipe of the data sets; of many settings how many, and with --verbose all."""
    found = resolved.recommended
    if screen.json or not found:
        return
    data = ", ".join(resolved.settings.data.train)
    if len(found) <= MOST_RECOMMENDED or screen.verbose:
        screen.say(f"recipe     {data} sets {', '.join(found)} (flags and files win)")
    else:
        count = amount(len(found), "setting")
        screen.say(f"recipe     {data} sets {count} (flags and files win; --verbose lists them)")


def launched(
    hardware: HardwareSettings, run: RunSettings, kind: str, resume: Resume | None, screen: Screen
) -> int | None:
    """Start the processes of --gpus and return their exit code; None where this one is to train."""
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    line = launch.Line(words[:end], words[end + 1 :], screen.verbose)
    return launch.launch_run(line, hardware, run, kind, resume, screen.say)


def refuse_unfinished(result: RunResult, screen: Screen, hint: str) -> bool:
    """Return whether the run is done; False where torchrun is about to restart it.

    Raises StopRequest, which has its own exit codes, where it was stopped before its end.
    """
    reason, step = result.outcome.reason, result.outcome.progress.step
    if reason == "done":
        return True
    stopped = f"{reason} at step {step}; everything is saved in {result.folder}"
    if restarts_are_left():  # any other code than 0 would start it again at once
        screen.say(f"stopped: {stopped}")
        return False
    raise (Interrupted if reason == "interrupted" else Preempted)(stopped, hint)


def conclude(result: RunResult, command: str, most_seconds: float | None, screen: Screen) -> int:
    """Print the result of a run and return its exit code.

    `most_seconds`: time limit of --max-time or of the run's own settings.
    """
    hint = f"go on with: {command} --resume {result.folder}{result.more_time(most_seconds)}"
    if not refuse_unfinished(result, screen, hint) or rank_and_size()[0] > 0:
        return 0
    if screen.json:
        screen.document(
            {"event": "done", "run": str(result.folder), "report": asdict(result.report)}
        )
    elif screen.quiet:
        screen.line(str(result.folder))
    else:
        screen.report(result.report)
        screen.say(f"saved in {result.folder}")
    return 0


def _restarted(given: Given) -> Resume | None:
    """Return the run that this launch began before it lost a rank, or None; never an older one."""
    named = _said_folder(given)
    if named is None:
        raise UsageError(
            "a rank was lost, and nothing says which run it belonged to",
            "give --name or --out to a run that torchrun may restart",
        )
    begun = (named / RUN_FILE).is_file() and read_facts(named).get("launch") == launch_name()
    return Resume(named) if begun else None


def _said_folder(given: Given) -> Path | None:
    """Return the run folder of --out or --name, None without either."""
    if folder := given.get("run.folder"):
        return Path(folder)
    return runs_folder() / given["run.name"] if "run.name" in given else None


def show_prediction(facts: Mapping[str, str], report: Report, screen: Screen) -> int:
    """Print the prediction of --dry-run."""
    for line in header_lines(Started(None, facts, 0, 0)):
        screen.say(line)
    screen.report(report)
    return 0
