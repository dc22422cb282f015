"""A permutation that is computed, not stored: a Feistel network over the next power of two, walked
until it lands below n.

Black and Rogaway 2002, "Ciphers with arbitrary finite domains", the cycle-walking cipher.
"""

import numpy as np

from sslcli.data.rng import mix

_ROUNDS = 8


def permuted(places: np.ndarray, size: int, *keys: int) -> np.ndarray:
    """Return where the permutation of range(size) that belongs to `keys` sends each index,
    int64.
    """
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
