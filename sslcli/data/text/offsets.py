"""Character offsets of tokens in their text.

Letters: T tokens of a text, N characters of it.
"""

import unicodedata

import numpy as np


def exact_places(text: str, offsets_T2: np.ndarray, blank_T: np.ndarray) -> np.ndarray:
    """Return half-open offsets, int64 [T, 2]: the library's, without outer blanks, with combining
    marks.

    The library counts the blank before a word to its piece, and gives a blank that it inserted
    (`blank_T`) the offset of the character behind it. A mark that is dropped, or merged into its
    letter, is counted to no piece, and would be lost where a span is read back as text.
    """
    starts_T, stops_T = offsets_T2[:, 0], offsets_T2[:, 1]
    if not text.isascii():
        stops_T = _with_marks(text, starts_T, stops_T)
    blank_N = np.fromiter(map(str.isspace, text), dtype=bool, count=len(text))
    starts_T = np.minimum(_next(~blank_N)[starts_T], stops_T)
    stops_T = np.maximum(_last(~blank_N)[stops_T], starts_T)
    return np.stack([starts_T, np.where(blank_T, starts_T, stops_T)], axis=1)


def _with_marks(text: str, starts_T: np.ndarray, stops_T: np.ndarray) -> np.ndarray:
    """Ends moved behind the marks after them, as far as the next piece."""
    mark_N = np.fromiter(
        (unicodedata.category(letter)[0] == "M" for letter in text), dtype=bool, count=len(text)
    )
    following = np.append(starts_T, len(text))[np.searchsorted(starts_T, stops_T)]
    return np.where(stops_T > starts_T, np.minimum(_next(~mark_N)[stops_T], following), stops_T)


def _next(true_N: np.ndarray) -> np.ndarray:
    """int64 [N + 1]: the first place at or behind each one that is true, N where none is."""
    places = np.where(np.append(true_N, True), np.arange(len(true_N) + 1), len(true_N))
    return np.minimum.accumulate(places[::-1])[::-1]


def _last(true_N: np.ndarray) -> np.ndarray:
    """int64 [N + 1]: one more than the last place before each one that is true, 0 where none is."""
    return np.maximum.accumulate(np.append(0, np.where(true_N, np.arange(1, len(true_N) + 1), 0)))
