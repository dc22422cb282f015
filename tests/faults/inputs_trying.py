"""Bad inputs, one after the other in this process: what came of each, within its time and its
memory.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tallies import Tally

from sslcli.errors import SslError

# Of work, and by the clock, which other processes slow down. The longest case, a file of 100000
# tensors, is some 6 s of work.
LONGEST_SECONDS, LONGEST_WAIT_SECONDS = 20, 60
LONGEST_SENTENCE = 2_000
CODES = frozenset({0, 1, 2, 3, 75, 130})


class Hung(BaseException):
    """Raised into a case that takes too long; no handler of `Exception` may take it for an
    answer.
    """


class Trial:
    """Counts what comes of each case, and says every fault on stderr at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tried = self.clean = self.tracebacks = self.hangs = self.silent = 0

    def attempt(
        self,
        case: str,
        action: Callable[[], Any],
        *,
        wrong: Callable[[Any], str] = lambda result: "",
        says: str = "",
    ) -> None:
        """One case. A refusal must be of our errors, short, and hold `says`; `wrong` tells why a
        result should not be there.
        """
        self.tried += 1
        start = time.process_time()
        try:
            with _at_most(LONGEST_WAIT_SECONDS):
                result = action()
        except SslError as error:
            fault = _fault_of(error, says)
            self._count("tracebacks", case, fault) if fault else self._clean(case, start)
        except Hung:
            self._count("hangs", case, f"not over after {LONGEST_WAIT_SECONDS} s")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # panics of native libraries are no Exception
            self._count("tracebacks", case, f"{type(error).__name__}: {error}")
        else:
            fault = wrong(result)
            self._count("silent", case, fault) if fault else self._clean(case, start)

    def fault(self, case: str, what: str) -> None:
        """What is wrong with the last case for another reason than how it ended."""
        self.clean -= 1
        self._count("silent", case, what)

    @property
    def tally(self) -> Tally:
        return Tally(self.name, self.tried, self.clean, self.tracebacks, self.hangs, self.silent)

    def _clean(self, case: str, start: float) -> None:
        seconds = time.process_time() - start
        if seconds > LONGEST_SECONDS:  # native code does not hear the alarm
            self._count("hangs", case, f"took {seconds:.0f} s")
        else:
            self.clean += 1

    def _count(self, kind: str, case: str, fault: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        print(f"{self.name}: {case[:200]}: {' '.join(fault.split())[:400]}", file=sys.stderr)


def _fault_of(error: SslError, says: str) -> str:
    """Why a refusal is not a clean one."""
    if error.exit_code not in CODES:
        return f"exit code {error.exit_code}"
    if says not in error.message:
        return f"does not say '{says}': {error.message}"
    if len(error.message) > LONGEST_SENTENCE:
        return f"a sentence of {len(error.message)} characters"
    return ""


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class PeakMemory:
    """How far the memory of this process rises above where it stood, in bytes; Linux forgets the
    old peak when asked to.
    """

    def __enter__(self) -> "PeakMemory":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        self._before = _status_bytes("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.bytes = _status_bytes("VmHWM") - self._before


def _status_bytes(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def by_hand(sweep: Callable[[int], Tally], cases: int, rehearsed: int = 4) -> None:
    """The command line of a sweep: one line of figures, and exit code 1 where a case went wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=cases)
    parser.add_argument(
        "--rehearse", action="store_true", help=f"{rehearsed} cases: shows mistakes of the sweep"
    )
    asked = parser.parse_args()
    tally = sweep(rehearsed if asked.rehearse else asked.cases)
    print(tally.describe)
    sys.exit(0 if tally.good else 1)
