"""What every call from Python has around its work: the checks of a line, who hears what happens,
and what is to be known.
"""

import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sslcli.calls.line import CalledLine
from sslcli.cli.app import help_line
from sslcli.deferred import Deferred
from sslcli.engine.events import Event
from sslcli.errors import ArgumentError, ConfigError
from sslcli.runs.command_line import called_as

Events = Callable[[Event], None]
NOTE = "note: "  # so begins what a command says of the model that it takes

_run_folder = Deferred("sslcli.runs.run_folder")  # with it torch is loaded


@contextmanager
def called(line: CalledLine) -> Generator[None]:
    """The checks of a line and its work, with the line for what is written and a hint for what is
    wrong in settings.
    """
    try:
        with called_as(line.words):
            yield
    except ConfigError as error:
        error.hint = error.hint or help_line(line.words)
        raise


def watched_by(observe: Events) -> Callable[[str], AbstractContextManager[Events]]:
    """Return who hears every run of several: the same one, whatever it is called."""
    return lambda title: nullcontext(observe)


def refuse_no_function(events: Any) -> None:
    """Raises ArgumentError for what cannot be called with what happens."""
    if events is not None and not callable(events):
        problem = f"'events' is a function of one event, not {events!r:.60}"
        raise ArgumentError(problem, "give one, as in events=print")


def observer(events: Events | None, progress: bool) -> Events:
    """Who hears what happens: the caller, and stderr where that is wanted."""
    describe = _run_folder.describe

    def observe(event: Event) -> None:
        if progress:
            print(describe(event), file=sys.stderr, flush=True)
        if events is not None:
            events(event)

    return observe


def noted(sentence: str) -> None:
    """Nothing is said of the way; what is to be known of the model is a warning of Python."""
    if sentence.startswith(NOTE):
        warnings.warn(sentence.removeprefix(NOTE), stacklevel=2)
