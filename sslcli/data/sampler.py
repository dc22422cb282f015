"""The order in which samples are seen: a pure function of the seed, with one integer as its whole position.

An epoch is a permutation that is computed, not stored: a Feistel network over the next power of two, walked until it
lands below n (Black and Rogaway 2002, "Ciphers with arbitrary finite domains"). A window of the permutation holds
some batches; within it samples of like length come together, and the batches come in a hashed order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sslcli.data.draws import mix, name_key

WINDOW_BATCHES = 64
_ROUNDS = 8
_ORDER, _BATCHES = name_key("order"), name_key("batches")


def permuted(places: np.ndarray, size: int, *keys: int) -> np.ndarray:
    """int64: where the permutation of range(size) that belongs to `keys` sends each place."""
    bits = max(2, (size - 1).bit_length())
    low, high = np.uint64(bits // 2), np.uint64(bits - bits // 2)
    low_mask, high_mask = (np.uint64((1 << int(width)) - 1) for width in (low, high))

    def scramble(numbers: np.ndarray) -> np.ndarray:
        upper, lower = numbers >> low, numbers & low_mask
        for number in range(_ROUNDS):
            if number % 2:
                lower = lower ^ (mix(*keys, number, upper) & low_mask)
            else:
                upper = upper ^ (mix(*keys, number, lower) & high_mask)
        return (upper << low) | lower

    numbers = scramble(np.asarray(places).astype(np.uint64))
    while (outside := np.flatnonzero(numbers >= np.uint64(size))).size:
        numbers[outside] = scramble(numbers[outside])
    return numbers.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Selection:
    """One batch: the samples' `numbers` int64 [b], the epoch they are drawn in, and the position after them."""

    epoch: int
    numbers: np.ndarray
    position: int


class Sampler:
    """`lengths` [n] of all samples; `batch_size` counts sequences or tokens; `shuffle=False` keeps windows in file order."""

    def __init__(self, lengths: np.ndarray, batch_size: int, unit: Literal["sequences", "tokens"], seed: int, shuffle: bool = True) -> None:
        assert len(lengths) > 0
        assert batch_size > 0
        self.lengths, self.batch_size, self.unit, self.seed, self.shuffle = lengths, batch_size, unit, seed, shuffle
        samples_in_batch = batch_size if unit == "sequences" else max(1, int(batch_size / max(float(np.mean(lengths)), 1.0)))
        self.window = WINDOW_BATCHES * samples_in_batch

    def __len__(self) -> int:
        """Samples of one epoch."""
        return len(self.lengths)

    def batches(self, position: int) -> Iterator[Selection]:
        """Without end, from `position` (samples seen since the start); within a batch, the rest of that batch comes first."""
        while True:
            epoch, within = divmod(position, len(self))
            start = within - within % self.window
            place = start
            for numbers in self._window(epoch, start):
                place += len(numbers)
                if place > within:
                    position = epoch * len(self) + place
                    yield Selection(epoch, numbers[max(0, len(numbers) - (place - within)) :], position)

    def _window(self, epoch: int, start: int) -> list[np.ndarray]:
        """The batches of the window that begins at place `start` of the epoch, in the order in which they are seen."""
        numbers = np.arange(start, min(start + self.window, len(self)))
        if self.shuffle:
            numbers = permuted(numbers, len(self), self.seed, epoch, _ORDER)
        numbers = numbers[np.argsort(self.lengths[numbers], kind="stable")]
        batches = np.split(numbers, self._cuts(np.asarray(self.lengths[numbers], dtype=np.int64)))
        if not self.shuffle:
            return batches
        order = np.argsort(mix(self.seed, epoch, _BATCHES, start, np.arange(len(batches))), kind="stable")
        return [batches[index] for index in order]

    def _cuts(self, lengths: np.ndarray) -> list[int]:
        """Where one batch of the sorted window ends and the next begins; a sample longer than a batch stands alone."""
        if self.unit == "sequences":
            return list(range(self.batch_size, len(lengths), self.batch_size))
        ends = np.cumsum(lengths)
        cuts, here = [], 0
        while True:
            taken = ends[here - 1] if here else 0
            here = max(int(np.searchsorted(ends, taken + self.batch_size, side="right")), here + 1)
            if here >= len(lengths):
                return cuts
            cuts.append(here)
