"""What is said about answers: scores, baselines, findings, marked passages, and files for official
scripts.
"""

import json

import pytest
from qa_bench import CHINESE, ENGLISH, EXAMPLES, LONG, asked, bench_of
from sslplugins.tasks.qa.task import QuestionAnswering
from task_bench import without_gold

from sslcli.contracts.examples import Prediction
from sslcli.datasets.label_sets import balance_of


def test_files_for_the_official_script_and_for_the_course():
    bench = bench_of()
    predictions = dict(zip("abcd", bench.predict(EXAMPLES), strict=True))
    predictions["e"] = Prediction('one, two "three"')
    files = bench.task.scorer(bench.task.options).submission_files(predictions)
    assert set(files) == {"predictions.json", "predictions.csv"}
    assert json.loads(files["predictions.json"]) == {
        name: prediction.value for name, prediction in predictions.items()
    }
    lines = files["predictions.csv"].splitlines()
    assert (lines[0], lines[-1]) == ("ID,Answer", 'e,"one two ""three"""')
    absent = bench_of([*EXAMPLES, asked("why ?", CHINESE)])
    files = absent.task.scorer(absent.task.options).submission_files(
        {"a": absent.predict(EXAMPLES)[0]}
    )
    assert 0 < json.loads(files["na_prob.json"])["a"] < 1


def test_scores_follow_the_language_of_the_answers():
    question, options = QuestionAnswering, QuestionAnswering.Options()
    chinese = [asked("谁?", CHINESE, "乔布斯")]
    by_letter = {
        score.name: score.value
        for score in question.scorer(options, ()).score([Prediction("乔布")], chinese)
    }
    assert (by_letter["f1"], by_letter["exact match"]) == (pytest.approx(80.0), 0.0)
    as_squad = question.scorer(question.Options(metric_language="squad"), ()).score(
        [Prediction("乔布")], chinese
    )
    assert as_squad[0].value == 0.0
    english = question.scorer(options, ()).score([Prediction("the  anna berg!")], EXAMPLES[:1])
    assert {score.name: score.value for score in english} == {
        "f1": 100.0,
        "exact match": 100.0,
        "same text": 0.0,
    }


def test_scores_of_unanswerable_questions_have_both_halves_and_the_best_threshold():
    examples = [EXAMPLES[0], asked("why ?", ENGLISH)]
    given = [
        Prediction("", details={"text": "Anna Berg", "no_answer_probability": 0.6}),
        Prediction("", details={"text": "Oslo", "no_answer_probability": 0.9}),
    ]
    scores = {
        score.name: score.value
        for score in QuestionAnswering.scorer(QuestionAnswering.Options(), ()).score(
            given, examples
        )
    }
    assert (
        scores["f1"],
        scores["answerable f1"],
        scores["unanswerable f1"],
        scores["best f1"],
    ) == (50.0, 0.0, 100.0, 100.0)


def test_baselines_stand_in_the_passage():
    test = [*EXAMPLES, asked("why ?", CHINESE)]
    found = QuestionAnswering.scorer(QuestionAnswering.Options(), ()).baselines(EXAMPLES, test)
    assert set(found) == {"chance", "lead", "alike", "no answer"}
    for name in ("chance", "lead", "alike"):
        for prediction, example in zip(found[name], test, strict=True):
            assert prediction.value
            assert prediction.value in example.data.passage
    assert found["lead"][2].value == CHINESE[: CHINESE.index("。") + 1]
    assert found["alike"][3].value == "Anna Berg lives in Oslo ."
    again = QuestionAnswering.scorer(QuestionAnswering.Options(), ()).baselines(EXAMPLES, test)
    assert [prediction.value for prediction in again["chance"]] == [
        prediction.value for prediction in found["chance"]
    ]


def test_findings_show_a_wrong_answer_in_its_passage():
    start = LONG.index("place1")
    given = [
        Prediction(
            "Anna Berg", 0.9, {"start": ENGLISH.index("Anna"), "end": ENGLISH.index("Anna") + 9}
        ),
        Prediction("1998", 0.2, {"start": ENGLISH.index("1998"), "end": ENGLISH.index("1998") + 4}),
        Prediction(
            "乔布斯", 0.5, {"start": CHINESE.index("乔布斯"), "end": CHINESE.index("乔布斯") + 3}
        ),
        Prediction("place1", 0.7, {"start": start, "end": start + 6}),
    ]
    report = QuestionAnswering.scorer(QuestionAnswering.Options(), ()).error_report(given, EXAMPLES)
    rows = {row[0]: row[1:] for row in report.tables[0].rows}
    assert rows["who"] == [50.0, 50.0, 2]
    assert rows["when"] == [100.0, 100.0, 1]
    (passage,) = report.passages
    assert "70% sure" in passage.title
    in_passage = passage.spans[4:]
    assert [span.text for span in in_passage if span.role == "corrupted"] == ["place1"]
    assert [span.text for span in in_passage if span.role == "correct"] == ["Anna Berg"]
    assert "".join(span.text for span in in_passage) == LONG
    assert passage.excerpt


def test_an_answer_is_shown_in_its_passage():
    (example,) = without_gold(EXAMPLES[:1])
    (prediction,) = bench_of().predict([example])
    (passage,) = (
        QuestionAnswering.scorer(QuestionAnswering.Options())
        .format_prediction(example, prediction)
        .passages
    )
    assert [span.text for span in passage.spans if span.role == "target"] == [prediction.value]
    assert "".join(span.text for span in passage.spans) == ENGLISH


def test_questions_of_one_passage_stay_together_and_are_told_apart():
    assert (
        QuestionAnswering.group(EXAMPLES[0])
        == QuestionAnswering.group(EXAMPLES[1])
        != QuestionAnswering.group(EXAMPLES[2])
    )
    assert len({QuestionAnswering.key(example) for example in EXAMPLES}) == 4
    assert balance_of(QuestionAnswering, QuestionAnswering.Options(), EXAMPLES) == {}
    assert balance_of(
        QuestionAnswering, QuestionAnswering.Options(), [*EXAMPLES, asked("why ?", CHINESE)]
    ) == {
        "an answer": 4,
        "no answer": 1,
    }
