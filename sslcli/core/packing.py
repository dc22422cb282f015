"""Row ranges of the sequences in a packed batch.

Letters: B sequences, T rows of all of them end to end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from sslcli.core.length_buckets import LengthBuckets, group_sequences


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
