"""Pairs: the columns of the usual data sets, their odd labels, and two texts in one sequence."""

import pytest
from sslplugins.readers.demo import DemoReader
from sslplugins.tasks.pairs import Pairs
from task_bench import TaskBench, record

from sslcli.api import DataError
from sslcli.conformance.tiny import SUBJECTS
from sslcli.datasets.label_sets import balance_of
from sslcli.testing import tiny_tokenizer


def read(folder, name, content, **options):
    (folder / name).write_text(content, encoding="utf-8")
    return [
        (e.id, e.data, e.gold) for e in Pairs.read(Pairs.Options(**options), str(folder / name))
    ]


@pytest.mark.parametrize(
    "columns",
    [
        ("premise", "hypothesis"), ("sentence1", "sentence2"), ("text", "text_pair"), ("question",
        "sentence"), ("question1", "question2"),
        ("premise", "hypo"), ("#1 String", "#2 String"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("label", ["label", "gold_label", "is_duplicate", "Quality", "score"])
def test_the_usual_columns_are_found(columns, label):
    example = Pairs.parse(
        Pairs.Options(), record(**dict(zip(columns, ("a", "b"), strict=True)), **{label: "1"})
    )
    assert (example.data, example.gold) == (("a", "b"), "1")


def test_columns_are_named_or_missed():
    options = Pairs.Options(first_field="q", second_field="d", label_field="fits")
    assert Pairs.parse(
        options, record(q="a", d="b", fits="no", premise="x", hypothesis="y", label="z")
    ).data == ("a", "b")
    with pytest.raises(DataError, match="field 'hypothesis': 'hypothesis' is missing"):
        Pairs.parse(Pairs.Options(), record(premise="a"))


XNLI = 'language\tgold_label\tsentence1\tsentence2\tpairID\nen\tneutral\t"A\tB\t1\nzh\tcontradiction\t甲\t乙\t1\nzh\t-\t丙\t丁\t2\n'


def test_one_language_of_xnli(tmp_path):
    assert read(tmp_path, "xnli.dev.tsv", XNLI, language="zh") == [
        ("3", ("甲", "乙"), "contradiction"),
        ("4", ("丙", "丁"), "-"),
    ]
    assert [data for _, data, _ in read(tmp_path, "xnli.dev.tsv", XNLI)] == [
        ('"A', "B"),
        ("甲", "乙"),
        ("丙", "丁"),
    ]
    with pytest.raises(DataError, match="no row in 'fr'") as caught:
        read(tmp_path, "xnli.dev.tsv", XNLI, language="fr")
    assert caught.value.hint == "it has en, zh"


def test_translated_training_data_has_its_own_word_for_contradiction(tmp_path):
    content = "premise\thypo\tlabel\n甲 。\t乙\tcontradictory\n丙\t丁\tneutral\n"
    assert [gold for *_, gold in read(tmp_path, "multinli.train.zh.tsv", content)] == [
        "contradiction",
        "neutral",
    ]


def test_what_people_did_not_agree_on_has_no_label(tmp_path):
    lines = [
        '{"sentence1": "a", "sentence2": "b", "gold_label": "-"}',
        '{"sentence1": "c", "sentence2": "d", "gold_label": "neutral"}',
        '{"sentence1": "e", "sentence2": "f", "gold_label": "entailment"}',
    ]
    (tmp_path / "snli.jsonl").write_text("\n".join(lines))
    examples = list(Pairs.read(Pairs.Options(), str(tmp_path / "snli.jsonl")))
    options, said = Pairs.understand(Pairs.Options(), examples)
    assert [example.gold for example in Pairs.plain(options, (), examples)] == [
        None,
        "neutral",
        "entailment",
    ]
    assert Pairs.understand(options, examples) == (options, said)


def test_which_text_is_which_is_learnt():
    """The label is the order of the two; only segments and separator tell it."""
    golds = ["first", "second"] * 16
    rows = [("the cat", f"dog bird {word}") for word in SUBJECTS]
    rows = [
        rows[place // 2 % len(rows)] if place % 2 else rows[place // 2 % len(rows)][::-1]
        for place in range(32)
    ]
    examples = [
        Pairs.parse(Pairs.Options(), record(text=a, text_pair=b, label=g))
        for (a, b), g in zip(rows, golds, strict=True)
    ]
    bench = TaskBench.of(Pairs, examples, tiny_tokenizer())
    bench.train(examples, 60)
    assert [prediction.value for prediction in bench.predict(examples)] == golds


def test_the_world_has_pairs():
    records = DemoReader(DemoReader.Options(sentences=100)).records(
        "demo:world", Pairs.records, "test"
    )
    examples = [Pairs.parse(Pairs.Options(), each) for each in records]
    assert Pairs.labels(Pairs.Options(kind="classes"), examples) == [
        "contradiction",
        "entailment",
        "neutral",
    ]


def test_real_inference_is_read(real_data):
    examples = list(Pairs.read(Pairs.Options(), str(real_data / "nli" / "dev.jsonl.gz")))
    assert len(examples) == 3_000
    assert set(balance_of(Pairs, Pairs.Options(), examples)) <= {
        "contradiction",
        "entailment",
        "neutral",
    }
