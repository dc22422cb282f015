"""Reading on behind a record that cannot be used: errors that end nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import GeneratorType
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from sslcli.errors import DataError

Item = TypeVar("Item")
Made = TypeVar("Made")


@runtime_checkable
class Continuing(Protocol):
    """An iterator that knows whether anything may follow the error that it raised last."""

    @property
    def continues(self) -> bool | None:
        """Whether anything may follow the error raised last; None if unknown."""


class Parsed(Iterator[Made], Generic[Item, Made]):
    """`function` of every item, as `map` gives it. A DataError of the function ends nothing: the
    next item can be asked for.

    `continues`: whether there may be something behind the last error; see `goes_on`. `last`: the
    item that was asked for last.
    """

    def __init__(self, function: Callable[[Item], Made], items: Iterable[Item]) -> None:
        self._function, self._items = function, iter(items)
        self.continues: bool | None = True
        self.last: Item | None = None

    def __next__(self) -> Made:
        self.last = None
        try:
            item = self.last = next(self._items)
        except DataError:
            self.continues = goes_on(self._items)
            raise
        return self._function(item)

    def again(self) -> Made | None:
        """Parse the last item again; None if it could not be read."""
        return None if self.last is None else self._function(self.last)


class Unreadable(Mapping[str, Any]):
    """The values of a record that could not be read: asking for any of them raises why, so nobody
    takes it for an empty one.
    """

    def __init__(self, error: DataError) -> None:
        self._error = error

    def __getitem__(self, name: str) -> Any:
        raise self._error

    def __iter__(self) -> Iterator[str]:
        raise self._error

    def __len__(self) -> int:
        raise self._error


def goes_on(items: Iterator[Any]) -> bool | None:
    """Tell whether an iterator that has just raised can continue; None if only its next item
    shows that.
    """
    if isinstance(items, Continuing):
        return items.continues
    return False if isinstance(items, GeneratorType) else None
