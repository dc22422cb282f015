"""`ssl runs`: list, show and compare runs."""

from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.errors import UsageError
from sslcli.runs.catalogue import all_runs, unreadable_settings
from sslcli.runs.references import LATEST, find_run
from sslcli.runs.run_tables import compare, show, table_of
from sslcli.runs.tags import refuse_strange_tags, retagged


def list_runs(command: Command, given: Given, screen: Screen) -> int:
    """List all runs, or those with a tag; with --quiet their names alone."""
    tag = given.get("tag")
    runs = [run for run in all_runs() if tag is None or tag in run.tags]
    if screen.json:
        screen.document({"runs": [run.document() for run in runs]})
    elif screen.quiet:
        for run in runs:
            screen.line(run.name)
    else:
        screen.report(table_of(runs, tag))
    return 0


def tag_run(command: Command, given: Given, screen: Screen) -> int:
    """Give a run tags, or take them away, and print those that it has."""
    refuse_strange_tags(given["tags"])
    run = find_run(given["run"])
    tags = retagged(run.folder, given["tags"], bool(given.get("remove")))
    if screen.json:
        screen.document({"name": run.name, "tags": tags})
    else:
        screen.line(f"{run.name}: {', '.join(tags) or 'no tags'}")
    return 0


def show_run(command: Command, given: Given, screen: Screen) -> int:
    """Print facts, evaluations and loss of one run, the latest when none is named."""
    run = find_run(given.get("run", LATEST))
    if screen.json:
        screen.document(run.document())
    else:
        screen.report(show(run))
    return 0


def compare_runs(command: Command, given: Given, screen: Screen) -> int:
    """Print settings and scores of two or more runs side by side.

    Raises UsageError for one run alone.
    """
    runs = [find_run(reference) for reference in given["runs"]]
    if len(runs) < 2:
        raise UsageError(
            "one run alone cannot be compared", "name two or more: ssl runs compare A B"
        )
    for run in runs:
        if problem := unreadable_settings(run):
            screen.say(f"note: the settings of {run.name} are left out: {problem}")
    screen.report(compare(runs))
    return 0
