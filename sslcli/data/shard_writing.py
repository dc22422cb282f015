"""Writing of a tokenized corpus: shards of bounded size, sealed when the last is written."""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from sslcli.data.shards import FILES, INDEX, LABELS, TYPES
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import DataError
from sslcli.folders import sealed
from sslcli.modalities import Modality

SHARD_NUMBERS = 1 << 25  # tokens in one file
_NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}


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
        named = () if modality == "text" else (LABELS, FILES)
        self.named: dict[str, dict[str, int]] = {name: {} for name in named}
        names = (*INDEX, *named)
        self._types = {name: np.dtype(INDEX.get(name, np.int32)) for name in names}
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
            paths = {name: self.folder / "index" / f"{name}.raw" for name in self._types}
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

    def add_array(
        self, rows: np.ndarray, language: str = "", label: str | None = None, file: str = ""
    ) -> None:
        """Append one document of rows [t, ...]. Raises DataError if documents differ in more
        than t.
        """
        for name, value in ((LABELS, label), (FILES, file)):
            known = self.named[name]
            self._append(name, [-1 if value is None else known.setdefault(value, len(known))])
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
        self._raw[name].write(np.asarray(values, dtype=self._types[name]).tobytes())

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
                file,
                self.folder / "index" / f"{name}.safetensors",
                name,
                self._types[name],
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
            **{name: list(known) for name, known in self.named.items()},
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
