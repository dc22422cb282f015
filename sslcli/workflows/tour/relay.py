"""Lines of the tour as processes of their own, which hear when the tour is asked to stop."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Self

from sslcli.errors import Interrupted, Preempted, StopRequest
from sslcli.runs.interrupting import listening

# what the tour hears, and what the line is told: a terminal that is closed is no reason to lose
PASSED_ON = {
    signal.SIGINT: signal.SIGINT,
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGUSR1: signal.SIGUSR1,
    signal.SIGHUP: signal.SIGTERM,
}


class Relay:
    """A signal to the tour goes to the line that runs, once, and the tour waits
    until that has saved and ended.

    `asked` is why the tour is to stop, None as long as nobody asked. Lines have a process group of
    their own: else a terminal's Ctrl-C reached them twice, and the second stops without saving.
    """

    def __init__(self) -> None:
        self.asked: type[StopRequest] | None = None
        self._told: signal.Signals | None = None
        self._line: subprocess.Popen[str] | None = None

    @classmethod
    @contextmanager
    def listening(cls) -> Generator[Self]:
        """Build one that hears, as long as the context lasts."""
        relay = cls()
        with listening(PASSED_ON, relay._on_signal):
            yield relay

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._told = PASSED_ON[signal.Signals(number)]
        self.asked = Interrupted if number == signal.SIGINT else Preempted
        if self._line is not None:
            self._line.send_signal(self._told)

    def run(self, words: Sequence[str], own: Mapping[str, str]) -> tuple[int, str]:
        """The exit code of `ssl` with these words and what it prints; `own` is added to the
        environment.
        """
        with subprocess.Popen(
            [sys.executable, "-m", "sslcli", *words],
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            process_group=0,
        ) as self._line:
            if self._told is not None:  # between two lines
                self._line.send_signal(self._told)
            printed, _ = self._line.communicate()
        code, self._line = self._line.returncode, None
        return code, printed
