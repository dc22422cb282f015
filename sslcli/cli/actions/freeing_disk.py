"""`ssl runs du`, `prune` and `delete`: print what is removed, and ask for confirmation first."""

import sys
from collections.abc import Sequence

from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.errors import ModelError, UsageError
from sslcli.reports import mebibytes
from sslcli.runs.catalogue import Run, all_runs
from sslcli.runs.disk_use import (
    Removal,
    carry_out,
    chosen,
    deletion,
    is_used,
    pruning,
    refuse_used,
    space_of,
)
from sslcli.runs.references import find_run


def weigh_runs(command: Command, given: Given, screen: Screen) -> int:
    """Print the disk space of the named runs, or of all runs, by what it holds."""
    named = given.get("runs")
    report, documents = space_of([find_run(name) for name in named] if named else all_runs())
    if screen.json:
        total = sum(document["bytes"]["total"] for document in documents)
        screen.document({"runs": documents, "bytes": total})
    else:
        screen.report(report)
    return 0


def delete_runs(command: Command, given: Given, screen: Screen) -> int:
    """Delete the named runs after a confirmation. Raises UsageError where one is in use."""
    runs = chosen(given["runs"], exactly="yes" in given)
    refuse_used(runs)
    return _done([deletion(run) for run in runs], "delete", given, screen)


def prune_runs(command: Command, given: Given, screen: Screen) -> int:
    """Remove from runs what is only needed to resume them, after a confirmation.

    The runs are those named, else all finished ones. Raises UsageError where a named one is in use;
    a run that cannot be pruned is reported and left as it is.
    """
    if given.get("runs"):
        runs = chosen(given["runs"], exactly="yes" in given)
        refuse_used(runs)
    else:
        runs = [run for run in all_runs() if _is_over(run, screen)]
    removals = []
    for run in runs:
        try:
            removals.append(pruning(run))
        except ModelError as error:
            screen.say(f"note: {error.message}")
    return _done([removal for removal in removals if removal], "prune", given, screen)


def _is_over(run: Run, screen: Screen) -> bool:
    """Return whether a run that was not named may be pruned: it is done and not in use."""
    if run.folder.is_symlink() or run.kind not in ("pretrain", "finetune"):
        return False
    if run.status == "done" and not is_used(run):
        return True
    screen.say(f"note: {run.name} is {run.status}, and is left as it is; name it to prune it")
    return False


def _done(removals: Sequence[Removal], verb: str, given: Given, screen: Screen) -> int:
    if not removals:
        screen.say(f"there is nothing to {verb}")
    for removal in removals:
        screen.say(f"{verb} {removal.says}")
    asked = bool(removals) and "dry_run" not in given
    freed = carry_out(removals) if asked and _is_meant(verb, given, screen) else 0
    if screen.json:
        said = [{"name": removal.run.name, "removes": removal.says} for removal in removals]
        screen.document({"runs": said, "freed_bytes": freed})
    elif asked:
        screen.say(f"{mebibytes(freed)} are free now")
    return 0


def _is_meant(verb: str, given: Given, screen: Screen) -> bool:
    """Return whether --yes or the terminal confirms. Raises UsageError where neither can."""
    if "yes" in given:
        return True
    if screen.json or screen.quiet or not (sys.stdin.isatty() and sys.stderr.isatty()):
        problem = f"nobody can be asked here whether to {verb} that"
        raise UsageError(problem, "say --yes; what would go is said above")
    screen.err.print(f"{verb} that? [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
