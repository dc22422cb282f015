"""Files and folders that are whole or not there: written aside, hashed, synced to disk, and only
then given their name.

A sealed folder holds `manifest.json` with the size and the BLAKE2b hash of every other file, and a
hash of itself as its seal. What has no manifest, or another size or hash than its manifest says, is
not read.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from sslcli import plainfiles
from sslcli.asides import (
    UNFINISHED,
    aside,
    clear_away,
    holds_current_folder,
    is_mounted,
    is_stream,
    marked,
    put_in_place,
    sync,
    sync_all,
)
from sslcli.errors import ModelError, RunError

MANIFEST = "manifest.json"
_SEAL = "seal"
_IT_IS_GONE = (
    "it was removed or renamed meanwhile: start again, or go on with --resume where it is now"
)
_CHECK_DISK = "check the free space and the permissions of the disk"


def hash_file(path: Path) -> str:
    """Return the BLAKE2b hash of a file's content, as hex."""
    digest = hashlib.blake2b(digest_size=32)
    with plainfiles.open_plain(path) as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a small file so that a reader sees the old text or the new, never a part. Raises
    RunError where the disk refuses.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with _in_words(path), _file_aside(path) as unfinished:
        unfinished.write_bytes(data)
        _put_file(unfinished, path)


@contextmanager
def written(path: Path) -> Generator[TextIO]:
    """A text file that is there when all of it is; what was read from may have the same name.

    Pipes and devices are written as they are. Raises RunError where the disk refuses.
    """
    with _in_words(path):
        if is_stream(path):
            with path.open("w", encoding="utf-8") as file:
                yield file
            return
        with _file_aside(path) as unfinished:
            with unfinished.open("w", encoding="utf-8") as file:
                yield file
            _put_file(unfinished, path)


@contextmanager
def _file_aside(path: Path) -> Generator[Path]:
    with aside(path, lambda unfinished: unfinished.touch(exist_ok=False)) as unfinished:
        with suppress(OSError):
            shutil.copymode(path, unfinished)
        yield unfinished


def _put_file(unfinished: Path, path: Path) -> None:
    sync(unfinished)
    unfinished.replace(path)
    sync(path.parent)


@contextmanager
def _in_words(final: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise refused(final, error) from error


def refused(path: Path, error: OSError, hint: str = _CHECK_DISK) -> RunError:
    """Why a path cannot be written, in words; `hint` where the disk refuses. A folder that is gone
    is called that.
    """
    gone = [parent for parent in path.parents if not os.path.lexists(parent)]
    if error.errno == errno.ENOENT and gone:
        return RunError(f"cannot write {path}: {gone[-1]} is not there any more", _IT_IS_GONE)
    return RunError(f"cannot write {path}: {error.strerror or error}", hint)


def refuse_gone(folder: Path) -> None:
    """Raises RunError where a folder that is written into was removed meanwhile, so that nobody
    makes it anew with a part of its files.
    """
    if not folder.is_dir():
        raise RunError(f"cannot write in {folder}: it is not there any more", _IT_IS_GONE)


def remove(path: Path) -> None:
    """A file, a folder or a link, and never what a link leads to. Raises RunError where the disk
    refuses.
    """
    try:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(
            missing_ok=True
        )
    except OSError as error:
        raise RunError(f"cannot remove {path}: {error.strerror or error}", _CHECK_DISK) from error


@contextmanager
def replaced(final: Path) -> Generator[Path]:
    """Yield a folder to write into; on success it replaces `final`.

    A link at `final` is replaced too, not its target (see `settled`). Raises RunError if the disk
    refuses (full, read-only), leaving nothing behind and `final` unchanged.
    """
    with _in_words(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        with aside(final, Path.mkdir) as folder:
            yield folder
            sync_all(folder)
            if final.is_dir() and not final.is_symlink():
                shutil.copymode(final, folder)
            put_in_place(folder, final)


@contextmanager
def put_together(final: Path, marks: Sequence[str], own: Collection[str] = ()) -> Generator[Path]:
    """Yield a folder for files that belong together; on success they are moved into `final`.

    `own`: names of earlier files that are to be removed. If they, and `marks`, are all that `final`
    holds, it is replaced as a whole. Otherwise other files stay, and the new ones come one after
    the other: those of `marks`, which tell readers that all are there, come last; the last of them
    is removed before any other is touched. Raises RunError if the disk refuses.
    """
    if _is_whole(final, {*own, *marks}):
        with replaced(final) as folder:
            yield folder
        return
    with _in_words(final), aside(final / final.name, Path.mkdir) as folder:
        yield folder
        sync_all(folder)
        for name in [*reversed(marks), *own]:
            (final / name).unlink(missing_ok=True)
        sync(final)
        names = sorted(path.name for path in folder.iterdir())
        for name in [
            *(name for name in names if name not in marks),
            *(name for name in marks if name in names),
        ]:
            if name in marks:
                sync(final)  # what it vouches for is there before it
            (folder / name).replace(final / name)
        sync(final)


def _is_whole(final: Path, names: set[str]) -> bool:
    """Whether a folder can be replaced as a whole: nothing but these files is in it, and it can be
    given another's place.
    """
    if not os.path.lexists(final):
        return True
    place = Path(os.path.realpath(final))
    if final.is_symlink() or not place.is_dir() or is_mounted(place) or holds_current_folder(place):
        return False
    clear_away(final)
    return {path.name for path in final.iterdir()} <= names


@contextmanager
def sealed(
    final: Path,
    facts: Mapping[str, Any],
    beside: Callable[[], Collection[Path]] = tuple,
) -> Generator[Path]:
    """Like `replaced`, with a manifest of files and `facts`, so that `read_sealed` notices damage.

    Files equal to those in the sealed folders `beside` become hard links, if the disk has them.
    """
    with replaced(final) as aside:
        yield aside
        files = _files_in(aside)
        text = _sealed_text({"format": "sslcli/1", **facts, "files": files})
        (aside / MANIFEST).write_text(text, encoding="utf-8")
        _share(aside, files, beside())


def _files_in(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "blake2b": hash_file(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _sealed_text(manifest: Mapping[str, Any]) -> str:
    return json.dumps({**manifest, _SEAL: _seal_of(manifest)}, indent=1)


def _share(folder: Path, files: Mapping[str, Mapping[str, Any]], beside: Collection[Path]) -> None:
    """Only with what still is what its manifest says: damage does not spread."""
    known = {}
    for other in beside:
        with suppress(ModelError):
            entries = read_sealed(other, hashes=False)["files"].items()
            known |= {(entry["bytes"], entry["blake2b"]): other / name for name, entry in entries}
    for name, entry in files.items():
        twin = known.get((entry["bytes"], entry["blake2b"]))
        with suppress(OSError):  # no links there, or no more of them: the copy stays
            if twin is not None and hash_file(twin) == entry["blake2b"]:
                _link_over(twin, folder / name)


def _link_over(source: Path, path: Path) -> None:
    link = marked(path, UNFINISHED)
    try:
        os.link(source, link)
        link.replace(path)
    finally:
        link.unlink(missing_ok=True)


def drop_from(folder: Path, parts: Collection[str]) -> None:
    """Take files or folders out of a sealed folder, which is whole before, after and in between.

    The hashes of what stays are those that were written. Raises ModelError where it is damaged,
    RunError where the disk refuses.
    """
    manifest = read_sealed(folder, hashes=False)
    files = manifest["files"]
    stays = {name: entry for name, entry in files.items() if name.split("/")[0] not in parts}
    if len(stays) < len(files):
        left = {key: value for key, value in manifest.items() if key != _SEAL}
        write_atomically(folder / MANIFEST, _sealed_text({**left, "files": stays}))
    for part in parts:  # also what a kill left when the manifest no longer named it
        remove(folder / part)


def _seal_of(manifest: Mapping[str, Any]) -> str:
    """A hash of all that a manifest says but its seal, whatever the spaces and the order it is
    written in.
    """
    said = {key: value for key, value in manifest.items() if key != _SEAL}
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=32).hexdigest()


def read_sealed(folder: Path, hashes: bool = True) -> dict[str, Any]:
    """The manifest of a folder that is whole. Raises ModelError naming the file that is missing or
    damaged.
    """
    path = folder / MANIFEST
    try:
        manifest = plainfiles.read_whole_json(path)
        files = {
            name: (entry["bytes"], entry["blake2b"]) for name, entry in manifest["files"].items()
        }
        seal = manifest[_SEAL]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{path} is missing or damaged", "the folder was not written to its end"
        ) from error
    if path.is_symlink() or seal != _seal_of(manifest):
        raise ModelError(
            f"{path} is not what was written: its seal differs, or it is a link",
            "the folder is damaged",
        )
    for name, (size, digest) in files.items():
        part = folder / name
        if not part.is_file() or part.is_symlink() or part.stat().st_size != size:
            raise ModelError(
                f"{part} is missing or has another size than when it was written",
                "the folder is damaged",
            )
        if hashes and hash_file(part) != digest:
            raise ModelError(
                f"{part} is not what was written: its hash differs", "the folder is damaged"
            )
    return manifest
