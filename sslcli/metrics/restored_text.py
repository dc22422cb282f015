"""How near a text is to the one that it should be: token error rate, and chrF.

chrF is Popović 2015, "chrF: character n-gram F-score", as sacrebleu gives it: characters up to
n-grams of six, recall twice as heavy as precision, no whitespace.

Letters: S texts, R resamples, n orders of n-grams.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from sslcli.metrics.scores import sums_score
from sslcli.reports import Score

ORDERS, BETA = 6, 2.0


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


def chrf_rows(texts: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """float64 [S, n * 3]: for each order, n-grams of the text, of its reference, and those of both.

    Those of the text count only where the reference has any.
    """
    rows = []
    for text, reference in zip(texts, references, strict=True):
        row = list[int]()
        for order in range(1, ORDERS + 1):
            own, wanted = _ngrams(text, order), _ngrams(reference, order)
            row += [own.total() if wanted else 0, wanted.total(), (own & wanted).total()]
        rows.append(row)
    return np.asarray(rows, dtype=np.float64).reshape(-1, ORDERS * 3)


def chrf(rows_SK: np.ndarray, name: str = "chrF") -> Score:
    """Corpus chrF from 0 to 100. Raises DataError without a text."""
    return sums_score(name, chrf_of, rows_SK)


def chrf_of(sums_RK: np.ndarray) -> np.ndarray:
    """[R]: the F-score of mean precision and recall over the orders that both sides have."""
    sums_Rn3 = np.asarray(sums_RK, dtype=np.float64).reshape(-1, ORDERS, 3)
    own_Rn, wanted_Rn, both_Rn = np.moveaxis(sums_Rn3, -1, 0)
    orders_R = np.maximum(((own_Rn > 0) & (wanted_Rn > 0)).sum(axis=1), 1)
    precision_R = (both_Rn / np.maximum(own_Rn, 1)).sum(axis=1) / orders_R
    recall_R = (both_Rn / np.maximum(wanted_Rn, 1)).sum(axis=1) / orders_R
    weighted_R = BETA**2 * precision_R + recall_R
    return 100 * (1 + BETA**2) * precision_R * recall_R / np.where(weighted_R > 0, weighted_R, 1.0)


def _ngrams(text: str, order: int) -> Counter[str]:
    letters = "".join(text.split())
    return Counter(letters[start : start + order] for start in range(len(letters) - order + 1))
