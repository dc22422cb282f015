"""Separation of senses against loops over pairs, and against what must hold of it."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from sslcli.errors import DataError
from sslcli.metrics.separation import cosines, sense_gap, sense_gaps, separation


def vectors(count, width=7, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def slow_gap(vectors_ND, senses):
    """Every pair in turn."""
    within, across = {}, []
    for i, j in combinations(range(len(senses)), 2):
        a, b = (vectors_ND[place].astype(float) for place in (i, j))
        cosine = a @ b / np.sqrt(a @ a) / np.sqrt(b @ b)
        if senses[i] == senses[j]:
            within.setdefault(senses[i], []).append(cosine)
        else:
            across.append(cosine)
    means = {sense: sum(found) / len(found) for sense, found in within.items()}
    return means, sum(across) / len(across)


def test_cosines_are_those_of_scikit_learn():
    given = vectors(9)
    np.testing.assert_allclose(cosines(given), cosine_similarity(given.astype(float)), atol=1e-12)


@pytest.mark.parametrize("senses", ["aabb", "abab" * 3, "aaaab" + "bccc"])
def test_means_and_gap_are_those_of_a_loop_over_pairs(senses):
    given = vectors(len(senses), seed=len(senses))
    within, across = slow_gap(given, senses)
    found = separation(given, list(senses))
    assert found.within == pytest.approx(within)
    assert found.across == pytest.approx(across)
    assert found.value == pytest.approx(sum(within.values()) / len(within) - across)
    assert sense_gap(given, list(senses)) == found.value


def test_equal_vectors_have_no_gap_at_all():
    given = np.tile(vectors(1, width=333), (37, 1))
    found = separation(given, ["a"] * 20 + ["b"] * 17)
    assert (found.value, found.interval, found.shuffled_high, found.p) == (
        0.0,
        (0.0, 0.0),
        0.0,
        1.0,
    )
    assert not found.emerged


def test_senses_that_lie_apart_are_told_from_shuffled_ones():
    senses = ["a"] * 8 + ["b"] * 8
    apart = vectors(16) + 2 * np.where(np.arange(16) < 8, 1, -1)[:, None]
    found = separation(apart, senses)
    assert found.emerged
    assert found.interval[0] > found.shuffled_high
    # only the two halves as they are give as much
    assert found.p == pytest.approx(1 / 1001, abs=2e-3)
    assert abs(found.shuffled) < 0.05


def test_a_chance_gap_is_as_large_as_its_p_says():
    found = [separation(vectors(10, seed=seed), ["a"] * 5 + ["b"] * 5) for seed in range(60)]
    shares = [np.mean([each.p <= level for each in found]) for level in (0.25, 0.5, 0.75)]
    np.testing.assert_allclose(shares, (0.25, 0.5, 0.75), atol=0.17)  # three standard errors of 60
    assert np.mean([each.emerged for each in found]) < 0.1


def test_words_are_compared_with_themselves_only():
    words = ["bank"] * 4 + ["apple"] * 6
    senses = ["river", "money", "money", "river"] + ["fruit", "company"] * 3
    layers = {0: vectors(10, seed=1), 2: vectors(10, seed=2)}
    found = sense_gaps(layers, words, senses)
    assert list(found) == ["bank", "apple"]
    for layer, given in layers.items():
        assert found["bank"][layer] == sense_gap(given[:4], senses[:4])
        assert found["apple"][layer] == sense_gap(given[4:], senses[4:])


@pytest.mark.parametrize("senses", [["a", "a", "a", "a"], ["a", "a", "a", "b"], []])
def test_what_cannot_be_compared_is_refused(senses):
    with pytest.raises(DataError, match="senses cannot be compared"):
        separation(vectors(len(senses)), senses)


def test_a_vector_of_zeros_is_like_nothing():
    found = cosines(np.asarray([[0, 0], [3, 4]]))
    assert found[0, 1] == 0
