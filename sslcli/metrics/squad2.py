"""Scores of SQuAD 2.0, where some questions have no answer.

Rajpurkar, Jia & Liang 2018, "Know What You Don't Know", and evaluate-v2.0.py. Letters: N questions.
"""

from collections.abc import Sequence

import numpy as np

from sslcli.metrics.scores import checked_score, mean_score
from sslcli.metrics.squad import SQUAD_V2, AnswerValues
from sslcli.reports import Score


def squad_v2_scores(
    predictions: Sequence[str],
    golds: Sequence[Sequence[str]],
    no_answer_probabilities: Sequence[float] | None = None,
    threshold: float = 1.0,
) -> Sequence[Score]:
    """Return F1 and exact match in percent, over all, answerable and unanswerable questions.

    Then with the best threshold. A question without right answers has none, and "" is its label. A
    prediction whose no-answer probability exceeds the threshold counts as "". The best scores are
    those of the threshold that is best for these very questions; they need probabilities, and have
    no interval. Raises DataError without a question, or for a probability that is not a number.
    """
    answerable_N = np.array([bool(rights) for rights in golds], dtype=bool)
    raw = SQUAD_V2.values(predictions, golds)
    if no_answer_probabilities is None:
        return _scores_by_kind(raw, answerable_N)
    probabilities_N = checked_score("the probability of no answer", no_answer_probabilities)
    scores = _scores_by_kind(
        _with_threshold(raw, answerable_N, probabilities_N > threshold), answerable_N
    )
    given_N = np.array([bool(prediction) for prediction in predictions], dtype=bool)
    for name, values_N in (("f1", raw.f1_N), ("exact match", raw.exact_N)):
        best, reached = best_threshold(values_N, answerable_N, given_N, probabilities_N)
        scores.append(Score(f"best {name}", best, "%", count=len(values_N)))
        scores.append(Score(f"best {name} threshold", reached, "", None, len(values_N)))
    return scores


def best_threshold(
    values_N: np.ndarray,
    answerable_N: np.ndarray,
    given_N: np.ndarray,
    no_answer_probabilities_N: np.ndarray,
) -> tuple[float, float]:
    """The best mean value in percent, and the probability of no answer up to which answers are
    taken for it.

    values_N: of each question were its answer taken, 0 to 1; given_N: whether the answer has a
    letter at all. Nothing is taken at first, which is right where there is no answer; then one
    answer after the other is, from the surest on. Among equal probabilities the order is that of
    the questions, and the best may lie in their middle, as in evaluate-v2.0.py.
    """
    order = np.argsort(no_answer_probabilities_N, kind="stable")
    gains = np.where(answerable_N, values_N, -given_N.astype(np.float64))[order]
    sums = np.cumsum([float((~answerable_N).sum()), *gains])
    best = int(np.argmax(sums))
    reached = float(no_answer_probabilities_N[order[best - 1]]) if best else 0.0
    return 100.0 * float(sums[best]) / len(values_N), reached


def _with_threshold(
    raw: AnswerValues, answerable_N: np.ndarray, withheld_N: np.ndarray
) -> AnswerValues:
    return AnswerValues(*(np.where(withheld_N, ~answerable_N, values_N) for values_N in raw))


def _scores_by_kind(values: AnswerValues, answerable_N: np.ndarray) -> list[Score]:
    """Of all questions, then of the answerable and the unanswerable ones where there are any."""
    everything = np.ones(len(answerable_N), dtype=bool)
    parts = [
        ("", everything),
        *(
            (prefix, part)
            for prefix, part in (("answerable ", answerable_N), ("unanswerable ", ~answerable_N))
            if part.any()
        ),
    ]
    return [
        mean_score(f"{prefix}{name}", values_N[part], unit="%")
        for prefix, part in parts
        for name, values_N in (("f1", values.f1_N), ("exact match", values.exact_N))
    ]
