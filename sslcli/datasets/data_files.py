"""Facts about the data files of a run, so that a resume can name those that changed."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sslcli.data.settings import DataSettings
from sslcli.datasets.locate import is_read_once, split_language
from sslcli.datasets.sources import expand
from sslcli.folders import MANIFEST

# of so many that a run's facts would weigh more than its weights, nothing is remembered
MOST_FILES = 10_000
_ENDS_BYTES = 1 << 16
_SHOWN = 3


def file_facts(data: DataSettings) -> dict[str, dict[str, Any]]:
    """Size, time and both ends of every file that is read, in the order in which they are; of
    shards, of their manifest.

    Pipes and generated data have none.
    """
    return facts_of(_files(data))


def facts_of(files: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return facts about these references, where they are files."""
    found = [file for file in dict.fromkeys(files) if os.path.isfile(file)]
    return {file: _facts(file) for file in found} if len(found) <= MOST_FILES else {}


def what_changed(
    before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Sentences naming the files that are gone, new, longer, shorter, edited, or in another order;
    empty where none is.
    """
    changes = [f"{file} is gone" for file in before if file not in now]
    changes += [f"{file} is new" for file in now if file not in before]
    changes += [
        change
        for file in before
        if file in now and (change := _change(file, before[file], now[file]))
    ]
    if not changes and list(before) != list(now):
        changes = ["the files are read in another order"]
    more = len(changes) - _SHOWN
    return [*changes[:_SHOWN], *([f"{more} more"] if more > 0 else [])]


def _change(file: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if dict(before) == dict(now):
        return ""
    grown = now["bytes"] - before["bytes"]
    if grown > 0:
        return f"{file} is {grown:,} bytes longer" + (
            ""
            if now["head"] == before["head"] or before["bytes"] < _ENDS_BYTES
            else ", and its beginning is another"
        )
    return f"{file} is {-grown:,} bytes shorter" if grown else f"{file} was edited"


def _files(data: DataSettings) -> Iterator[str]:
    for references in (data.train, data.evaluation):
        for reference in references:
            path = split_language(reference)[1]
            if os.path.isfile(manifest := os.path.join(path, MANIFEST)):
                yield manifest
            elif not is_read_once(path):
                yield from (
                    source.reference
                    for source in expand([reference], data.reader)
                    if os.path.isfile(source.reference)
                )


def _facts(file: str) -> dict[str, Any]:
    status = os.stat(file)
    with Path(file).open("rb") as stream:
        head = stream.read(_ENDS_BYTES)
        stream.seek(max(0, status.st_size - _ENDS_BYTES))
        tail = stream.read(_ENDS_BYTES)
    return {
        "bytes": status.st_size,
        "written_ns": status.st_mtime_ns,
        "head": _hash(head),
        "tail": _hash(tail),
    }


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
