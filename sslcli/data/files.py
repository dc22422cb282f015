"""Lines of text files, compressed ones and standard input too, in constant memory.

Every error names its position. Text is UTF-8, or UTF-16 or UTF-32 if a byte order mark says so, as
spreadsheets save "Unicode text". Lines end with LF or CRLF; in a file that has none of these they
end with a bare CR.
"""

import codecs
import gzip
import io
import os
import stat
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

from sslcli.data.documents import Where
from sslcli.data.records.signatures import refuse_no_text
from sslcli.errors import DataError
from sslcli.plainfiles import STANDARD_INPUT, no_such_file

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LONGEST_LINE_BYTES = 1 << 24
LARGEST_WHOLE_BYTES = 1 << 31
PATIENCE_SECONDS = 8.0
_BLOCK_BYTES = 1 << 20
ByteStream = BinaryIO | io.BufferedIOBase
_ENCODINGS = {  # by byte order mark; the longer ones first, because one begins like another
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def open_bytes(reference: str) -> ByteStream:
    """The unpacked bytes of a file, or of standard input for "-".

    Raises DataError where it cannot be opened, and for a pipe into which nobody writes within
    PATIENCE_SECONDS.
    """
    if reference == STANDARD_INPUT:
        if sys.stdin is None or sys.stdin.buffer.closed:
            raise DataError(
                "standard input is closed, or was read already", "give a file, or name '-' once"
            )
        return sys.stdin.buffer
    path = Path(reference)
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder, not a file", "give a file in it")
        file = _opened_pipe(path) if stat.S_ISFIFO(path.stat().st_mode) else path
        if path.suffix.lower() == ".gz":
            return gzip.open(file, "rb")
        if path.suffix.lower() == ".zst":
            return zstd.open(file, "rb")
        return file.open("rb") if isinstance(file, Path) else file
    except FileNotFoundError as error:
        raise no_such_file(reference) from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be opened: {getattr(error, 'strerror', None) or error}",
            "check the path and its permissions",
        ) from error


class _Begun(io.RawIOBase):
    """A stream whose first bytes were taken already."""

    def __init__(self, first: bytes, rest: io.FileIO) -> None:
        self._first, self._rest = first, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if not self._first:
            return self._rest.readinto(buffer)
        taken, self._first = self._first[: len(buffer)], self._first[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def close(self) -> None:
        self._rest.close()
        super().close()


def _opened_pipe(path: Path) -> io.BufferedReader:
    """To open a pipe as a file would wait for ever for somebody at its other end."""
    pipe = io.FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    deadline = time.monotonic() + PATIENCE_SECONDS
    # None would be a writer who has written nothing yet
    while (first := pipe.read(_BLOCK_BYTES)) == b"":
        if time.monotonic() > deadline:
            pipe.close()
            raise DataError(
                f"nobody writes into the pipe {path}", "start what writes into it first"
            )
        time.sleep(0.05)
    os.set_blocking(pipe.fileno(), True)
    return io.BufferedReader(_Begun(first or b"", pipe))


def read_lines(
    reference: str, errors: Literal["strict", "replace"] | None = None
) -> Iterator[tuple[int, str]]:
    """(number from 1, line without its end) of a text; a byte order mark is taken off. `errors` is
    what somebody may choose, None where nobody is asked.

    Raises DataError naming file and record for damaged packing, bytes that are no UTF-8 (unless
    they are to be replaced), NUL bytes, and a line over LONGEST_LINE_BYTES.
    """
    for number, line in enumerate(_byte_lines(reference), start=1):
        where = Where.at_line(reference, number)
        if b"\0" in line:
            hint = "give a UTF-8 text file, or UTF-16 with its byte order mark"
            raise DataError(f"{where}: there is a NUL byte, so this is not a text", hint)
        try:
            yield number, line.decode("utf-8", errors or "strict")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{where}: byte {error.start + 1} of the line is not UTF-8",
                "convert the file to UTF-8"
                + (", or read it with --set data.reader_options.errors=replace" if errors else ""),
            ) from error


def read_text(reference: str) -> str:
    """The whole of a text, without its byte order mark.

    Raises DataError naming the file for damaged packing, bytes that are no UTF-8, and more than
    LARGEST_WHOLE_BYTES.
    """
    content = bytearray()
    with open_bytes(reference) as file:
        for block in _utf8_blocks(file, reference):
            content += block
            if len(content) > LARGEST_WHOLE_BYTES:
                hint = "write JSON lines (.jsonl), which are read one at a time"
                raise DataError(f"{reference} is larger than {LARGEST_WHOLE_BYTES >> 30} GiB", hint)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{reference}: byte {error.start + 1} is not UTF-8", "convert the file to UTF-8"
        ) from error


def _byte_lines(reference: str) -> Iterator[bytes]:
    rest, ends_with_cr = b"", None
    with open_bytes(reference) as file:
        for block in _utf8_blocks(file, reference):
            if ends_with_cr is None:
                ends_with_cr = b"\r" in block[:-1] and b"\n" not in block
            block = rest + block
            if ends_with_cr:  # a CR at the end may be half of a CRLF
                block = block[:-1].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + block[-1:]
            lines = block.split(b"\n")
            rest = lines.pop()
            for line in lines:
                yield line.removesuffix(b"\r")
            if len(rest) > LONGEST_LINE_BYTES:
                raise DataError(
                    f"{reference} has a line of more than {LONGEST_LINE_BYTES >> 20} MiB",
                    "break it into lines",
                )
    if rest:
        yield rest.removesuffix(b"\r")


def _utf8_blocks(file: ByteStream, reference: str) -> Iterator[bytes]:
    """The content without its byte order mark, in UTF-8 whatever the mark says. Raises DataError
    where it is no such text.
    """
    block = _next_block(file, reference)
    refuse_no_text(block, reference)
    mark, encoding = next(
        (each for each in _ENCODINGS.items() if block.startswith(each[0])), (b"", "utf-8")
    )
    block = block[len(mark) :]
    if encoding == "utf-8":
        while block:
            yield block
            block = _next_block(file, reference)
        return
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        while block:
            yield decoder.decode(block).encode()
            block = _next_block(file, reference)
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        name = encoding[:6].upper()
        hint = "the file is damaged: save it as UTF-8"
        raise DataError(
            f"{reference} begins as {name} and is not {name} to its end", hint
        ) from error


def _next_block(file: ByteStream, reference: str) -> bytes:
    try:
        return file.read(_BLOCK_BYTES)
    except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        raise DataError(
            f"{reference} cannot be read to its end: {error}",
            "the file is damaged, or is not packed as its name says",
        ) from error
