"""`ssl finetune SUITE`: every task of a suite with one set of settings, one table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from sslcli import registry
from sslcli.cli.actions.training import resumed, show_prediction
from sslcli.cli.line_values import seed_count, starts_of
from sslcli.cli.options import AUTO, Given
from sslcli.cli.progress import watching
from sslcli.cli.screen import Screen
from sslcli.datasets.cache import Say, quiet
from sslcli.errors import UsageError
from sslcli.layers import Layer
from sslcli.resolving import naming_sources
from sslcli.runfiles import read_layer
from sslcli.runs.references import resumed_run
from sslcli.workflows.finetune.check import check_data
from sslcli.workflows.finetune.finetune import dry_run_finetune
from sslcli.workflows.suite.suite import run_suite
from sslcli.workflows.suite.suite_plan import SuitePlan, plan_suite, resolve_suite
from sslcli.workflows.training.resume import Resume


def is_named(given: Given) -> bool:
    """Return whether the line, its run file or the run to resume is about a suite."""
    if "task" in given or given.get("config"):
        said = given.get("task") or next(
            (read_layer(Path(file)).values.get("task") for file in reversed(given["config"])), None
        )
        return said in registry.names("suites")
    return (
        given.get("resume", AUTO) != AUTO
        and resumed_run(given["resume"], ("finetune", "suite")).kind == "suite"
    )


def plan(
    given: Given, layers: Sequence[Layer], say: Say = quiet
) -> tuple[SuitePlan, Resume | None, Mapping[str, str]]:
    """Return the plan of a suite, the suite to resume, and the sources of its settings
    (`layers`).
    """
    if len(starts := starts_of(given)) > 1:
        raise UsageError(
            "a suite starts all its runs in one way",
            f"once more with --init {starts[-1]} and another --name",
        )
    resume = resumed(given, "suite", say)
    resolved = resolve_suite(layers, resume)
    parts = [part.strip() for part in given["parts"].split(",")] if "parts" in given else None
    with naming_sources(resolved.sources):
        seeds = seed_count(given) if "seeds" in given else None
        return plan_suite(resolved, parts, seeds), resume, resolved.sources


def suite_action(given: Given, layers: Sequence[Layer], screen: Screen) -> int:
    """Fine-tune on every task of a suite and write the leaderboard's files. `layers`: settings of
    the line.
    """
    wanted, resume, sources = plan(given, layers, screen.say)
    with naming_sources(sources):
        if given.get("check") or given.get("dry_run"):
            return _looked_at(wanted, bool(given.get("check")), screen)
        overwrite = bool(given.get("overwrite")) and resume is None
        report = run_suite(
            wanted,
            lambda title: watching(screen, title),
            resuming=resume is not None,
            overwrite=overwrite,
        )
    if screen.json:
        screen.document({"event": "done", "run": str(wanted.folder), "report": asdict(report)})
    elif screen.quiet:
        screen.line(str(wanted.folder))
    else:
        screen.report(report)
        screen.say(f"saved in {wanted.folder}")
    return 0


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
