"""BLEU (Papineni et al. 2002), as sacreBLEU 2 computes it; and BLEU-1: how many words of a
translation stand in the reference, wherever they stand.

Letters: S sentences, R sums over resampled sentences.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from sslcli.metrics.ngrams import bleu_words, is_cjk, ngrams
from sslcli.metrics.scores import sums_score
from sslcli.reports import Score

ORDER = 4  # words


def bleu_rows(
    translations: Sequence[str], references: Sequence[Sequence[str]], tokenizer: str
) -> np.ndarray:
    """float64 [S, 2 * ORDER + 2]: for every order the matches, then the n-grams of the translation;
    its words, and those of the reference that is nearest in length.

    `tokenizer`: see `bleu_words`. A match counts as often as the reference that has it most.
    """
    rows = np.empty((len(translations), 2 * ORDER + 2))
    for row, translation, own in zip(rows, translations, references, strict=True):
        said = bleu_words(translation, tokenizer)
        wanted = [bleu_words(each, tokenizer) for each in own]
        for place in range(ORDER):
            most = Counter[Hashable]()
            for each in wanted:
                most |= ngrams(each, place + 1)
            there = ngrams(said, place + 1)
            row[place], row[ORDER + place] = (there & most).total(), there.total()
        row[-2] = len(said)
        row[-1] = min(map(len, wanted), key=lambda size: (abs(size - len(said)), size))
    return rows


def bleu(rows: np.ndarray, name: str = "bleu") -> Score:
    """Corpus BLEU in percent, with exponential smoothing. Raises DataError without a sentence."""
    return sums_score(name, _bleu, rows, "%")


def bleu_tokenizer(references: Sequence[Sequence[str]]) -> str:
    """Return "zh" for references that are mostly Chinese, else "13a"."""
    return "zh" if is_cjk([each for own in references for each in own]) else "13a"


def bleu_signature(references: Sequence[Sequence[str]]) -> str:
    """How `bleu` computes, in sacreBLEU's words."""
    sizes = {len(own) for own in references}
    count = str(sizes.pop()) if len(sizes) == 1 else "var"
    return f"nrefs:{count}|case:mixed|eff:no|tok:{bleu_tokenizer(references)}|smooth:exp"


def _bleu(sums: np.ndarray) -> np.ndarray:
    """[R, 2 * ORDER + 2] -> [R], between 0 and 1; 0 without any match or without an n-gram of some
    order.
    """
    matches, there = sums[:, :ORDER], sums[:, ORDER : 2 * ORDER]
    said, wanted = sums[:, -2], sums[:, -1]
    smoothing = 2.0 ** np.cumsum(matches == 0, axis=1)
    precisions = np.where(matches > 0, matches, 1 / smoothing) / np.maximum(there, 1)
    penalty = np.exp(np.minimum(0, 1 - wanted / np.maximum(said, 1)))
    found = penalty * np.exp(np.log(precisions).mean(axis=1))
    return np.where((there > 0).all(axis=1) & (matches > 0).any(axis=1), found, 0.0)


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
