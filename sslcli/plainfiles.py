"""The files that are read whole: plain ones of bounded size, and what is parsed out of them.

A model directory, a run folder or a cache may come from anywhere: where a file is expected there
may lie a pipe, which would be waited for without end, a link to a device, which never ends, or JSON
that is nested deeper than Python recurses. Every such file is an OSError here, and every such text
a ValueError, which callers turn into their own sentence.
"""

import errno
import glob
import json
import os
import stat
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from sslcli.errors import DataError, nearest

STANDARD_INPUT = "-"
PACKED = (".gz", ".zst")
ARROW_SUFFIXES = ("parquet", "arrow", "feather")
INSTALL_PYARROW = 'pip install "sslcli[datasets]"'
# of a file of settings, facts or reports; the largest known index of weights has 10 MB
MOST_BYTES = 1 << 28
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def suffix_of(reference: str) -> str:
    """Return a file's suffix without the dot and without compression: "corpus.jsonl.gz" ->
    "jsonl".
    """
    path = Path(reference)
    if path.suffix.lower() in PACKED:
        path = path.with_suffix("")
    return path.suffix.lower().removeprefix(".")


def refuse_unopened(reference: str) -> None:
    """Raises DataError for a table of Parquet or Arrow where pyarrow is not installed."""
    if suffix_of(reference) in ARROW_SUFFIXES and find_spec("pyarrow") is None:
        raise DataError(
            f"{reference} is read with pyarrow, which is not installed", INSTALL_PYARROW
        )


def no_such_file(path: str) -> DataError:
    """Return the error for data that is not there, whoever was to read it, with the nearest name in
    its folder; and for a folder where a file is to be read.
    """
    if os.path.isdir(path):
        return DataError(f"{path} is a folder, not a file", "give a file in it")
    folder, name = os.path.split(path)
    above = folder or "."
    if os.path.islink(path):
        if _is_loop(path):
            return DataError(f"{path} cannot be opened: it is a link to itself", "mend the link")
        hint = f"it is a link to {os.readlink(path)}, which is not there"
    elif glob.has_magic(path):
        hint = "a pattern is not read here: name each file"
    elif not os.path.isdir(above):
        hint = f"there is no folder {above} either"
    elif near := nearest(name, sorted(os.listdir(above))):
        hint = f"did you mean '{os.path.join(folder, near)}'?"
    else:
        begins = "" if os.path.isabs(path) else f", which begins in {os.getcwd()}"
        hint = f"check the path{begins}"
    return DataError(f"there is no file or folder {path}", hint)


def _is_loop(path: str) -> bool:
    """Tell whether links lead back to where they began."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def refuse_other_kinds(path: Path) -> os.stat_result:
    """The status of a plain file, links followed. Raises OSError naming the kind of anything else,
    or where there is nothing.
    """
    status = path.stat()
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        raise OSError(
            errno.EINVAL, f"it is {_KINDS.get(kind, 'no file')}, and not a plain file", str(path)
        )
    return status


def open_plain(path: Path) -> BinaryIO:
    """A plain file, open for reading bytes. Raises OSError, at once, for anything else."""
    refuse_other_kinds(path)

    def opener(name: str, flags: int) -> int:
        # what was put in its place meanwhile is not waited for either
        return os.open(name, flags | os.O_NONBLOCK)

    return open(path, "rb", opener=opener)


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a plain file of limited size. Raises OSError for anything else."""
    with open_plain(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {_size(most)}", str(path))
    return content


def read_whole_text(path: Path, most: int = MOST_BYTES, errors: str = "strict") -> str:
    """Read a plain file as UTF-8, line ends unchanged. Raises OSError, or ValueError if not
    UTF-8.
    """
    return read_bytes(path, most).decode("utf-8", errors)


def parse_whole_json(text: str, **hooks: Any) -> Any:
    """Parse JSON like json.loads. Raises ValueError also for too deep nesting."""
    try:
        return json.loads(text, **hooks)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def read_whole_json(path: Path, most: int = MOST_BYTES) -> Any:
    """Read a plain file of JSON in UTF-8. Raises OSError or ValueError."""
    return parse_whole_json(read_whole_text(path, most))


def reason(error: Exception) -> str:
    """Why a file could not be read, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:120]


def _size(count: int) -> str:
    return f"{count >> 20:,} MiB" if count >= 1 << 20 else f"{count:,} bytes"
