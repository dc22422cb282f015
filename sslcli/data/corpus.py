"""A tokenized corpus as objectives see it: memory-mapped tokens, and the spans of sentences that
may be used.

Letters: T tokens, S sentences, D documents, M spans.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np

from sslcli.data.rng import mix, name_key, unit
from sslcli.data.shards import FILES, LABELS, map_shards
from sslcli.data.table_rows import Learnt, TableCoder, learn_columns
from sslcli.errors import DataError
from sslcli.grid import Grid
from sslcli.modalities import Frames, Modality
from sslcli.rows.schema import Schema

# not a run's: two seeds are compared on the same held-out documents, and a run that goes on keeps
# them
SPLIT_SEED = 0
FEWEST_HELD_OUT_DOCUMENTS = 5
VALUES_AT_ONCE = 1 << 21
FEWEST_DOCUMENTS_TO_DRAW_FROM = 4 * FEWEST_HELD_OUT_DOCUMENTS


@dataclass(frozen=True)
class Corpus:
    """A tokenized corpus; open one with `Corpus.open`.

    `sentences` int64 [S+1] are offsets in tokens (or rows), `documents` int64 [D+1] in sentences;
    `spans` int64 [M, 3] are (document, first sentence, stop sentence). `unit`: a sample holds as
    many sentences as fit into `sequence_tokens` ("fill"), or one ("sentence"). `grid`: how images
    lie in their rows; `table`: the columns of records, as they were read. `labels`: what the source
    calls the documents, where it says that; `files`: those that array documents came from.
    """

    folder: Path
    modality: Modality
    sequence_tokens: int
    unit: Literal["fill", "sentence"]
    languages: tuple[str, ...]
    fingerprint: str
    sentences: np.ndarray
    documents: np.ndarray
    spans: np.ndarray
    _bytes: np.ndarray
    _language_of: np.ndarray
    _shards: tuple[np.ndarray, ...]
    grid: Grid | None = None
    labels: tuple[str, ...] = ()
    _label_of: np.ndarray | None = None
    frames: Frames | None = None
    table: Schema | None = None
    _coder: TableCoder | None = None
    files: tuple[str, ...] = ()
    _file_of: np.ndarray | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        sequence_tokens: int,
        unit: Literal["fill", "sentence"] = "fill",
        verify: bool = False,
    ) -> Self:
        """Open all documents of the shards in `folder`. Raises DataError if they are damaged or
        empty.
        """
        shards = map_shards(folder, verify)
        index, manifest = shards.index, shards.manifest
        documents = index["documents"]
        spans = np.stack([np.arange(len(documents) - 1), documents[:-1], documents[1:]], axis=1)
        return cls(
            folder,
            manifest["modality"],
            sequence_tokens,
            unit,
            tuple(manifest["languages"]),
            shards.fingerprint,
            index["sentences"],
            documents,
            spans,
            index["bytes"],
            index["languages"],
            shards.numbers,
            Grid(**manifest["grid"]) if "grid" in manifest else None,
            tuple(manifest.get(LABELS, ())),
            index.get(LABELS),
            Frames(**manifest["frames"]) if "frames" in manifest else None,
            Schema.of(manifest["table"]) if "table" in manifest else None,
            files=tuple(manifest.get(FILES, ())),
            _file_of=index.get(FILES),
        )

    @cached_property
    def _shard_starts(self) -> list[int]:
        return np.cumsum([0, *(len(shard) for shard in self._shards)]).tolist()

    def language_of(self, document: int) -> int:
        """Return the index of a document's language in `languages`."""
        return int(self._language_of[document])

    def languages_of(self, documents: np.ndarray) -> np.ndarray:
        """Return the language indices of several documents, int64."""
        return np.asarray(self._language_of[documents], dtype=np.int64)

    def label_of(self, document: int) -> str | None:
        """Return the label of an array document, None where its source gives none."""
        number = -1 if self._label_of is None else int(self._label_of[document])
        return self.labels[number] if number >= 0 else None

    def labels_of(self, documents: np.ndarray) -> list[str | None]:
        """Return the labels of several array documents."""
        if self._label_of is None:
            return [None] * len(documents)
        numbers = np.asarray(self._label_of[documents]).tolist()
        return [self.labels[number] if number >= 0 else None for number in numbers]

    def file_of(self, document: int) -> str:
        """Return the file that an array document came from, "" where it is not known."""
        return "" if self._file_of is None else self.files[int(self._file_of[document])]

    def tokens(self, start: int, stop: int) -> np.ndarray:
        """int64 [stop - start], a copy."""
        return self._numbers(start, stop).astype(np.int64)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row of an array document; () for text, whose rows are tokens."""
        if self._coder is not None:
            return (self._coder.table.features,)
        return self._shards[0].shape[1:]

    def array(self, document: int) -> np.ndarray:
        """The rows of an array document, float32 [t, ...]."""
        first, stop = self.documents[document : document + 2]
        found = np.array(self._numbers(int(self.sentences[first]), int(self.sentences[stop])))
        return found if self._coder is None else self._coder.rows(found)

    def lengths_of(self, documents: np.ndarray) -> np.ndarray:
        """Return how many rows each of these array documents has, int64."""
        first, stop = (np.asarray(self.documents[documents + place]) for place in (0, 1))
        found = np.asarray(self.sentences[stop] - self.sentences[first], dtype=np.int64)
        return found if self._coder is None else np.full_like(found, self._coder.table.rows)

    def records(self) -> Iterator[np.ndarray]:
        """Yield the values of a table's records, as they were read, [n, C, 2], in order."""
        assert self.table is not None, "this corpus is no table"
        columns, numbers = self.table.rows, self.spans[:, 0]
        at_once = max(1, VALUES_AT_ONCE // columns)
        for begin in range(0, len(numbers), at_once):
            some = numbers[begin : begin + at_once]
            values = self._numbers(int(some[0]) * columns, (int(some[-1]) + 1) * columns)
            yield values.reshape(-1, columns, 2)[some - some[0]]

    def learnt(self) -> Learnt:
        """Return the scales and categories of a table's records, and what is to be said of them."""
        assert self.table is not None, "this corpus is no table"
        return learn_columns(self.table, self.records(), len(self.spans))

    def coded(self, table: Schema, name: str) -> "Corpus":
        """Return the corpus with its records as the rows of this table, by the names of its
        columns. Raises DataError, which calls it `name`, where it lacks some.
        """
        assert self.table is not None, "this corpus is no table"
        coder = TableCoder.of(self.table, table, name)
        digest = hashlib.blake2b(f"{self.fingerprint}/{table!r}".encode(), digest_size=16)
        return replace(self, fingerprint=digest.hexdigest(), _coder=coder)

    @property
    def coded_as(self) -> Schema | None:
        """The table whose rows the records are brought to."""
        return None if self._coder is None else self._coder.table

    def bytes_between(self, start: int, stop: int) -> float:
        """Bytes of source text that tokens [start, stop) cover; a sentence that is cut counts by
        its share of tokens.
        """
        return float(self._bytes_before(stop) - self._bytes_before(start))

    def split(self, share: float, seed: int) -> tuple["Corpus", "Corpus"]:
        """Split into (training, held-out): whole documents, each assigned by its number, at least
        five.

        If there are too few documents, the last `share` of every document's sentences is held out.
        Raises DataError if nothing can be held out.
        """
        numbers = np.arange(len(self.spans))
        drawn = unit(mix(seed, name_key("held-out"), numbers))
        held_out = drawn < share
        if (
            held_out.sum() < FEWEST_HELD_OUT_DOCUMENTS
            and len(numbers) >= FEWEST_DOCUMENTS_TO_DRAW_FROM
        ):
            held_out = drawn <= np.sort(drawn)[FEWEST_HELD_OUT_DOCUMENTS - 1]
        if FEWEST_HELD_OUT_DOCUMENTS <= held_out.sum() < len(numbers):
            return self._with(self.spans[~held_out], "training"), self._with(
                self.spans[held_out], "held-out"
            )
        document, first, stop = self.spans.T
        cut = stop - np.minimum(np.ceil((stop - first) * share).astype(np.int64), stop - first - 1)
        train, rest = (
            np.stack(columns, axis=1) for columns in ((document, first, cut), (document, cut, stop))
        )
        train, rest = (spans[spans[:, 2] > spans[:, 1]] for spans in (train, rest))
        if not len(train) or not len(rest):
            raise DataError(
                "the data is too small to hold out a part for evaluation",
                "give more data, or some with --eval-data",
            )
        return self._with(train, "training"), self._with(rest, "held-out")

    def _with(self, spans: np.ndarray, part: str) -> "Corpus":
        digest = hashlib.blake2b(f"{self.fingerprint}/{part}".encode(), digest_size=16)
        digest.update(spans.tobytes())
        return replace(self, spans=spans, fingerprint=digest.hexdigest())

    def _numbers(self, start: int, stop: int) -> np.ndarray:
        shard = bisect_right(self._shard_starts, start, hi=len(self._shards)) - 1
        begin = self._shard_starts[shard]
        if stop <= begin + len(self._shards[shard]):
            return self._shards[shard][start - begin : stop - begin]
        parts = []
        while start < stop:
            begin, end = self._shard_starts[shard], self._shard_starts[shard + 1]
            parts.append(self._shards[shard][start - begin : min(stop, end) - begin])
            start, shard = end, shard + 1
        return np.concatenate(parts)

    def _bytes_before(self, token: int) -> float:
        sentence = min(
            int(self.sentences.searchsorted(token, "right")) - 1, len(self.sentences) - 2
        )
        first, stop = self.sentences[sentence : sentence + 2].tolist()
        before, after = self._bytes[sentence : sentence + 2].tolist()
        return before + (after - before) * (token - first) / max(stop - first, 1)
