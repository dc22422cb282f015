"""Where each sequence of a packed batch lies.

Letters: B sequences, T rows of all of them end to end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from sslcli.core.groups import Groups, group_sequences


@dataclass(frozen=True)
class Packing:
    """`starts_B1` [B+1] int32 on the device of the data, first 0 and last T; `lengths` [B] on the host.

    The host copy costs a few bytes and spares every reader a synchronisation.
    """

    starts_B1: Tensor
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, lengths: Sequence[int] | np.ndarray) -> Self:
        lengths = tuple(int(length) for length in lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        return cls(torch.from_numpy(starts), lengths)

    @cached_property
    def longest(self) -> int:
        return max(self.lengths)

    @cached_property
    def total(self) -> int:
        """T, the number of rows."""
        return sum(self.lengths)

    @cached_property
    def groups(self) -> Groups:
        """Sequences of like length side by side; made once, read by every layer."""
        return group_sequences(self.lengths, self.lengths, self.starts_B1.device)

    def __len__(self) -> int:
        """B, the number of sequences."""
        return len(self.lengths)
