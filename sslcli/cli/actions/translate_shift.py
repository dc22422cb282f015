"""`ssl translate-shift`: the line's words become a text or files of translations, the report a screen."""

from pathlib import Path

from sslcli import registry
from sslcli.asides import output_folder
from sslcli.cli.actions.generate import seed_of
from sslcli.cli.actions.probe import hardware_of, say_which, show
from sslcli.cli.commands.translate_shift import DEFAULT, settings_flags
from sslcli.cli.naming import flags_named
from sslcli.cli.options import Command, Given, layers_of, spellings
from sslcli.cli.screen import Screen
from sslcli.config import resolve
from sslcli.errors import ConfigError, UsageError, did_you_mean
from sslcli.workflows.runs import LATEST
from sslcli.workflows.shifting import shift_evaluated, shift_text
from sslcli.workflows.shifts.settings import ShiftSettings


def run(command: Command, given: Given, screen: Screen) -> int:
    name, known = given.get("shift", DEFAULT), registry.names("shifts")
    if name.rpartition(":")[2] not in known:
        raise UsageError(f"there is no shift '{name}'", f"{did_you_mean(name, known)}  there are {', '.join(known)}".strip())
    words = given.get("words") or []
    if not given.get("evaluate") and len(words) != 1:
        problem = "there is no text to move" if not words else f"one text is moved at a time, not {len(words)}"
        raise UsageError(problem, 'quote it: ssl translate-shift "I like apples"; files of translations need --evaluate')
    try:
        settings = resolve(ShiftSettings, *layers_of(given, settings_flags())).settings
    except ConfigError as error:
        raise ConfigError(error.problems, error.hint or "ssl translate-shift --help lists the flags") from error
    options = {key.removeprefix("options."): value for key, value in given.items() if key.startswith("options.")}
    reference = given.get("model", LATEST)
    say_which(reference, "model" not in given, screen)
    typed = [flag for flag in command.flags if flag.names and flag.key in given]
    sources = {flag.key.removeprefix("options."): sorted(spellings([flag]))[0] for flag in typed}
    where = {
        "data": given.get("data", ()), "reader": given.get("reader"), "hardware": hardware_of(given), "seed": seed_of(given),
        "folder": output_folder(Path(given["out"])) if "out" in given else None,
    }  # fmt: skip
    with flags_named(sources):
        if given.get("evaluate"):
            found = shift_evaluated(name, reference, words, settings, options, **where)
        else:
            found = shift_text(name, reference, words[0], settings, options, **where)
    show(screen, found)
    return 0
