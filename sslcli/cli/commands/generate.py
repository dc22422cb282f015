"""`ssl generate`: its own flags; those that the model's objective understands come with the model."""

from collections.abc import Sequence

from sslcli.cli.options import Command, Flag, asks_for_help, peek
from sslcli.workflows.runs import LATEST

OWN = (
    Flag("text", (), "text with [MASK] to be filled in, or to be continued", metavar="TEXT"),
    Flag("model", ("--model", "-m"), "run (name, folder, @latest, @best:mlm) or model directory", "Model", metavar="RUN", default=LATEST),
    Flag("seed", ("--seed",), "everything random follows from it", "Request", metavar="N", default="42"),
)


def build(words: Sequence[str]) -> Command:
    named = bool(peek(words, "--model", "-m"))
    return Command(
        "generate",
        "Fill the blanks of an encoder, or continue a text with a decoder; with --model, --help lists the model's own flags too",
        OWN,
        "sslcli.cli.actions.generate:run",
        (
            'ssl generate "julia lives in [MASK]." --model @latest:mlm',
            'ssl generate "Once upon a time" --model @latest:clm --new-tokens 60 --temperature 0.7',
        ),
        more="" if asks_for_help(words) and not named else "sslcli.cli.actions.generate:request_flags",
    )
