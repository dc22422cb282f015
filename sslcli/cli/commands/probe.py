"""`ssl probe PROBE`: its own flags, and those of the probe that the line names."""

from collections.abc import Sequence

from sslcli import registry
from sslcli.cli.commands.evaluate import hardware_flags
from sslcli.cli.naming import probe_flags
from sslcli.cli.options import Command, Flag
from sslcli.runs.references import LATEST

MODEL = Flag(
    "model",
    ("--model", "-m"),
    "run (name, folder, @latest, RUN:step-2000) or directory",
    "Model",
    metavar="RUN",
    default=LATEST,
)
OUT = Flag(
    "out",
    ("--out", "-o"),
    "folder for the pictures and their numbers; below the run when not given",
    "Output",
    metavar="DIR",
)
READER = Flag(
    "reader",
    ("--reader",),
    "reader plugin of --data; chosen by suffix or scheme when not given",
    "Data",
    metavar="NAME",
)
OWN = (
    Flag(
        "probe",
        (),
        "what to look at: similarity, alignment, layers, ... (ssl plugins list probes)",
        metavar="PROBE",
        required=True,
    ),
    Flag(
        "typed",
        (),
        "what the probe asks for, such as a word; of the others the model",
        metavar="[WORD]",
    ),
    MODEL,
    Flag(
        "data",
        ("--data", "-d"),
        "what to look at it with: file, folder, demo:NAME, zh=PATH; the run's own when not given",
        "Data",
        "texts",
        "FILE",
    ),
    READER,
    Flag(
        "stack",
        ("--stack",),
        "the half of an encoder-decoder to look into: encoder, decoder; encoder when not given",
        "Model",
        metavar="HALF",
    ),
    Flag(
        "seed", ("--seed",), "everything random follows from it", "Probe", metavar="N", default="42"
    ),
    OUT,
)


def probe_command(words: Sequence[str]) -> Command:
    """Return the command `ssl probe`, with the options of the probe that the words name."""
    flags = [*OWN, *hardware_flags()]
    known = registry.names("probes")
    about = "scores beside their baselines, with plots"
    if name := next((word for word in words if word in known), ""):
        flags += probe_flags(name, flags)
        about = registry.find("probes", name).summary.rstrip(".") or about
    return Command(
        "probe",
        f"Look into a frozen model: {about}",
        flags,
        "sslcli.cli.actions.probing:probe_action",
        (
            "ssl probe similarity apple",
            "ssl probe alignment --model runs/world",
            "ssl probe layers --task pos --data en.conllu --model models/bert",
            "ssl probe embryology runs/world",
        ),
        check="sslcli.cli.line_checks:check_probe_line",
    )
