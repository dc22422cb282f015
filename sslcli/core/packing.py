"""Row ranges of the sequences in a packed batch, and buckets of sequences of similar length, for
attention without a kernel for packed rows.

Letters: B sequences, T query rows and S key rows of all of them end to end, P rows after padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

MOST_GROUPS = 4
GROUP_COST_SCORES = 4_096  # one more call of the kernel takes about as long as this many scores


@dataclass(frozen=True)
class LengthBucket:
    """`count` sequences, padded on the right to `query_rows` and `key_rows`.

    `key_mask` [count, 1, 1, key_rows] is True for a real key, and None where all are real.
    """

    count: int
    query_rows: int
    key_rows: int
    key_mask: Tensor | None


@dataclass(frozen=True)
class LengthBuckets:
    """All buckets of a batch, and the padded row (slot) of each packed row.

    Padded rows lie bucket by bucket. Slots are None where padded and packed rows are the same.
    """

    groups: tuple[LengthBucket, ...]
    query_slots_T: Tensor | None
    key_slots_S: Tensor | None


@dataclass(frozen=True)
class Packing:
    """`starts_B1` [B+1] int32 on the device of the data, first 0 and last T; `lengths` [B] on the
    host.

    The host copy costs a few bytes and saves every reader a synchronisation.
    """

    starts_B1: Tensor
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, lengths: Sequence[int] | np.ndarray) -> Self:
        """Build the packing of sequences with these lengths, on the host."""
        lengths = tuple(int(length) for length in lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        return cls(torch.from_numpy(starts), lengths)

    @cached_property
    def longest(self) -> int:
        """Rows of the longest sequence."""
        return max(self.lengths)

    @cached_property
    def total(self) -> int:
        """T, the number of rows."""
        return sum(self.lengths)

    @cached_property
    def groups(self) -> LengthBuckets:
        """Length buckets of the sequences; computed once for all layers."""
        return group_sequences(self.lengths, self.lengths, self.starts_B1.device)

    def groups_to(self, keys: "Packing") -> LengthBuckets:
        """Length buckets for attention from these rows to those of another packing of as many
        sequences.

        The result is kept for the packing that was asked for last, so all layers share one.
        """
        if keys is self:
            return self.groups
        known = self.__dict__.get("_groups_to")
        if known is None or known[0] is not keys:
            known = (keys, group_sequences(self.lengths, keys.lengths, self.starts_B1.device))
            self.__dict__["_groups_to"] = known
        return known[1]

    def __len__(self) -> int:
        """B, the number of sequences."""
        return len(self.lengths)


def split_lengths(lengths: Sequence[int]) -> list[np.ndarray]:
    """Return indices of the sequences in each of at most MOST_GROUPS buckets, with the fewest
    scores.

    Exact dynamic programming: buckets of the best split hold neighbours in order of length, so the
    best cuts of the first j lengths follow from the best cuts of fewer.
    """
    sizes, counts = np.unique(np.asarray(lengths, dtype=np.int64), return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])
    from_, to = np.meshgrid(np.arange(len(sizes)), np.arange(1, len(sizes) + 1), indexing="ij")
    scores = (before[to] - before[from_]) * sizes[to - 1] ** 2 + GROUP_COST_SCORES
    # [i, j-1]: sizes i..j-1 as one group
    scores = np.where(to > from_, scores, np.iinfo(np.int64).max // 4)
    best, cuts = scores[0], []
    for _ in range(min(MOST_GROUPS, len(sizes)) - 1):
        candidates = np.concatenate([scores[:1], best[:-1, None] + scores[1:]])
        cuts.append(candidates.argmin(axis=0))  # 0: no further group
        best = candidates.min(axis=0)
    stop, bounds = len(sizes), [len(sizes)]
    for cut in reversed(cuts):
        if stop:
            stop = int(cut[stop - 1])
            bounds.append(stop)
    edges = sizes[np.unique(np.asarray([*bounds, 0]))[1:] - 1]
    group_of = np.searchsorted(edges, lengths)
    return [np.flatnonzero(group_of == number) for number in range(len(edges))]


def group_sequences(
    query_lengths: Sequence[int], key_lengths: Sequence[int], device: torch.device
) -> LengthBuckets:
    """Bucket sequences for attention from these queries to these keys, by key length.

    Index tensors are on `device`.
    """
    queries, keys = (
        np.asarray(query_lengths, dtype=np.int64),
        np.asarray(key_lengths, dtype=np.int64),
    )
    members = split_lengths(key_lengths)
    groups = []
    for numbers in members:
        longest = int(keys[numbers].max())
        real = np.arange(longest) < keys[numbers, None]
        key_mask = None if real.all() else torch.from_numpy(real[:, None, None, :]).to(device)
        asking = max(int(queries[numbers].max()), 1)  # kernels want a query, if only of padding
        groups.append(LengthBucket(len(numbers), asking, longest, key_mask))
    query_slots = _slots(queries, members, [group.query_rows for group in groups])
    key_slots = (
        query_slots
        if query_lengths == key_lengths
        else _slots(keys, members, [group.key_rows for group in groups])
    )
    query_slots_T = _on_device(query_slots, device)
    return LengthBuckets(
        tuple(groups),
        query_slots_T,
        query_slots_T if key_slots is query_slots else _on_device(key_slots, device),
    )


def _slots(lengths: np.ndarray, members: list[np.ndarray], rows: list[int]) -> np.ndarray | None:
    """The padded row of every packed row, or None where no row moves and none is added."""
    first, offset = np.empty_like(lengths), 0
    for numbers, padded in zip(members, rows, strict=True):
        first[numbers] = offset + np.arange(len(numbers)) * padded
        offset += len(numbers) * padded
    starts = np.cumsum(lengths) - lengths
    slots = np.arange(lengths.sum()) + np.repeat(first - starts, lengths)
    return None if offset == len(slots) and (first == starts).all() else slots


def _on_device(slots: np.ndarray | None, device: torch.device) -> Tensor | None:
    return None if slots is None else torch.from_numpy(slots).to(device)
