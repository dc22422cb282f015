"""Correlations are those of scipy, and never silently no number."""

import numpy as np
import pytest
from scipy import stats

from sslcli.api import DataError, correlation_notes, correlation_scores, pearson, spearman


def random_numbers(seed):
    """Two columns that follow one another more or less; half of them with many ties, some far from
    zero, some tiny.
    """
    generator = np.random.default_rng(seed)
    count = generator.integers(3, 80)
    gold = generator.normal(size=count)
    predicted = generator.uniform(-1, 1) * gold + generator.normal(size=count)
    if seed % 2:
        gold, predicted = np.round(gold), np.round(2 * predicted) / 2
    scale = [1.0, 1e-6, 1e6][seed % 3]
    return scale * (gold + 5), scale * predicted - 3


def test_both_correlations():
    compared = 0
    for seed in range(600):
        gold, predicted = random_numbers(seed)
        if np.ptp(gold) and np.ptp(predicted):
            compared += 1
            assert pearson(gold, predicted) == pytest.approx(
                stats.pearsonr(gold, predicted).statistic, abs=1e-12
            )
            assert spearman(gold, predicted) == pytest.approx(
                stats.spearmanr(gold, predicted).statistic, abs=1e-12
            )
    assert compared > 500


@pytest.mark.parametrize("correlation", [pearson, spearman])
def test_known_correlations(correlation):
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1.0)
    assert correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1.0)
    assert correlation([1e200, 2e200, 3e200], [1e-200, 2e-200, 3e-200]) == pytest.approx(1.0)


def test_order_alone_counts_for_ranks():
    assert spearman([1, 2, 3, 4], [1, 10, 100, 1000]) == pytest.approx(1.0)
    assert pearson([1, 2, 3, 4], [1, 10, 100, 1000]) < 0.9


def test_where_there_is_none_it_is_zero_and_said():
    assert [score.value for score in correlation_scores([1.0, 2.0, 3.0], [0.1, 0.1, 0.1])] == [
        0.0,
        0.0,
    ]
    assert correlation_notes([1.0, 2.0, 3.0], [0.1, 0.1, 0.1]) == [
        "all predictions are 0.1: there is no correlation, and 0 stands for it"
    ]
    assert correlation_notes([1.0, 2.0], [2.0, 1.0]) == []


def test_one_example_has_no_correlation():
    assert [score.value for score in correlation_scores([2.0], [3.0])] == [0.0, 0.0]


def test_intervals_hold_the_figure_and_its_count():
    gold, predicted = random_numbers(4)
    for score in correlation_scores(gold, predicted):
        assert score.count == len(gold)
        assert -1 <= score.interval[0] < score.value < score.interval[1] <= 1


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(broken):
    with pytest.raises(DataError, match="example 2"):
        correlation_scores([1.0, 2.0, 3.0], [1.0, broken, 2.0])
