"""Classify: which columns are read, and what counts as an answer of which kind."""

import json

import pytest
from sslplugins.readers.demo import DemoReader
from sslplugins.tasks.classify import Classify
from task_bench import TaskBench, record

from sslcli.api import DataError
from sslcli.data.records.labels import converted, gold_of, kind_of
from sslcli.datasets.label_sets import balance_of
from sslcli.testing import tiny_tokenizer


def parsed(options=None, **values):
    example = Classify.parse(Classify.Options(**(options or {})), record(**values))
    return example.data, example.gold


@pytest.mark.parametrize("text", ["text", "sentence", "review", "content"])
@pytest.mark.parametrize("label", ["label", "labels", "sentiment", "score", "stars"])
def test_the_usual_columns_are_found(text, label):
    assert parsed(**{"other": 1, text: "good", label: "yes"}) == (("good",), "yes")


def test_other_columns_are_named():
    options = {"text_field": "body", "label_field": "topic"}
    assert parsed(options, text="no", body="yes", label="x", topic="t") == (("yes",), "t")
    assert parsed(options, body="yes") == (("yes",), None)


GOLDS = [
    ([1, 0, 3], "classes", ["1", "0", "3"]), ([True, False], "classes", ["true", "false"]), (["a",
    " b "], "classes", ["a", "b"]),
    (["1", "2"], "classes", ["1", "2"]), (["1.5", "2"], "number", [1.5, 2.0]), ([3.0, 4.0, 2],
    "classes", ["3", "4", "2"]),
    ([3.5, 4.0, 2], "number", [3.5, 4.0, 2.0]), ([float(n) for n in range(51)], "number",
    [float(n) for n in range(51)]),
    (["1.5", "high"], "classes", ["1.5", "high"]), (["v1.5"], "classes", ["v1.5"]), (["nan", "0.5"],
    "classes", ["nan", "0.5"]),
    ([["b", "a", "b"], []], "labels", [("a", "b"), ()]), ([["a"], "c"], "labels", [("a",), ("c",)]),
    ([[1, 2]], "labels", [("1", "2")]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "kind", "expected"), GOLDS)
def test_the_kind_of_answers_is_seen(values, kind, expected):
    golds = [gold_of(record(label=value), "auto", "label") for value in values]
    assert kind_of(golds) == kind
    assert [converted(gold, kind) for gold in golds] == expected


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("a, b,,a", "labels", ("a", "b")),
        ("3", "number", 3.0),
        (2.0, "classes", "2"),
        (2.5, "classes", "2.5"),
        ("", "labels", None),
    ],
)
def test_a_kind_that_is_given_decides(value, kind, expected):
    gold = gold_of(record(label=value), kind, "label")
    assert (gold if gold is None else converted(gold, kind)) == expected


@pytest.mark.parametrize(
    ("value", "kind", "problem"),
    [
        ({"a": 1}, "auto", "this is no label"), ([["a"]], "auto", "this is no list of labels"),
        (["a", "b"], "classes", "a list of labels"),
        ("high", "number", "this is no number"), ("inf", "number", "this is no number"), ("  ",
        "auto", "this is no label"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_named_by_its_place(value, kind, problem):
    with pytest.raises(DataError) as caught:
        gold_of(record(label=value), kind, "label", "labels")
    assert caught.value.message == f"memory, record 1, field 'label': {problem}"


def test_examples_of_a_file_have_its_names(tmp_path):
    rows = [
        {"id": "a-1", "text": "one", "label": 1},
        {"text": "two", "label": 0},
        {"text": "three"},
    ]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    examples = list(Classify.read(Classify.Options(), str(tmp_path / "d.jsonl")))
    assert [(example.id, example.data, example.gold) for example in examples] == [
        ("a-1", ("one",), "1"),
        ("2", ("two",), "0"),
        ("3", ("three",), None),
    ]
    (tmp_path / "d.jsonl").write_text('{"text": "one", "label": 1}\n{"txt": "two"}')
    with pytest.raises(
        DataError, match=r"d\.jsonl, record 2, field 'text': 'text' is missing"
    ) as caught:
        list(Classify.read(Classify.Options(), str(tmp_path / "d.jsonl")))
    assert "'txt'" in caught.value.hint


def test_an_empty_text_is_one_and_a_missing_one_is_not():
    """Real data sets have some, and their scores count them."""
    assert parsed(text="", label="no") == (("",), "no")
    known = [
        Classify.parse(Classify.Options(), record(text="cat", label=label))
        for label in ("no", "yes")
    ]
    empty = Classify.parse(Classify.Options(), record(text="", label="no"))
    (one,) = TaskBench.of(Classify, known, tiny_tokenizer()).encoded([empty])
    assert one.samples[0].tokens.tolist() == [tiny_tokenizer().classify, tiny_tokenizer().separate]
    with pytest.raises(DataError, match="'text' is missing"):
        parsed(label="no")


def test_the_world_has_texts():
    records = DemoReader(DemoReader.Options(sentences=300)).records(
        "demo:world", Classify.records, "train"
    )
    assert {Classify.parse(Classify.Options(), each).gold for each in records} == {
        "positive",
        "negative",
    }


def test_real_reviews_are_read(real_data):
    examples = list(
        Classify.read(Classify.Options(), str(real_data / "sentiment" / "zh-dev.jsonl.gz"))
    )
    assert len(examples) == 3_000
    assert set(balance_of(Classify, Classify.Options(), examples)) == {
        "ambivalent",
        "negative",
        "neutral",
        "positive",
    }


def test_a_label_is_that_of_the_whole_text():
    annotated = Classify.annotated(
        Classify.Options(),
        Classify.parse(Classify.Options(), record(text="very good", label="yes")),
    )
    assert (annotated.text, list(annotated.spans), list(annotated.labels)) == (
        "very good",
        [(0, 9)],
        ["yes"],
    )


@pytest.mark.parametrize(("answer", "what"), [(0.5, "a number"), (["a", "b"], "several labels")])
def test_answers_that_are_no_class_are_no_labels_of_texts(answer, what):
    example = Classify.parse(Classify.Options(), record(text="very good", label=answer))
    with pytest.raises(DataError, match=f"the answer is {what}, and no class"):
        Classify.annotated(Classify.Options(), example)
