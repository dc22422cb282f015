"""`ssl translate-shift`: its own flags, and those of the shift that the line names."""

from collections.abc import Sequence
from dataclasses import replace

from sslcli import registry
from sslcli.cli.commands.evaluate import hardware_flags
from sslcli.cli.commands.probe import MODEL, OUT, READER
from sslcli.cli.naming import shift_flags
from sslcli.cli.options import Command, Flag, flags_for, peek
from sslcli.workflows.translate_shift.settings import ShiftSettings

OWN = (
    Flag(
        "words",
        (),
        (
            "text to move; with --evaluate files of translations, of "
            "words or of sentences: two columns, or en=FILE zh=FILE"
        ),
        kind="texts",
        metavar="[TEXT | PAIRS...]",
    ),
    Flag(
        "evaluate",
        ("--evaluate",),
        "test it beside baselines, on the files named or on what the run's data knows",
        "Shift",
        "truth",
    ),
    Flag(
        "shift",
        ("--shift",),
        "how the way between the languages is estimated (ssl plugins list shifts)",
        "Shift",
        metavar="NAME",
    ),
    Flag("save", ("--save",), "keep the shift in a file", "Shift", metavar="FILE"),
    Flag(
        "load", ("--load",), "use the shift of a file, and estimate none", "Shift", metavar="FILE"
    ),
    MODEL,
    Flag(
        "data",
        ("--data", "-d"),
        "texts to estimate it on: en=FILE, demo:NAME; the run's own when not given",
        "Data",
        "texts",
        "FILE",
    ),
    READER,
    Flag(
        "seed", ("--seed",), "everything random follows from it", "Shift", metavar="N", default="42"
    ),
    OUT,
)


def translate_shift_command(words: Sequence[str]) -> Command:
    """Return the command `ssl translate-shift`, with the options of the shift on the line."""
    usual = usual_shift()
    own = [replace(flag, default=usual) if flag.key == "shift" else flag for flag in OWN]
    flags = [*own, *shift_settings_flags(), *hardware_flags()]
    name = [usual, *peek(words, "--shift")][-1]
    if name.rpartition(":")[2] in registry.names("shifts"):
        flags += shift_flags(name, flags)
    return Command(
        "translate-shift",
        "Move words into another language, and see what the model then reads",
        flags,
        "sslcli.cli.actions.shifting:translate_shift_action",
        (
            'ssl translate-shift "the cook eats a red apple."',
            'ssl translate-shift --from zh --to en "厨师 吃 一个 苹果." --alpha 0,0.5,1,1.5,2',
            "ssl translate-shift --evaluate --model runs/world --save en-zh.safetensors",
            'ssl translate-shift --load en-zh.safetensors "the cook eats."',
            (
                "ssl translate-shift --evaluate en=help.en.gz zh=help.zh.gz "
                "words.tsv --model models/bert --shift procrustes"
            ),
        ),
        check="sslcli.cli.line_checks:check_translate_shift_line",
    )


def usual_shift() -> str:
    """The shift that is taken where none is named; empty where no plugin is meant for that."""
    return next(iter(registry.usual("shifts", "is_usual")), "")


def shift_settings_flags() -> list[Flag]:
    """Return the flags of `ShiftSettings`."""
    return [flag for flag in flags_for(ShiftSettings)]
