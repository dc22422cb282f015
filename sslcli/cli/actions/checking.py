"""`ssl plugins check`: the conformance kit over one objective, installed or in a folder."""

from dataclasses import asdict

from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.errors import CheckError
from sslcli.testing import check_objective
from sslcli.workflows.plugins import objectives_of


def check_plugin(command: Command, given: Given, screen: Screen) -> int:
    for name, cls in objectives_of(given["name"]).items():
        findings = check_objective(cls)
        failed = [finding for finding in findings if not finding.passed]
        if screen.json:
            screen.document({"name": name, "passed": not failed, "findings": [asdict(finding) for finding in findings]})
        else:
            for finding in findings:
                screen.line(f"{'✔' if finding.passed else '✘'} {finding.name}{': ' + finding.detail if finding.detail else ''}")
        if failed:
            raise CheckError(f"'{name}' fails {len(failed)} of {len(findings)} checks: {', '.join(f.name for f in failed)}", "see above")
        screen.say(f"'{name}' passes all {len(findings)} checks")
    return 0
