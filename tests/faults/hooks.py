"""Faults at a chosen file-system call, put into the process under test; the product knows nothing
of them.

Python reports what it opens, renames, makes and removes to audit hooks, and an exception raised
there comes out of that very call. Syncs, whole texts and tensor files are wrapped, so that a fault
also falls into the middle of a file.
"""

import errno
import os
import pathlib
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
from safetensors import SafetensorError

Kind = Literal["count", "kill", "full", "broken", "read-only", "terminate", "interrupt"]
SIGNALS = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM, "interrupt": signal.SIGINT}
ERRORS = {"full": errno.ENOSPC, "broken": errno.EIO, "read-only": errno.EROFS}
WRITES = ("open", "os.mkdir", "fsync", "half", "tensors")


@dataclass(frozen=True)
class FaultAt:
    """At the `call`-th file-system call below `folder` (the first is 1): a signal, or an error of
    the disk.

    Calls count from the first one whose path holds `since` until one holds `until`. `lasting`:
    every write from there on fails too. `kind` count does nothing but note each call as a line in
    the file `noted`.
    """

    folder: str
    call: int
    kind: Kind
    since: str = ""
    until: str = ""
    lasting: bool = False
    noted: str = ""

    def __call__(self) -> None:
        _Hook(self).install()


class _Hook:
    def __init__(self, fault: FaultAt) -> None:
        self.fault, self.count, self.begun, self.over, self.busy = (
            fault,
            0,
            not fault.since,
            False,
            False,
        )

    def install(self) -> None:
        sys.addaudithook(self._audit)
        for name in ("fsync", "fdatasync"):
            setattr(os, name, self._before(getattr(os, name), "fsync"))
        pathlib.Path.write_text = self._halved(pathlib.Path.write_text)
        pathlib.Path.write_bytes = self._halved(pathlib.Path.write_bytes)
        safetensors.torch.serialize_file = self._halved_tensors(safetensors.torch.serialize_file)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR) or any(
                letter in (mode or "") for letter in "wax+"
            )
            self._meet("open" if writes else "read", path)
        elif event in ("os.mkdir", "os.remove", "os.rmdir"):
            self._meet(event, _below(arguments[-1], arguments[0]))
        elif event == "os.rename":
            self._meet(event, arguments[1])

    def _before(self, function: Callable[[Any], None], what: str) -> Callable[[Any], None]:
        def wrapped(handle: Any) -> None:
            self._meet(what, handle)
            function(handle)

        return wrapped

    def _halved(self, write: Callable[..., int]) -> Callable[..., int]:
        def wrapped(path: Path, data: Any, *arguments: Any, **named: Any) -> int:
            if self._is_due("half", path):
                write(path, data[: len(data) // 2], *arguments, **named)
                self._strike(path)
            return write(path, data, *arguments, **named)

        return wrapped

    def _halved_tensors(self, serialize: Callable[..., None]) -> Callable[..., None]:
        def wrapped(tensors: Any, path: Any, *arguments: Any, **named: Any) -> None:
            self._meet("tensors", path, tensors=True)
            due = self._is_due("half", path)
            serialize(tensors, path, *arguments, **named)
            if due:
                os.truncate(path, os.path.getsize(path) // 2)
                self._strike(path, tensors=True)

        return wrapped

    def _meet(self, what: str, path: Any, tensors: bool = False) -> None:
        if self._is_due(what, path):
            self._strike(path, tensors)

    def _is_due(self, what: str, path: Any) -> bool:
        """Counts the call where it is one of those that count, and says whether the fault strikes
        here.
        """
        place = _path_of(path)
        if self.busy or not place.startswith(self.fault.folder):
            return False
        self.begun = self.begun or self.fault.since in place
        self.over = self.over or (
            self.begun and bool(self.fault.until) and self.fault.until in place
        )
        if not self.begun or self.over:
            return False
        self.count += 1
        if self.fault.kind == "count":
            self._note(what, place)
            return False
        return self.count == self.fault.call or (
            self.fault.lasting and self.count > self.fault.call and what in WRITES
        )

    def _note(self, what: str, place: str) -> None:
        self.busy = True
        with open(self.fault.noted, "a", encoding="utf-8") as file:
            file.write(f"{what} {place.removeprefix(self.fault.folder)}\n")
        self.busy = False

    def _strike(self, path: Any, tensors: bool = False) -> None:
        if self.fault.kind in SIGNALS:
            os.kill(os.getpid(), SIGNALS[self.fault.kind])
            return
        number = ERRORS[self.fault.kind]
        if tensors:
            raise SafetensorError(
                f"Error while serializing: I/O error: {os.strerror(number)} (os error {number})"
            )
        raise OSError(number, os.strerror(number), _path_of(path))


def _path_of(path: Any) -> str:
    """Of a path or an open file; nothing where it is neither."""
    if isinstance(path, int):
        try:
            return os.readlink(f"/proc/self/fd/{path}")
        except OSError:
            return ""
    return os.path.abspath(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else ""


def _below(folder_handle: Any, name: Any) -> Any:
    """A name as it is meant where the call was given the open folder it lies in."""
    if (
        isinstance(folder_handle, int)
        and folder_handle >= 0
        and isinstance(name, str)
        and not name.startswith("/")
    ):
        return f"{_path_of(folder_handle)}/{name}"
    return name
