"""Cross-lingual retrieval: how often the nearest vector of the other language is the translation.

Cosine retrieval as for Tatoeba and BUCC (Hu et al. 2020, "XTREME", arXiv 2003.11080), also after
subtracting the mean of each language (Libovický, Rosa & Fraser 2020, arXiv 2004.05160).

Letters: N rows of one language, M of the other, L translation pairs, D width, Q queries, P of them
at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sslcli.errors import DataError
from sslcli.metrics.intervals import share_interval
from sslcli.metrics.scores import mean_score
from sslcli.reports import Score, amount

FIRSTS = (1, 5, 10)
_SIMILARITIES_AT_ONCE = 1 << 23  # 64 MiB
# far above what rounding does to a cosine, so that equal vectors are equally similar wherever they
# stand
_TIE = 1e-9


@dataclass(frozen=True)
class Ranks:
    """Rank of the best right answer of each query, from 1.

    `rights_Q`: how many right answers it has among all candidates.
    """

    ranks_Q: np.ndarray
    rights_Q: np.ndarray
    candidates: int

    def accuracy(self, name: str, first: int = 1) -> Score:
        """The share with a right answer among the `first` ones, beside what chance gives."""
        chance = self._mean_over_queries(lambda reach: 1 - reach[min(first, len(reach) - 1)])
        return _with_chance(mean_score(name, self.ranks_Q <= first), chance)

    def reciprocal(self, name: str) -> Score:
        """The mean of 1 / rank."""
        chance = self._mean_over_queries(
            lambda reach: ((reach[:-1] - reach[1:]) / np.arange(1, len(reach))).sum()
        )
        return _with_chance(mean_score(name, 1 / self.ranks_Q), chance)

    def _mean_over_queries(self, figure: Callable[[np.ndarray], float]) -> float:
        """Of a figure of the probabilities that at least 0, 1, 2, ... wrong candidates stand before
        the first right one.
        """
        kinds, counts = np.unique(self.rights_Q, return_counts=True)
        figures = [figure(_reach(int(rights), self.candidates)) for rights in kinds]
        return float(np.average(figures, weights=counts))


@dataclass(frozen=True)
class Retrieval:
    """Retrieval in both directions; `pairs`: the number of translations."""

    forward: Ranks
    backward: Ranks
    pairs: int

    def accuracy(self, name: str, first: int = 1) -> Score:
        """The mean of both ways. Its interval is as wide as if the two were wrong together, which
        they often are.
        """
        return self._mean(self.forward.accuracy(name, first), self.backward.accuracy(name, first))

    def at_least(self, comparisons: int) -> float:
        """Return the lower end of the interval of accuracy at 1, corrected for the best of
        several.
        """
        rights = [ranks.ranks_Q <= 1 for ranks in (self.forward, self.backward)]
        return float(
            np.mean(
                [share_interval(int(right.sum()), len(right), comparisons)[0] for right in rights]
            )
        )

    def reciprocal(self, name: str) -> Score:
        """Return the mean reciprocal rank of both directions."""
        return self._mean(self.forward.reciprocal(name), self.backward.reciprocal(name))

    def scores(self, name: str, languages: Sequence[str]) -> Sequence[Score]:
        """Return accuracy at 1, 5 and 10 and mean reciprocal rank of both directions, and each
        at 1.
        """
        first, second = languages
        return [
            *(self.accuracy(f"{name} at {count}", count) for count in FIRSTS),
            self.reciprocal(f"{name}, mean reciprocal rank"),
            self.forward.accuracy(f"{name} at 1, {first} to {second}"),
            self.backward.accuracy(f"{name} at 1, {second} to {first}"),
        ]

    def _mean(self, forward: Score, backward: Score) -> Score:
        low, high = (float(np.mean(ends)) for ends in zip(forward.ends, backward.ends, strict=True))
        chance = (forward.baselines["chance"] + backward.baselines["chance"]) / 2
        value = (forward.value + backward.value) / 2
        return Score(
            forward.name,
            value,
            count=self.pairs,
            interval=(low, high),
            baselines={"chance": chance},
        )


def retrieve(
    first_ND: np.ndarray, second_MD: np.ndarray, pairs_L2: np.ndarray | None = None
) -> Retrieval:
    """Rank translations by cosine similarity.

    `pairs_L2`: row indices of the translations, where they are not row by row. A row may have
    several, of which any is right; one without is a candidate and no query. A candidate as similar
    as the right one ranks before it, so that equal vectors find nothing. Raises DataError for fewer
    than two pairs and for vectors that are not finite.
    """
    pairs = (
        np.stack([np.arange(len(first_ND))] * 2, axis=1)
        if pairs_L2 is None
        else np.unique(pairs_L2, axis=0)
    )
    if len(pairs) < 2:
        raise DataError(
            f"retrieval among {amount(len(pairs), 'pair')} says nothing",
            "give two pairs at least",
        )
    if pairs_L2 is None and len(first_ND) != len(second_MD):
        raise ValueError(f"{len(first_ND)} rows and {len(second_MD)} have no order in common")
    first, second = _unit(first_ND), _unit(second_MD)
    right_L = np.einsum("ld,ld->l", first[pairs[:, 0]], second[pairs[:, 1]])
    best_N, best_M = (
        _best(right_L, pairs[:, 0], len(first)),
        _best(right_L, pairs[:, 1], len(second)),
    )
    before_N, before_M = np.zeros(len(first), dtype=np.int64), np.zeros(len(second), dtype=np.int64)
    rows = max(1, _SIMILARITIES_AT_ONCE // len(second))
    for start in range(0, len(first), rows):
        similar_PM = first[start : start + rows] @ second.T
        own = pairs[(pairs[:, 0] >= start) & (pairs[:, 0] < start + rows)]
        similar_PM[own[:, 0] - start, own[:, 1]] = -np.inf
        before_N[start : start + rows] = (
            similar_PM >= best_N[start : start + rows, None] - _TIE
        ).sum(axis=1)
        before_M += (similar_PM >= best_M - _TIE).sum(axis=0)
    return Retrieval(
        _ranks(before_N, pairs[:, 0], len(second)),
        _ranks(before_M, pairs[:, 1], len(first)),
        len(pairs),
    )


def centred(vectors_ND: np.ndarray, others_MD: np.ndarray | None = None) -> np.ndarray:
    """Minus the mean of the language: of `others_MD`, rows of it that are not tested, or of the
    vectors themselves.
    """
    return vectors_ND - (vectors_ND if others_MD is None else others_MD).mean(
        axis=0, dtype=np.float64
    ).astype(vectors_ND.dtype)


def _ranks(before: np.ndarray, owners_L: np.ndarray, candidates: int) -> Ranks:
    queries_Q, rights_Q = np.unique(owners_L, return_counts=True)
    return Ranks(before[queries_Q] + 1, rights_Q, candidates)


def _best(right_L: np.ndarray, owners_L: np.ndarray, count: int) -> np.ndarray:
    """[count]: the most similar right one of each row; beyond every cosine where it has none."""
    best = np.full(count, -np.inf)
    np.maximum.at(best, owners_L, right_L)
    return np.where(np.isinf(best), np.inf, best)


def _unit(rows: np.ndarray) -> np.ndarray:
    """float64 of length 1; a row of zeros, which has no direction, is at a right angle to all
    others.
    """
    wide = np.asarray(rows, dtype=np.float64)
    if not np.isfinite(wide).all():
        raise DataError(
            "a vector holds what is not a finite number",
            "the model's weights are damaged, or its training went wrong",
        )
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)


def _reach(rights: int, candidates: int) -> np.ndarray:
    """[candidates - rights + 2]: the probability that, in an order by chance, at least 0, 1, 2, ...
    wrong ones come first.
    """
    wrong = np.arange(candidates - rights, -1, -1, dtype=np.float64)
    return np.cumprod([1.0, *(wrong / np.arange(candidates, rights - 1, -1))])


def _with_chance(score: Score, chance: float) -> Score:
    return Score(
        score.name, score.value, score.unit, True, score.count, score.interval, {"chance": chance}
    )
