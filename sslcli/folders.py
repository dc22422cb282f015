"""Folders that are whole or not there: written aside, hashed, synced to disk, and only then given their name.

A sealed folder holds `manifest.json` with the size and the BLAKE2b hash of every other file, and a hash of itself as its seal.
What has no manifest, or another size or hash than its manifest says, is not read.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sslcli import plainfiles
from sslcli.errors import ModelError, RunError

MANIFEST = "manifest.json"
_SEAL = "seal"
_CHECK_DISK = "check the free space and the permissions of the disk"
_UNFINISHED, _REPLACED = ".unfinished-", ".replaced-"


def hash_file(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=32)
    with plainfiles.open_plain(path) as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Ask the disk to keep a file, or a folder's list of names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a small file so that a reader sees the old text or the new, never a part. Raises RunError where the disk refuses."""
    aside = path.with_name(f"{_UNFINISHED}{path.name}-{uuid.uuid4().hex[:8]}")
    try:
        aside.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        sync(aside)
        aside.replace(path)
        sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise RunError(f"cannot write {path}: {error.strerror or error}", _CHECK_DISK) from error


@contextmanager
def replaced(final: Path) -> Iterator[Path]:
    """Gives a folder to write into; on leaving without an error it is renamed to `final`.

    A folder that stands at `final` is replaced. Raises RunError where the disk refuses (full, read-only), leaving nothing
    behind and what stood at `final` as it was.
    """
    mark = uuid.uuid4().hex[:8]
    aside, old = final.with_name(f"{_UNFINISHED}{final.name}-{mark}"), final.with_name(f"{_REPLACED}{final.name}-{mark}")
    try:
        aside.mkdir(parents=True)
        yield aside
        for path in aside.rglob("*"):
            sync(path)
        sync(aside)
        if final.exists():
            final.rename(old)
        aside.rename(final)
        sync(final.parent)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        if old.exists() and not final.exists():
            old.rename(final)
        raise RunError(f"cannot write {final}: {error.strerror or error}", _CHECK_DISK) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def sealed(final: Path, facts: Mapping[str, Any]) -> Iterator[Path]:
    """As `replaced`, with a manifest of every file and of `facts`, so that `read_sealed` notices any damage."""
    with replaced(final) as aside:
        yield aside
        _seal(aside, facts)


def _seal(folder: Path, facts: Mapping[str, Any]) -> None:
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "blake2b": hash_file(path)}
    manifest = {"format": "sslcli/1", **facts, "files": files}
    text = json.dumps({**manifest, _SEAL: _seal_of(manifest)}, indent=1)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _seal_of(manifest: Mapping[str, Any]) -> str:
    """A hash of all that a manifest says but its seal, whatever the spaces and the order it is written in."""
    said = {key: value for key, value in manifest.items() if key != _SEAL}
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=32).hexdigest()


def read_sealed(folder: Path, hashes: bool = True) -> dict[str, Any]:
    """The manifest of a folder that is whole. Raises ModelError naming the file that is missing or damaged."""
    path = folder / MANIFEST
    try:
        manifest = plainfiles.read_json(path)
        files = {name: (entry["bytes"], entry["blake2b"]) for name, entry in manifest["files"].items()}
        seal = manifest[_SEAL]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{path} is missing or damaged", "the folder was not written to its end") from error
    if path.is_symlink() or seal != _seal_of(manifest):
        raise ModelError(f"{path} is not what was written: its seal differs, or it is a link", "the folder is damaged")
    for name, (size, digest) in files.items():
        part = folder / name
        if not part.is_file() or part.is_symlink() or part.stat().st_size != size:
            raise ModelError(f"{part} is missing or has another size than when it was written", "the folder is damaged")
        if hashes and hash_file(part) != digest:
            raise ModelError(f"{part} is not what was written: its hash differs", "the folder is damaged")
    return manifest


def is_unfinished(path: Path) -> bool:
    """Whether it is what an interrupted writer left."""
    return path.name.startswith((_UNFINISHED, _REPLACED))


def remove_unfinished(parent: Path) -> None:
    """Clear away what an interrupted writer left; call it only where no other writer can be at work.

    What it had moved aside and not yet replaced gets its name back.
    """
    for path in parent.glob(f"{_REPLACED}*"):
        final = path.with_name(path.name.removeprefix(_REPLACED).rpartition("-")[0])
        shutil.rmtree(path, ignore_errors=True) if final.exists() else path.rename(final)
    for path in parent.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
