"""Ctrl-C and SIGTERM while data is prepared: what runs ends where it stands, because all of it is
written aside.
"""

import signal
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from sslcli.engine.stopping import Stopping

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
PATIENCE_SECONDS = 1.0
IN_LIBRARY = "in a library"  # the name of a thread
Made = TypeVar("Made")


Listener = Callable[[int, FrameType | None], None]


@contextmanager
def listening(numbers: Iterable[int], listen: Listener) -> Generator[None]:
    """Inside it these signals go to `listen`, those that are ignored (as under nohup) aside.

    Outside the main thread, which alone hears signals, it does nothing.
    """
    before = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number, other in before.items() if other not in (signal.SIG_IGN, None)]
    heard = heard if threading.current_thread() is threading.main_thread() else []
    try:
        for number in heard:
            signal.signal(number, listen)
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


@contextmanager
def stopping_at_once() -> Generator[None]:
    """Inside it a signal raises Stopping or KeyboardInterrupt, after whoever listened before has
    heard it too.

    Only for work that leaves nothing behind wherever it ends.
    """
    before = {int(number): signal.getsignal(number) for number in SIGNALS}

    def stop(number: int, frame: FrameType | None) -> None:
        if callable(listener := before[number]):
            listener(number, frame)
        raise Stopping("interrupted" if number == signal.SIGINT else "preempted")

    with listening(SIGNALS, stop):
        yield


def is_thread_left() -> bool:
    """Whether a thread of `in_thread` still runs, which nobody waits for any more.

    Python takes down the threads that are left when it ends, and native code may abort at that.
    """
    return any(thread.name == IN_LIBRARY for thread in threading.enumerate())


def in_thread(work: Callable[[Callable[[], None]], Made]) -> Made:
    """Return what `work` returns or raises, called in a thread while this one waits for signals.

    For libraries that do not look at signals for minutes. `work` is given a function to call
    wherever it is in Python's hands: it raises Stopping there once nobody waits any more. A thread
    inside the library then is left alone.
    """
    made: list[Made] = []
    failed: list[BaseException] = []
    left = threading.Event()

    def go_on() -> None:
        if left.is_set():
            raise Stopping("interrupted")

    def run() -> None:
        try:
            made.append(work(go_on))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name=IN_LIBRARY, daemon=True)
    thread.start()
    try:
        thread.join()
    except BaseException:
        left.set()
        thread.join(PATIENCE_SECONDS)
        raise
    if failed:
        raise failed[0]
    return made[0]
