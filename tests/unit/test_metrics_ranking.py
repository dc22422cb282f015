"""Areas under curves against scikit-learn, their intervals against resampling, and thresholds."""

import numpy as np
import pytest
from sklearn import metrics

from sslcli.errors import DataError
from sslcli.metrics.detection.ranking import (
    auroc,
    auroc_score,
    average_precision,
    average_precision_score,
    precision_curve,
    receiver_curve,
    threshold_for,
)


def drawn(count, share, shift, ties, seed):
    random = np.random.default_rng(seed)
    is_wanted = random.random(count) < share
    is_wanted[:2] = [True, False]
    scores = random.normal(size=count) + shift * is_wanted
    return np.round(scores, 1) if ties else scores, is_wanted


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("count", "share", "shift"), [(40, 0.5, 1), (900, 0.02, 2), (500, 0.9, 0)])
def test_areas_are_those_of_scikit_learn(count, share, shift, ties):
    scores, is_wanted = drawn(count, share, shift, ties, count)
    area = metrics.roc_auc_score(is_wanted, scores)
    assert auroc(scores, is_wanted) == pytest.approx(area, abs=1e-12)
    score = auroc_score("a", scores, is_wanted)
    assert score.value == pytest.approx(area, abs=1e-12)
    assert score.count == count
    precision = metrics.average_precision_score(is_wanted, scores)
    assert average_precision(scores, is_wanted) == pytest.approx(precision, abs=1e-12)
    x, y = receiver_curve(scores, is_wanted)
    assert np.trapezoid(y, x) == pytest.approx(area, abs=0.01)
    recall, precision = precision_curve(scores, is_wanted)
    slow = {
        (((scores >= t) & is_wanted).sum() / is_wanted.sum(), is_wanted[scores >= t].mean())
        for t in np.unique(scores)
    }
    places = np.asarray(sorted(slow))
    for point in zip(recall, precision, strict=True):
        assert np.abs(places - point).sum(axis=1).min() < 1e-12


def slowly(scores, is_wanted):
    """The variance of DeLong et al. by all pairs."""
    p, q = scores[is_wanted][:, None], scores[~is_wanted][None]
    order = (p > q) + 0.5 * (p == q)
    of_p, of_q = order.mean(axis=1), order.mean(axis=0)
    return order.mean(), of_p.var(ddof=1) / len(of_p) + of_q.var(ddof=1) / len(of_q)


@pytest.mark.parametrize("ties", [False, True])
def test_the_interval_is_that_of_all_pairs_and_of_resampling(ties):
    scores, is_wanted = drawn(400, 0.3, 1, ties, 7)
    area, variance = slowly(scores, is_wanted)
    low, high = auroc_score("a", scores, is_wanted).ends
    for end, side in ((low, -1), (high, 1)):
        odds = np.log(area / (1 - area)) + side * 1.959964 * variance**0.5 / (area * (1 - area))
        assert end == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-9)
    random, found = np.random.default_rng(1), []
    kinds = [np.flatnonzero(is_wanted), np.flatnonzero(~is_wanted)]
    for _ in range(400):
        some = np.concatenate([random.choice(kind, len(kind)) for kind in kinds])
        found.append(auroc(scores[some], is_wanted[some]))
    assert (low, high) == pytest.approx(np.percentile(found, [2.5, 97.5]), abs=0.01)
    ends = average_precision_score("p", scores, is_wanted).ends
    assert ends[0] < average_precision(scores, is_wanted) < ends[1]


def test_perfect_order_is_certain_only_as_far_as_there_are_examples():
    scores = np.arange(30.0)
    low, high = auroc_score("a", scores, scores > 19).ends
    assert (low, high) == (pytest.approx(0.7), 1.0)
    assert auroc(-scores, scores > 19) == 0
    assert auroc(np.zeros(30), scores > 19) == 0.5


@pytest.mark.parametrize("wrong", ["one kind", "not finite"])
def test_what_has_no_order_is_refused(wrong):
    scores = np.asarray([1.0, np.nan if wrong == "not finite" else 2.0, 3.0])
    is_wanted = np.asarray([False, False, wrong == "not finite"])
    for what in (auroc, average_precision, lambda *each: auroc_score("a", *each)):
        with pytest.raises(DataError):
            what(scores, is_wanted)


@pytest.mark.parametrize(("share", "above"), [(0.01, 1), (0.05, 5), (0.005, 0), (0.999, 99)])
def test_no_more_normal_scores_lie_above_a_threshold_than_are_allowed(share, above):
    normal = np.random.default_rng(0).permutation(100).astype(float)
    threshold = threshold_for(normal, share)
    assert (normal > threshold).sum() == above
    assert (np.full(100, 3.0) > threshold_for(np.full(100, 3.0), share)).sum() == 0


def test_long_curves_are_thinned_out_and_keep_their_shape():
    scores, is_wanted = drawn(20_000, 0.01, 3, False, 3)
    x, y = receiver_curve(scores, is_wanted)
    assert len(x) <= 402
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(y, x) == pytest.approx(auroc(scores, is_wanted), abs=2e-3)
