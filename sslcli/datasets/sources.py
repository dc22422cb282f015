"""Sources of --data: references become files and schemes, each with its reader and its language."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sslcli import registry
from sslcli.asides import spool
from sslcli.contracts.reader import Computed, HasLanguages, Reader, ReadsColumns
from sslcli.data.documents import Document
from sslcli.data.files import open_bytes, read_lines
from sslcli.data.settings import DataSettings
from sslcli.datasets.computed import documents_of
from sslcli.datasets.locate import files_at, is_read_once, reader_for, split_language
from sslcli.deferred import Deferred
from sslcli.errors import DataError, PluginError, RunError
from sslcli.folders import hash_file
from sslcli.resolving import checked
from sslcli.rows.schema import Schema

recognised = Deferred("sslcli.datasets.recognised")
_ENDS_BYTES = 1 << 16
_LINES_LOOKED_AT = 20


@dataclass(frozen=True)
class Source:
    """A file or scheme to be read.

    `language` is empty if the reference names none; `spooled`: a copy of a pipe's content, which is
    identified by its content alone.
    """

    reference: str
    reader: str
    language: str
    spooled: bool = False


def expand(references: Sequence[str], reader: str | None) -> list[Source]:
    """Files in folders and globs in sorted order. Raises DataError where there is nothing or no
    reader fits.
    """
    known = registry.names("readers")
    sources = []
    for reference in references:
        language, path = split_language(reference)
        scheme, colon, _ = path.partition(":")
        if colon and scheme in known:
            sources.append(Source(path, reader or scheme, language))
        elif is_read_once(path):
            kept = _spooled(path)
            sources.append(Source(kept, reader or _text_reader(kept, path), language, spooled=True))
        else:
            files = files_at(path, known)
            readers = (reader or _reader_of(file, known) for file in files)
            sources += [Source(*each, language) for each in zip(files, readers, strict=True)]
    return sources


def documents(
    sources: Sequence[Source], data: DataSettings, table: Schema | None = None
) -> Iterator[Document]:
    """Yield all documents, at most `data.limit`.

    A language in the reference selects among the reader's, or else overrides them. `table`: whose
    columns are looked for; those of the first file where it is not given.
    """
    return islice(_of_all(sources, data, table), data.limit)


def _of_all(
    sources: Sequence[Source], data: DataSettings, table: Schema | None
) -> Iterator[Document]:
    for source in sources:
        for document in _of(source, data, table):
            table = table or document.table
            if data.only and document.label is None:
                raise DataError(
                    f"{document.where} has no label, and only {' and '.join(data.only)} is wanted",
                    "leave out --only",
                )
            if not data.only or document.label in data.only:
                yield document


def reader_of(source: Source, data: DataSettings, languages: Sequence[str] = ()) -> Reader:
    """Return the reader for the source's language, or for `languages`, if it can select some."""
    wanted = languages or [language for language in [source.language] if language]
    cls = registry.load("readers", source.reader)
    hint = f"ssl plugins show {source.reader} lists the options"
    reader = cls(checked(cls.Options, data.reader_options, "data.reader_options", hint))
    return reader.only(*wanted) if wanted and isinstance(reader, HasLanguages) else reader


def fingerprint(source: Source, data: DataSettings) -> list[Any]:
    """Return a key that changes with the content.

    For a file: path, size, time and both ends; for a scheme: all of its documents, or what they
    follow from if a reader computes them.
    """
    path = Path(source.reference)
    digest = hashlib.blake2b(digest_size=16)
    if source.spooled:
        return [source.reader, source.language, hash_file(path)]
    if not path.is_file():
        reader = reader_of(source, data)
        if isinstance(reader, Computed):
            return [
                source.reference,
                source.reader,
                source.language,
                "computed",
                reader.content_key(source.reference),
            ]
        for document in islice(_of(source, data), data.limit):
            digest.update(repr((document.text, document.language)).encode())
            if document.array is not None:
                digest.update(f"{document.array.dtype.str} {document.array.shape}".encode())
                digest.update(np.ascontiguousarray(document.array).data)
        return [source.reference, source.reader, source.language, digest.hexdigest()]
    status = path.stat()
    with path.open("rb") as file:
        digest.update(file.read(_ENDS_BYTES))
        file.seek(max(0, status.st_size - _ENDS_BYTES))
        digest.update(file.read(_ENDS_BYTES))
    return [
        str(path.resolve()),
        source.reader,
        source.language,
        status.st_size,
        status.st_mtime_ns,
        digest.hexdigest(),
    ]


def source_bytes(sources: Sequence[Source]) -> int:
    """Bytes on disk; 0 for what is generated."""
    return sum(
        os.path.getsize(source.reference) for source in sources if os.path.isfile(source.reference)
    )


def _of(source: Source, data: DataSettings, table: Schema | None = None) -> Iterator[Document]:
    reader = reader_of(source, data)
    if table is not None and isinstance(reader, ReadsColumns):
        reader = reader.as_in(table)
    found = documents_of(reader, source.reference)
    for document in _recognised(found, source):
        if source.language:
            document = replace(document, language=source.language)
        yield document


def _recognised(documents: Iterable[Document], source: Source) -> Iterator[Document]:
    """The documents. Where not even the first can be read, as there are labelled examples instead,
    the error names the line that takes them.
    """
    found = iter(documents)
    try:
        first = next(found, None)
    except DataError as error:
        is_file = not source.spooled and os.path.isfile(source.reference)
        if is_file and (line := recognised.line_for(source.reference)):
            raise DataError(error.message, f"{line}; or {error.hint}") from error
        raise
    if first is not None:
        yield first
        yield from found


def _reader_of(file: str, known: Sequence[str]) -> str:
    """By its suffix, and for text by its first lines. Raises DataError where nothing reads it."""
    found = reader_for(file, known)
    return _text_reader(file, file) if found == plain_text_reader() else found


@cache
def plain_text_reader() -> str:
    """The reader of what has no name that says more. Raises PluginError where there is none."""
    found = registry.usual("readers", "reads_plain_text")
    if not found:
        raise PluginError("no reader here reads plain text", "ssl plugins list readers")
    return found[0]


def _text_reader(file: str, called: str) -> str:
    """That of plain text. Raises DataError where a file, `called` so, seems to be no such text."""
    lines: list[str] = []
    with suppress(DataError):  # what reads all of it says what is wrong
        some = islice(read_lines(file, "replace"), _LINES_LOOKED_AT)
        lines = [line for _, line in some if line.strip()]
    if _are_objects(lines):
        hint = "--reader jsonl reads a field of theirs, --reader txt takes all of it for text"
        raise DataError(f"{called} has no plain text but lines of JSON", hint)
    return plain_text_reader()


def _are_objects(lines: Sequence[str]) -> bool:
    """Whether every line is an object of JSON."""
    try:
        return bool(lines) and all(isinstance(json.loads(line), dict) for line in lines)
    except (ValueError, RecursionError):
        return False


def _spooled(pipe: str) -> str:
    """A pipe or standard input as a file, because it is read twice: to learn pieces, and to cut
    into them.

    The file is there until the process ends.
    """
    try:
        kept = spool(Path(tempfile.gettempdir()))
        with open_bytes(pipe) as stream:
            shutil.copyfileobj(stream, kept)
        kept.flush()
    except OSError as error:
        raise RunError(
            f"cannot keep what comes through {pipe}: {error.strerror or error}",
            "check the free space of the disk",
        ) from error
    return kept.name
