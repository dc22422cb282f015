"""Answers are compared as the official scripts of SQuAD and MLQA do, on thousands of cases."""

import random

import pytest
import slow_answers

from sslcli.api import (
    SQUAD_V1,
    SQUAD_V2,
    DataError,
    UsageError,
    mlqa_exact,
    mlqa_f1,
    mlqa_rule,
    mlqa_scores,
    squad_exact,
    squad_f1,
    squad_v1_scores,
    squad_v2_scores,
    string_exact,
)

CASES = 3000
OFFICIAL_NAMES = {
    "exact match": "exact",
    "f1": "f1",
    "answerable exact match": "HasAns_exact",
    "answerable f1": "HasAns_f1",
    "unanswerable exact match": "NoAns_exact",
    "unanswerable f1": "NoAns_f1",
    "best exact match": "best_exact",
    "best f1": "best_f1",
    "best exact match threshold": "best_exact_thresh",
    "best f1 threshold": "best_f1_thresh",
}


def as_pairs(values):
    return list(zip(values.exact_N.tolist(), values.f1_N.tolist(), strict=True))


def test_first_squad_agrees_on_every_case():
    predictions, golds = slow_answers.cases(CASES, seed=1)
    expected = [slow_answers.first_version(*pair) for pair in zip(predictions, golds, strict=True)]
    assert as_pairs(SQUAD_V1.values(predictions, golds)) == expected
    assert {exact for exact, _ in expected} == {0.0, 1.0}
    assert sum(0 < f1 < 1 for _, f1 in expected) > CASES / 10


def test_second_squad_agrees_on_every_case():
    predictions, golds = slow_answers.cases(CASES, seed=2, with_none=True)
    expected = [slow_answers.second_version(*pair) for pair in zip(predictions, golds, strict=True)]
    assert as_pairs(SQUAD_V2.values(predictions, golds)) == expected
    assert [
        (squad_exact(*pair), squad_f1(*pair))
        for pair in zip(predictions[:200], golds[:200], strict=True)
    ] == expected[:200]


@pytest.mark.parametrize("language", slow_answers.LANGUAGES)
def test_mlqa_agrees_on_every_case_of_a_language(language):
    predictions, golds = slow_answers.cases(CASES, seed=3)
    expected = [
        slow_answers.first_version(*pair, language) for pair in zip(predictions, golds, strict=True)
    ]
    assert as_pairs(mlqa_rule(language, strict=True).values(predictions, golds)) == expected


def test_first_squad_figures_are_means_in_percent():
    predictions, golds = slow_answers.cases(200, seed=4)
    exact, f1 = zip(
        *(slow_answers.first_version(*pair) for pair in zip(predictions, golds, strict=True)),
        strict=True,
    )
    figures = {score.name: score for score in squad_v1_scores(predictions, golds)}
    assert figures["exact match"].value == pytest.approx(100 * sum(exact) / 200, abs=1e-9)
    assert figures["f1"].value == pytest.approx(100 * sum(f1) / 200, abs=1e-9)
    for score in figures.values():
        assert (score.unit, score.count) == ("%", 200)
        assert 0 <= score.interval[0] < score.value < score.interval[1] <= 100


@pytest.mark.parametrize("seed", range(5))
def test_second_squad_figures_with_every_threshold(seed):
    draw = random.Random(seed)
    for number in range(60):
        count = draw.randint(1, 25)
        predictions, golds = slow_answers.cases(count, seed=1000 * seed + number, with_none=True)
        # half of them with ties
        certainties = (
            [0.0, 0.25, 0.5, 0.5, 1.0] if number % 2 else [draw.random() for _ in range(count)]
        )
        probabilities = [draw.choice(certainties) for _ in range(count)]
        threshold = draw.choice([1.0, 0.5, 0.25, draw.random()])
        expected = slow_answers.second_version_figures(predictions, golds, probabilities, threshold)
        scores = squad_v2_scores(predictions, golds, probabilities, threshold)
        assert {OFFICIAL_NAMES[score.name]: score.value for score in scores} == pytest.approx(
            expected, abs=1e-9
        )


def test_second_squad_counts_its_parts_and_looks_for_no_threshold_unasked():
    scores = {
        score.name: score for score in squad_v2_scores(["cat", "", "dog"], [["a cat"], [], []])
    }
    assert {name: (score.count, round(score.value, 2)) for name, score in scores.items()} == {
        "f1": (3, 66.67),
        "exact match": (3, 66.67),
        "answerable f1": (1, 100.0),
        "answerable exact match": (1, 100.0),
        "unanswerable f1": (2, 50.0),
        "unanswerable exact match": (2, 50.0),
    }


def test_nothing_against_nothing_counts_in_the_second_squad_only():
    assert SQUAD_V2.agreement("the", []) == (1.0, 1.0)
    assert SQUAD_V1.agreement("the", ["a"]) == (1.0, 0.0)


def test_known_agreements():
    assert squad_f1("the quick brown fox", ["A brown fox!"]) == pytest.approx(0.8)
    assert mlqa_f1("北京大学", ["北京", "南京大学"], "zh") == pytest.approx(0.75)
    assert mlqa_exact("Der Hund.", ["hund"], "de") == 1.0
    assert mlqa_exact("Der Hund.", ["hund"], "en") == 0.0
    assert (
        string_exact("cat", ["dog", "cat"]),
        string_exact("Cat", ["cat"]),
        string_exact("", []),
    ) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize("rare", ["㐀㐁", "𠮷𠀀", "〇龦", "\uf900\u9fd5"])
def test_rare_characters_are_words_unless_the_official_figure_is_asked_for(rare):
    assert mlqa_f1(rare, [rare[0]], "zh") == pytest.approx(2 / 3)
    assert mlqa_f1(rare, [rare[0]], "zh", strict=True) == 0.0


def test_mlqa_figures_are_means_in_percent():
    assert [
        (score.name, score.value)
        for score in mlqa_scores(["北京", "家"], [["北京。"], ["大家"]], "zh")
    ] == [
        ("f1", pytest.approx(100 * (1 + 2 / 3) / 2)),
        ("exact match", 50.0),
    ]


def test_a_language_without_a_rule_is_named():
    with pytest.raises(UsageError, match="'fr'") as caught:
        mlqa_exact("chat", ["chat"], "fr")
    assert "zh" in caught.value.hint


def test_no_question_is_no_figure():
    with pytest.raises(DataError, match="no example"):
        squad_v1_scores([], [])


def test_a_probability_that_is_no_number_is_refused():
    with pytest.raises(DataError, match="example 2"):
        squad_v2_scores(["a", "b"], [["a"], []], [0.5, float("nan")])
