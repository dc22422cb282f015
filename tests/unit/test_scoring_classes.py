"""Figures of classes and of sets of labels are those of scikit-learn."""

import tracemalloc
import warnings
from collections import Counter

import numpy as np
import pytest
from sklearn import metrics

from sslcli.api import DataError, binary_scores, class_scores, class_tables, multilabel_scores
from sslcli.metrics import multilabel
from sslcli.metrics.multilabel import label_table

LABELS = ["neutral", "entailment", "contradiction", "other", "none"]


def random_classes(seed):
    """From hopeless to nearly right, some with one class only, some with classes that never
    occur.
    """
    generator = np.random.default_rng(seed)
    labels, count = LABELS[: generator.integers(1, 6)], generator.integers(1, 60)
    weights = generator.dirichlet(np.full(len(labels), 0.6))
    gold = generator.choice(labels, count, p=weights)
    predicted = np.where(
        generator.random(count) < generator.random(),
        gold,
        generator.choice(labels, count, p=weights),
    )
    return gold.tolist(), predicted.tolist(), labels


@pytest.fixture(autouse=True)
def _quiet_oracle():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*single label.*", category=UserWarning)
        yield


def test_figures_of_classes():
    for seed in range(250):
        gold, predicted, labels = random_classes(seed)
        figures = {score.name: score.value for score in class_scores(gold, predicted, labels)}
        assert figures == pytest.approx(
            {
                "accuracy": metrics.accuracy_score(gold, predicted),
                "macro f1": metrics.f1_score(gold, predicted, average="macro", zero_division=0),
                "weighted f1": metrics.f1_score(
                    gold, predicted, average="weighted", zero_division=0
                ),
                "matthews": metrics.matthews_corrcoef(gold, predicted),
            },
            abs=1e-12,
        )


def test_figures_of_one_class_against_the_others():
    for seed in range(200):
        gold, predicted, labels = random_classes(seed)
        positive = labels[seed % len(labels)]
        figures = {
            score.name: score.value for score in binary_scores(gold, predicted, labels, positive)
        }
        sides = [[label == positive for label in side] for side in (gold, predicted)]
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            *sides, average="binary", zero_division=0
        )
        assert figures == pytest.approx({"f1": f1, "precision": precision, "recall": recall})


def test_tables_of_classes():
    for seed in range(200):
        gold, predicted, labels = random_classes(seed)
        by_class, confusions = class_tables(gold, predicted, labels)
        expected = metrics.precision_recall_fscore_support(
            gold, predicted, labels=labels, zero_division=0
        )
        assert np.array([row[1:] for row in by_class.rows]) == pytest.approx(np.array(expected).T)
        assert np.array_equal(
            [row[1:] for row in confusions.rows],
            metrics.confusion_matrix(gold, predicted, labels=labels),
        )
        assert (
            [row[0] for row in by_class.rows]
            == [row[0] for row in confusions.rows]
            == list(confusions.columns[1:])
            == labels
        )


def test_figures_of_sets_of_labels():
    for seed in range(300):
        generator = np.random.default_rng(seed)
        count, labels = generator.integers(1, 30), LABELS[: generator.integers(2, 6)]
        gold = generator.random((count, len(labels))) < generator.random()
        predicted = np.where(
            generator.random(gold.shape) < 0.7, gold, generator.random(gold.shape) < 0.5
        )
        sets = [
            [{label for label, there in zip(labels, row, strict=True) if there} for row in side]
            for side in (gold, predicted)
        ]
        figures = {score.name: score.value for score in multilabel_scores(*sets, labels)}
        assert figures == pytest.approx(
            {
                "micro f1": metrics.f1_score(gold, predicted, average="micro", zero_division=0),
                "macro f1": metrics.f1_score(gold, predicted, average="macro", zero_division=0),
                "exact match": metrics.accuracy_score(gold, predicted),
            }
        )


def test_the_first_figure_is_accuracy_and_all_have_their_interval():
    scores = class_scores(["a", "b", "a", "b"] * 25, ["a", "b", "b", "b"] * 25, ["a", "b"])
    assert scores[0].name == "accuracy"
    for score in scores:
        assert score.count == 100
        assert score.interval[0] < score.value < score.interval[1]


@pytest.mark.parametrize(
    "score",
    [
        class_scores,
        class_tables,
        lambda gold, predicted, labels: multilabel_scores([gold], [predicted], labels),
    ],
)
def test_what_is_no_label_is_named(score):
    with pytest.raises(DataError, match="'entailmnt'") as caught:
        score(["neutral"], ["entailmnt"], LABELS)
    assert "entailment" in caught.value.hint


def test_an_example_without_prediction_is_a_mistake():
    with pytest.raises(ValueError):
        class_scores(["a", "a"], ["a"], ["a"])
    with pytest.raises(ValueError):
        multilabel_scores([["a"], ["a"]], [["a"]], ["a"])


def test_no_example_is_no_figure():
    with pytest.raises(DataError, match="no example"):
        class_scores([], [], ["a"])
    with pytest.raises(DataError, match="no example"):
        multilabel_scores([], [], ["a"])


def test_of_many_classes_the_largest_confusions_are_listed():
    labels = [f"c{number:02d}" for number in range(30)]
    gold = [labels[number % 30] for number in range(600)]
    predicted = [labels[0] if right in ("c07", "c09") else right for right in gold]
    predicted[9] = "c01"  # of the twenty of c09 one becomes another
    listed = class_tables(gold, predicted, labels)[1]
    assert listed.rows == [["c07", "c00", 20], ["c09", "c00", 19], ["c09", "c01", 1]]


MANY = 100_000


def test_a_hundred_thousand_classes_take_memory_of_the_examples_alone():
    """A table of all against all would have 80 GB. The figures are those of the classes that are
    there.
    """
    labels = [f"l{number}" for number in range(MANY)]
    generator = np.random.default_rng(0)
    gold = [labels[number] for number in generator.integers(0, 30, 400)]
    predicted = [labels[number] for number in generator.integers(0, 30, 400)]
    tracemalloc.start()
    many, few = class_scores(gold, predicted, labels), class_scores(gold, predicted, labels[:30])
    assert [(score.name, score.value, score.interval) for score in many] == [
        (score.name, score.value, score.interval) for score in few
    ]
    by_class, confusions = class_tables(gold, predicted, labels)
    wide = multilabel_scores([[right] for right in gold], [[given] for given in predicted], labels)
    narrow = multilabel_scores(
        [[right] for right in gold], [[given] for given in predicted], labels[:30]
    )
    rows = label_table([[right] for right in gold], [[given] for given in predicted], labels).rows
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300e6
    commonest = [name for name, _ in Counter(sorted(gold, key=labels.index)).most_common()]
    assert [row[0] for row in by_class.rows] == [row[0] for row in rows]
    assert [row[0] for row in rows][: len(commonest)] == commonest
    assert len(confusions.rows) == 20
    assert wide[0].value == narrow[0].value
    assert wide[1].value == pytest.approx(narrow[1].value * 30 / MANY)
    with pytest.raises(DataError, match="none of the 100000 classes") as raised:
        class_scores(["what"], ["l1"], labels)
    assert len(raised.value.hint) < 200


def test_as_many_classes_as_examples_are_scored_one_by_one():
    labels = [f"l{number}" for number in range(3_000)]
    predicted = [*labels[:1_500], *labels[1_501:], labels[1_500]]
    figures = {score.name: score.value for score in class_scores(labels, predicted, labels)}
    assert (figures["accuracy"], figures["macro f1"]) == (0.5, 0.5)
    by_class, confusions = class_tables(labels, predicted, labels)
    assert (len(by_class.rows), len(confusions.rows)) == (1_000, 20)
    assert by_class.title == "scores by class (1,000 of 3,000)"


def test_products_and_sums_of_entries_give_the_same_scores_and_intervals(monkeypatch):
    """Half of all labels for every example, as a head gives that has learnt nothing."""
    generator, labels = np.random.default_rng(1), [f"l{number}" for number in range(40)]
    gold = [generator.choice(labels, 2, replace=False).tolist() for _ in range(30)]
    given = [generator.choice(labels, 20, replace=False).tolist() for _ in range(30)]
    assert multilabel.Sides.of(gold, given, labels).tables is not None
    found = multilabel_scores(gold, given, labels), label_table(gold, given, labels)
    monkeypatch.setattr(multilabel, "FEW", 0)
    assert multilabel.Sides.of(gold, given, labels).tables is None
    assert found == (multilabel_scores(gold, given, labels), label_table(gold, given, labels))
