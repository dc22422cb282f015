"""Arithmetic coding with integers (Witten, Neal and Cleary 1987): symbols as bytes, nearly as short
as their probabilities allow.

A symbol is coded as an interval [low, high) out of TOTAL, which its probability is proportional to.
The decoder is given the same intervals, and asks for one symbol after another. A file of no byte
is a message too: what is behind its end reads as zeros.
"""

import bisect
from collections.abc import Callable, Iterable, Sequence

TOTAL = 1 << 16
_TOP = (1 << 32) - 1
_HALF, _QUARTER = 1 << 31, 1 << 30


def encoded(intervals: Iterable[tuple[int, int]]) -> bytes:
    """The bytes of symbols with these intervals, one after another."""
    low, high, waiting, bits = 0, _TOP, 0, bytearray()

    def put(bit: int) -> None:
        nonlocal waiting
        bits.append(bit)
        bits.extend([1 - bit] * waiting)
        waiting = 0

    for first, stop in intervals:
        assert 0 <= first < stop <= TOTAL, "a symbol has a part of the whole"
        span = high - low + 1
        low, high = low + span * first // TOTAL, low + span * stop // TOTAL - 1
        while True:
            if high < _HALF:
                put(0)
            elif low >= _HALF:
                put(1)
                low, high = low - _HALF, high - _HALF
            elif low >= _QUARTER and high < 3 * _QUARTER:
                waiting += 1
                low, high = low - _QUARTER, high - _QUARTER
            else:
                break
            low, high = 2 * low, 2 * high + 1
    if low or waiting:  # else zeros, which are behind the end anyway, are within
        waiting += 1
        put(int(low >= _QUARTER))
    while bits and not bits[-1]:
        bits.pop()
    bits.extend([0] * (-len(bits) % 8))
    return bytes(int("".join(map(str, bits[at : at + 8])), 2) for at in range(0, len(bits), 8))


def decoded(content: bytes, count: int, bounds: Callable[[list[int]], Sequence[int]]) -> list[int]:
    """The numbers of `count` symbols. `bounds` gives, for the symbols so far, where the interval of
    each next one begins, and TOTAL at the end.
    """
    low, high, found = 0, _TOP, list[int]()
    value = int.from_bytes(content[:4].ljust(4, b"\0"), "big")
    place = 32
    for _ in range(count):
        begins = bounds(found)
        span = high - low + 1
        target = ((value - low + 1) * TOTAL - 1) // span
        symbol = bisect.bisect_right(begins, target) - 1
        found.append(symbol)
        first, stop = begins[symbol], begins[symbol + 1]
        low, high = low + span * first // TOTAL, low + span * stop // TOTAL - 1
        while True:
            if high < _HALF:
                apart = 0
            elif low >= _HALF:
                apart = _HALF
            elif low >= _QUARTER and high < 3 * _QUARTER:
                apart = _QUARTER
            else:
                break
            byte = content[place >> 3] if place >> 3 < len(content) else 0
            bit = byte >> (7 - (place & 7)) & 1
            place += 1
            low, high, value = 2 * (low - apart), 2 * (high - apart) + 1, 2 * (value - apart) + bit
    return found
