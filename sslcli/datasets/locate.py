"""References of --data, located without reading: files, folders, globs, schemes. No torch, no
numpy.
"""

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sslcli import registry
from sslcli.data.settings import DataSettings
from sslcli.errors import DataError, UsageError, choices
from sslcli.folders import MANIFEST
from sslcli.modalities import WORDS
from sslcli.plainfiles import STANDARD_INPUT, no_such_file, refuse_unopened, suffix_of

NAMED = 3  # files of a folder that are said by name
ADDRESSES = ("http", "https", "ftp", "s3", "gs", "hf", "ms")
_LANGUAGE = re.compile(r"([a-z]{2,4}(?:-[A-Za-z]{2,4})?)=(.+)", re.DOTALL)


def split_language(reference: str) -> tuple[str, str]:
    """Split "zh=news.txt" into "zh" and "news.txt".

    The language is empty if there is none, or if a file has just this name ("year=1/a.txt").
    """
    match = _LANGUAGE.fullmatch(reference)
    return ("", reference) if match is None or os.path.exists(reference) else (match[1], match[2])


def is_read_once(path: str) -> bool:
    """Standard input or a pipe: what comes through is gone when it was read."""
    try:
        return path == STANDARD_INPUT or stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def files_at(path: str, known: Sequence[str]) -> list[str]:
    """Files in folders and globs in sorted order. `known`: suffixes that have a reader. Raises
    DataError where there is nothing.
    """
    if os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        found = sorted(
            str(file)
            for file in _shown_in(path)
            if file.is_file() and suffix_of(str(file)) in known
        )
        if not found:
            raise DataError(
                f"the folder {path} holds no file that can be read{_others_in(path)}",
                f"readers: {', '.join(known)}; choose one with --reader",
            )
        return _of_one_kind(found)
    if glob.has_magic(path):
        found = sorted(file for file in glob.glob(path, recursive=True) if os.path.isfile(file))
        if not found:
            raise DataError(
                f"no file matches {path}", "quote the pattern, so that the shell leaves it alone"
            )
        return found
    refuse_address(path)
    scheme, colon, _ = path.partition(":")
    if colon and "/" not in scheme and not os.path.exists(path):
        raise DataError(
            f"there is no reader for '{scheme}:'",
            choices(scheme, known, "readers:"),
        )
    if os.path.exists(path):
        return [path]  # a pipe or a device: the reader opens it as it is
    raise no_such_file(path)


def _shown_in(folder: str) -> Iterator[Path]:
    """What lies in a folder and those below it, but for what is hidden, as the notes are that
    systems keep beside pictures.
    """
    for file in Path(folder).rglob("*"):
        if not any(part.startswith(".") for part in file.relative_to(folder).parts):
            yield file


def _others_in(folder: str) -> str:
    """Names of a few files that are there all the same."""
    names = sorted(str(file.relative_to(folder)) for file in _shown_in(folder) if not file.is_dir())
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f", though there is {', '.join(names[:NAMED])}{more}"


def passed_over(path: str, known: Sequence[str]) -> str:
    """A sentence on what of a folder is not read: files of other kinds, and what is no file; empty
    where there is nothing to say.
    """
    if not os.path.isdir(path) or is_shards(path):
        return ""
    taken = set(files_at(path, known))
    left = sorted(
        str(file.relative_to(path))
        for file in _shown_in(path)
        if not file.is_dir() and str(file) not in taken
    )
    if not left:
        return ""
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    return f"not read, of what lies in {path}: {', '.join(left[:NAMED])}{more}"


def _of_one_kind(files: list[str]) -> list[str]:
    """Without the tables that lie beside other data, as its labels do, and say something of it."""
    others = [
        file
        for file in files
        if registry.attribute("readers", suffix_of(file), "modality") != "table"
    ]
    return others or files


def is_shards(folder: str | Path) -> bool:
    """Tell whether it is a folder that `ssl tokenize` wrote."""
    return os.path.isdir(os.path.join(folder, "index")) and os.path.isfile(
        os.path.join(folder, MANIFEST)
    )


def reader_for(file: str, known: Sequence[str]) -> str:
    """Return the reader for a file name, by its suffix. Raises DataError for an unknown one."""
    suffix = suffix_of(file)
    if suffix not in known:
        shown = f"unsupported file type '.{suffix}'" if suffix else "a name without a file type"
        raise DataError(
            f"{file}: {shown}", f"readers: {', '.join(known)}; choose one with --reader"
        )
    return suffix


def reader_at(reference: str) -> str:
    """Return the reader for a reference, by its scheme or its suffix, and for a folder that of the
    first file with one; empty where that does not say.
    """
    known, path = registry.names("readers"), split_language(reference)[1]
    scheme, colon, _ = path.partition(":")
    if colon and scheme in known:
        return scheme
    if is_shards(path):
        return ""
    names = (name for _, _, files in os.walk(path) for name in files)
    suffixes = map(suffix_of, names if os.path.isdir(path) else [path])
    return next((suffix for suffix in suffixes if suffix in known), "")


def modality_at(reference: str) -> str:
    """Return what the reader of a reference gives: text, images, ...; empty where none is known."""
    name, path = reader_at(reference), split_language(reference)[1]
    if not name:
        return ""
    others = registry.attribute("readers", name, "others")
    return others.get(path) or registry.attribute("readers", name, "modality")


def modality_wanted(references: Iterable[str]) -> str:
    """Return what a model of labelled data must read: what their readers give, empty where that
    leaves it open. A table may hold texts, as its columns alone can say.
    """
    held = {modality_at(reference) for reference in references} - {""}
    return "" if "table" in held else next(iter(held), "text")


def refuse_unread_data(model: str, reads: str, references: Iterable[str]) -> None:
    """Raises UsageError where data is of another kind than what the model reads."""
    for reference in references:
        held = modality_at(reference)
        if held not in ("", reads) and {held, reads} != {"text", "table"}:
            raise UsageError(
                f"{reference} holds {WORDS[held]}, and {model} reads {WORDS[reads]}",
                "choose another --model, or other --data",
            )


def refuse_address(reference: str) -> None:
    """Raises DataError for what lies in a network."""
    if reference.partition(":")[0].lower() in ADDRESSES and not os.path.exists(reference):
        raise DataError(
            f"{reference} is an address, and nothing is fetched from a network",
            "download it, and give the path of the file",
        )


def refuse_absent(references: Sequence[str], reader: str | None) -> None:
    """Raises DataError for raw data that is not there, that nothing reads, or that is given
    twice.
    """
    known, seen = registry.names("readers"), dict[str, int]()
    for number, reference in enumerate(references):
        for file in raw_files(reference, known):
            if reader is None:
                reader_for(file, known)
            refuse_unopened(file)
            if seen.setdefault(os.path.realpath(file), number) != number:
                raise DataError(f"{file} is given twice", "give each file once")


def raw_files(reference: str, known: Sequence[str]) -> list[str]:
    """The files of raw data behind a reference; none of what a reader makes, of shards, and of what
    can be read once alone. `known`, and what is raised: see `files_at`.
    """
    path = split_language(reference)[1]
    is_made = path.partition(":")[0] in known and ":" in path
    return [] if is_made or is_shards(path) or is_read_once(path) else files_at(path, known)


def trained_on_too(data: DataSettings) -> list[str]:
    """Say which files are both training data and held out."""
    known = registry.names("readers")
    train, held_out = (
        {os.path.realpath(file): file for each in references for file in raw_files(each, known)}
        for references in (data.train, data.evaluation)
    )
    return [
        f"{held_out[path]} is held out and is training data too, so its figures are too good"
        for path in sorted(train.keys() & held_out.keys())
    ]


def refuse_absent_labelled(references: Sequence[str], patterns: bool = False) -> None:
    """Raises DataError for labelled data that is not there: a file, a scheme of a reader, or a part
    of a suite.

    `patterns`: one that matches files is there too.
    """
    known = {*registry.names("readers"), *registry.names("suites")}
    for reference in references:
        path = split_language(reference)[1]
        refuse_address(path)
        is_elsewhere = ":" in path and path.partition(":")[0] in known
        matches = patterns and glob.has_magic(path) and glob.glob(path, recursive=True)
        if not (is_elsewhere or is_read_once(path) or os.path.exists(path) or matches):
            raise no_such_file(path)
        refuse_unopened(path)
