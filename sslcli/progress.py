"""Progress messages of a command, passed through a context variable to whoever shows them.

Plugins can use it too; without a listener nothing happens.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str], None]


class _Heard:
    """The listener and `part`, the stage of longer work at present, such as "milestone 3 of 12"."""

    def __init__(self, listener: Listener) -> None:
        self.listener, self.part = listener, ""


_HEARD: ContextVar[_Heard | None] = ContextVar("progress", default=None)


@contextmanager
def heard_by(listener: Listener) -> Generator[None]:
    """Send the progress messages within the block to `listener`."""
    token = _HEARD.set(_Heard(listener))
    try:
        yield
    finally:
        _HEARD.reset(token)


def begin(part: str) -> None:
    """Begin a part of longer work, named before the messages that follow; "" ends the parts."""
    if (heard := _HEARD.get()) is not None:
        heard.part = part
        if part:
            heard.listener(part)


def working(what: str) -> None:
    """Report what the command is doing now."""
    if (heard := _HEARD.get()) is not None:
        heard.listener(f"{heard.part} · {what}" if heard.part else what)
