"""Samples and packed batches: sequences end to end, without padding.

Letters: B samples in the batch, T tokens (or rows) of all samples together, F features of a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True, slots=True)
class Sample:
    """One training example before corruption.

    `tokens` [t] or `rows` [t, F]; special tokens are in place already. `fields` are numbers of this
    sample (a label, a count of bytes) or arrays of a fixed shape; all samples of one objective have
    the same fields. `per_token` are arrays [t] with one number for each token. `streams`: further
    sequences of the same sample by name, each with its own length ("target" beside a source, a
    second view); all samples of one objective have the same names.
    """

    tokens: np.ndarray | None = None
    rows: np.ndarray | None = None
    segments: np.ndarray | None = None
    language: int = 0
    fields: Mapping[str, int | float | np.ndarray] = field(default_factory=dict)
    per_token: Mapping[str, np.ndarray] = field(default_factory=dict)
    streams: Mapping[str, "Sample"] = field(default_factory=dict)

    def __getitem__(self, stream: str) -> "Sample":
        """Another stream of this sample."""
        return self.streams[stream]

    @property
    def values(self) -> np.ndarray:
        """The network's input: tokens, or rows."""
        return _there(self.rows if self.tokens is None else self.tokens)

    @property
    def ids(self) -> np.ndarray:
        """The token ids, of what has them."""
        return _there(self.tokens)

    @property
    def size(self) -> int:
        """Tokens (or rows) of all streams."""
        own = len(self.values)
        return own + sum(stream.size for stream in self.streams.values()) if self.streams else own

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Batch:
    """B samples end to end. All arrays are numpy; `numbers` [B] are what Rng are keyed by;
    `per_token` [T] each.

    `streams`: batches of the same samples' further streams, by name, in the same order.
    """

    numbers: np.ndarray
    starts: np.ndarray
    tokens: np.ndarray | None
    rows: np.ndarray | None
    segments: np.ndarray | None
    languages: np.ndarray
    fields: Mapping[str, np.ndarray]
    per_token: Mapping[str, np.ndarray] = field(default_factory=dict)
    own_positions: np.ndarray | None = None  # int64 [T], of a subset that kept them
    streams: Mapping[str, "Batch"] = field(default_factory=dict)

    def __getitem__(self, stream: str) -> "Batch":
        """Another stream of these samples."""
        return self.streams[stream]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def values(self) -> np.ndarray:
        """The network's input: tokens, or rows."""
        return _there(self.rows if self.tokens is None else self.tokens)

    @property
    def ids(self) -> np.ndarray:
        """The token ids, of what has them."""
        return _there(self.tokens)

    @property
    def size(self) -> int:
        """Tokens (or rows) of all streams."""
        return int(self.starts[-1]) + sum(stream.size for stream in self.streams.values())

    @property
    def lengths(self) -> np.ndarray:
        """int64 [B], in tokens or rows."""
        return np.diff(self.starts)

    @property
    def sample_of(self) -> np.ndarray:
        """int64 [T]: the number of the sample that each token belongs to."""
        return np.repeat(self.numbers, self.lengths)

    @property
    def positions(self) -> np.ndarray:
        """Position of each token within its sample, int64 [T], from 0; a subset keeps its
        positions.
        """
        if self.own_positions is not None:
            return self.own_positions
        return np.arange(self.starts[-1]) - np.repeat(self.starts[:-1], self.lengths)

    def subset(self, kept_T: np.ndarray, *, renumber: bool = False) -> "Batch":
        """The tokens (or rows) where `kept_T` is true, bool [T]; every sample keeps at least one.

        They keep their positions, as for an encoder that reads what is visible; with `renumber`
        they move together and positions count from 0, as after a deletion. Other streams stay
        whole.
        """
        assert kept_T.dtype == bool, "which tokens are kept is said with true and false"
        kept_before = np.concatenate([[0], np.cumsum(kept_T)])[self.starts]
        assert (np.diff(kept_before) > 0).all(), "a sample without a row cannot be packed"
        parts = {name: getattr(self, name) for name in ("tokens", "rows", "segments")}
        return replace(
            self,
            starts=kept_before.astype(np.int64),
            **{name: None if values is None else values[kept_T] for name, values in parts.items()},
            per_token={name: values[kept_T] for name, values in self.per_token.items()},
            own_positions=None if renumber else self.positions[kept_T],
        )


def collate(numbers: Sequence[int] | np.ndarray, samples: Sequence[Sample]) -> Batch:
    """Lay samples end to end; `numbers` [B] are what Rng are keyed by: their rows in the
    arrangement, as a rule.
    """
    assert len(numbers) == len(samples) > 0
    first = samples[0]
    return Batch(
        numbers=np.asarray(numbers, dtype=np.int64),
        starts=np.concatenate([[0], np.cumsum([len(sample) for sample in samples])]).astype(
            np.int64
        ),
        tokens=_as_int64(_joined([sample.tokens for sample in samples])),
        rows=_joined([sample.rows for sample in samples]),
        segments=_as_int64(_joined([sample.segments for sample in samples])),
        languages=np.asarray([sample.language for sample in samples], dtype=np.int64),
        fields={
            name: np.stack([np.asarray(sample.fields[name]) for sample in samples])
            for name in first.fields
        },
        per_token={
            name: np.concatenate([sample.per_token[name] for sample in samples])
            for name in first.per_token
        },
        streams={
            name: collate(numbers, [sample.streams[name] for sample in samples])
            for name in first.streams
        },
    )


def _joined(parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """End to end; None where no sample has any."""
    there = [part for part in parts if part is not None]
    assert len(there) in (0, len(parts)), "samples of one batch have the same arrays"
    return np.concatenate(there) if there else None


def _as_int64(values: np.ndarray | None) -> np.ndarray | None:
    return None if values is None else values.astype(np.int64)


def _there(values: np.ndarray | None) -> np.ndarray:
    assert values is not None, "there are tokens or ready rows, and tokens are asked of text alone"
    return values
