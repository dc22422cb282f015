"""The n-gram baselines against counting in dictionaries, and against a source whose entropy is known."""

import math
from collections import Counter
from dataclasses import astuple
from itertools import pairwise

import numpy as np
import pytest

from sslcli.datasets import ngrams as module
from sslcli.datasets.ngrams import count_neighbours, ngram_baselines, summed_counts

VOCABULARY = 7


def counted_slowly(sequences):
    tokens, after_left, before_right = Counter(), {}, {}
    for sequence in sequences:
        tokens.update(sequence)
        for left, right in pairwise(sequence):
            after_left.setdefault(left, Counter())[right] += 1
            before_right.setdefault(right, Counter())[left] += 1
    return tokens, after_left, before_right


def distribution_slowly(sequences, left, right, possible):
    """p(t | left) p(t | right) / p(t), each smoothed by Witten and Bell, as dictionaries have
    it.
    """
    tokens, after_left, before_right = counted_slowly(sequences)
    weights = {t: tokens[t] + 1 for t in range(VOCABULARY) if possible[t]}
    prior = {t: weight / sum(weights.values()) for t, weight in weights.items()}
    chance = dict(prior)
    for table, context in ((after_left, left), (before_right, right)):
        seen = {t: c for t, c in table.get(context, {}).items() if possible[t]}
        kinds, total = max(len(seen), 1), sum(seen.values())
        for t in prior:
            chance[t] *= (seen.get(t, 0) + kinds * prior[t]) / (total + kinds) / prior[t]
    total = sum(chance.values())
    return {t: value / total for t, value in chance.items()}


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    sequences = [random.integers(0, VOCABULARY, random.integers(0, 9)).tolist() for _ in range(30)]
    tokens = random.integers(1, VOCABULARY, 40)
    left, right = random.integers(-1, VOCABULARY, (2, 40))
    possible = np.arange(VOCABULARY) > 0
    return sequences, tokens, left, right, possible


def test_ngram_baselines_agree_with_dictionaries(data, monkeypatch):
    sequences, tokens, left, right, possible = data
    monkeypatch.setattr(module, "_CHUNK_NUMBERS", 3 * VOCABULARY)
    monkeypatch.setattr(module, "_PORTION_TOKENS", 20)
    counts = count_neighbours((np.asarray(s, dtype=np.int64) for s in sequences), VOCABULARY, 10**6)
    found, left_out = ngram_baselines(counts, tokens, left, right, possible)
    contexts = {
        "unigram": (None, None),
        "bigram": ("left", None),
        "two-sided bigram": ("left", "right"),
    }
    assert [baseline.name for baseline in found] == list(contexts)
    assert left_out == {}
    for baseline in found:
        sides = contexts[baseline.name]
        whole = [
            distribution_slowly(sequences, a if sides[0] else -1, b if sides[1] else -1, possible)
            for a, b in zip(left.tolist(), right.tolist(), strict=True)
        ]
        nats = [-math.log(chances[t]) for chances, t in zip(whole, tokens.tolist(), strict=True)]
        right_ones = [
            max(chances, key=chances.get) == t
            for chances, t in zip(whole, tokens.tolist(), strict=True)
        ]
        assert baseline.cross_entropy == pytest.approx(np.mean(nats), rel=1e-12)
        assert baseline.accuracy == pytest.approx(np.mean(right_ones))


def test_counting_stops_at_most_tokens():
    counts = count_neighbours(iter([np.asarray([1, 2, 3]), np.asarray([4, 5, 6])]), VOCABULARY, 4)
    assert counts.tokens_V.tolist() == [0, 1, 1, 1, 1, 0, 0]
    assert counts.codes_P.tolist() == [1 * VOCABULARY + 2, 2 * VOCABULARY + 3]


def test_no_pairs_at_all():
    counts = count_neighbours([np.asarray([1]), np.asarray([2])], VOCABULARY, 10)
    found, _ = ngram_baselines(
        counts,
        np.asarray([1, 2]),
        np.asarray([3, -1]),
        np.asarray([-1, 4]),
        np.ones(VOCABULARY, dtype=bool),
    )
    assert len({round(baseline.cross_entropy, 12) for baseline in found}) == 1


def test_a_markov_source_costs_its_entropy():
    """Tokens follow a cycle with probability 0.9: the bigram baseline is the conditional entropy, the
    two-sided one lower.
    """
    random = np.random.default_rng(1)
    steps = np.where(random.random(60_000) < 0.9, 1, random.integers(0, VOCABULARY, 60_000))
    tokens = np.cumsum(steps) % VOCABULARY
    counts = count_neighbours([tokens[:40_000]], VOCABULARY, 10**6)
    held_out = tokens[40_000:]
    found, _ = ngram_baselines(
        counts, held_out[1:-1], held_out[:-2], held_out[2:], np.ones(VOCABULARY, dtype=bool)
    )
    unigram, bigram, two_sided = found
    stay = 0.9 + 0.1 / VOCABULARY
    entropy = -stay * math.log(stay) - (VOCABULARY - 1) * (0.1 / VOCABULARY) * math.log(
        0.1 / VOCABULARY
    )
    assert unigram.cross_entropy == pytest.approx(math.log(VOCABULARY), abs=0.01)
    assert bigram.cross_entropy == pytest.approx(entropy, abs=0.02)
    assert bigram.accuracy == pytest.approx(stay, abs=0.01)
    assert two_sided.cross_entropy < bigram.cross_entropy - 0.1


def test_what_was_left_out_is_said(monkeypatch):
    counts = count_neighbours([np.asarray([1, 2, 3])], VOCABULARY, 10)
    every = np.ones(VOCABULARY, dtype=bool)
    one, two, none = np.asarray([2]), np.asarray([3]), np.asarray([-1])
    assert (
        "right neighbour" in ngram_baselines(counts, one, one, none, every)[1]["two-sided bigram"]
    )
    assert ngram_baselines(counts, one[:0], one[:0], one[:0], every) == (
        (),
        {"unigram": "there are no targets"},
    )
    monkeypatch.setattr(module, "LARGEST_TWO_SIDED_VOCABULARY", 6)
    assert "larger than 6" in ngram_baselines(counts, one, one, two, every)[1]["two-sided bigram"]


def test_many_targets_are_thinned_out(data, monkeypatch):
    sequences, tokens, left, right, possible = data
    counts = count_neighbours((np.asarray(s, dtype=np.int64) for s in sequences), VOCABULARY, 10**6)
    monkeypatch.setattr(module, "MOST_TWO_SIDED_NUMBERS", 10 * VOCABULARY)
    thinned = ngram_baselines(counts, tokens, left, right, possible)[0][2]
    monkeypatch.undo()
    assert thinned == ngram_baselines(counts, tokens[::4], left[::4], right[::4], possible)[0][2]


def test_an_impossible_target_is_admitted():
    counts = count_neighbours([np.asarray([0, 1, 2])], VOCABULARY, 10)
    found, _ = ngram_baselines(
        counts,
        np.asarray([0]),
        np.asarray([-1]),
        np.asarray([-1]),
        np.zeros(VOCABULARY, dtype=bool),
    )
    assert found[0].cross_entropy == 0.0


@pytest.mark.parametrize("cuts", [[0, 30], [0, 11, 30], [0, 1, 2, 30]])
def test_counts_of_parts_together_are_those_of_the_whole(cuts, data):
    sequences = [np.asarray(s, dtype=np.int64) for s in data[0]]
    parts = [
        count_neighbours(sequences[start:stop], VOCABULARY, 10**6) for start, stop in pairwise(cuts)
    ]
    together, whole = summed_counts(parts), count_neighbours(sequences, VOCABULARY, 10**6)
    for one, other in zip(astuple(together), astuple(whole), strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
