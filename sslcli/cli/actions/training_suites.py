"""`ssl finetune SUITE`: every task of a suite with one set of settings, one table."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from sslcli import registry
from sslcli.cli.actions.training import resumed_folder, show_prediction
from sslcli.cli.naming import flags_named
from sslcli.cli.options import AUTO, Given
from sslcli.cli.progress import watching
from sslcli.cli.screen import Screen
from sslcli.config import resolve
from sslcli.contracts.suite import SuitePart
from sslcli.engine.processes.rank import rank_and_size
from sslcli.engine.stopping import Stopper
from sslcli.errors import UsageError
from sslcli.runfiles import Layer, read_layer
from sslcli.runs.catalogue import RUN_FILE, read_facts, runs_folder
from sslcli.runs.references import resumed_run
from sslcli.runs.run_folder import new_name
from sslcli.settings import FinetuneSettings, Start
from sslcli.workflows.finetune.check import check_data
from sslcli.workflows.finetune.finetune import dry_run_finetune, finetune
from sslcli.workflows.finetune.study import Variant
from sslcli.workflows.suite.suite import SuitePlan, as_begun, planned, run_suite
from sslcli.workflows.training.run import RunResult


def is_named(given: Given) -> bool:
    """Return whether the line, its run file or the run to resume is about a suite."""
    if "task" in given or given.get("config"):
        said = given.get("task") or next((read_layer(Path(file)).values.get("task") for file in reversed(given["config"])), None)
        return said in registry.names("suites")
    return given.get("resume", AUTO) != AUTO and resumed_run(given["resume"], ("finetune", "suite")).kind == "suite"


def suite_action(given: Given, layers: Sequence[Layer], starts: Sequence[Start], seeds: int | None, screen: Screen) -> int:
    """Fine-tune on every task of a suite and write the leaderboard's files.

    `layers`: settings of the line; `seeds`: number of seeds, None where the line has none.
    """
    if len(starts) > 1:
        raise UsageError("a suite starts all its runs in one way", f"once more with --init {starts[-1]} and another --name")
    resume = resumed_folder(given, "suite")
    saved = [] if resume is None else [read_layer(resume / RUN_FILE)]
    resolved = resolve(FinetuneSettings, *saved, *layers)
    settings = resolved.settings
    if settings.hardware.gpus is not None or rank_and_size()[1] > 1:
        raise UsageError("several runs one after the other are not started in several processes", "leave out --gpus")
    if "init" in given:
        settings = settings.model_copy(update={"model": settings.model.model_copy(update={"start": starts[0]})})
    with flags_named(resolved.sources):
        if resume is not None:
            settings = as_begun(resume, settings)
        plan = _planned(settings, given, seeds, resume)
        if given.get("check") or given.get("dry_run"):
            return _looked_at(plan, bool(given.get("check")), screen)
        overwrite = bool(given.get("overwrite")) and resume is None
        report = run_suite(plan, partial(_trained, overwrite, screen), resuming=resume is not None, overwrite=overwrite)
    if screen.json:
        screen.document({"event": "done", "run": str(plan.folder), "report": asdict(report)})
    elif screen.quiet:
        screen.line(str(plan.folder))
    else:
        screen.report(report)
        screen.say(f"saved in {plan.folder}")
    return 0


def _planned(settings: FinetuneSettings, given: Given, seeds: int | None, resume: Path | None) -> SuitePlan:
    """Return tasks and seeds.

    A resumed suite keeps its tasks, to which the line may add, and its seeds unless the line has
    another number.
    """
    facts = read_facts(resume) if resume is not None else {}
    first = settings.training.seed
    names = [*given["parts"].split(","), *facts.get("parts", [])] if "parts" in given else facts.get("parts", [])
    seeds = seeds or facts.get("seeds", 1)
    said = Path(settings.run.folder) if settings.run.folder else runs_folder() / (settings.run.name or new_name(settings.task))
    return planned(settings, [part.strip() for part in names if part.strip()], range(first, first + seeds), resume or said)


def _looked_at(plan: SuitePlan, checks: bool, screen: Screen) -> int:
    """Print each task as --check or --dry-run does; nothing is written."""
    for part in plan.parts:
        settings = plan.settings_for(part, plan.runs(part)[0])
        if checks:
            facts, report = {}, check_data(settings)
        else:
            facts, report = dry_run_finetune(settings)
        show_prediction(facts, replace(report, title=f"{part.name}: {report.title}"), screen)
    return 0


def _trained(
    overwrite: bool, screen: Screen, part: SuitePart, variant: Variant, settings: FinetuneSettings, stopper: Stopper, resume: Path | None
) -> RunResult:
    with watching(screen, f"ssl · finetune · {part.name} · seed {variant.seed}") as observe:
        return finetune(settings, resume=resume, overwrite=overwrite, observe=observe, stopper=stopper)
