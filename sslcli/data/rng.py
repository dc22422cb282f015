"""Counter-based random numbers: a pure function of what they are for.

A number depends on (seed, epoch, plugin, sample, position, purpose) and on nothing else, so neither
the number of loader workers, nor the number of ranks, nor a resume changes it. The mixing function
is SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(keys: np.ndarray | int, *more: np.ndarray | int) -> np.ndarray:
    """Hash integers (broadcast together) into uniform uint64; order matters."""
    with np.errstate(over="ignore"):
        state: Any = np.uint64(0)
        for key in (keys, *more):
            state = np.asarray(key).astype(np.uint64) + (state + np.uint64(1)) * _GOLDEN
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return state


def name_key(name: str) -> int:
    """A stable 63-bit integer for a name; Python's own hash changes from process to process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") >> 1


def unit(bits: np.ndarray) -> np.ndarray:
    """uint64 -> float64 in [0, 1), from the upper 53 bits."""
    return (bits >> np.uint64(11)) * (1.0 / (1 << 53))


@dataclass(frozen=True, slots=True)
class Rng:
    """The source of all randomness in batches and samples; `of(plugin)` separates plugins.

    `progress` is the share of the training that is done, from 0 to below 1, for schedules; outside
    of training it is 1. No number depends on it.
    """

    seed: int
    epoch: int
    plugin: str = ""
    progress: float = 1.0

    def of(self, plugin: str) -> "Rng":
        """Return the generator of a plugin, independent of those of other plugins."""
        return replace(self, plugin=plugin)

    def sample(self, number: int | np.integer) -> "SampleRng":
        """Return the generator of one sample."""
        return SampleRng(self, int(number))

    def bits(
        self, purpose: str, samples_N: np.ndarray, positions_N: np.ndarray | int = 0
    ) -> np.ndarray:
        """uint64 [N], one for every (sample, position)."""
        return mix(
            self.seed, self.epoch, name_key(f"{self.plugin}/{purpose}"), samples_N, positions_N
        )

    def uniform(
        self, purpose: str, samples_N: np.ndarray, positions_N: np.ndarray | int = 0
    ) -> np.ndarray:
        """float64 [N] in [0, 1), one for every (sample, position)."""
        return unit(self.bits(purpose, samples_N, positions_N))

    def generators(self, purpose: str, samples_N: np.ndarray) -> list[np.random.Generator]:
        """Return the numpy generator of each sample, as `SampleRng.generator` gives it."""
        bits_N = self.bits(purpose, samples_N).tolist()
        return [np.random.Generator(np.random.Philox(key=bits)) for bits in bits_N]

    def shuffled(self, purpose: str, items: Sequence[Item]) -> list[Item]:
        """Return all items in uniformly random order."""
        return [
            items[place]
            for place in np.argsort(
                self.bits(purpose, np.arange(len(items))), kind="stable"
            ).tolist()
        ]

    def some(self, purpose: str, items: Sequence[Item], count: int) -> list[Item]:
        """At most `count` of the items, each as likely as any other, in their order."""
        return [items[place] for place in sorted(self.shuffled(purpose, range(len(items)))[:count])]


@dataclass(frozen=True, slots=True)
class SampleRng:
    """Random numbers of one sample; `generator` is for random lengths or permutations."""

    rng: Rng
    number: int

    def uniform(self, purpose: str) -> float:
        """Return a number in [0, 1) for a purpose."""
        return float(self.rng.uniform(purpose, np.asarray([self.number]))[0])

    def integer(self, purpose: str, high: int) -> int:
        """An integer in [0, high)."""
        return int(self.uniform(purpose) * high)

    def generator(self, purpose: str) -> np.random.Generator:
        """Return a numpy generator for a purpose."""
        return self.rng.generators(purpose, np.asarray([self.number]))[0]
