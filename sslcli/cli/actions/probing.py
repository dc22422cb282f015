"""`ssl probe`: resolve the options, run the probe, print its report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sslcli import registry
from sslcli.asides import output_folder
from sslcli.cli.actions.choosing import chosen_model
from sslcli.cli.judging import hardware_of, seed_of
from sslcli.cli.naming import flags_named
from sslcli.cli.options import Command, Given, spellings
from sslcli.cli.screen import Screen
from sslcli.reporting.saved_reports import REPORT
from sslcli.runs.references import LATEST, LOOKED_INTO
from sslcli.workflows.probe.probe import Looked, probe


def probe_action(command: Command, given: Given, screen: Screen) -> int:
    """Run one probe on a frozen model, print its report and write the files of --out."""
    name = given["probe"]
    options = {key.removeprefix("options."): value for key, value in given.items() if key.startswith("options.")}
    reference = _reference(registry.attribute("probes", name, "positional_fields"), given, options)
    is_default = "model" not in given and reference == LATEST
    reference, _ = chosen_model(
        reference, replace(LOOKED_INTO, architectures=registry.attribute("probes", name, "architectures")), is_default, screen
    )
    typed = [flag for flag in command.flags if flag.names and flag.key in given]
    sources = {flag.key.removeprefix("options."): sorted(spellings([flag]))[0] for flag in typed}
    with flags_named(sources):
        folder = output_folder(Path(given["out"])) if "out" in given else None
        where = {"data": given.get("data", ()), "reader": given.get("reader"), "hardware": hardware_of(given), "seed": seed_of(given)}
        found = probe(name, reference, options, folder=folder, **where)
    show_report(screen, found)
    return 0


def show_report(screen: Screen, found: Looked) -> None:
    """Print a report and where its files are."""
    if screen.json:
        screen.document({"report": asdict(found.report), "files": [str(path) for path in found.files]})
        return
    screen.report(found.report)
    say_saved(found.files, found.remarks, screen)


def say_saved(files: Sequence[Path], remarks: Sequence[str], screen: Screen) -> None:
    """Say where a report is saved, and what is in it."""
    suffixes = Counter(path.suffix for path in files)
    parts = [REPORT, *(f"{suffixes[suffix]} {suffix.removeprefix('.').upper()}" for suffix in (".png", ".svg", ".csv") if suffixes[suffix])]
    screen.say(f"saved  {files[0].parent}: {', '.join(parts)}")
    for remark in remarks:
        screen.say(remark)


def _reference(typed: str, given: Given, options: dict[str, Any]) -> str:
    """Return the model; a bare word is the probe's option `typed`, or the model."""
    word = given.get("typed")
    if not typed:
        return word or given.get("model", LATEST)
    if word is not None:
        options[typed] = word
    return given.get("model", LATEST)
