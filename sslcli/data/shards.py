"""A tokenized corpus on disk: memory-mapped safetensors of bounded size under one hashed manifest.

    tokens-00000.safetensors    tokens [T] uint16 or uint32            rows-00000.safetensors   rows
    [R, ...] for arrays
    index/sentences.safetensors int64 [S+1], in tokens (or rows)       index/documents.safetensors
    int64 [D+1], in sentences
    index/bytes.safetensors     int64 [S+1], source bytes before each  index/languages.safetensors
    int32 [D]
    tokenizer/                  the tokenizer that made the tokens     manifest.json   sizes,
    hashes, counts, languages

Offsets count through all shards. Nothing of the corpus's size is ever held in memory, neither in
writing nor in reading.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from sslcli import plainfiles
from sslcli.data.documents import Modality
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import DataError, ModelError
from sslcli.folders import MANIFEST, read_sealed, sealed

SHARD_NUMBERS = 1 << 25  # tokens in one file
_TYPES = {"U16": np.uint16, "U32": np.uint32, "I32": np.int32, "I64": np.int64, "F32": np.float32}
_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}
_INDEX = {"sentences": np.int64, "documents": np.int64, "bytes": np.int64, "languages": np.int32}
_EXPECTED = {
    "tokens": (np.uint16, np.uint32),
    "rows": (np.float32,),
    **{name: (kind,) for name, kind in _INDEX.items()},
}


@dataclass(frozen=True, slots=True)
class Texts:
    """Documents as token ids, one after the other: `tokens` [T]; of every sentence its tokens and
    bytes of source, [S]; of every document how many sentences it has, [D], and its language.
    """

    tokens: np.ndarray
    sentence_tokens: np.ndarray
    sentence_bytes: np.ndarray
    document_sentences: np.ndarray
    languages: Sequence[str]


class ShardWriter:
    """Use as a context: the folder appears, sealed, when it is left without an error. Raises
    RunError where the disk refuses.
    """

    def __init__(
        self,
        folder: Path,
        facts: Mapping[str, Any],
        *,
        modality: Modality = "text",
        tokenizer: Tokenizer | None = None,
    ) -> None:
        self.facts, self.modality, self.tokenizer = facts, modality, tokenizer
        self.languages: dict[str, int] = {}
        self.counts = {"documents": 0, "sentences": 0, "tokens": 0, "bytes": 0}
        self._type = np.uint16 if tokenizer is not None and tokenizer.size <= 1 << 16 else np.uint32
        self._row_shape: tuple[int, ...] = ()
        self._waiting: list[np.ndarray] = []
        self._waiting_numbers = self._shards = 0
        # What the manifest says is known only at the end, so the facts are a mapping that is filled
        # until then.
        self._manifest: dict[str, Any] = {}
        self._sealing = sealed(folder, self._manifest)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder = stack.enter_context(self._sealing)
            (self.folder / "index").mkdir()
            paths = {name: self.folder / "index" / f"{name}.raw" for name in _INDEX}
            self._raw: dict[str, BinaryIO] = {
                name: stack.enter_context(path.open("w+b")) for name, path in paths.items()
            }
            for name in ("sentences", "documents", "bytes"):
                self._append(name, [0])
            self._open = stack.pop_all()
        return self

    def add_texts(self, texts: Texts) -> None:
        """Append tokenized documents."""
        self._add(
            texts.tokens.astype(self._type),
            texts.sentence_tokens,
            texts.sentence_bytes,
            texts.document_sentences,
            texts.languages,
        )

    def add_array(self, rows: np.ndarray, language: str = "") -> None:
        """Append one document of rows [t, ...]. Raises DataError if documents differ in more
        than t.
        """
        self._row_shape = self._row_shape or rows.shape[1:]
        if self._row_shape != rows.shape[1:]:
            raise DataError(
                (
                    f"document {self.counts['documents'] + 1} has rows "
                    f"of shape {rows.shape[1:]}, others {self._row_shape}"
                ),
                "bring all documents to one shape",
            )
        self._add(
            np.ascontiguousarray(rows, dtype=np.float32),
            [len(rows)],
            [rows.nbytes],
            [1],
            [language],
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Closing a file writes what waits in it, so that too may fail, and must do so before the
        # folder is sealed.
        with self._open:
            if error is not None:
                raise error
            self._finish()

    def _add(
        self,
        numbers: np.ndarray,
        sentence_tokens: Sequence[int] | np.ndarray,
        sentence_bytes: Sequence[int] | np.ndarray,
        document_sentences: Sequence[int] | np.ndarray,
        languages: Sequence[str],
    ) -> None:
        counts = self.counts
        self._append("sentences", counts["tokens"] + np.cumsum(sentence_tokens))
        self._append("bytes", counts["bytes"] + np.cumsum(sentence_bytes))
        self._append("documents", counts["sentences"] + np.cumsum(document_sentences))
        self._append(
            "languages",
            [self.languages.setdefault(language, len(self.languages)) for language in languages],
        )
        counts["documents"] += len(languages)
        counts["sentences"] += len(sentence_tokens)
        counts["tokens"] += len(numbers)
        counts["bytes"] += int(np.sum(sentence_bytes))
        self._waiting.append(numbers)
        self._waiting_numbers += numbers.size
        if self._waiting_numbers >= SHARD_NUMBERS:
            self._flush()

    def _append(self, name: str, values: Sequence[int] | np.ndarray) -> None:
        self._raw[name].write(np.asarray(values, dtype=_INDEX[name]).tobytes())

    def _flush(self) -> None:
        name = "tokens" if self.modality == "text" else "rows"
        first, count = self._waiting[0], sum(map(len, self._waiting))
        with (self.folder / f"{name}-{self._shards:05d}.safetensors").open("wb") as file:
            file.write(_header(name, first.dtype, (count, *first.shape[1:])))
            for numbers in self._waiting:
                numbers.tofile(file)
        self._waiting, self._waiting_numbers, self._shards = [], 0, self._shards + 1

    def _finish(self) -> None:
        if self._waiting:
            self._flush()
        for name, file in self._raw.items():
            _to_safetensors(
                file, self.folder / "index" / f"{name}.safetensors", name, np.dtype(_INDEX[name])
            )
            (self.folder / "index" / f"{name}.raw").unlink()
        if self.tokenizer is not None:
            self.tokenizer.save(self.folder / "tokenizer")
        identity = {"tokenizer": self.tokenizer.hash if self.tokenizer is not None else None}
        found = {
            "modality": self.modality,
            "languages": list(self.languages),
            "counts": self.counts,
            "shards": self._shards,
        }
        self._manifest |= {**self.facts, **identity, **found}


def _to_safetensors(raw: BinaryIO, path: Path, name: str, kind: np.dtype) -> None:
    """A file of bare numbers becomes a safetensors file without passing through memory."""
    count = raw.tell() // kind.itemsize
    raw.seek(0)
    with path.open("wb") as file:
        file.write(_header(name, kind, (count,)))
        shutil.copyfileobj(raw, file, 1 << 20)


def _header(name: str, kind: np.dtype, shape: Sequence[int]) -> bytes:
    """The head of a safetensors file that holds one tensor."""
    size = int(np.prod(shape)) * kind.itemsize
    header = json.dumps(
        {name: {"dtype": _NAMES[kind], "shape": list(shape), "data_offsets": [0, size]}}
    ).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header


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
    index = {name: map_tensor(folder / "index" / f"{name}.safetensors", name) for name in _INDEX}
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
            np.dtype(_TYPES[entry["dtype"]]),
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
