"""Which files of a repository are fetched, and what each must be: safetensors, JSON and the texts
of tokenizers. What may run code when it is read, above all a pickle, is never asked for.
"""

import fnmatch
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sslcli import plainfiles
from sslcli.core.settings import MODEL_CONFIG
from sslcli.data.text.chat_template import CHAT
from sslcli.errors import ModelError
from sslcli.models.file_names import INDEX, OLDER_TOKENIZERS, PICKLES, SINGLE

TEXTS = ("*.json", CHAT, "merges.txt", *OLDER_TOKENIZERS)
# of whole evaluations or of other programs: no reader of ours opens them
NEVER_READ = ("trainer_state.json", "all_results.json", "*_results.json")
_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
BLOCK = 1 << 22


@dataclass(frozen=True)
class HubFile:
    """A file of a commit: name, size in bytes, and the hash that its content must have.

    `hash`: SHA-256 of what is in large file storage, else the SHA-1 that git gives its blob.
    """

    name: str
    size: int
    hash: str


def files_to_fetch(listed: Iterable[Any], repository: str) -> list[HubFile]:
    """Choose among the files that a hub lists; weights first, config.json last: a directory with it
    is whole. Raises ModelError where there is no safetensors file, or a file has no hash.
    """
    there = {file.rfilename: file for file in listed if _NAME.fullmatch(file.rfilename)}
    weights = _weights(list(there), repository)
    if MODEL_CONFIG not in there:
        raise ModelError(
            f"{repository} has no {MODEL_CONFIG}, so no model of transformers is in it",
            "name a repository of a model",
        )
    texts = sorted(
        name
        for name in there
        if _is_any(name, TEXTS) and not _is_any(name, NEVER_READ) and name != INDEX
    )
    texts.remove(MODEL_CONFIG)
    index = [INDEX] if INDEX in there and SINGLE not in weights else []
    return [
        _described(there[name], repository) for name in (*weights, *index, *texts, MODEL_CONFIG)
    ]


def _weights(names: list[str], repository: str) -> list[str]:
    """The one file, or the shards beside an index."""
    if SINGLE in names:
        return [SINGLE]
    shards = sorted(name for name in names if _SHARD.fullmatch(name))
    if INDEX in names and shards:
        return shards
    pickles = sorted(name for name in names if _is_any(name, PICKLES))
    if pickles:
        raise ModelError(
            f"{repository} has its weights in {pickles[0]} and not as safetensors, and a file "
            "that may run code is not fetched",
            "look for a revision with safetensors (--revision refs/pr/N), or another repository",
        )
    raise ModelError(f"{repository} has no {SINGLE}", "name a repository of a model")


def _is_any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _described(file: Any, repository: str) -> HubFile:
    stored = getattr(file, "lfs", None)
    found = str(stored["sha256"] if stored else getattr(file, "blob_id", None))
    size = stored["size"] if stored else getattr(file, "size", None)
    if not _HASH.fullmatch(found) or not isinstance(size, int):
        raise ModelError(
            f"the hub does not say size and hash of {file.rfilename} in {repository}",
            "what cannot be checked is not fetched; HF_ENDPOINT may name another hub",
        )
    return HubFile(file.rfilename, size, found)


def has_hash(path: Path, file: HubFile) -> bool:
    """Tell whether a file on this disk holds what the hub said that it holds."""
    if path.stat().st_size != file.size:
        return False
    if len(file.hash) == 64:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    with plainfiles.open_plain(path) as opened:
        while block := opened.read(BLOCK):
            digest.update(block)
    return digest.hexdigest() == file.hash
