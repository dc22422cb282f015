"""`ssl translate-shift`: shift a text, or evaluate a shift on translations."""

from dataclasses import replace
from pathlib import Path

from sslcli.asides import output_file, output_folder
from sslcli.cli.actions.choosing import chosen_model
from sslcli.cli.actions.probing import show_report
from sslcli.cli.commands.translate_shift import shift_settings_flags, usual_shift
from sslcli.cli.line_values import hardware_of, languages_of_load, seed_of
from sslcli.cli.options import Command, Given, layers_of, spellings
from sslcli.cli.screen import Screen
from sslcli.resolving import naming_sources, resolve
from sslcli.runs.references import LATEST, LOOKED_INTO
from sslcli.workflows.probe.aim import Aim
from sslcli.workflows.translate_shift.settings import ShiftSettings
from sslcli.workflows.translate_shift.translate_shift import (
    ARCHITECTURES,
    ShiftSource,
    shift_evaluated,
    shift_text,
)


def translate_shift_action(command: Command, given: Given, screen: Screen) -> int:
    """Shift a text into another language, or with --evaluate score the shift on translations."""
    name, words = given.get("shift") or usual_shift(), given.get("words") or []
    languages = languages_of_load(given)
    flags = [flag for flag in shift_settings_flags() if flag.key not in languages]
    settings = resolve(ShiftSettings, *layers_of(given, flags)).settings.model_copy(
        update=languages
    )
    options = {
        key.removeprefix("options."): value
        for key, value in given.items()
        if key.startswith("options.")
    }
    use = replace(LOOKED_INTO, architectures=ARCHITECTURES)
    reference, _ = chosen_model(given.get("model", LATEST), use, "model" not in given, screen.say)
    typed = [flag for flag in command.flags if flag.names and flag.key in given]
    sources = {flag.key.removeprefix("options."): sorted(spellings([flag]))[0] for flag in typed}
    aim = Aim(
        reference, given.get("data", ()), given.get("reader"), hardware_of(given), seed_of(given)
    )
    folder = output_folder(Path(given["out"])) if "out" in given else None
    source = ShiftSource(
        name,
        options,
        load=Path(given["load"]) if "load" in given else None,
        save=output_file(Path(given["save"]), "--save") if "save" in given else None,
    )
    with naming_sources(sources):
        if given.get("evaluate"):
            found = shift_evaluated(source, aim, words, settings, folder)
        else:
            found = shift_text(source, aim, words[0], settings, folder)
    show_report(screen, found)
    if "save" in given and not screen.json:
        screen.say(f"saved  {given['save']}")
    return 0
