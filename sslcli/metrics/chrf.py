"""chrF: F-score of character n-grams (Popović 2015, "chrF"), as sacreBLEU 2 computes it.

Letters: S sentences, R sums over resampled sentences.
"""

from collections.abc import Sequence

import numpy as np

from sslcli.metrics.ngrams import ngrams
from sslcli.metrics.scores import sums_score
from sslcli.reports import Score

ORDER = 6  # characters; blanks are none
BETA = 2.0  # recall counts so much more than precision
CHRF_SIGNATURE = f"case:mixed|eff:yes|nc:{ORDER}|nw:0|space:no"


def chrf_rows(texts: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """float64 [S, 3 * ORDER]: for every order the n-grams of the text, of the reference, and of
    both.

    Of several references the one with the best score counts.
    """
    rows = [
        max((_row(text, each) for each in own), key=lambda row: float(_chrf(row[None])[0]))
        for text, own in zip(texts, references, strict=True)
    ]
    return np.asarray(rows, dtype=np.float64).reshape(-1, 3 * ORDER)


def chrf(rows: np.ndarray, name: str = "chrF") -> Score:
    """Corpus chrF2 in percent. Raises DataError without a sentence."""
    return sums_score(name, _chrf, rows, "%")


def sentence_chrf(text: str, references: Sequence[str]) -> float:
    """chrF2 of one sentence, from 0 to 1, against the best of its references."""
    return float(_chrf(chrf_rows([text], [references]))[0])


def _row(text: str, reference: str) -> np.ndarray:
    said, wanted = ("".join(each.split()) for each in (text, reference))
    row = np.empty((ORDER, 3))
    for place in range(ORDER):
        own, theirs = ngrams(said, place + 1), ngrams(wanted, place + 1)
        # without an n-gram of this order in the reference there is nothing to be precise about
        row[place] = (
            own.total() if theirs else 0,
            theirs.total(),
            (own & theirs).total(),
        )
    return row.ravel()


def _chrf(sums: np.ndarray) -> np.ndarray:
    """[R, 3 * ORDER] -> [R], between 0 and 1: mean precision and recall of the orders that both
    have.
    """
    said, wanted, both = np.moveaxis(sums.reshape(len(sums), ORDER, 3), 2, 0)
    usable = (said > 0) & (wanted > 0)
    orders = np.maximum(usable.sum(axis=1), 1)
    precision, recall = (
        np.where(usable, both / np.maximum(each, 1), 0).sum(axis=1) / orders
        for each in (said, wanted)
    )
    weight = BETA**2
    return (1 + weight) * precision * recall / np.maximum(weight * precision + recall, 1e-16)
