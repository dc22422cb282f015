"""A cached iterator for generated data that takes long to generate."""

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


class Replayed(Generic[T]):
    """Iterates over the same items as often as it is asked.

    Each item is made once, when it is first needed. Where making one is interrupted, `make` gives
    another iterator to continue with: the one that raised has ended.
    """

    def __init__(self, make: Callable[[], Iterator[T]]) -> None:
        self._make, self._items = make, make()
        self._kept: list[T] = []
        self._making = threading.Lock()

    def __iter__(self) -> Iterator[T]:
        place = 0
        while place < len(self._kept) or self._made_one(place):
            yield self._kept[place]
            place += 1

    def _made_one(self, place: int) -> bool:
        """Make items up to `place`; return whether there is one."""
        with self._making:
            try:
                if place == len(self._kept):
                    self._kept.extend(islice(self._items, 1))
            except BaseException:
                self._items = islice(self._make(), len(self._kept), None)
                raise
            return place < len(self._kept)
