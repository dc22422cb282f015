"""Progress messages of a command, with the time that is left where that is known: passed through a
context variable to whoever shows them.

Plugins can use it too; without a listener nothing happens.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str], None]


class _Heard:
    """The listener and `part`, the stage of longer work at present, such as "milestone 3 of 12"."""

    def __init__(self, listener: Listener) -> None:
        self.listener, self.part = listener, ""
        self.counting: tuple[str, int, float, int, int] = ("", 0, 0.0, 0, 0)


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


def working_on(what: str, done: int, total: int, unit: str) -> None:
    """Report how far long work is: "reading, 3 of 10 texts · 0m 12s left".

    What is left follows from the speed since the first report of this work; of the first there is
    none.
    """
    if (heard := _HEARD.get()) is None:
        return
    name, whole, began, before, last = heard.counting
    now = time.monotonic()
    if (name, whole) != (what, total) or done < last:
        began, before = now, done
    heard.counting = (what, total, began, before, done)
    elapsed, made = now - began, done - before
    left = f" · {duration(elapsed / made * (total - done))} left" if made > 0 else ""
    working(f"{what}, {done:,} of {total:,} {unit}{left}")


def duration(seconds: float) -> str:
    """1:02:03, or 4m 31s below an hour."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}m {rest:02d}s"
