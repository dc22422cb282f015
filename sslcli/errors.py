"""Every error that a user can meet.

    SslError                one sentence, one hint, one exit code
    ├── UsageError          2    the command line asks for something that is not there
    │   └── ArgumentError   2    a call from Python, with an argument of a wrong type; a TypeError
    ├── ConfigError         2    settings that do not fit: all mistakes at once
    ├── DataError           2    a file, a record or a field that cannot be used
    │   ├── RecordErrors    2    all of them at once, where somebody asked for that
    │   └── PassedOver      2    a record that is valid and holds nothing to use; files are read on
    behind it
    ├── PluginError         2    a plugin that is missing, shadowed, double or broken
    ├── ModelError          2    a model directory or a checkpoint that cannot be used
    ├── RunError            1    something failed while running: memory, disk, a process that was
    lost
    │   └── Diverged        1    the loss or its gradient is no number any more: the same settings
    end so again
    ├── CheckError          3    a check that was asked for is not met
    └── StopRequest              work is saved, and the run can be resumed
        ├── Preempted       75   SIGTERM, SIGUSR1 or --max-time
        └── Interrupted     130  Ctrl-C

`assert` is for our own mistakes; whatever a user can cause is one of these.
"""

import errno
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import ClassVar

MOST_COMPARED = 5_000  # names that a mistyped one is compared with
MOST_LETTERS = 64  # of one that is: the time for each grows with their square
MOST_SHOWN = 30  # characters of a text that an error is about
_OF_DISK = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ESTALE)
_PARTS = re.compile(r"[-_ ]")
INDENT = "\n       "  # of every line but the first, below "error: "


class SslError(Exception):
    """An error for the user: what went wrong, in one sentence, and one hint what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def lines(self) -> Sequence[str]:
        """The lines of the message; a line break within one belongs to a name or to data."""
        return (self.message,)


def is_of_disk(error: BaseException | None) -> bool:
    """Tell whether the disk itself caused an error, rather than the file that was read."""
    met: set[int] = set()
    # one raised anew from itself is its own cause
    while error is not None and id(error) not in met:
        if isinstance(error, OSError) and error.errno in _OF_DISK:
            return True
        met.add(id(error))
        error = error.__cause__
    return False


@contextmanager
def naming_text(text: str, texts: int) -> Generator[None]:
    """Say in an error which of several texts it is about."""
    try:
        yield
    except (UsageError, DataError) as error:
        shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
        if texts > 1:
            error.message += f", in the text {shown!r}"
            error.args = (error.message,)
        raise


class UsageError(SslError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class ArgumentError(UsageError, TypeError):
    """An argument of a call from Python that is of a wrong type, or that there is not."""


class ConfigError(SslError):
    """All mistakes in the settings at once; `problems` are whole sentences."""

    exit_code = 2

    def __init__(self, problems: Iterable[str], hint: str = "") -> None:
        self.problems = tuple(problems)
        super().__init__(INDENT.join(self.lines), hint)

    @property
    def lines(self) -> Sequence[str]:
        return (
            self.problems
            if len(self.problems) == 1
            else (f"{len(self.problems)} mistakes in the settings:", *self.problems)
        )


class DataError(SslError):
    """A file, a record or a field that cannot be used."""

    exit_code = 2


class RecordErrors(DataError):
    """All records that cannot be used; `problems` are whole sentences.

    `more`: the search stopped there, and others may follow.
    """

    def __init__(self, problems: Iterable[str], more: bool, hint: str) -> None:
        self.problems, self.more = tuple(problems), more
        super().__init__(INDENT.join(self.lines), hint)

    @property
    def lines(self) -> Sequence[str]:
        return (
            (
                f"{len(self.problems)} "
                f"{'records and more' if self.more else 'records'} cannot be used:"
            ),
            *self.problems,
        )


class PassedOver(DataError):
    """A valid record that holds nothing to use, such as a read without letters.

    It is counted, and reading goes on behind it. `where`: its position. `reason`: the same words
    for all records that are skipped for it.
    """

    def __init__(self, where: object, reason: str, hint: str = "") -> None:
        super().__init__(f"{where}: {reason}", hint)
        self.where, self.reason = where, reason


class PluginError(SslError):
    """A plugin that is missing, shadowed, registered twice or broken."""

    exit_code = 2


class ModelError(SslError):
    """A model directory or a checkpoint that cannot be used."""

    exit_code = 2


class RunError(SslError):
    """A failure while running: memory, disk, a lost process."""

    exit_code = 1


class Diverged(RunError):
    """The loss or its gradient stays non-finite; all processes of a run meet it at the same
    step.
    """


class CheckError(SslError):
    """A required check is not met, such as --min."""

    exit_code = 3


class StopRequest(SslError):
    """Not a failure: everything is saved, and the same command with --resume goes on."""


class Preempted(StopRequest):
    """Training was stopped by SIGTERM, SIGUSR1 or --max-time."""

    exit_code = 75


class Interrupted(StopRequest):
    """Training was stopped by Ctrl-C."""

    exit_code = 130


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the first MOST_COMPARED names' closest one to `name`, or None if none is close.

    At most a third of its letters may be wrong, missing, additional or swapped, one of two; case is
    ignored. Names longer than MOST_LETTERS are not compared.
    """
    if len(name) > MOST_LETTERS:
        return None
    most, lower = max(min(1, len(name) - 1), len(name) // 3), name.lower()
    near = [other for other in islice(names, MOST_COMPARED) if abs(len(other) - len(name)) <= most]
    distances = {other: edits(lower, other.lower()) for other in near}
    return min(
        (other for other in near if distances[other] <= most),
        key=distances.__getitem__,
        default=None,
    )


def edits(left: str, right: str) -> int:
    """Count the letters to change, add, drop or swap with a neighbour (Damerau 1964, each edited
    once).
    """
    before, row = [], list(range(len(right) + 1))
    for i, letter in enumerate(left, start=1):
        earlier, before, row = before, row, [i]
        for j, other in enumerate(right, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other)))
            if i > 1 and j > 1 and left[i - 2] == other and letter == right[j - 2]:
                row[j] = min(row[j], earlier[j - 2] + 1)
    return row[-1]


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a hint with the nearest name, or the empty string if none is close.

    A name of several parts is also close where its first part is: "bertt" to "bert-base".
    """
    names = list(names)
    near = nearest(name, names)
    if near is None:
        first_of = {_PARTS.split(other)[0]: other for other in reversed(names[:MOST_COMPARED])}
        near = first_of.get(nearest(name, first_of) or "")
    return f"did you mean '{near}'?" if near else ""


def choices(name: str, names: Iterable[str], there: str = "there are") -> str:
    """Return the hint for a name that is none of `names`: the nearest, and all of them.

    `there`: the words before all of them.
    """
    names = list(names)
    if len(names) == 1 and there == "there are":
        there = "there is only"
    listed = f"{there} {', '.join(names)}" if names else ""
    return "  ".join(filter(None, (did_you_mean(name, names), listed)))
