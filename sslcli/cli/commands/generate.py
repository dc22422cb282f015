"""`ssl generate`: besides its own flags those that the model's objective understands."""

from collections.abc import Sequence

from pydantic import BaseModel

from sslcli import registry
from sslcli.cli.options import Command, Flag, asks_for_help, flags_for, peek
from sslcli.workflows.runs import LATEST, find_run

OWN = (
    Flag("text", (), "text with [MASK] to be filled in, or to be continued", metavar="TEXT"),
    Flag("model", ("--model", "-m"), "run (name, folder, @latest) or model directory", "Model", default=LATEST, metavar="RUN"),
    Flag("seed", ("--seed",), "everything random follows from it", "Request", metavar="N", default="42"),
)


def build(words: Sequence[str]) -> Command:
    return Command(
        "generate",
        "Fill the blanks of an encoder, or continue a text with a decoder; with --model its own flags are listed too",
        [*OWN, *_request_flags(words)],
        "sslcli.cli.actions.generate:run",
        (
            'ssl generate "the cat sat on the [MASK]" --model @latest:mlm',
            'ssl generate "Once upon a time" --model @latest:clm --new-tokens 60 --temperature 0.7',
        ),
    )


def request_class(reference: str) -> type[BaseModel] | None:
    """What can be asked of a run's objective (or of the first part that can be asked anything)."""
    names = [name.strip() for name in find_run(reference).objective.split("+")]
    requests = (getattr(registry.load("objectives", name), "Request", None) for name in names)
    return next((request for request in requests if request is not None), None)


def _request_flags(words: Sequence[str]) -> list[Flag]:
    """Of the objective that the model was trained with; none where the line asks for help and names no model."""
    named = peek(words, "--model", "-m")[-1:]
    if not named and asks_for_help(words):
        return []
    request = request_class(named[0] if named else LATEST)
    return [] if request is None else [flag for flag in flags_for(request) if flag.key not in ("text", "seed")]
