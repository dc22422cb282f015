"""`ssl plugins check`: run the conformance kit over one plugin, installed or in a folder."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.contracts.examples import Example
from sslcli.contracts.probe import Probe
from sslcli.contracts.shift import Shift
from sslcli.contracts.task import Task
from sslcli.datasets.sifter import Sifter
from sslcli.errors import CheckError, UsageError
from sslcli.resolving import checked
from sslcli.testing import Finding, check_objective, check_probe, check_shift, check_task
from sslcli.workflows.plugins import checked_of

MOST_EXAMPLES = 64  # of a file: the kit is for seconds


def check_plugin(command: Command, given: Given, screen: Screen) -> int:
    """Run the conformance kit over the named plugins and print one line per check, or JSON.

    Raises CheckError (exit code 3) where a check fails, UsageError for --data without a task.
    """
    plugins, data = checked_of(given["name"]), given.get("data")
    if data is not None and not any(issubclass(cls, Task) for _, cls in plugins):
        raise UsageError(
            f"'{given['name']}' is no task, and takes no labelled data",
            "leave --data out: others have their own",
        )
    for found, cls in plugins:
        findings = _findings(cls, data)
        failed = [finding for finding in findings if not finding.passed]
        if screen.json:
            screen.document(
                {
                    "name": found.name,
                    "passed": not failed,
                    "findings": [asdict(finding) for finding in findings],
                }
            )
        else:
            for finding in findings:
                screen.line(
                    f"{'✔' if finding.passed else '✘'} "
                    f"{finding.name}{': ' + finding.detail if finding.detail else ''}"
                )
        if failed:
            raise CheckError(
                (
                    f"'{found.name}' fails {len(failed)} of {len(findings)} "
                    f"checks: {', '.join(f.name for f in failed)}"
                ),
                "see above",
            )
        screen.say(f"'{found.name}' passes all {len(findings)} checks")
    return 0


def _findings(cls: type[Any], reference: str | None) -> Sequence[Finding]:
    if issubclass(cls, Task):
        return check_task(cls, _examples(cls, reference))
    return (
        check_probe(cls)
        if issubclass(cls, Probe)
        else check_shift(cls)
        if issubclass(cls, Shift)
        else check_objective(cls)
    )


def _examples(cls: type[Task], reference: str | None) -> Sequence[Example] | None:
    """Read the first examples of a file with the task's default options.

    Raises DataError, or ConfigError where an option has no default.
    """
    if reference is None:
        return None
    options = checked(cls.Options, {}, "options")
    return list(islice(Sifter(None).usable(cls.read(options, reference)), MOST_EXAMPLES))
