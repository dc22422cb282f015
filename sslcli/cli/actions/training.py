"""What all lines that train have in common: the folder they mean, the processes they start, and how they end."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from sslcli.cli.actions.launching import launch, own_words, processes_to_start
from sslcli.cli.options import AUTO, Given
from sslcli.cli.progress import header_lines
from sslcli.cli.screen import Screen
from sslcli.engine.events import Started
from sslcli.engine.processes.rank import is_restart, launch_name, rank_and_size, restarts_are_left
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import Interrupted, Preempted, UsageError
from sslcli.reports import Report
from sslcli.runs.catalogue import read_facts, runs_folder, settings_file
from sslcli.runs.references import resumable_run, resumed_run
from sslcli.runs.run_folder import new_name
from sslcli.settings import RunSettings
from sslcli.workflows.training.run import RunResult


def resumed_folder(given: Given, kind: str) -> Path | None:
    """The folder to go on with. --resume alone begins anew where --name or --out say a folder that is not there yet."""
    reference = given.get("resume")
    if reference is None:
        return _restarted_folder(given) if is_restart() else None
    if reference != AUTO:
        return resumed_run(reference, ("pretrain",) if kind == "pretrain" else ("finetune", "suite")).folder
    named = _said_folder(given)
    if named is None:
        return settings_file(resumable_run(kind).folder).parent
    return named if (named / "config.yaml").is_file() else None


def launched(hardware: HardwareSettings, run: RunSettings, kind: str, resume: Path | None, screen: Screen) -> int | None:
    """Start the processes that --gpus asks for, and give their exit code; None where this one is to train itself.

    Raises what `launch` raises. All processes, and those that take the place of a lost one, must know one folder by name.
    """
    words, launcher_words = own_words()
    processes = processes_to_start(hardware)
    if not processes:
        if launcher_words:
            raise UsageError(
                f"'{launcher_words[0]}' follows -- and is for torchrun, which is not started here", "give --gpus 2 or more, or leave it out"
            )
        return None
    named = Path(run.folder) if run.folder else runs_folder() / (run.name or new_name(kind))
    folder = resume or named
    if resume is not None:
        words = [*_without_resume(words), "--resume", str(folder)]
    elif not (run.folder or run.name):
        words = [*words, "--name", folder.name]
    screen.say(f"starting {processes} processes")
    return launch(processes, folder, words, launcher_words, screen.verbose)


def refuse_unfinished(result: RunResult, screen: Screen, hint: str) -> bool:
    """Whether the run came to its end. Raises StopRequest, which has its own exit codes, where it was asked to stop before."""
    reason, step = result.outcome.reason, result.outcome.progress.step
    if reason == "done":
        return True
    stopped = f"{reason} at step {step}; everything is saved in {result.folder}"
    if restarts_are_left():  # any other code than 0 would start it again at once
        screen.say(f"stopped: {stopped}")
        return False
    raise (Interrupted if reason == "interrupted" else Preempted)(stopped, hint)


def conclude(result: RunResult, command: str, most_seconds: float | None, screen: Screen) -> int:
    """The exit code, after what was reached is shown. `most_seconds`: what --max-time or the run's own settings allow."""
    hint = f"go on with: {command} --resume {result.folder}{result.more_time(most_seconds)}"
    if not refuse_unfinished(result, screen, hint) or rank_and_size()[0] > 0:
        return 0
    if screen.json:
        screen.document({"event": "done", "run": str(result.folder), "report": asdict(result.report)})
    elif screen.quiet:
        screen.line(str(result.folder))
    else:
        screen.report(result.report)
        screen.say(f"saved in {result.folder}")
    return 0


def _without_resume(words: Sequence[str]) -> list[str]:
    """The line without --resume and its value: which run that means is decided once."""
    kept = [word for word in words if not word.startswith("--resume=")]
    if "--resume" in kept:
        place_of = kept.index("--resume")
        is_alone = place_of + 1 == len(kept) or kept[place_of + 1].startswith("-")
        del kept[place_of : place_of + (1 if is_alone else 2)]
    return kept


def _restarted_folder(given: Given) -> Path | None:
    """The run that this launch began before it lost a rank, if it came that far; never a run that lay there before."""
    named = _said_folder(given)
    if named is None:
        raise UsageError(
            "a rank was lost, and nothing says which run it belonged to", "give --name or --out to a run that torchrun may restart"
        )
    begun = (named / "config.yaml").is_file() and read_facts(named).get("launch") == launch_name()
    return named if begun else None


def _said_folder(given: Given) -> Path | None:
    """The run folder that --out or --name say, None where neither does."""
    if folder := given.get("run.folder"):
        return Path(folder)
    return runs_folder() / given["run.name"] if "run.name" in given else None


def show_prediction(facts: Mapping[str, str], report: Report, screen: Screen) -> int:
    """What --dry-run found."""
    for line in header_lines(Started(None, facts, 0, 0)):
        screen.say(line)
    screen.report(report)
    return 0
