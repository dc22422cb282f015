"""Reproducible random numbers: a stream per purpose, and Zipf's law for word frequencies."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

_BLOCK = 65_536  # uniforms made at once
_EXPONENT = 1.1  # of Zipf's law

Item = TypeVar("Item")


def zipf_bounds(count: int) -> tuple[float, ...]:
    """Return cumulative probabilities of ranks 0 .. count-1, p(rank) ~ (rank + 1) ** -1.1."""
    weights = [(rank + 1) ** -_EXPONENT for rank in range(count)]
    total = sum(weights)
    return tuple(value / total for value in accumulate(weights))


# without the last, which rounding may leave below 1
_BOUNDS = tuple(zipf_bounds(count)[:-1] if count else () for count in range(64))


class Chance:
    """A stream of uniform numbers that depends on (seed, purpose) alone.

    Streams of different purposes are independent. `uniform` gives the next number in [0, 1).
    """

    def __init__(self, seed: int, purpose: str) -> None:
        generator = np.random.Generator(
            np.random.Philox(np.random.SeedSequence((seed, *purpose.encode())))
        )
        self.uniform: Callable[[], float] = _stream(generator).__next__

    def below(self, probability: float) -> bool:
        """Return true with this probability."""
        return self.uniform() < probability

    def integer(self, low: int, high: int) -> int:
        """Return a uniform integer from low to high, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def by_rank(self, items: Sequence[Item]) -> Item:
        """Sample one of fewer than 64 items by Zipf's law, the first the most likely."""
        return items[bisect_right(_BOUNDS[len(items)], self.uniform())]

    def choice(self, items: Sequence[Item]) -> Item:
        """Sample one of the items, all equally likely."""
        return items[self.integer(0, len(items) - 1)]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """Return the items in a random order, all orders equally likely."""
        keyed = sorted((self.uniform(), place) for place in range(len(items)))
        return [items[place] for _, place in keyed]


def _stream(generator: np.random.Generator) -> Iterator[float]:
    while True:
        yield from reversed(generator.random(_BLOCK).tolist())
