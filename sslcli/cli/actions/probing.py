"""`ssl probe`: resolve the options, run the probe, print its report."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sslcli import registry
from sslcli.asides import output_folder
from sslcli.cli.actions.choosing import chosen_model
from sslcli.cli.line_values import hardware_of, seed_of, stack_of
from sslcli.cli.options import Command, Given, spellings
from sslcli.cli.screen import Screen
from sslcli.core.settings import StackName
from sslcli.datasets.cache import Say
from sslcli.reporting.saved_reports import REPORT
from sslcli.resolving import naming_sources
from sslcli.runs.references import LATEST, LOOKED_INTO
from sslcli.workflows.probe.aim import Aim
from sslcli.workflows.probe.probe import Looked, probe


def probe_action(command: Command, given: Given, screen: Screen) -> int:
    """Run one probe on a frozen model, print its report and write the files of --out."""
    show_report(screen, probed(command, given, screen.say))
    return 0


def probed(command: Command, given: Given, say: Say, writes: bool = True) -> Looked:
    """What `ssl probe` finds; without `writes` no files are written but where the line says."""
    name = given["probe"]
    options = {
        key.removeprefix("options."): value
        for key, value in given.items()
        if key.startswith("options.")
    }
    reference = _reference(registry.attribute("probes", name, "positional_fields"), given, options)
    stack = stack_of(given)
    is_default = "model" not in given and reference == LATEST
    reference, _ = chosen_model(
        reference,
        replace(
            LOOKED_INTO,
            architectures=_architectures(name, stack),
            modalities=registry.attribute("probes", name, "modalities"),
        ),
        is_default,
        say,
    )
    typed = [flag for flag in command.flags if flag.names and flag.key in given]
    sources = {flag.key.removeprefix("options."): sorted(spellings([flag]))[0] for flag in typed}
    with naming_sources(sources):
        folder = output_folder(Path(given["out"])) if "out" in given else None
        aim = Aim(
            reference,
            given.get("data", ()),
            given.get("reader"),
            hardware_of(given),
            seed_of(given),
            stack,
        )
        return probe(name, aim, options, folder=folder, writes=writes or folder is not None)


def _architectures(name: str, stack: StackName | None) -> Collection[str]:
    """Those that the probe can look into: of an encoder-decoder the half that it is of."""
    own = set(registry.attribute("probes", name, "architectures"))
    both = {"encoder_decoder"} if (stack or "encoder") in own else set()
    return own | both if stack is None else both


def show_report(screen: Screen, found: Looked) -> None:
    """Print a report and where its files are."""
    if screen.json:
        screen.document(
            {"report": asdict(found.report), "files": [str(path) for path in found.files]}
        )
        return
    screen.report(found.report)
    say_saved(found.files, found.remarks, screen)


def say_saved(files: Sequence[Path], remarks: Sequence[str], screen: Screen) -> None:
    """Say where a report is saved, and what is in it."""
    suffixes = Counter(path.suffix for path in files)
    parts = [
        REPORT,
        *(
            f"{suffixes[suffix]} {suffix.removeprefix('.').upper()}"
            for suffix in (".png", ".svg", ".csv", ".wav")
            if suffixes[suffix]
        ),
    ]
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
