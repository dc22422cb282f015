"""Requests to stop in a workflow of several runs, as the errors that end a command."""

from collections.abc import Generator
from contextlib import contextmanager

from sslcli.engine.stopping import Stopping
from sslcli.errors import Interrupted, Preempted


@contextmanager
def stopped_in_words() -> Generator[None]:
    """Whoever was asked to stop, and wherever that was found out, ends as StopRequest."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted") from error
    except Stopping as error:
        raise (Interrupted if error.reason == "interrupted" else Preempted)(error.reason) from error
