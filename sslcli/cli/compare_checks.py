"""The check of the line of `ssl compare`, before its action is imported."""

from sslcli.cli.line_checks import refuse_contradictions, refuse_strange_name
from sslcli.cli.line_values import settings_flags
from sslcli.cli.options import GLOBALS, Command, Given, layers_of
from sslcli.errors import UsageError
from sslcli.resolving import naming_sources, resolve
from sslcli.runs.catalogue import RUN_FILE, asked_folder
from sslcli.runs.references import find_run
from sslcli.workflows.compare.compare_settings import CompareSettings
from sslcli.workflows.compare.refusals import EXAMPLE, refuse_comparison

RUNS = "runs"


def check_compare_line(command: Command, given: Given) -> None:
    """Refuse runs and objectives on one line, contradictory flags, and what cannot be compared."""
    everywhere = {flag.key for flag in GLOBALS}
    others = [flag for flag in command.flags if flag.key in given and flag.key != RUNS]
    if RUNS in given:
        if named := [flag.names[0] for flag in others if flag.key not in everywhere]:
            problem = f"{named[0]} compares objectives, and {given[RUNS][0]} is taken for a run"
            raise UsageError(problem, f"runs stand alone; as in: {EXAMPLE}")
        for reference in given[RUNS]:
            find_run(reference)
        return
    if not others:
        raise UsageError("what is to be compared?", f"ssl compare RUN RUN; or {EXAMPLE}")
    refuse_strange_name(given.get("run.name"))
    refuse_contradictions(command, given)
    resolved = resolve(CompareSettings, *layers_of(given, settings_flags(command, CompareSettings)))
    run = resolved.settings.run
    refuse_strange_name(run.name)
    folder = asked_folder(run.name, run.folder)
    begun = folder is not None and (folder / RUN_FILE).is_file() and not given.get("overwrite")
    if "resume" not in given and not begun:
        with naming_sources(resolved.sources):
            refuse_comparison(resolved.settings)
