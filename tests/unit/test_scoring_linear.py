"""A linear probe is scikit-learn's logistic regression, and its control can only be learnt by
heart.
"""

import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sslcli.api import DataError, LinearProbe, control_labels, linear_probe, majority
from sslcli.metrics.probes import linear


def clouds(seed, count, labels="abcd", width=6, apart=1.0):
    """Rows around one point for each label, and features that say nothing, one of them constant."""
    points = np.random.default_rng(100).normal(size=(len(labels), width))
    generator = np.random.default_rng(seed)
    numbers = generator.integers(0, len(labels), count)
    rows = apart * points[numbers] + generator.normal(size=(count, width))
    return np.column_stack(
        [5 + 100 * rows, generator.normal(size=(count, 2)), np.full(count, 3.0)]
    ), [labels[n] for n in numbers]


@pytest.mark.parametrize("labels", ["abcd", "ab"])
def test_as_logistic_regression_of_scikit_learn(labels):
    (rows, known), (test, truth) = clouds(1, 300, labels), clouds(2, 200, labels)
    scaler = StandardScaler().fit(rows)
    # of two labels it has one row of weights, whose square is twice that of ours
    strength = 1.0 if len(labels) > 2 else 2.0
    peer = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(
        scaler.transform(rows), known
    )
    ours = LinearProbe.fit(rows, known)
    assert ours.names == peer.classes_.tolist()
    expected = peer.predict(scaler.transform(test))
    assert list(ours.predict(test)) == expected.tolist()
    weights = (
        ours.weights_DC.T if len(labels) > 2 else ours.weights_DC.T[1:] - ours.weights_DC.T[:1]
    )
    assert weights == pytest.approx(peer.coef_, abs=2e-3)
    assert linear_probe(rows, known, test, truth).value == np.mean(expected == truth)


def test_as_the_search_of_torch_to_the_bit_and_without_its_compiler(monkeypatch):
    rows, known = clouds(5, 200)
    ours = LinearProbe.fit(rows, known)
    monkeypatch.setattr(linear, "_LBFGS", torch.optim.LBFGS)
    theirs = LinearProbe.fit(rows, known)
    assert np.array_equal(ours.weights_DC, theirs.weights_DC)
    assert np.array_equal(ours.bias_C, theirs.bias_C)
    script = """
import sys
import numpy as np
from sslcli.metrics.probes.linear import LinearProbe
LinearProbe.fit(np.arange(8.0).reshape(4, 2) % 3, ["a", "b", "a", "b"])
assert "torch._dynamo" not in sys.modules
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_accuracy_has_its_count_interval_and_majority():
    (rows, known), (test, truth) = clouds(3, 200), clouds(4, 100)
    score = linear_probe(rows, known, test, truth, "parts of speech")
    commonest = max(sorted(set(known)), key=known.count)
    assert score.baselines == {
        "majority": pytest.approx(np.mean([label == commonest for label in truth]))
    }
    assert (score.name, score.count) == ("parts of speech", 100)
    assert score.interval[0] < score.value < score.interval[1]
    assert majority(["a", "b", "b"], ["a", "a", "b", "c"]) == 0.25


def test_what_is_not_there_is_not_read():
    (rows, known), (test, truth) = clouds(5, 400, apart=0.0), clouds(6, 400, apart=0.0)
    score = linear_probe(rows, known, test, truth)
    assert score.interval[0] < 0.25 < score.interval[1]


def test_vectors_that_are_all_alike_give_the_majority():
    known, truth = ["a"] * 30 + ["b"] * 10, ["a"] * 5 + ["b"] * 15
    score = linear_probe(np.ones((40, 4)), known, np.ones((20, 4)), truth)
    assert score.value == score.baselines["majority"] == 0.25


def test_a_control_label_belongs_to_its_word_and_comes_as_often_as_the_label():
    words = [f"word {number % 500}" for number in range(3000)]
    labels = ["noun" if number % 4 else "verb" for number in range(3000)]
    drawn = control_labels(words, labels, np.random.default_rng(7))
    assert len(set(zip(words, drawn, strict=True))) == 500
    assert np.mean([label == "noun" for label in drawn]) == pytest.approx(0.75, abs=0.06)
    assert drawn == control_labels(words, labels, np.random.default_rng(7))
    assert drawn[:40] == control_labels(words, labels, np.random.default_rng(7))[:40]


def test_words_by_heart_are_read_from_vectors_of_words_alone():
    generator = np.random.default_rng(8)
    words, vectors = [str(number) for number in range(40)], generator.normal(size=(40, 60))
    uses = generator.integers(0, 40, 400)
    control = control_labels([words[use] for use in uses], list("aabc") * 100, generator)
    assert (
        linear_probe(vectors[uses[:300]], control[:300], vectors[uses[300:]], control[300:]).value
        > 0.95
    )


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (np.zeros((0, 3)), [], "nothing for a linear probe"),
        (np.full((2, 3), np.inf), ["a", "b"], "not a finite"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(rows, labels, message):
    with pytest.raises(DataError, match=message):
        linear_probe(rows, labels, rows, labels)
