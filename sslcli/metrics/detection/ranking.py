"""How well a score ranks one kind above another: areas under curves, and the curves.

Letters: N examples, P of the kind that is to be found, Q others. A higher score means more of the
kind; what has the same score counts half.
"""

from statistics import NormalDist

import numpy as np

from sslcli.errors import DataError
from sslcli.reports import Score

_QUANTILE = NormalDist().inv_cdf(0.975)
MOST_POINTS = 400  # of a curve


def auroc_score(name: str, scores_N: np.ndarray, is_wanted_N: np.ndarray) -> Score:
    """The area under the receiver operating characteristic, with its interval.

    It is the share of pairs that are in order. Its variance is that of DeLong, DeLong and
    Clarke-Pearson 1988, by ranks as in Sun and Xu 2014; the interval lies on the scale of log-odds.
    Raises DataError where one kind is missing, or a score is no number.
    """
    wanted_P, others_Q = _both(name, scores_N, is_wanted_N)
    count_p, count_q = len(wanted_P), len(others_Q)
    ranks_N = _ranks(np.concatenate([wanted_P, others_Q]))
    # of each of one kind the share of the other that it is in order with
    of_p = (ranks_N[:count_p] - _ranks(wanted_P)) / count_q
    of_q = 1 - (ranks_N[count_p:] - _ranks(others_Q)) / count_p
    area = float(of_p.mean())
    variance = sum(float(each.var(ddof=1)) / len(each) for each in (of_p, of_q) if len(each) > 1)
    interval = _on_log_odds(area, variance**0.5, min(count_p, count_q))
    return Score(name, area, count=count_p + count_q, interval=interval)


def auroc(scores_N: np.ndarray, is_wanted_N: np.ndarray) -> float:
    """The same area alone."""
    wanted_P, others_Q = _both("AUROC", scores_N, is_wanted_N)
    ranks_N = _ranks(np.concatenate([wanted_P, others_Q]))
    count_p = len(wanted_P)
    above = ranks_N[:count_p].sum() - count_p * (count_p + 1) / 2
    return float(above / (count_p * len(others_Q)))


def average_precision(scores_N: np.ndarray, is_wanted_N: np.ndarray) -> float:
    """The sum of precisions, each times the step in recall that it comes with: no trapezoids, which
    flatter (Davis and Goadrich 2006).
    """
    _both("average precision", scores_N, is_wanted_N)
    hits, taken, _ = _steps(scores_N, is_wanted_N)
    steps = np.diff(hits, prepend=0)
    return float((steps * hits / taken).sum() / hits[-1])


def average_precision_score(
    name: str, scores_N: np.ndarray, is_wanted_N: np.ndarray, draws: int = 200
) -> Score:
    """Average precision, its interval by resampling either kind by itself, as often as `draws`."""
    value = average_precision(scores_N, is_wanted_N)
    random = np.random.default_rng(0)  # the same scores have the same interval
    kinds = [np.flatnonzero(is_wanted_N == kind) for kind in (True, False)]
    found = []
    for _ in range(draws):
        drawn = np.concatenate([kind[random.integers(0, len(kind), len(kind))] for kind in kinds])
        found.append(average_precision(scores_N[drawn], is_wanted_N[drawn]))
    low, high = np.percentile(found, [2.5, 97.5]).tolist()
    return Score(name, value, count=len(scores_N), interval=(min(low, value), max(high, value)))


def receiver_curve(scores_N: np.ndarray, is_wanted_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the others and of the wanted that lie above each threshold, from (0, 0) on, thinned
    out.
    """
    hits, taken, _ = _steps(scores_N, is_wanted_N)
    alarms = taken - hits
    x, y = (np.concatenate([[0.0], each / each[-1]]) for each in (alarms, hits))
    return _thinned(x, y)


def precision_curve(scores_N: np.ndarray, is_wanted_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision at each threshold, from the highest one down, thinned out."""
    hits, taken, _ = _steps(scores_N, is_wanted_N)
    return _thinned(hits / hits[-1], hits / taken)


def threshold_for(normal_N: np.ndarray, false_alarms: float) -> float:
    """The least threshold that at most this share of normal scores lies above."""
    ordered = np.sort(np.asarray(normal_N, dtype=np.float64))[::-1]
    return float(ordered[min(int(false_alarms * len(ordered)), len(ordered) - 1)])


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(x) <= MOST_POINTS:
        return x, y
    # evenly along the curve, so that a steep beginning keeps its points
    length = np.cumsum(np.abs(np.diff(x, prepend=x[0])) + np.abs(np.diff(y, prepend=y[0])))
    wanted = np.linspace(0, length[-1], MOST_POINTS)
    places = np.unique(np.r_[0, np.searchsorted(length, wanted).clip(0, len(x) - 1), len(x) - 1])
    return x[places], y[places]


def _steps(
    scores_N: np.ndarray, is_wanted_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each score that there is, from the highest: how many wanted ones and how many in all have
    it or a higher one, and the score.
    """
    order = np.argsort(-scores_N, kind="stable")
    ordered, is_wanted = scores_N[order], is_wanted_N[order]
    last = np.r_[np.flatnonzero(np.diff(ordered)), len(ordered) - 1]
    return np.cumsum(is_wanted)[last].astype(float), last + 1.0, ordered[last]


def _ranks(values_N: np.ndarray) -> np.ndarray:
    """From 1, equal values having the mean of theirs."""
    _, inverse, counts = np.unique(values_N, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def _both(
    name: str, scores_N: np.ndarray, is_wanted_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    scores_N, is_wanted_N = np.asarray(scores_N, dtype=np.float64), np.asarray(is_wanted_N, bool)
    if not np.isfinite(scores_N).all():
        raise DataError(f"{name}: a score is no finite number", "the model may have diverged")
    if is_wanted_N.all() or not is_wanted_N.any():
        raise DataError(
            f"{name} needs examples of both kinds, and all {len(scores_N):,} are of one",
            "give data with normal and anomalous examples",
        )
    return scores_N[is_wanted_N], scores_N[~is_wanted_N]


def _on_log_odds(area: float, deviation: float, fewest: int) -> tuple[float, float]:
    """Where all pairs are in order the deviation is 0, and the interval that of none in `fewest`
    (3 / n, Hanley and Lippman-Hand 1983).
    """
    if not 0 < area < 1:
        width = min(1.0, 3 / fewest)
        return (1 - width, 1.0) if area else (0.0, width)
    middle, spread = np.log(area / (1 - area)), _QUANTILE * deviation / (area * (1 - area))
    low, high = (1 / (1 + np.exp(-(middle + side * spread))) for side in (-1, 1))
    return float(low), float(high)
