"""Requests to stop: Ctrl-C, SIGTERM, SIGUSR1, or the end of --max-time; polled where saving is
safe.
"""

import math
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Literal, Self, get_args

Reason = Literal["interrupted", "preempted", "out of time"]
REASONS: tuple[Reason, ...] = get_args(Reason)
_PREEMPTIONS = (signal.SIGTERM, signal.SIGUSR1)


class Stopping(Exception):
    """Raised by `poll`; the loop catches it, saves, and reports why it ended."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def with_more_time(most_seconds: float) -> str:
    """Return the flag to resume with after a start whose time was over before its first step.

    Four times as much, and a minute at least: the same limit again would end there again.
    """
    return f"--max-time {max(1, math.ceil(4 * most_seconds / 60))}m"


class Stopper:
    """Context that handles the signals; a Ctrl-C after any of them stops at once."""

    def __init__(self, max_seconds: float | None = None) -> None:
        self.deadline = None if max_seconds is None else time.monotonic() + max_seconds
        self.asked: Reason | None = None
        self._previous: dict[int, Any] = {}

    def poll(self) -> None:
        """Raise Stopping if a stop was requested or the time is over."""
        if (reason := self.wanted()) is not None:
            raise Stopping(reason)

    def wanted(self) -> Reason | None:
        """Return why to stop, or None: for processes that have to agree first."""
        if self.asked is None and self.deadline is not None and time.monotonic() >= self.deadline:
            self.asked = "out of time"
        return self.asked

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, *_PREEMPTIONS):
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            if self.asked is not None:
                raise KeyboardInterrupt
            self.asked = "interrupted"
        else:
            self.asked = "preempted"
