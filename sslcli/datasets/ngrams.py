"""N-gram baselines, with which a model's loss and accuracy have to be compared.

unigram      p(t), frequencies with one added to each bigram       p(t | left), backed off to the
unigram by Witten and Bell (1991), "The zero-frequency problem" two-sided    p(t | left) p(t |
right) / p(t), normalised: both neighbours, as if independent

A neighbour that is not visible (-1) is ignored: its factor falls back to p(t).

Letters: N targets, V vocabulary, P pairs that occur, C targets of one chunk.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LARGEST_TWO_SIDED_VOCABULARY = 8_192  # every target needs its whole distribution, V numbers
# of all targets together; beyond it every so many-th target is taken
MOST_TWO_SIDED_NUMBERS = 1 << 27
_CHUNK_NUMBERS = 1 << 22
_PORTION_TOKENS = 1 << 21


@dataclass(frozen=True, slots=True)
class NgramBaseline:
    """Mean cross-entropy in nats and share of correct targets of one baseline."""

    name: str
    cross_entropy: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class NeighbourCounts:
    """Tokens [V] of the training data, and the pairs that occur as left token * V + right token,
    ascending.
    """

    tokens_V: np.ndarray
    codes_P: np.ndarray
    counts_P: np.ndarray


class Conditional:
    """p(token | context), out of pairs coded context * V + token in ascending order, smoothed with
    the prior [V].

    A context of -1 is one that was never seen: the prior itself. What the prior excludes takes no
    probability.
    """

    def __init__(self, codes_P: np.ndarray, counts_P: np.ndarray, prior_V: np.ndarray) -> None:
        self.prior_V, self.size = prior_V, len(prior_V)
        possible_P = prior_V[codes_P % self.size] > 0
        self.codes_P, self.counts_P = codes_P[possible_P], counts_P[possible_P]
        context_P = self.codes_P // self.size
        self.kinds = np.bincount(context_P, minlength=self.size + 1)  # the last one stands for -1
        self.weight = np.maximum(self.kinds, 1)
        self.total = np.bincount(context_P, self.counts_P, self.size + 1) + self.weight
        self.starts = np.cumsum(self.kinds) - self.kinds

    def probability(self, contexts_N: np.ndarray, tokens_N: np.ndarray) -> np.ndarray:
        """[N]"""
        codes_N = contexts_N * self.size + tokens_N
        place_N = np.minimum(np.searchsorted(self.codes_P, codes_N), max(len(self.codes_P) - 1, 0))
        seen_N = (
            self.counts_P[place_N] * (self.codes_P[place_N] == codes_N) if len(self.codes_P) else 0
        )
        return (seen_N + self.weight[contexts_N] * self.prior_V[tokens_N]) / self.total[contexts_N]

    def best(self) -> np.ndarray:
        """The likeliest token of each context, -1 (last) included: int64 [V+1]."""
        best = np.full(self.size + 1, self.prior_V.argmax())
        context_P, token_P = np.divmod(self.codes_P, self.size)
        score_P = self.counts_P + self.weight[context_P] * self.prior_V[token_P]
        order = np.lexsort((score_P, context_P))
        last = (
            np.flatnonzero(np.append(context_P[order][1:] != context_P[order][:-1], True))
            if len(order)
            else order
        )
        winner = order[last]
        beats = score_P[winner] > self.weight[context_P[winner]] * self.prior_V.max()
        best[context_P[winner][beats]] = token_P[winner][beats]
        return best

    def rows(self, contexts_C: np.ndarray) -> np.ndarray:
        """Whole distributions [C, V]."""
        kinds_C = self.kinds[contexts_C]
        row = np.repeat(np.arange(len(contexts_C)), kinds_C)
        place = np.arange(len(row)) + np.repeat(
            self.starts[contexts_C] - (np.cumsum(kinds_C) - kinds_C), kinds_C
        )
        chance_CV = self.weight[contexts_C][:, None] * self.prior_V
        chance_CV[row, self.codes_P[place] % self.size] += self.counts_P[place]
        return chance_CV / self.total[contexts_C][:, None]


def count_neighbours(
    sequences: Iterable[np.ndarray], vocabulary: int, most_tokens: int
) -> NeighbourCounts:
    """Counts over sequences of token ids, until `most_tokens` are counted; pairs never cross two
    sequences.
    """
    tokens_V = np.zeros(vocabulary, dtype=np.int64)
    codes_P, counts_P = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for tokens, follows in _portions(sequences, most_tokens):
        tokens_V += np.bincount(tokens, minlength=vocabulary)
        new_codes, new_counts = np.unique(
            tokens[:-1][follows] * vocabulary + tokens[1:][follows], return_counts=True
        )
        codes_P, counts_P = _merged([codes_P, new_codes], [counts_P, new_counts])
    return NeighbourCounts(tokens_V, codes_P, counts_P)


def summed_counts(parts: Sequence[NeighbourCounts]) -> NeighbourCounts:
    """Merge the counts of all parts (at least one) of the sequences."""
    merged = _merged([part.codes_P for part in parts], [part.counts_P for part in parts])
    return NeighbourCounts(np.sum([part.tokens_V for part in parts], axis=0), *merged)


def _merged(
    codes: Sequence[np.ndarray], counts: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Every code once, rising, with the sum of its counts (int64)."""
    codes_P, where = np.unique(np.concatenate(codes), return_inverse=True)
    counts_P = np.bincount(where, np.concatenate(counts), len(codes_P)).astype(np.int64)
    return codes_P, counts_P


def _portions(
    sequences: Iterable[np.ndarray], most_tokens: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tokens of many sequences end to end, and whether each one's right neighbour [len - 1] is of
    the same sequence.
    """
    gathered: list[np.ndarray] = []
    size = total = 0

    def portion() -> tuple[np.ndarray, np.ndarray]:
        follows = np.ones(size, dtype=bool)
        follows[np.cumsum([len(sequence) for sequence in gathered]) - 1] = False
        return np.concatenate(gathered), follows[:-1]

    for sequence in sequences:
        sequence = np.asarray(sequence[: most_tokens - total], dtype=np.int64)
        if len(sequence):
            gathered.append(sequence)
            size, total = size + len(sequence), total + len(sequence)
        if size >= _PORTION_TOKENS:
            yield portion()
            gathered, size = [], 0
        if total >= most_tokens:
            break
    if gathered:
        yield portion()


def ngram_baselines(
    counts: NeighbourCounts,
    tokens_N: np.ndarray,
    left_N: np.ndarray,
    right_N: np.ndarray,
    predictable_V: np.ndarray,
) -> tuple[Sequence[NgramBaseline], Mapping[str, str]]:
    """Return the baselines of targets and their visible neighbours (-1: none), and why others are
    absent.

    `predictable_V` (bool): what can be a target; a token that is a target nevertheless counts too.
    """
    if not len(tokens_N):
        return (), {"unigram": "there are no targets"}
    possible_V = predictable_V.copy()
    possible_V[tokens_N] = True
    weight_V = (counts.tokens_V + 1.0) * possible_V
    prior_V = weight_V / weight_V.sum()
    after_left = Conditional(counts.codes_P, counts.counts_P, prior_V)
    found = [
        _baseline("unigram", prior_V[tokens_N], tokens_N == prior_V.argmax()),
        _baseline(
            "bigram",
            after_left.probability(left_N, tokens_N),
            tokens_N == after_left.best()[left_N],
        ),
    ]
    if not (right_N >= 0).any():
        return found, {"two-sided bigram": "no target sees its right neighbour"}
    if len(prior_V) > LARGEST_TWO_SIDED_VOCABULARY:
        return found, {
            "two-sided bigram": f"the vocabulary is larger than {LARGEST_TWO_SIDED_VOCABULARY:,}"
        }
    turned_P = counts.codes_P % len(prior_V) * len(prior_V) + counts.codes_P // len(prior_V)
    order = np.argsort(turned_P)
    before_right = Conditional(turned_P[order], counts.counts_P[order], prior_V)
    every = -(-len(tokens_N) * len(prior_V) // MOST_TWO_SIDED_NUMBERS)
    return [
        *found,
        _two_sided(after_left, before_right, tokens_N[::every], left_N[::every], right_N[::every]),
    ], {}


def _baseline(name: str, probability_N: np.ndarray, correct_N: np.ndarray) -> NgramBaseline:
    return NgramBaseline(name, float(-np.log(probability_N).mean()), float(correct_N.mean()))


def _two_sided(
    after_left: Conditional,
    before_right: Conditional,
    tokens_N: np.ndarray,
    left_N: np.ndarray,
    right_N: np.ndarray,
) -> NgramBaseline:
    prior_V = after_left.prior_V
    inverse_V = np.divide(1.0, prior_V, out=np.zeros_like(prior_V), where=prior_V > 0)
    chunk = max(1, _CHUNK_NUMBERS // len(prior_V))
    probabilities, correct = [], []
    for start in range(0, len(tokens_N), chunk):
        part = slice(start, start + chunk)
        tokens_C = tokens_N[part]
        chance_CV = after_left.rows(left_N[part]) * before_right.rows(right_N[part]) * inverse_V
        probabilities.append(chance_CV[np.arange(len(tokens_C)), tokens_C] / chance_CV.sum(axis=1))
        correct.append(chance_CV.argmax(axis=1) == tokens_C)
    return _baseline("two-sided bigram", np.concatenate(probabilities), np.concatenate(correct))
