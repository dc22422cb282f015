"""One background job at a time beside the training thread; its failure is not lost."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Runs at most one job at a time: submitting another waits for the one before.

    A job's error is raised by the next call of any method. The thread is a daemon, so a process
    that must end at once can; a job has to leave a safe state wherever it is cut off.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._done: deque[T] = deque()
        self._error: BaseException | None = None

    def submit(self, job: Callable[[], T]) -> None:
        """Wait for the job in flight, then start this one."""
        self.join()
        self._thread = threading.Thread(
            target=self._run, args=(job,), name="background", daemon=True
        )
        self._thread.start()

    def finished(self) -> list[T]:
        """Return the results since the last call."""
        if self._thread is not None and not self._thread.is_alive():
            self.join()
        return [self._done.popleft() for _ in range(len(self._done))]

    def wait(self) -> list[T]:
        """Wait for the job in flight, and return the results since the last call."""
        self.join()
        return self.finished()

    def join(self) -> None:
        """Wait for the job in flight."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self, job: Callable[[], T]) -> None:
        try:
            self._done.append(job())
        except BaseException as error:
            self._error = error
