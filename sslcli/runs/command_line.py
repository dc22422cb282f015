"""The command that a process is, or that a call from Python stands for."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_CALLED: ContextVar[Sequence[str] | None] = ContextVar("called", default=None)


@contextmanager
def called_as(words: Sequence[str]) -> Generator[None]:
    """Meanwhile the command line is `ssl` with these words: of a call from Python, those that it
    stands for.
    """
    token = _CALLED.set(words)
    try:
        yield
    finally:
        _CALLED.reset(token)


def command_line() -> list[str]:
    """The program and its words, as run.json keeps them."""
    words = _CALLED.get()
    return [Path(sys.argv[0]).name, *sys.argv[1:]] if words is None else ["ssl", *words]
