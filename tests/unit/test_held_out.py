"""Held-out metrics in words, with their units, each beside the baselines that are of its targets."""

from dataclasses import replace

import pytest

from sslcli.reports import Score
from sslcli.runs.catalogue import Run
from sslcli.runs.facts import curves_of, key_sentence, scores_of
from sslcli.runs.held_out import held_out_scores, metric_words

WORDS = {
    "accuracy": ("accuracy", 0.25, ""),
    "touched_loss": ("touched loss", 0.25, "nats"),
    "hidden_share": ("hidden share", 25.0, "%"),
    "other_source_loss": ("other source loss", 0.25, "nats"),
    "bits_per_byte": ("bits per byte", 0.25, ""),
    "bart.touched_loss": ("touched loss of bart", 0.25, "nats"),
    "mlm.accuracy": ("accuracy of mlm", 0.25, ""),
}
BASELINES = {
    "term": "bart",
    "loss_metric": "touched_loss",
    "accuracy_metric": "touched_accuracy",
    "losses": {"unigram": 4.5, "bigram": 2.5},
    "accuracies": {"unigram": 0.125},
    "languages": {"en": {"losses": {"unigram": 3.5}, "accuracies": {"unigram": 0.25}}},
}


def line(terms, metrics, **more):
    return {"step": 5, "split": "eval", "loss": sum(terms.values()), "terms": terms} | {
        "metrics": metrics,
        "counts": {**dict.fromkeys(terms, 9), **dict.fromkeys(metrics, 4)},
        **more,
    }


def by_name(scores):
    return {score.name: score for score in scores}


@pytest.mark.parametrize("name", WORDS)
def test_a_metric_is_shown_in_words_with_its_unit(name):
    found = held_out_scores(line({"bart": 2.0}, {name: 0.25}), {}, lambda term: "nats")
    words, value, unit = WORDS[name]
    assert [(score.name, score.value, score.unit) for score in found] == [
        ("held-out loss", 2.0, "nats"),
        (words, value, unit),
    ]
    assert metric_words(name) == words


def test_baselines_of_touched_targets_stand_beside_the_touched_loss_alone(tmp_path):
    own = {"accuracy": 0.9, "touched_loss": 3.0, "touched_accuracy": 0.5, "copied_loss": 0.1}
    part = {"loss": 0.75, "terms": {"bart": 0.75}, "metrics": own, "counts": {}}
    last = line({"bart": 0.5}, own, languages={"en": part})
    facts = {"kind": "pretrain", "baselines": BASELINES}
    found = by_name(held_out_scores(last, facts, lambda term: "nats"))
    beside = {name: dict(score.baselines) for name, score in found.items() if score.baselines}
    assert beside == {
        "touched loss": BASELINES["losses"],
        "touched accuracy": BASELINES["accuracies"],
        "touched loss en": {"unigram": 3.5},
        "touched accuracy en": {"unigram": 0.25},
    }
    run = Run(tmp_path, facts, last, "done")
    assert by_name(scores_of(run, [last])[0]) == found  # the page of the run says the same
    (first, *_) = [plot for plot in curves_of(run, [last]) if plot.y == "touched loss"]
    assert [(curve.title, list(curve.ys)) for curve in first.curves] == [
        ("held-out", [3.0]),
        ("unigram baseline", [4.5, 4.5]),
        ("bigram baseline", [2.5, 2.5]),
    ]
    assert key_sentence(run, scores_of(run, [last])[0]).startswith("Touched loss is 3 nats")


def test_of_a_comparison_the_best_model_of_the_first_task_is_told(tmp_path):
    run = Run(tmp_path, {"kind": "compare"}, {}, "done")
    values = {"pos accuracy, mlm": 0.5, "pos accuracy, clm": 0.75, "qa f1, mlm": 90.0}
    scores = [Score(name, value) for name, value in values.items()]
    told = "Pos accuracy, clm is 0.75 (the best of 2 models)."
    assert key_sentence(run, scores) == told
    worse = [replace(score, higher_is_better=False) for score in scores]
    assert key_sentence(run, worse).startswith("Pos accuracy, mlm is 0.5 (")


def test_of_several_terms_each_has_its_own_baselines():
    baselines = {"term": "mlm", "losses": {"unigram": 5.0}, "accuracies": {"unigram": 0.125}}
    last = line({"mlm": 2.0, "nsp": 0.5}, {"mlm.accuracy": 0.5, "nsp.accuracy": 0.75})
    found = held_out_scores(last, {"baselines": baselines}, lambda term: "nats")
    assert [(score.name, bool(score.baselines)) for score in found] == [
        ("held-out loss of mlm", True),
        ("held-out loss of nsp", False),
        ("accuracy of mlm", True),
        ("accuracy of nsp", False),
    ]


@pytest.mark.parametrize("broken", [3, {"losses": 3}, {"losses": {"unigram": "x"}}, {"term": 3}])
def test_baselines_that_cannot_be_read_are_none(broken):
    (loss,) = held_out_scores(line({"mlm": 2.0}, {}), {"baselines": broken}, lambda term: "")
    assert loss == Score("held-out loss", 2.0, "", False, 9)
