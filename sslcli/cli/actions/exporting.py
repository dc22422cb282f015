"""`ssl export`: write a model directory."""

from pathlib import Path

from sslcli.cli.actions.choosing import chosen_model
from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.runs.references import LATEST, TRAINED
from sslcli.workflows.export.adapters import export_adapter
from sslcli.workflows.export.export import export


def export_action(command: Command, given: Given, screen: Screen) -> int:
    """Write a model directory, or with --adapter the LoRA adapters alone, and print the report."""
    reference, _ = chosen_model(given["model"], TRAINED, given["model"] == LATEST, screen.say)
    if given.get("adapter"):
        screen.report(
            export_adapter(
                reference,
                Path(given["folder"]),
                given.get("base"),
                overwrite=bool(given.get("overwrite")),
            )
        )
        return 0
    report = export(
        reference,
        Path(given["folder"]),
        overwrite=bool(given.get("overwrite")),
        check=given.get("check", True),
        transformers=bool(given.get("transformers")),
        heads=given.get("heads", True),
    )
    screen.report(report)
    return 0
