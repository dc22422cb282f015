"""Key-value cache: with it the next token costs one row.

Letters: B sequences, T new rows of all of them end to end, S rows kept of each sequence, G key and
value heads, K features per head.
"""

import numpy as np
import torch
from torch import Tensor

from sslcli.core.packing import Packing


class Cache:
    """Keys and values of a packed prompt of mixed lengths, then of one row per sequence and pass.

    A pass is `admit`, then `write` and `read` by every layer. Space for `capacity_tokens` per
    sequence is allocated at the first write of a layer. `of_memory`: by layer, keys and values
    [rows, G, K] of the memory that a decoder reads, the same at every pass.
    """

    def __init__(self, capacity_tokens: int) -> None:
        self.capacity_tokens = capacity_tokens
        self.is_first = True
        self._lengths: tuple[int, ...] = ()
        self._keys: dict[int, Tensor] = {}
        self._values: dict[int, Tensor] = {}
        self.of_memory: dict[int, tuple[Tensor, Tensor]] = {}

    @property
    def longest(self) -> int:
        """Rows of the longest sequence, those of the present pass included; 0 before the first
        pass.
        """
        return max(self._lengths, default=0)

    def admit(self, packing: Packing) -> None:
        """Make room for new rows: a prompt each at the first pass, one row each later."""
        self.is_first = not self._lengths
        new, device = np.asarray(packing.lengths), packing.starts_B1.device
        old = np.zeros_like(new) if self.is_first else np.asarray(self._lengths)
        assert self.is_first or (new == 1).all(), (
            "after the prompts, a pass adds one row to every sequence"
        )
        self._lengths = tuple((old + new).tolist())
        assert self.longest <= self.capacity_tokens
        starts = np.cumsum(new) - new
        self._sequences_T = torch.from_numpy(np.repeat(np.arange(len(new)), new)).to(device)
        self._rows_T = torch.from_numpy(np.arange(new.sum()) + np.repeat(old - starts, new)).to(
            device
        )
        self.filled_B = torch.from_numpy(old + new).to(device)

    def write(self, layer: int, k_TGK: Tensor, v_TGK: Tensor) -> None:
        """Append keys and values [T, G, K] of the admitted rows for `layer`."""
        if self.is_first:
            shape = (len(self._lengths), self.capacity_tokens, *k_TGK.shape[1:])
            self._keys[layer], self._values[layer] = k_TGK.new_zeros(shape), v_TGK.new_zeros(shape)
        self._keys[layer][self._sequences_T, self._rows_T] = k_TGK
        self._values[layer][self._sequences_T, self._rows_T] = v_TGK

    def reorder(self, sequences_B: Tensor) -> None:
        """Let each sequence go on from what `sequences_B` [B] of them have; all are of one length.

        What belongs to the memory stays: only sequences of one memory change places.
        """
        assert len({*self._lengths}) == 1, "beams grow together"
        for kept in (*self._keys.values(), *self._values.values()):
            kept[:, : self.longest] = kept[sequences_B, : self.longest]

    def read(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values [B, S, G, K] of the longest sequence's S rows; `filled_B` of them are
        real.
        """
        return self._keys[layer][:, : self.longest], self._values[layer][:, : self.longest]
