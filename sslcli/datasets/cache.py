"""Cache folders: made once by one process, atomically, and hashed again when they may have changed.

    cache/shards/KEY  cache/rows/KEY    sealed folders (sslcli/folders.py)
    cache/locks/KEY                     held by who makes KEY; the system frees it when its holder
    dies, however that happens
    cache/trusted/KEY                   how the files of a folder stood when they were last hashed
    and found whole

To hash a large corpus takes longer than to begin to learn from it, so it is done only where the
size, the times or the inode of a file are others than when it was hashed last. The time of the last
change of an inode (ctime) is among them: writing, truncating, replacing and copying all move it,
and no call sets it back. What is left is a disk that gives other bytes than were written without
saying so; whoever suspects one deletes cache/trusted.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from sslcli import plainfiles
from sslcli.asides import take_lock
from sslcli.errors import DataError, ModelError, RunError
from sslcli.folders import read_sealed, write_atomically

CLOCK_TICK_SECONDS = 0.02  # within one, a file can change without a change of its times
Say = Callable[[str], None]
Found = TypeVar("Found")


def quiet(sentence: str) -> None:
    """Report no progress."""


def cache_folder() -> Path:
    """Return the cache folder: SSLCLI_CACHE_DIR, else XDG's, else ~/.cache/sslcli."""
    return Path(
        os.environ.get("SSLCLI_CACHE_DIR")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sslcli"
    )


def cached(
    folder: Path, make: Callable[[Path], object], read: Callable[[Path], Found], say: Say = quiet
) -> Found:
    """Return what `read` finds in a cache folder; `make` writes it, sealed, if missing or damaged.

    If several processes want it at once, one makes it, and the others wait and read. `read` raises
    DataError or ModelError if the folder is damaged; then there is a message, and it is made again.
    """
    try:
        if folder.is_dir():
            return read(folder)
    except (DataError, ModelError):
        pass  # said below, by the one who makes it anew
    with _only_maker(folder, say):
        try:
            if folder.is_dir():
                return read(folder)
        except (DataError, ModelError) as error:
            say(f"the cache is damaged and made anew: {error.message}")
            shutil.rmtree(folder, ignore_errors=True)
        make(folder)
        return read(folder)


def refuse_damaged(folder: Path) -> None:
    """Raises ModelError where a sealed folder is not what was written, naming the file; cheap where
    nothing was touched since.
    """
    record = (
        cache_folder()
        / "trusted"
        / hashlib.blake2b(os.fsencode(folder.resolve()), digest_size=12).hexdigest()
    )
    states = states_of(path for path in folder.rglob("*") if path.is_file())
    state = {path.relative_to(folder).as_posix(): state for path, state in states.items()}
    if state and _recorded(record) == state:
        return
    read_sealed(folder)
    # a cache that takes no more costs the hashing of next time, not this run
    with suppress(RunError, OSError):
        record.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(record, json.dumps(state))


def states_of(files: Iterable[Path]) -> dict[Path, list[int]]:
    """Return, for every file, a state that changes with it, taken once the clock has moved on."""
    found = {path: path.stat() for path in sorted(files)}
    newest = max((status.st_ctime for status in found.values()), default=0.0)
    time.sleep(min(max(newest + CLOCK_TICK_SECONDS - time.time(), 0.0), CLOCK_TICK_SECONDS))
    return {
        path: [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev]
        for path, status in found.items()
    }


def _recorded(record: Path) -> Any:
    try:
        return plainfiles.read_whole_json(record)
    except (OSError, ValueError):
        return None


@contextmanager
def _only_maker(folder: Path, say: Say) -> Generator[None]:
    """Waits for another maker of the same folder. On a disk that knows no locks there may be
    several: each makes its own, and the last one stays.
    """
    with ExitStack() as stack:
        lock = _lock_file(folder.parent, folder.name)
        if lock is not None and take_lock(stack.enter_context(lock).fileno()) is False:
            say(f"waiting for another process, which is making {folder}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_file(parent: Path, key: str) -> IO[str] | None:
    path = parent.parent / "locks" / f"{parent.name}-{key}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            plainfiles.refuse_other_kinds(path)
        return path.open("a", encoding="utf-8")
    except OSError:
        return None  # who writes the folder says what is wrong with the disk
