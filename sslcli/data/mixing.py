"""Sampling languages of unequal size: with probability proportional to (their samples) ** S.

Conneau and Lample 2019, "Cross-lingual Language Model Pretraining" (arXiv 1901.07291), section 3.1;
S = 0.7 is what multilingual BERT used (Devlin et al. 2018,
github.com/google-research/bert/blob/master/multilingual.md).

Letters: L languages, N slots of an epoch.
"""

from collections.abc import Sequence

import numpy as np

from sslcli.data.permuting import permuted
from sslcli.data.rng import name_key

_WITHIN = name_key("within a language")


def draws_of(sizes_L: Sequence[int], exponent: float) -> np.ndarray:
    """Return how often each language is sampled in an epoch of as many slots as samples, int64 [L].

    Rounded by largest remainder; an exponent of at most 1 leaves no language without a slot.
    """
    weight_L = np.asarray(sizes_L, dtype=np.float64) ** exponent
    exact_L = weight_L * (sum(sizes_L) / weight_L.sum())
    whole_L = np.floor(exact_L).astype(np.int64)
    largest_first = np.argsort(whole_L - exact_L, kind="stable")
    whole_L[largest_first[: sum(sizes_L) - int(whole_L.sum())]] += 1
    return whole_L


class Mixture:
    """The languages of each epoch's slots.

    `members`: indices of each language's samples, int64, none empty. Of the N slots of an epoch
    each language always has the same number; its slots, counted on from epoch to epoch, go through
    one permutation of its samples after the other. So at the end of an epoch no sample of a
    language was used more than once more often than another. The order of the slots within an epoch
    is the sampler's: a sample may come again before all have come.
    """

    def __init__(self, members: Sequence[np.ndarray], exponent: float) -> None:
        self.members, self.draws_L = (
            members,
            draws_of([len(numbers) for numbers in members], exponent),
        )
        self.stops_L = np.cumsum(self.draws_L)

    def numbers(self, draws_N: np.ndarray, seed: int, epoch: int) -> np.ndarray:
        """Return the samples of these slots of an epoch, int64 [N]."""
        found_N = np.empty(len(draws_N), dtype=np.int64)
        language_N = np.searchsorted(self.stops_L, draws_N, side="right")
        for language in np.unique(language_N).tolist():
            own = language_N == language
            before = self.stops_L[language] - self.draws_L[language]
            count_so_far = epoch * self.draws_L[language] + draws_N[own] - before
            found_N[own] = self._of(language, count_so_far, seed)
        return found_N

    def _of(self, language: int, counts: np.ndarray, seed: int) -> np.ndarray:
        """The samples of one language that are its `counts`-th since the start."""
        members = self.members[language]
        cycle, place = np.divmod(counts, len(members))
        found = np.empty(len(counts), dtype=np.int64)
        for number in np.unique(cycle).tolist():
            own = cycle == number
            found[own] = members[
                permuted(place[own], len(members), seed, number, language, _WITHIN)
            ]
        return found
