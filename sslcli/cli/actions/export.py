"""`ssl export`."""

from pathlib import Path

from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.errors import UsageError
from sslcli.workflows.adapters import export_adapter
from sslcli.workflows.exporting import export

FORMAT = "hf"


def run(command: Command, given: Given, screen: Screen) -> int:
    if given.get("to", FORMAT) != FORMAT:
        raise UsageError(f"there is no format '{given['to']}'", "use --to hf")
    if given.get("adapter"):
        screen.report(export_adapter(given["model"], Path(given["folder"]), given.get("base"), overwrite=bool(given.get("overwrite"))))
        return 0
    if "base" in given:
        raise UsageError("--base is for adapters", "add --adapter, or leave it out")
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
