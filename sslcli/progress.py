"""What a command is doing at the moment, said to whoever shows it.

It reaches whoever works, plugins among them, through a context variable, and nothing is said where
nobody listens.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str], None]


class _Heard:
    """`part`: of a longer work the part that is done now, such as "milestone 3 of 12"."""

    def __init__(self, listener: Listener) -> None:
        self.listener, self.part = listener, ""


_HEARD: ContextVar[_Heard | None] = ContextVar("progress", default=None)


@contextmanager
def heard_by(listener: Listener) -> Generator[None]:
    token = _HEARD.set(_Heard(listener))
    try:
        yield
    finally:
        _HEARD.reset(token)


def begin(part: str) -> None:
    """A new part of the work, to which belongs what is said from now on; nothing where the parts end."""
    if (heard := _HEARD.get()) is not None:
        heard.part = part
        if part:
            heard.listener(part)


def working(what: str) -> None:
    """Something that takes its time begins, or goes on."""
    if (heard := _HEARD.get()) is not None:
        heard.listener(f"{heard.part} · {what}" if heard.part else what)
