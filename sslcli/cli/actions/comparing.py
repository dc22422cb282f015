"""`ssl compare`: divide the budget, run after run, the table and the page; or two runs side by
side.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from sslcli.cli.actions.listing_runs import compare_runs
from sslcli.cli.actions.reporting import FILE, write_page
from sslcli.cli.actions.training import resumed, say_recipe, show_prediction
from sslcli.cli.line_values import settings_flags
from sslcli.cli.options import Command, Given, layers_of
from sslcli.cli.progress import header_lines, watching
from sslcli.cli.screen import Screen
from sslcli.datasets.cache import Say
from sslcli.engine.events import Event, Finished, Observer, Started
from sslcli.errors import UsageError
from sslcli.resolving import naming_sources
from sslcli.runs.catalogue import RUN_FILE, asked_folder, read_run
from sslcli.workflows.compare.compare_settings import CompareSettings
from sslcli.workflows.compare.comparison import KIND, Compared, Introduce, run_comparison
from sslcli.workflows.compare.division import division, division_lines
from sslcli.workflows.compare.planned import ComparisonPlan
from sslcli.workflows.compare.planning import plan_comparison, with_tokenizer_kind
from sslcli.workflows.compare.resolved_comparison import resolve_comparison
from sslcli.workflows.finetune.study import Watch
from sslcli.workflows.training.resolve import ResolvedRun
from sslcli.workflows.training.resume import Resume


def comparing_action(command: Command, given: Given, screen: Screen) -> int:
    """Compare objectives, or the runs that the line names; returns the exit code."""
    if "runs" in given:
        return compare_runs(command, given, screen)
    run = resolved_line(command, given, screen.say)
    say_recipe(run, screen)
    with naming_sources(run.sources):
        if given.get("dry_run"):
            settings = with_tokenizer_kind(run.settings)
            plan, _ = plan_comparison(settings, screen.working)
            return show_prediction(division_lines(settings, plan), division(settings, plan), screen)
        return _shown(run, bool(given.get("overwrite")), screen)


def resolved_line(command: Command, given: Given, say: Say) -> ResolvedRun[CompareSettings]:
    """The settings of a line, or of the comparison that it goes on with."""
    layers = layers_of(given, settings_flags(command, CompareSettings))
    return resolve_comparison(layers, _begun(given, say))


def compared(
    run: ResolvedRun[CompareSettings],
    watch: Watch,
    say: Say,
    introduce: Introduce = lambda *_: None,
    *,
    overwrite: bool = False,
) -> Compared:
    """Compare, and write the page. Raises as `run_comparison`."""
    found = run_comparison(run, watch, say, introduce, overwrite=overwrite)
    write_page(read_run(found.folder), found.folder / FILE)
    return found


def _shown(run: ResolvedRun[CompareSettings], overwrite: bool, screen: Screen) -> int:
    def introduce(settings: CompareSettings, plan: ComparisonPlan, folder: Path) -> None:
        _introduce(division_lines(settings, plan), folder, screen)

    found = compared(
        run,
        lambda title: _watching_part(screen, title),
        screen.working,
        introduce,
        overwrite=overwrite,
    )
    if screen.json:
        screen.document({"event": "done", "run": str(found.folder), "report": asdict(found.report)})
    elif screen.quiet:
        screen.line(str(found.folder))
    else:
        screen.report(replace(found.report, scores=(), plots=()))
        screen.say(f"saved in {found.folder}; the page is {found.folder / FILE}")
    return 0


@contextmanager
def _watching_part(screen: Screen, title: str) -> Generator[Observer]:
    """Of every run one line in a file, where a terminal shows all of it."""
    if screen.live or screen.json or screen.quiet or screen.verbose:
        with watching(screen, title) as observe:
            yield observe
        return

    def observe_end(event: Event) -> None:
        if isinstance(event, Finished):
            screen.say(f"{title}: {event.reason} at step {event.step:,} after {event.seconds:.0f}s")

    yield observe_end


def _introduce(lines: Mapping[str, str], folder: Path, screen: Screen) -> None:
    if not screen.json:
        for line in header_lines(Started(folder, lines, 0, 0)):
            screen.say(line)


def _begun(given: Given, say: Say) -> Resume | None:
    """The comparison to go on with: that of --resume, or of --name or --out where one was begun.

    Raises UsageError where that is a run of another kind.
    """
    resume = resumed(given, KIND, say)
    if resume is None and not given.get("overwrite"):
        folder = asked_folder(given.get("run.name"), given.get("run.folder"))
        if folder is not None and (folder / RUN_FILE).is_file():
            resume = Resume(folder)
            say(f"going on with {folder}, which was begun before")
    if resume is not None and (kind := read_run(resume.folder).kind) != KIND:
        problem = f"{resume.folder} is a run of the kind {kind}, and no comparison"
        raise UsageError(problem, "choose another --name, or a comparison to --resume")
    return resume
