"""`ssl probe`: the line's words become options, the report a screen."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sslcli import registry
from sslcli.asides import output_folder
from sslcli.cli.actions.generate import seed_of
from sslcli.cli.naming import flags_named
from sslcli.cli.options import Command, Given, spellings
from sslcli.cli.screen import Screen
from sslcli.config import resolve
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import UsageError, did_you_mean
from sslcli.runfiles import dotted_layer
from sslcli.subjects import Probe
from sslcli.workflows.models import locate
from sslcli.workflows.probing import Looked, probe
from sslcli.workflows.runs import LATEST
from sslcli.workflows.savedreports import REPORT

HARDWARE = ("device", "precision", "compile", "deterministic")


def run(command: Command, given: Given, screen: Screen) -> int:
    name = given["probe"]
    known = registry.names("probes")
    if name.rpartition(":")[2] not in known:
        raise UsageError(f"there is no probe '{name}'", f"{did_you_mean(name, known)}  there are {', '.join(known)}".strip())
    options = {key.removeprefix("options."): value for key, value in given.items() if key.startswith("options.")}
    reference = _reference(registry.load("probes", name), given, options)
    say_which(reference, "model" not in given and reference == LATEST, screen)
    typed = [flag for flag in command.flags if flag.names and flag.key in given]
    sources = {flag.key.removeprefix("options."): sorted(spellings([flag]))[0] for flag in typed}
    with flags_named(sources):
        folder = output_folder(Path(given["out"])) if "out" in given else None
        where = {"data": given.get("data", ()), "reader": given.get("reader"), "hardware": hardware_of(given), "seed": seed_of(given)}
        found = probe(name, reference, options, folder=folder, **where)
    show(screen, found)
    return 0


def say_which(reference: str, is_default: bool, screen: Screen) -> None:
    """Which run is meant where none is named, and what should be known of its weights."""
    place = locate(reference)
    if is_default:
        screen.say(f"model  {place.run or place.weights} (latest; choose with --model)")
    for note in place.notes:
        screen.say(f"note: {note}")


def show(screen: Screen, found: Looked) -> None:
    """A report on the screen, and where its files are."""
    if screen.json:
        screen.document({"report": asdict(found.report), "files": [str(path) for path in found.files]})
        return
    screen.report(found.report)
    say_saved(found.files, found.remarks, screen)


def say_saved(files: Sequence[Path], remarks: Sequence[str], screen: Screen) -> None:
    """Where a report lies, how much of it there is, and what is to be said of it."""
    suffixes = Counter(path.suffix for path in files)
    parts = [REPORT, *(f"{suffixes[suffix]} {suffix.removeprefix('.').upper()}" for suffix in (".png", ".svg", ".csv") if suffixes[suffix])]
    screen.say(f"saved  {files[0].parent}: {', '.join(parts)}")
    for remark in remarks:
        screen.say(remark)


def hardware_of(given: Given) -> HardwareSettings:
    """Of one process: nothing is trained."""
    said = {name: given[name] for name in HARDWARE if name in given}
    return resolve(HardwareSettings, dotted_layer(said, {name: f"--{name}" for name in said})).settings


def _reference(cls: type[Probe], given: Given, options: dict[str, Any]) -> str:
    """The model that is meant; a bare word is an option of the probe, or the model. Raises UsageError where there is one too many."""
    word = given.get("typed")
    if cls.typed:
        if word is not None:
            options[cls.typed] = word
        return given.get("model", LATEST)
    if word is not None and "model" in given:
        raise UsageError(f"'{word}' and --model {given['model']} are two models", "leave one of them out")
    return word or given.get("model", LATEST)
