"""Which checkpoint is best: by the first score, a named one, or the mean of several."""

import pytest

from sslcli.errors import UsageError
from sslcli.reports import Score
from sslcli.workflows.evaluate.score_names import cost_of

SCORES = [
    Score("accuracy", 0.5),
    Score("f1", 0.9),
    Score("squared error", 0.25, higher_is_better=False),
]


@pytest.mark.parametrize(
    ("best_by", "cost"),
    [
        (None, -0.5),
        ("f1", -0.9),
        ("f1+accuracy", -0.7),
        ("squared error", 0.25),
        ("squared error+accuracy", -0.125),
    ],
)
def test_the_lower_cost_is_better(best_by, cost):
    assert cost_of(SCORES, best_by) == pytest.approx(cost)


def test_a_score_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="no score 'f2'") as caught:
        cost_of(SCORES, "f1+f2")
    assert caught.value.hint == "this task has accuracy, f1, squared error"
