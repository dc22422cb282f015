"""One file from a hub into the cache: it goes on where it stopped, and has its name only when its
content has its hash.

huggingface_hub begins every file anew, since 1.18, and compares sizes alone; so the bytes are asked
for through its `http_get`, from the position that the part on this disk has.
"""

import fcntl
import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.file_download import http_get

from sslcli.asides import sync
from sslcli.errors import RunError, UsageError
from sslcli.progress import duration, working
from sslcli.workflows.fetch.hub_files import HubFile, has_hash

UNFINISHED = ".incomplete"
OUT_OF_RANGE = 416
MEGABYTE = 1e6
SAID_EVERY = 0.2  # seconds
AGAIN = "the same line goes on where it stopped"


class Amounts:
    """How much of all files of a fetch is here, said while it goes on."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.moved = total, 0, 0
        self.began, self.said = time.monotonic(), 0.0

    def add(self, name: str, count: int, moved: bool = True) -> None:
        """`count` bytes more are here; not `moved`: they were already."""
        self.done += count
        self.moved += count if moved else 0
        now = time.monotonic()
        if now - self.said < SAID_EVERY:
            return
        self.said = now
        rate = self.moved / max(now - self.began, 1e-3)
        left = f" · {duration((self.total - self.done) / rate)} left" if rate else ""
        working(
            f"fetching {name} · {self.done / MEGABYTE:,.1f} of {self.total / MEGABYTE:,.1f} MB"
            f" · {rate / MEGABYTE:,.1f} MB/s{left}"
        )


class _Counted:
    """A file that is written to, as `http_get` uses one; what comes in is counted."""

    def __init__(self, file: BinaryIO, name: str, progress: Amounts) -> None:
        self.file, self.name, self.progress = file, name, progress

    def write(self, data: bytes) -> int:
        self.progress.add(self.name, len(data))
        return self.file.write(data)

    def tell(self) -> int:
        return self.file.tell()

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self.file.seek(place, whence)

    def truncate(self, size: int | None = None) -> int:
        place = self.file.tell()  # what is behind it comes anew
        self.progress.done -= self.file.seek(0, os.SEEK_END) - place
        self.file.seek(place)
        return self.file.truncate(size)


def bring(
    file: HubFile,
    url: str,
    headers: Mapping[str, str],
    blobs: Path,
    progress: Amounts,
    say: Callable[[str], None],
) -> Path:
    """The content of a file in the cache, fetched where it is not there, always with its hash.

    Raises RunError where it has another one in the end.
    """
    place = blobs / file.hash
    if place.is_file():
        if has_hash(place, file):
            progress.add(file.name, file.size, moved=False)
            return place
        say(f"{file.name} in the cache is damaged, and is fetched anew")
    part = blobs / f"{file.hash}{UNFINISHED}"
    with _alone(part, file.name) as opened:
        begun = opened.seek(0, os.SEEK_END)
        if begun > file.size:
            begun = 0
        if begun:
            say(f"{file.name}: {begun / MEGABYTE:,.1f} MB were here, it goes on from there")
        progress.add(file.name, begun, moved=False)
        _append(opened, begun, file, url, headers, progress)
        if not has_hash(part, file) and begun:
            say(f"{file.name}: what was here did not fit, it is fetched anew")
            progress.done -= file.size
            _append(opened, 0, file, url, headers, progress)
        if not has_hash(part, file):
            part.unlink()
            raise RunError(
                f"{file.name} as it came has not the hash {file.hash[:12]}... of the repository",
                "it was damaged or changed on its way, and nothing of it was kept: fetch again",
            )
        os.fsync(opened.fileno())
        os.replace(part, place)
        sync(blobs)
    return place


@contextmanager
def _alone(part: Path, name: str) -> Generator[BinaryIO]:
    """Open a part for this process alone. Raises UsageError where another one writes it."""
    handle = os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
    with os.fdopen(handle, "r+b", buffering=0) as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"{name} is being fetched by another process", "wait until that one is done"
            ) from error
        yield opened


def _append(
    opened: Any,
    begun: int,
    file: HubFile,
    url: str,
    headers: Mapping[str, str],
    progress: Amounts,
) -> None:
    """Fetch what is behind the first `begun` bytes; all of it where the server knows no ranges."""
    opened.truncate(begun)
    opened.seek(begun)
    counted: Any = _Counted(opened, file.name, progress)
    try:
        http_get(url, counted, resume_size=begun, headers=dict(headers), expected_size=file.size)
    except HfHubHTTPError as error:
        if begun == 0 or error.response.status_code != OUT_OF_RANGE:
            raise
        progress.done -= begun
        _append(opened, 0, file, url, headers, progress)
