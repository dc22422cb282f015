"""The order in which samples are seen: a pure function of the seed and one integer position.

An epoch is a permutation of its slots, which are the samples themselves or, where languages are
mixed, stand for them. A window of the permutation holds some batches; within it samples of similar
length come together, and the batches come in a hashed order. In a window of one batch the samples
lie as they are drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sslcli.data.mixing import Mixture
from sslcli.data.permuting import permuted
from sslcli.data.rng import mix, name_key

WINDOW_BATCHES = 64
_ORDER, _BATCHES = name_key("order"), name_key("batches")


@dataclass(frozen=True, slots=True)
class Selection:
    """One batch: sample `numbers` int64 [b], their epoch, and the position after them.

    `keys` int64 [b] key the Rng: the numbers, unless a sample may come twice in an epoch.
    """

    epoch: int
    numbers: np.ndarray
    keys: np.ndarray
    position: int


class Sampler:
    """Yields batches of sample numbers.

    `lengths` [n] of all samples; `batch_size` counts sequences or tokens; `shuffle=False` keeps
    windows in file order. `mixture` maps the n slots of an epoch to samples; without one each
    sample has its own. `among`: the samples to go through, all if None. A window holds
    `window_batches` batches, which are sorted by length together.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        unit: Literal["sequences", "tokens"],
        seed: int,
        shuffle: bool = True,
        mixture: Mixture | None = None,
        among: np.ndarray | None = None,
        window_batches: int = WINDOW_BATCHES,
    ) -> None:
        assert len(lengths) > 0
        assert batch_size > 0
        assert mixture is None or among is None
        self.lengths, self.batch_size, self.unit, self.seed, self.shuffle = (
            lengths,
            batch_size,
            unit,
            seed,
            shuffle,
        )
        self.mixture, self.among = mixture, among
        samples_in_batch = (
            batch_size
            if unit == "sequences"
            else max(1, int(batch_size / max(float(np.mean(lengths)), 1.0)))
        )
        self.window = window_batches * samples_in_batch
        # Drawn together, because drawing few costs as many calls as drawing many.
        self.block = self.window * max(1, WINDOW_BATCHES // window_batches)

    def __len__(self) -> int:
        """Samples of one epoch."""
        return len(self.lengths if self.among is None else self.among)

    def batches(self, position: int) -> Iterator[Selection]:
        """Without end, from `position` (samples seen since the start); within a batch, the rest of
        that batch comes first.
        """
        while True:
            epoch, within = divmod(position, len(self))
            start = within - within % self.block
            place = start
            for numbers, keys in self._block(epoch, start):
                place += len(numbers)
                if place > within:
                    position, seen = (
                        epoch * len(self) + place,
                        max(0, len(numbers) - (place - within)),
                    )
                    yield Selection(epoch, numbers[seen:], keys[seen:], position)

    def _block(self, epoch: int, start: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches (numbers, keys) from place `start` of the epoch, in the order in which they
        are seen: whole windows.
        """
        draws = np.arange(start, min(start + self.block, len(self)))
        if self.shuffle:
            draws = permuted(draws, len(self), self.seed, epoch, _ORDER)
        numbers, keys = self._drawn(draws, epoch)
        for first in range(0, len(draws), self.window):
            here = slice(first, first + self.window)
            yield from self._window(numbers[here], keys[here], epoch, start + first)

    def _window(
        self, numbers: np.ndarray, keys: np.ndarray, epoch: int, start: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """The batches of the window with these samples, which begins at place `start` of the
        epoch.
        """
        by_length = np.argsort(self.lengths[numbers], kind="stable")
        numbers, keys = numbers[by_length], keys[by_length]
        cuts = self._cuts(np.asarray(self.lengths[numbers], dtype=np.int64))
        batches = list(zip(np.split(numbers, cuts), np.split(keys, cuts), strict=True))
        if not self.shuffle:
            return batches
        order = np.argsort(
            mix(self.seed, epoch, _BATCHES, start, np.arange(len(batches))), kind="stable"
        )
        return [batches[index] for index in order]

    def _drawn(self, draws: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the samples that these draws of an epoch are, and their keys."""
        if self.mixture is not None:
            return self.mixture.numbers(draws, self.seed, epoch), draws
        numbers = draws if self.among is None else self.among[draws]
        return numbers, numbers

    def _cuts(self, lengths: np.ndarray) -> list[int]:
        """Where one batch of the sorted window ends and the next begins; a sample longer than a
        batch stands alone.
        """
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
