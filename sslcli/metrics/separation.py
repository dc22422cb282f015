"""Separation of a word's senses: cosines between occurrences, within and across senses.

Letters: N occurrences, K senses, R rows of weights (resamples, permutations), D width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sslcli.errors import DataError
from sslcli.metrics.intervals import RESAMPLES, SEED, Interval

# A shuffle that only exchanges the senses' names gives what was observed, but for rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Separation:
    """`within`: of each sense the mean cosine of two different uses. `across`: the mean cosine of
    two uses of different senses.

    `value`: the mean over senses of `within`, each sense counting alike, less `across`. `interval`:
    95 %. `shuffled`: the mean and the 97.5th percentile of the value where the senses are dealt out
    anew; `p`: how often that gives as much or more.
    """

    within: Mapping[str, float]
    across: float
    value: float
    count: int
    interval: Interval
    shuffled: float
    shuffled_high: float
    p: float

    @property
    def emerged(self) -> bool:
        """Whether the separation exceeds that of permuted senses."""
        return self.value > self.shuffled_high


def cosines(vectors_ND: np.ndarray) -> np.ndarray:
    """float64 [N, N]; 1 exactly between equal vectors, whatever the order of summation, and 0
    beside a vector of zeros.
    """
    rows, place_of = np.unique(
        np.asarray(vectors_ND, dtype=np.float64), axis=0, return_inverse=True
    )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(lengths > 0, lengths, 1.0)
    table = np.clip(unit @ unit.T, -1.0, 1.0)
    np.fill_diagonal(table, 1.0)
    place_of = place_of.reshape(-1)
    return table[np.ix_(place_of, place_of)]


def sense_gap(vectors_ND: np.ndarray, senses_N: Sequence[str]) -> float:
    """The separation alone, as in `Separation.value`. Raises DataError where it is not defined."""
    uses_KN, _ = _uses_of(senses_N)
    return float(_gaps(_between(vectors_ND), uses_KN[None].astype(np.float64))[0])


def sense_gaps(
    vectors_by_layer: Mapping[int, np.ndarray], words_N: Sequence[str], senses_N: Sequence[str]
) -> dict[str, dict[int, float]]:
    """The separation of every word at every layer, out of the uses of all words, [N, D] by layer.

    Raises DataError where a word has not two senses with two uses each.
    """
    words, senses = np.asarray(words_N), np.asarray(senses_N)
    found: dict[str, dict[int, float]] = {}
    for word in dict.fromkeys(words.tolist()):
        own = np.flatnonzero(words == word)
        found[word] = {
            layer: sense_gap(vectors_ND[own], senses[own].tolist())
            for layer, vectors_ND in vectors_by_layer.items()
        }
    return found


def separation(vectors_ND: np.ndarray, senses_N: Sequence[str]) -> Separation:
    """Return the separation with its interval and a permutation test as baseline.

    The interval is the percentile bootstrap over the occurrences of each sense; no occurrence is
    paired with itself. The test permutes senses among occurrences (p as in Phipson and Smyth 2010,
    never 0). Raises DataError unless there are two senses with two occurrences each.
    """
    uses_KN, names = _uses_of(senses_N)
    between_NN = _between(vectors_ND)
    observed_1KN = uses_KN[None].astype(np.float64)
    value = float(_gaps(between_NN, observed_1KN)[0])
    generator = np.random.default_rng(SEED)
    resampled = _gaps(between_NN, _resampled(uses_KN, generator))
    shuffled = _gaps(between_NN, _shuffled(uses_KN, generator))
    low, high = np.nanpercentile(resampled, (2.5, 97.5))
    within_K, across = (part[0] for part in _means(between_NN, observed_1KN))
    return Separation(
        within={name: float(mean) for name, mean in zip(names, within_K, strict=True)},
        across=float(across),
        value=value,
        count=uses_KN.shape[1],
        interval=(float(low), float(high)),
        shuffled=float(shuffled.mean()),
        shuffled_high=float(np.percentile(shuffled, 97.5)),
        p=float((1 + (shuffled >= value - _ROUNDING).sum()) / (1 + len(shuffled))),
    )


def _uses_of(senses_N: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """bool [K, N], true where a use is of that sense, and the senses in the order they come."""
    names = list(dict.fromkeys(senses_N))
    uses_KN = np.asarray(names)[:, None] == np.asarray(senses_N)[None, :]
    if len(names) < 2 or uses_KN.sum(axis=1).min() < 2:
        counts = ", ".join(
            f"{name or '(none)'} {count}"
            for name, count in zip(names, uses_KN.sum(axis=1), strict=True)
        )
        raise DataError(
            f"senses cannot be compared: there are {counts or 'no uses'}",
            "give sentences of two senses or more, two at least of each",
        )
    return uses_KN, names


def _between(vectors_ND: np.ndarray) -> np.ndarray:
    """Cosines of different uses; a use beside itself adds nothing."""
    table = cosines(vectors_ND)
    np.fill_diagonal(table, 0.0)
    return table


def _means(between_NN: np.ndarray, weights_RKN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Within each sense [R, K], and across senses [R]; nan where there is no pair."""
    sums_RKK = np.einsum("rkn,nm,rlm->rkl", weights_RKN, between_NN, weights_RKN, optimize=True)
    totals_RK = weights_RKN.sum(axis=2)
    pairs_RKK = totals_RK[:, :, None] * totals_RK[:, None, :]
    own_RK = np.einsum("rkk->rk", pairs_RKK) - (weights_RKN**2).sum(axis=2)
    own_sums_RK = np.einsum("rkk->rk", sums_RKK)
    other_R = pairs_RKK.sum(axis=(1, 2)) - np.einsum("rkk->r", pairs_RKK)
    with np.errstate(invalid="ignore", divide="ignore"):
        return own_sums_RK / own_RK, (sums_RKK.sum(axis=(1, 2)) - own_sums_RK.sum(axis=1)) / other_R


def _gaps(between_NN: np.ndarray, weights_RKN: np.ndarray) -> np.ndarray:
    within_RK, across_R = _means(between_NN, weights_RKN)
    return within_RK.mean(axis=1) - across_R


def _resampled(uses_KN: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """How often each use is drawn, as many of each sense as there are."""
    weights_RKN = np.zeros((RESAMPLES, *uses_KN.shape))
    for sense, own_N in enumerate(uses_KN):
        count = int(own_N.sum())
        weights_RKN[:, sense, own_N] = generator.multinomial(
            count, np.full(count, 1 / count), size=RESAMPLES
        )
    return weights_RKN


def _shuffled(uses_KN: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The senses dealt out anew among all uses."""
    orders_RN = generator.permuted(np.tile(np.arange(uses_KN.shape[1]), (RESAMPLES, 1)), axis=1)
    return np.moveaxis(uses_KN[:, orders_RN], 0, 1).astype(np.float64)
