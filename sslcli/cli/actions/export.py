"""`ssl export`."""

from pathlib import Path

from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.errors import UsageError
from sslcli.workflows.exporting import export

FORMAT = "hf"


def run(command: Command, given: Given, screen: Screen) -> int:
    if given.get("to", FORMAT) != FORMAT:
        raise UsageError(f"there is no format '{given['to']}'", "use --to hf")
    report = export(
        given["model"],
        Path(given["folder"]),
        overwrite=bool(given.get("overwrite")),
        check=given.get("check", True),
        transformers=bool(given.get("transformers")),
        heads=given.get("heads", True),
    )
    screen.report(report)
    return 0
