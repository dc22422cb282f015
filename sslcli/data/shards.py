"""A tokenized corpus on disk: memory-mapped safetensors of bounded size under one hashed manifest.

    tokens-00000.safetensors    tokens [T] uint16 or uint32            rows-00000.safetensors   rows
    [R, ...] for arrays
    index/sentences.safetensors int64 [S+1], in tokens (or rows)       index/documents.safetensors
    int64 [D+1], in sentences
    index/bytes.safetensors     int64 [S+1], source bytes before each  index/languages.safetensors
    int32 [D]
    index/labels.safetensors    int32 [D] of arrays, -1 for none; their names are in the manifest
    tokenizer/                  the tokenizer that made the tokens     manifest.json   sizes,
    hashes, counts, languages

Offsets count through all shards. Nothing of the corpus's size is ever held in memory, neither in
writing nor in reading.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sslcli import plainfiles
from sslcli.errors import DataError, ModelError
from sslcli.folders import MANIFEST, read_sealed

TYPES = {"U16": np.uint16, "U32": np.uint32, "I32": np.int32, "I64": np.int64, "F32": np.float32}
INDEX = {"sentences": np.int64, "documents": np.int64, "bytes": np.int64, "languages": np.int32}
# of arrays alone: what their source says that they are, and which file they came from
LABELS, FILES = "labels", "files_of"
_EXPECTED = {
    "tokens": (np.uint16, np.uint32),
    "rows": (np.float32,),
    **{name: (kind,) for name, kind in INDEX.items()},
    **dict.fromkeys((LABELS, FILES), (np.int32,)),
}


@dataclass(frozen=True)
class Shards:
    """The shards of a folder, memory-mapped: `index` by name, `numbers` of every shard.

    `fingerprint` is a hash of all of it.
    """

    manifest: Mapping[str, Any]
    fingerprint: str
    index: Mapping[str, np.ndarray]
    numbers: tuple[np.ndarray, ...]


def map_shards(folder: Path, verify: bool = False) -> Shards:
    """Opens and checks everything, in memory that does not grow with it. Raises DataError where it
    is damaged or empty.
    """
    manifest = read_manifest(folder, verify)
    names = [*INDEX, *(name for name in (LABELS, FILES) if name in manifest)]
    index = {name: map_tensor(folder / "index" / f"{name}.safetensors", name) for name in names}
    name = "tokens" if manifest["modality"] == "text" else "rows"
    numbers = tuple(
        map_tensor(folder / f"{name}-{number:05d}.safetensors", name)
        for number in range(manifest["shards"])
    )
    if len(index["documents"]) < 2:
        raise DataError(f"{folder} holds no documents", "check --data")
    sentences, tokens = int(index["documents"][-1]), int(index["sentences"][-1])
    if tokens != sum(len(shard) for shard in numbers) or sentences != len(index["sentences"]) - 1:
        raise DataError(
            f"{folder}: the index and the shards are of different corpora",
            "tokenize the data again",
        )
    hashes = "".join(entry["blake2b"] for _, entry in sorted(manifest["files"].items()))
    return Shards(
        manifest, hashlib.blake2b(hashes.encode(), digest_size=16).hexdigest(), index, numbers
    )


def read_manifest(folder: Path, verify: bool = False) -> dict[str, Any]:
    """The manifest of whole shards: sizes are always checked, hashes with `verify`. Raises
    DataError.
    """
    try:
        manifest = read_sealed(folder, hashes=verify)
    except ModelError as error:
        raise DataError(error.message, "tokenize the data again") from error
    needed = {"modality": str, "languages": list, "counts": dict, "shards": int, "files": dict}
    if not all(isinstance(manifest.get(key), kind) for key, kind in needed.items()):
        raise DataError(
            f"{folder / MANIFEST} is not the manifest of a tokenized corpus",
            "tokenize the data again",
        )
    return manifest


def map_tensor(path: Path, name: str) -> np.ndarray:
    """Memory-map one tensor of a safetensors file. Raises DataError if the file contradicts its
    header.
    """
    try:
        with plainfiles.open_plain(path) as file:
            size = int.from_bytes(file.read(8), "little")
            entry = plainfiles.parse_whole_json(file.read(min(size, 1 << 20)).decode())[name]
        kind, shape, (start, stop) = (
            np.dtype(TYPES[entry["dtype"]]),
            tuple(entry["shape"]),
            entry["data_offsets"],
        )
        if kind not in _EXPECTED[name]:
            raise ValueError(f"its numbers are {kind}")
        if (
            start != 0
            or min(shape) < 0
            or stop != math.prod(shape) * kind.itemsize
            or path.stat().st_size != 8 + size + stop
        ):
            raise ValueError("its header and its size do not agree")
        if stop == 0:
            return np.zeros(shape, dtype=kind)
        mapped = np.memmap(path, dtype=kind, mode="r", offset=8 + size, shape=shape)
        # whose slices cost a fifth of a memmap's: every sample takes some
        return mapped.view(np.ndarray)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} cannot be read: {plainfiles.reason(error)}", "tokenize the data again"
        ) from error
