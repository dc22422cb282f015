"""Prefetching: a thread makes the next items while the device computes."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
LOOK_SECONDS = 0.1  # how long the thread may take to see that nobody wants more


@dataclass(frozen=True)
class _Failure:
    """Stands for an item that could not be made."""

    error: BaseException


class Ahead(Generic[T]):
    """Prefetches up to `depth` items of an iterator, in order.

    An exception of the iterator is raised in the place of its item. The iterator must not use a
    global random generator: its numbers would depend on how far ahead it is.
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        self._ready: queue.Queue[T | _Failure] = queue.Queue(depth)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(items,), name="ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._closed.is_set():
            raise StopIteration
        item = self._ready.get()
        if isinstance(item, _Failure):
            self.close()
            raise item.error
        return item

    def close(self) -> None:
        """Stop the thread and drop the items that it had made."""
        self._closed.set()
        self._thread.join()

    def _fill(self, items: Iterator[T]) -> None:
        try:
            for item in items:
                if not self._put(item):
                    return
            self._put(_Failure(StopIteration()))
        except BaseException as error:
            self._put(_Failure(error))

    def _put(self, entry: T | _Failure) -> bool:
        while not self._closed.is_set():
            try:
                self._ready.put(entry, timeout=LOOK_SECONDS)
                return True
            except queue.Full:
                continue
        return False
