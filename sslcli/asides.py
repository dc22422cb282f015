"""What is written aside until it is whole: its names, who is still writing it, and how it comes
into its place.

A file or folder that is being made lies beside what it will be, as `.unfinished-NAME-MARK`. Its
writer holds a lock on it, which the system frees when the writer dies, however that happens. So two
writers of one name never write into one file, and whoever writes there next clears away what the
dead have left, and nothing that a living process is writing. On a file system that knows no locks
nobody can tell, and what was left stays.
"""

import atexit
import ctypes
import errno
import fcntl
import os
import re
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sslcli.errors import RunError, UsageError

UNFINISHED, REPLACED = ".unfinished-", ".replaced-"
MARK_DIGITS = 16
LONGEST_NAME_BYTES = 255 - len(UNFINISHED) - MARK_DIGITS - 1
_LEFT = re.compile(rf"\.(?:unfinished|replaced)-.*-[0-9a-f]{{{MARK_DIGITS}}}", re.DOTALL)
_HERE = -100  # AT_FDCWD of Linux: names are relative to the current folder
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux
_SPOOLED = "sslcli-input-"
_kept_open: list[IO[bytes]] = []  # their locks say that they are in use
_NOT_KNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


def sync(path: Path) -> None:
    """Ask the disk to keep a file, or a folder's list of names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(folder: Path) -> None:
    """Sync a folder and everything below it to disk."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


@contextmanager
def aside(final: Path, make: Callable[[Path], object]) -> Generator[Path]:
    """A new file or folder beside `final`, made by `make`; removed at the end where it was not
    moved away by then.

    Raises OSError where the disk refuses.
    """
    clear_away(final.parent)
    path, handle = _made(final, make)
    try:
        yield path
    finally:
        removed(path)
        os.close(handle)


def _made(final: Path, make: Callable[[Path], object]) -> tuple[Path, int]:
    """The path and an open handle that holds the lock; anew where somebody took it for left over
    before it was locked.
    """
    while True:
        path = marked(final, UNFINISHED)
        make(path)
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        if take_lock(handle) is not False and _is_at(handle, path):
            return path, handle
        os.close(handle)


def marked(final: Path, prefix: str) -> Path:
    """A name beside `final` that nothing else has."""
    name = os.fsencode(final.name)[:LONGEST_NAME_BYTES].decode(errors="ignore")
    return final.with_name(f"{prefix}{name}-{uuid.uuid4().hex[:MARK_DIGITS]}")


def take_lock(handle: int) -> bool | None:
    """Take the lock: True if taken, False if another holds it, None if the disk has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except OSError:
        return False


def removed(path: Path) -> None:
    """A file, a link or a whole folder away, as far as the disk lets it go."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def is_left(path: Path) -> bool:
    """Tell whether the name is that of a file being written, or left by an interrupted writer."""
    return path.name.startswith((UNFINISHED, REPLACED))


def spool(folder: Path) -> IO[bytes]:
    """A temporary file with a name, open for writing; it is there until this process ends, however
    that happens.

    A process that is killed leaves its own, which the next one that makes one removes.
    """
    for path in folder.glob(f"{_SPOOLED}*.txt"):
        with suppress(OSError):
            _clear(path)
    while True:
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115
            dir=folder, prefix=_SPOOLED, suffix=".txt", delete=False
        )
        if take_lock(file.fileno()) is not False and _is_at(file.fileno(), Path(file.name)):
            atexit.register(Path(file.name).unlink, missing_ok=True)
            _kept_open.append(file)
            return file
        file.close()


def clear_away(parent: Path, ours: bool = False) -> None:
    """Remove what writers that died left in a folder; what one of them had moved aside gets its
    name back.

    `ours`: a folder in which nobody else names anything so, as inside of a run: names without a
    mark count too.
    """
    try:
        names = [name for name in os.listdir(parent) if name.startswith((UNFINISHED, REPLACED))]
    except OSError:
        return
    for name in names:
        if ours or _LEFT.fullmatch(name):
            with suppress(OSError):
                _clear(parent / name)


def _clear(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
        return
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not take_lock(handle) or not _is_at(handle, path):
            return
        final = path.with_name(path.name.removeprefix(REPLACED).rpartition("-")[0])
        if path.name.startswith(REPLACED) and not os.path.lexists(final):
            path.rename(final)
        else:
            removed(path)
    finally:
        os.close(handle)


def put_in_place(path: Path, final: Path) -> None:
    """A folder that was written aside comes to stand at `final`; what stood there is gone.

    Where the system can exchange two names in one step there is always one of both. Raises OSError,
    with what stood at `final` as it was.
    """
    if not os.path.lexists(final):
        path.rename(final)
    elif _exchanged(path, final):
        removed(path)
    else:
        _moved_in_two_steps(path, final)
    sync(final.parent)


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two names in one step, where the system and the file system know how."""
    sys.audit("os.rename", str(one), str(other), -1, -1)
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    if call(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_KNOWN:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _moved_in_two_steps(path: Path, final: Path) -> None:
    old = marked(final, REPLACED)
    handle = os.open(final, os.O_RDONLY)
    try:
        take_lock(handle)  # so that nobody gives it its name back while we are at it
        final.rename(old)
        try:
            path.rename(final)
        except OSError:
            old.rename(final)
            raise
        removed(old)
    finally:
        os.close(handle)


def settled(path: Path, as_a_whole: bool = True) -> Path:
    """Resolve a path of the command line: a link is written through, and stays.

    Raises RunError where nothing can be written there, UsageError for a link to nothing, or a path
    below a file; and, if it is to be replaced
    `as_a_whole`, for a mounted volume and for the current folder, which cannot be exchanged for
    another.
    """
    place = Path(os.path.realpath(path))
    if path.is_symlink() and not place.exists():
        raise UsageError(
            f"{path} is a link to {os.readlink(path)}, which is not there",
            "make that first, remove the link, or give another name",
        )
    above = next(parent for parent in place.parents if os.path.lexists(parent))
    if not above.is_dir():
        raise UsageError(
            f"{path} cannot be made: {above} is a file, not a folder", "give another name"
        )
    refuse_unwritable(above if as_a_whole else place)
    if not (as_a_whole and place.exists()):
        return place
    if is_mounted(place):
        hint = f"name something in it: {path / 'model'}" if place.is_dir() else "give another name"
        raise UsageError(f"{path} is a mount point, which cannot be replaced as a whole", hint)
    if holds_current_folder(place):
        raise UsageError(f"{path} is the current folder or one above it", "name a folder in it")
    return place


def refuse_unwritable(folder: Path) -> None:
    """Raise RunError where no file can be made in a folder, or where that folder is to be made.

    A file without a name is tried: permissions alone do not tell of read-only disks.
    """
    there = next((each for each in (folder, *folder.absolute().parents) if each.is_dir()), None)
    if there is None or (folder.exists() and not folder.is_dir()):
        return  # which callers refuse in words of their own
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return  # room may be made until something is written
        raise RunError(
            f"cannot write in {there}: {error.strerror}", "choose a folder that can be written in"
        ) from error


def output_folder(path: Path) -> Path:
    """Return the folder to write files into; it may hold other things.

    Raises UsageError if it cannot be a folder.
    """
    place = settled(path, as_a_whole=False)
    if place.exists() and not place.is_dir():
        raise UsageError(f"{path} is a file, not a folder", "choose another --out")
    return place


def holds_current_folder(place: Path) -> bool:
    """Tell whether it is the current folder, or one above it. `place` has no links in it."""
    here = Path(os.path.realpath(os.curdir))
    return place == here or place in here.parents


def is_mounted(place: Path) -> bool:
    """Tell whether it is a mount point, even of the same disk. `place` has no links in it."""
    if os.path.ismount(place):
        return True
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:  # another system than Linux, which mounts nothing from the same disk
        return False
    points = (line.split()[4] for line in lines if len(line.split()) > 4)
    return os.fsencode(place) in (re.sub(rb"\\([0-7]{3})", _octal, point) for point in points)


def _octal(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8)])


def is_stream(path: Path) -> bool:
    """Tell whether a path is a pipe, a device or an open file descriptor, to be written in
    place.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        return True
    where = Path(os.path.realpath(path.parent)).parts[1:3]
    return where[:1] == ("proc",) or (where[:1] == ("dev",) and where != ("dev", "shm"))


def output_file(path: Path, flag: str = "--out") -> Path:
    """Return the path to write for `flag`: a link is written through, a pipe or a device as it is.

    Raises UsageError if it cannot be a file.
    """
    if is_stream(path):
        return path
    if path.is_dir():
        raise UsageError(f"{path} is a folder", f"name a file: {flag} {path / 'FILE'}")
    place = settled(path)
    if not place.parent.is_dir():
        raise UsageError(
            f"there is no folder {path.parent}", f"make it first, or choose another {flag}"
        )
    return place
