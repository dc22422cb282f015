"""`ssl doctor`: print findings with their marks."""

from dataclasses import asdict

from rich.text import Text

from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.workflows.doctor import examine_machine

MARKS = {
    "ok": ("✔", "green"),
    "note": ("ℹ", "blue"),
    "warning": ("⚠", "yellow"),
    "failed": ("✘", "red"),
}


def doctor_action(command: Command, given: Given, screen: Screen) -> int:
    """Print what was found on this machine; 3 where something essential fails, else 0.

    With --quiet only warnings and failures are printed.
    """
    findings = examine_machine()
    if screen.json:
        screen.document({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            if screen.quiet and finding.status in ("ok", "note"):
                continue
            hint = f"   → {finding.hint}" if finding.hint else ""
            screen.out.print(
                Text.assemble(MARKS[finding.status], f" {finding.text}", (hint, "dim"))
            )
    return 3 if any(finding.status == "failed" for finding in findings) else 0
