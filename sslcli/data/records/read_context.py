"""User's declarations about files of records, and the remarks of their readers.

Both belong to one command and reach readers, which plugins write too, through a context variable.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BeforeValidator

from sslcli.data.records.continuing import goes_on
from sslcli.errors import UsageError

T = TypeVar("T")
_QUOTED = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:,|$)')  # a name in quotation marks
NOT_READ = "-"  # in place of a column's name
# as they can be typed; any single character too
SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";", "bar": "|", "\\t": "\t"}


Labels = Literal["needed", "wanted", "unread"]


@dataclass(frozen=True)
class Reading:
    """Declarations about the files of a command, and the remarks about them.

    `columns`: names of the columns of a table without a header, NOT_READ for those that are not
    read. `separator` and `quoted` are None where the file decides. `labels`: "unread" to read
    records as if they had none. `notes` collects sentences, each once, in order.
    """

    columns: tuple[str, ...] = ()
    separator: str | None = None
    quoted: bool | None = None
    labels: Labels = "needed"
    notes: dict[str, None] = field(default_factory=dict)


_READING: ContextVar[Reading] = ContextVar("reading")


def current_reading() -> Reading:
    """That of the command; one that leaves everything to the file outside `reading_with`."""
    return _READING.get(None) or Reading()


def remark(note: str) -> None:
    """Add a remark on the file being read: what was ambiguous and how it was taken, what was
    left out.
    """
    current_reading().notes[note] = None


def reading_with(reading: Reading, make: Callable[[], Iterator[T]]) -> "ReadInContext[T]":
    """Make and advance an iterator under `reading`. It continues after an error if the iterator
    can.
    """
    context = copy_context()
    context.run(_READING.set, reading)
    return ReadInContext(context, context.run(make))


class ReadInContext(Iterator[T], Generic[T]):
    """An iterator whose steps are taken in a context of their own."""

    def __init__(self, context: Context, inner: Iterator[T]) -> None:
        self._context, self._inner = context, iter(inner)

    @property
    def continues(self) -> bool | None:
        """Whether anything may follow the last error; see `goes_on`."""
        return goes_on(self._inner)

    @property
    def last(self) -> Any:
        """The item that was asked for last, where the iterator keeps it; see `Parsed`."""
        return getattr(self._inner, "last", None)

    def __next__(self) -> T:
        return self._context.run(next, self._inner)

    def without_label(self) -> T | None:
        """The item that was asked for last as if it had no label; None where that cannot be had.

        Raises DataError.
        """
        context = self._context.copy()
        context.run(lambda: _READING.set(replace(current_reading(), labels="unread")))
        again = getattr(self._inner, "again", None)
        return None if again is None else context.run(again)


def names_of(value: Any) -> Any:
    """ "a, b" and ["a,b"] -> ("a", "b"); "none" and "" -> (); anything else stays.

    A name in quotation marks may hold a comma: what `joined_names` gives.
    """
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        return value
    return () if value == "none" else tuple(name for name in _parted(value) if name)


def joined_names(names: Iterable[str]) -> str:
    """("a", "b, c") -> 'a,"b, c"': as tables quote, where a name holds a comma or blanks at its
    ends.
    """
    return ",".join(_quoted(name) if _quotes(name) else name for name in names)


def _quotes(name: str) -> bool:
    return "," in name or name != name.strip() or name.startswith('"')


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _parted(text: str) -> Iterator[str]:
    place = 0
    while place < len(text):
        quoted = _QUOTED.match(text, place)
        if quoted:
            yield quoted[1].replace('""', '"')
            place = quoted.end()
        else:
            name = text[place:].partition(",")[0]
            yield name.strip()
            place += len(name) + 1


def columns_named(value: Any) -> Any:
    """ "text,-,label" -> ("text", "-", "label"); a column without a name is "-", and is not read.
    Raises ValueError for a name twice.
    """
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        value = (
            tuple(name.strip() or NOT_READ for name in value.split(",")) if value.strip() else ()
        )
    names = [name for name in value if name != NOT_READ] if isinstance(value, list | tuple) else []
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"names two columns '{twice[0]}'")
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(names_of)]


def separator_of(text: str) -> str | None:
    """ "tab" -> "\\t"; None for "". Raises UsageError for what is no single character."""
    if not text:
        return None
    character = SEPARATORS.get(text.lower(), text)
    if len(character) != 1 or character in '"\r\n':
        known = ", ".join(name for name in SEPARATORS if name.isalpha())
        raise UsageError(
            f"--separator cannot be {text!r}", f"--separator is {known}, or one character"
        )
    return character
