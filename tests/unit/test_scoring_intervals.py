"""Intervals hold what they should, as often as they should."""

import numpy as np
import pytest
from scipy import stats

from sslcli.api import DataError, mean_score, statistic_score, sums_score
from sslcli.metrics.classes import Margins, macro_f1
from sslcli.metrics.intervals import (
    interval_of_counts,
    interval_of_mean,
    interval_of_statistic,
    interval_of_sums,
    share_interval,
)


def test_shares_have_the_interval_of_wilson():
    for count in (1, 2, 7, 50, 1000):
        for right in {0, 1, count // 3, count}:
            expected = stats.binomtest(right, count).proportion_ci(method="wilson")
            assert interval_of_mean(np.arange(count) < right) == pytest.approx(
                (expected.low, expected.high), abs=1e-6
            )


def test_the_best_of_many_shares_has_a_wider_interval():
    expected = stats.binomtest(30, 200).proportion_ci(
        confidence_level=1 - 0.05 / 13, method="wilson"
    )
    assert share_interval(30, 200, 13) == pytest.approx((expected.low, expected.high), abs=1e-6)
    generator = np.random.default_rng(4)
    best = generator.binomial(100, 0.3, (400, 13)).max(axis=1)
    held = {
        comparisons: np.mean(
            [share_interval(right, 100, comparisons)[0] <= 0.3 for right in best.tolist()]
        )
        for comparisons in (1, 13)
    }
    assert held[13] > 0.95 > held[1]


def test_other_means_have_the_percentiles_of_resamples():
    generator = np.random.default_rng(1)
    values = generator.choice([0.0, 0.25, 0.5, 2 / 3, 1.0], 400)
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=9999, rng=2
    ).confidence_interval
    width = expected.high - expected.low
    assert interval_of_mean(values) == pytest.approx((expected.low, expected.high), abs=0.1 * width)


@pytest.mark.parametrize(
    ("truth", "draw"),
    [
        (0.9, lambda generator: generator.random(60) < 0.9),
        (2 / 3, lambda generator: generator.beta(2, 1, 60)),
    ],
    ids=["shares", "means"],
)
def test_of_a_hundred_intervals_about_95_hold_the_truth(truth, draw):
    generator = np.random.default_rng(3)
    held = [
        low <= truth <= high
        for low, high in (interval_of_mean(draw(generator)) for _ in range(400))
    ]
    assert 0.915 < np.mean(held) < 0.98  # three standard errors around 0.95


def test_kinds_and_examples_are_resampled_alike():
    generator = np.random.default_rng(5)
    gold = generator.integers(0, 3, 300)
    predicted = np.where(generator.random(300) < 0.7, gold, generator.integers(0, 3, 300))

    def confusions(rights, guesses):
        return np.bincount(3 * rights + guesses, minlength=9).reshape(3, 3)

    by_kind = interval_of_counts(
        lambda cells: macro_f1(Margins.of(cells.reshape(-1, 3, 3))),
        confusions(gold, predicted).ravel(),
    )
    by_example = interval_of_statistic(
        lambda *sides: float(macro_f1(Margins.of(confusions(*sides)))), gold, predicted
    )
    one_hot = np.eye(9)[3 * gold + predicted]
    by_sums = interval_of_sums(lambda cells: macro_f1(Margins.of(cells.reshape(-1, 3, 3))), one_hot)
    width = by_example[1] - by_example[0]
    assert by_kind == pytest.approx(by_example, abs=0.1 * width)
    assert by_sums == pytest.approx(by_example, abs=0.1 * width)


def test_resamples_in_pieces_are_all_there():
    sizes = []

    def first_share(counts):
        sizes.append(len(counts))
        return counts[:, 0] / counts.sum(axis=1)

    counts = np.zeros(100_000, dtype=np.int64)
    counts[:2] = 30, 70
    low, high = interval_of_counts(first_share, counts)
    assert len(sizes) > 1
    assert sum(sizes) == 1000
    assert (low, high) == pytest.approx((0.21, 0.39), abs=0.02)


def test_four_times_the_examples_half_the_interval():
    values = np.random.default_rng(6).random(500)
    (low, high), (lower, higher) = interval_of_mean(values), interval_of_mean(np.tile(values, 4))
    assert (higher - lower) / (high - low) == pytest.approx(0.5, abs=0.06)


def test_the_same_answers_have_the_same_interval():
    values = np.random.default_rng(7).random(50)
    assert mean_score("f1", values) == mean_score("f1", values)


def test_percent_is_a_hundred_times_the_fraction():
    values = np.random.default_rng(8).random(50)
    fraction, percent = mean_score("f1", values), mean_score("f1", values, unit="%")
    assert percent.value == pytest.approx(100 * fraction.value)
    assert percent.interval == pytest.approx([100 * end for end in fraction.interval])
    assert (percent.unit, percent.count, percent.higher_is_better) == ("%", 50, True)
    assert not mean_score("loss", values, higher_is_better=False).higher_is_better


@pytest.mark.parametrize(
    "score",
    [
        mean_score,
        lambda name, values: sums_score(name, lambda sums: sums[:, 0], np.array(values)[:, None]),
    ],
)
def test_a_figure_of_nothing_or_of_no_number_is_refused(score):
    with pytest.raises(DataError, match="loss cannot be computed: there is no example"):
        score("loss", [])
    with pytest.raises(DataError, match="example 3"):
        score("loss", [1.0, 2.0, float("nan")])


def test_any_statistic_can_have_an_interval():
    score = statistic_score("middle", lambda values: float(np.median(values)), np.arange(101.0))
    assert (score.value, score.count) == (50.0, 101)
    assert score.interval[0] < 50 < score.interval[1]
