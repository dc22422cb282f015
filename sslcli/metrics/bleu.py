"""BLEU-1: how many words of a translation stand in the reference, wherever they stand (Papineni et
al. 2002, "BLEU").

Letters: S sentences.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from sslcli.metrics.scores import sums_score
from sslcli.reports import Score


def bleu_1_rows(
    translations: Sequence[Sequence[Hashable]], references: Sequence[Sequence[Hashable]]
) -> np.ndarray:
    """float64 [S, 3]: matches, no word counted more often than the reference has it; words of the
    translation; of the reference.
    """
    rows = [
        ((Counter(translation) & Counter(reference)).total(), len(translation), len(reference))
        for translation, reference in zip(translations, references, strict=True)
    ]
    return np.asarray(rows, dtype=np.float64).reshape(-1, 3)


def bleu_1(rows_S3: np.ndarray, name: str = "BLEU-1") -> Score:
    """Corpus BLEU-1 between 0 and 1, with the brevity penalty. Raises DataError without a
    sentence.
    """
    return sums_score(name, _bleu_1, rows_S3)


def _bleu_1(sums_R3: np.ndarray) -> np.ndarray:
    matches_R, words_R, wanted_R = np.asarray(sums_R3, dtype=np.float64).T
    words_R = np.maximum(words_R, 1)
    return matches_R / words_R * np.exp(np.minimum(0, 1 - wanted_R / words_R))
