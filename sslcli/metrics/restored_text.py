"""How near a text is to the one that it should be, token by token.

Letters: S texts, R resamples.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from sslcli.metrics.scores import sums_score
from sslcli.reports import Score


def edit_distance(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Items to change, add or drop (Levenshtein 1966), in memory of the order of `right`."""
    ids = {item: number for number, item in enumerate(dict.fromkeys([*left, *right]))}
    other = np.asarray([ids[item] for item in right], dtype=np.int64)
    places = np.arange(len(other) + 1)
    row = places.copy()
    for number, item in enumerate(left, start=1):
        least = np.minimum(row[1:] + 1, row[:-1] + (other != ids[item]))
        # an item added costs one more than the cell before it: a running minimum of the rest
        row = np.minimum.accumulate(np.append(number, least) - places) + places
    return int(row[-1])


def token_error_rows(
    texts: Sequence[Sequence[Hashable]], references: Sequence[Sequence[Hashable]]
) -> np.ndarray:
    """float64 [S, 2]: edits that make a text its reference, and tokens of the reference."""
    rows = [
        (edit_distance(text, reference), len(reference))
        for text, reference in zip(texts, references, strict=True)
    ]
    return np.asarray(rows, dtype=np.float64).reshape(-1, 2)


def token_error(rows_S2: np.ndarray, name: str = "token error") -> Score:
    """Edits for each token of the references, from 0 to beyond 1. Raises DataError without a
    text.
    """
    return sums_score(name, token_error_of, rows_S2, higher_is_better=False)


def token_error_of(sums_R2: np.ndarray) -> np.ndarray:
    """[R]"""
    edits_R, tokens_R = np.asarray(sums_R2, dtype=np.float64).T
    return edits_R / np.maximum(tokens_R, 1)
