"""Which checkpoint is best: by the first score, a named one, or the mean of several."""

import pytest

from sslcli.engine.checkpoints.checkpoint import Progress
from sslcli.engine.events import Evaluated, Noted
from sslcli.errors import UsageError
from sslcli.reports import Score
from sslcli.settings import PretrainSettings
from sslcli.workflows.evaluate.score_names import cost_of
from sslcli.workflows.pretrain.pretrain import pretrain

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
    assert caught.value.hint == "did you mean 'f1'?  this task has accuracy, f1, squared-error"


@pytest.mark.parametrize(("rate", "is_behind"), [(1.0, True), (1e-3, False)])
def test_a_run_that_gets_worse_says_so(world_run, tmp_path, rate, is_behind):
    said = []
    settings = {
        "data": {
            "train": ["demo:world"],
            "reader_options": {"sentences": 300},
            "sequence_tokens": 32,
        },
        "model": {"source": str(world_run)},
        "optimizer": {"rate": rate},
        "schedule": {"warmup": 0},
        "training": {"max_steps": 4, "batch_size": 8, "eval_every": 2},
        "run": {"folder": str(tmp_path / "run"), "plot": False},
        "hardware": {"device": "cpu"},
    }
    ended = pretrain(PretrainSettings.model_validate(settings), observe=said.append)
    assert ended.outcome.progress.is_behind_start == is_behind
    best = [event.best for event in said if isinstance(event, Evaluated)]
    assert best[0] is False  # step 0 has no checkpoint
    assert True in best[1:]
    notes = [event.text for event in said if isinstance(event, Noted)]
    told = [note for note in notes if note.startswith("no evaluation was better than that of step")]
    assert len(told) == is_behind


def test_a_run_of_before_knows_no_start():
    assert not Progress(best_cost=2.0).is_behind_start
    assert Progress(best_cost=2.0, start_cost=2.0).is_behind_start
