"""How probable each code is, learnt from the codes of training images: for the arithmetic coder.

Letters: N images, G codes of one, V values of a code.
"""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from sslplugins.probes.images.arithmetic import TOTAL, decoded, encoded

STRENGTHS = (8.0, 64.0, 512.0)  # of the histogram, in codes, where the code before is known
SMALLEST = 0.5  # added to each count
FIT_SHARE = 0.8  # of the training images, when the codes before are chosen


class CodeModel:
    """The histogram of each code of an image, or with `in_context` of each code behind one of those
    before it: the one that shortens codes of training images which it was not counted on.
    """

    def __init__(
        self, ids_NG: np.ndarray, sizes: Sequence[int], *, in_context: bool = False
    ) -> None:
        self.ids_NG, self.sizes = ids_NG, sizes
        self.parents: list[tuple[int, float] | None] = [None] * len(sizes)
        if in_context and len(ids_NG) > 1:
            cut = min(len(ids_NG) - 1, round(FIT_SHARE * len(ids_NG)))
            self.parents = [self._parent(place, cut) for place in range(len(sizes))]
        self._bounds = cache(self._bounds_of)

    def _parent(self, place: int, cut: int) -> tuple[int, float] | None:
        """The code before and the strength, None where the histogram alone is shorter."""
        fit_NG, held_NG = self.ids_NG[:cut], self.ids_NG[cut:]
        plain_V = _shares(fit_NG[:, place], self.sizes[place])
        shortest = -np.log2(plain_V[held_NG[:, place]]).sum()
        best = None
        for before in range(place):
            counts_VV = np.zeros((self.sizes[before], self.sizes[place]))
            np.add.at(counts_VV, (fit_NG[:, before], fit_NG[:, place]), 1)
            seen_N = counts_VV[held_NG[:, before], held_NG[:, place]]
            all_N = counts_VV.sum(axis=1)[held_NG[:, before]]
            for strength in STRENGTHS:
                shares_N = (seen_N + strength * plain_V[held_NG[:, place]]) / (all_N + strength)
                bits = -np.log2(shares_N).sum()
                if bits < shortest:
                    shortest, best = bits, (before, strength)
        return best

    def _bounds_of(self, place: int, before: int) -> list[int]:
        """Where the interval of each value begins, and TOTAL."""
        shares_V = _shares(self.ids_NG[:, place], self.sizes[place])
        if (parent := self.parents[place]) is not None:
            own_N = self.ids_NG[self.ids_NG[:, parent[0]] == before, place]
            counts_V = np.bincount(own_N, minlength=self.sizes[place])
            shares_V = (counts_V + parent[1] * shares_V) / (len(own_N) + parent[1])
        widths_V = 1 + np.floor(shares_V * (TOTAL - self.sizes[place])).astype(np.int64)
        widths_V[widths_V.argmax()] += TOTAL - widths_V.sum()
        return [0, *np.cumsum(widths_V).tolist()]

    def _bounds_behind(self, codes: Sequence[int]) -> list[int]:
        """For the next code of an image, behind its first ones."""
        parent = self.parents[len(codes)]
        return self._bounds(len(codes), codes[parent[0]] if parent is not None else 0)

    def _intervals(self, ids_NG: np.ndarray) -> Iterator[tuple[int, int]]:
        for codes in ids_NG.tolist():
            for place, code in enumerate(codes):
                bounds = self._bounds_behind(codes[:place])
                yield bounds[code], bounds[code + 1]

    def encoded(self, ids_NG: np.ndarray) -> bytes:
        """All codes of all images in one file, without a header."""
        return encoded(self._intervals(ids_NG))

    def decoded(self, content: bytes, count: int) -> np.ndarray:
        """The codes [N, G] of so many images."""
        width = len(self.sizes)

        def bounds(found: list[int]) -> list[int]:
            return self._bounds_behind(found[len(found) - len(found) % width :])

        found = decoded(content, count * width, bounds)
        return np.asarray(found, dtype=np.int64).reshape(count, width)


def _shares(ids_N: np.ndarray, size: int) -> np.ndarray:
    """[V], adding up to 1; nothing is impossible."""
    counts_V = np.bincount(ids_N, minlength=size) + SMALLEST
    return counts_V / counts_V.sum()
