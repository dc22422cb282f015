"""What --check understood: the first examples in words, the fields they came from, their tokens,
and what of them is cut off.
"""

import json

import pytest
from small_runs import settings, write

from sslcli.contracts.examples import Encoded, Example
from sslcli.data.documents import Where
from sslcli.datasets.tasks import task_class
from sslcli.models.loading import load_pretrained
from sslcli.settings import LabelledSettings
from sslcli.workflows.finetune.check import check_data
from sslcli.workflows.finetune.describe import described


def checked(model, path, task, **options):
    data = {"train": [str(path)], "reader_options": {}}
    return check_data(settings(model, task=task, data=data, options=options))


def shown(report):
    """Of each example its title and its rows."""
    return [
        (table.title, dict(table.rows))
        for table in report.tables
        if table.title.startswith("example ")
    ]


def words(tokens):
    return tokens.partition(" (")[0].split()


def test_a_text_its_label_and_the_fields_they_came_from(world_run, tmp_path):
    rows = [
        {"idx": 100 + n, "review": f"the cat {n}", "stars": "ab"[n % 2], "source": "web"}
        for n in range(30)
    ]
    path = write(tmp_path / "a.jsonl", rows)
    report = checked(world_run, path, "classify")
    examples = shown(report)
    assert len(examples) == 3
    for title, parts in examples:
        record = int(title.partition("record ")[2].partition(",")[0])
        assert title.endswith(f": {path}, record {record}, id {99 + record}")
        assert (parts["text"], parts["label"]) == (f"the cat {record - 1}", "ab"[(record - 1) % 2])
        assert set(parts["fields read"].partition("; not read: ")[0].split(", ")) == {
            "idx",
            "review",
            "stars",
        }
        assert parts["fields read"].endswith("; not read: source")
        assert parts["cut off"] == "nothing"
    assert not any("without a label" in note or "no label" in note for note in report.notes)


def test_examples_without_a_label_are_counted_where_there_are_some(world_run, tmp_path):
    rows = [{"text": f"the cat {n}", "label": "ab"[n % 2]} for n in range(30)] + [
        {"text": "the dog"}
    ]
    report = checked(world_run, write(tmp_path / "a.jsonl", rows), "classify")
    (note,) = [note for note in report.notes if "label" in note]
    assert note.startswith("1 of the 31 examples of ")
    assert "ssl predict answers such examples" in note


def test_the_same_text_with_another_label_is_counted(world_run, tmp_path):
    rows = [{"text": f"the cat {n}", "label": "ab"[n % 2]} for n in range(30)]
    same = [rows[4], {"text": "the cat 7", "label": "a"}, {"text": "the cat 9", "label": "a"}]
    path = write(tmp_path / "a.jsonl", [*rows, *same])
    notes = checked(world_run, path, "classify").notes
    said = "2 of the 33 training examples are the same as earlier ones but for the answer"
    assert f"{said}: {path}, record 32 is {path}, record 8" in notes
    alone = checked(world_run, write(tmp_path / "b.jsonl", [*rows, rows[4]]), "classify").notes
    assert not any("but for the answer" in note for note in alone)


def test_columns_of_zeros_and_ones_are_said_to_exclude_each_other_or_not(world_run, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "text,good,bad\n" + "".join(f"the cat {n},{n % 2},{1 - n % 2}\n" for n in range(30))
    )
    for options, said in (
        ({}, "every one has exactly one: --kind classes"),
        ({"kind": "classes"}, "classes, of which each"),
    ):
        report = checked(world_run, path, "classify", **options)
        (note,) = [note for note in report.notes if "columns of zeros and ones" in note]
        assert said in note


@pytest.mark.parametrize(
    ("label", "options", "said"),
    [
        (lambda n: "abc"[n % 3], {}, "every example has one class of 3 (--kind decides)"),
        (
            lambda n: [["a", "b"], ["c"], []][n % 3],
            {},
            "an example may have several of 3 labels, or none (--kind decides)",
        ),
        (lambda n: n / 7, {}, "every example has a number (--kind decides)"),
        (
            lambda n: n // 2 / 7,
            {"kind": "classes"},
            "every example has one class of 15 (--kind decides)",
        ),
        (lambda n: str(n % 2), {"kind": "number"}, "every example has a number (--kind decides)"),
    ],
)
def test_the_kind_of_answers_that_was_understood_is_said(world_run, tmp_path, label, options, said):
    path = write(
        tmp_path / "a.jsonl", [{"text": f"the cat {n}", "label": label(n)} for n in range(30)]
    )
    report = checked(world_run, path, "classify", **options)
    assert [note for note in report.notes if "(--kind decides)" in note] == [said]


def test_the_tokens_are_those_of_the_tokenizer(world_run, tmp_path):
    tokenizer = load_pretrained(str(world_run)).tokenizer()
    texts = [
        f"{'leon rests every evening. ' * repeats}{n}" for n, repeats in enumerate([1, 12] * 10)
    ]
    path = write(
        tmp_path / "a.jsonl", [{"text": text, "label": "ab"[n % 2]} for n, text in enumerate(texts)]
    )
    for title, parts in shown(checked(world_run, path, "classify")):
        text = texts[int(title.partition("record ")[2]) - 1]
        pieces = ["[CLS]", *tokenizer.pieces(tokenizer.encode(text)), "[SEP]"]
        whole = len(pieces)
        if whole > 64:
            pieces = [*pieces[:63], "[SEP]"]
            assert parts["cut off"] == f"{whole - 64} of {whole - 2} tokens of its text are cut off"
        expected = pieces if len(pieces) <= 32 else [*pieces[:24], "…", *pieces[-8:]]
        assert words(parts["tokens"]) == expected
        assert f"({len(pieces)} of {whole} tokens" in parts["tokens"]


def test_a_pair_and_a_question(world_run, tmp_path):
    rows = [{"premise": f"a {n}", "hypothesis": "b", "label": "yn"[n % 2]} for n in range(20)]
    _, pair = shown(checked(world_run, write(tmp_path / "p.jsonl", rows), "pairs"))[0]
    assert (pair["first text"].split()[0], pair["second text"], pair["label"] in "yn") == (
        "a",
        "b",
        True,
    )
    assert words(pair["tokens"]).count("[SEP]") == 2
    passage = "Ann wrote it and Ann read it. " * 9
    asked = [
        {
            "context": f"{n} {passage}",
            "question": "who ?",
            "answers": {"text": ["Ann"], "answer_start": [len(f"{n} ")]},
        }
        for n in range(20)
    ]
    _, question = shown(
        checked(world_run, write(tmp_path / "q.jsonl", asked), "qa", sequence_tokens=30, stride=5)
    )[0]
    assert question["question"] == "who ?"
    assert question["passage"].endswith("characters)")
    assert question["answer"] in {f"'Ann' at character {start}" for start in (2, 3)}
    assert "samples, which together hold the text" in question["tokens"]
    assert question["fields read"].startswith("context, question, answers")


def test_answers_whose_offsets_count_bytes_are_shown_where_they_stand(world_run, tmp_path):
    rows = [
        {
            "id": f"q{n}",
            "context": f"caf\u00e9 {n} Ann ran",
            "question": "who ?",
            "answers": {"text": ["Ann"], "answer_start": [len(f"caf\u00e9 {n} ".encode())]},
        }
        for n in range(20)
    ]
    report = checked(world_run, write(tmp_path / "q.jsonl", rows), "qa")
    _, question = shown(report)[0]
    assert question["answer"] in {f"'Ann' at character {start}" for start in (7, 8)}
    assert question["fields read"].startswith("context, question, id, answers")
    (note,) = [note for note in report.notes if "offsets count bytes" in note]
    assert note.endswith(
        "offsets count bytes of UTF-8, and so all 20 answers stand where the file says"
    )


def test_words_with_their_tags(world_run, tmp_path):
    path = tmp_path / "a.conllu"
    path.write_text(
        "".join(
            f"1\tleon\t_\tPROPN\t_\t_\t_\t_\t_\t_\n2\trests\t_\tVERB\t_\t_\t_\t_\t_\t_\n3\t{n}\t_\tNUM\t_\t_\t_\t_\t_\t_\n\n"
            for n in range(12)
        )
    )
    title, parts = shown(checked(world_run, path, "tag"))[0]
    number = int(title.partition("record ")[2].partition(",")[0]) - 1
    assert parts["words and tags"] == f"leon/PROPN rests/VERB {number}/NUM"


def test_symbols_are_seen_as_the_words_they_become(world_run, tmp_path):
    path = tmp_path / "a.fa"
    path.write_text("".join(f">s{n} {'xy'[n % 2]}\nAC{'GT'[n % 2] * n}A\n" for n in range(12)))
    _, parts = shown(checked(world_run, path, "dna"))[0]
    pieces = words(parts["tokens"])[1:-1]
    assert len(pieces) == len(parts["text"])
    assert len(dict(zip(parts["text"], pieces, strict=True))) == len(set(pieces))


@pytest.mark.parametrize(
    ("gold", "label"),
    [(None, "none"), ((), "no label (an empty list)"), (2.5, "2.5"), (("a", "b"), "a, b")],
)
def test_a_task_of_a_plugin_is_described_by_its_own_names(gold, label):
    """Without a word of its own: a mapping, a label of any kind, and no sample."""
    example = Example("7", Where("file", 7), {"title": "t", "body": "b" * 500, "empty": ""}, gold)
    (table,) = described(
        task_class("classify").__new__(task_class("classify")),
        None,
        LabelledSettings(train=()),
        [example],
        [Encoded((), 3)],
        None,
    )
    parts = dict(table.rows)
    assert table.title == "example 1: file, record 7"
    assert (parts["title"], parts["label"]) == ("t", label)
    assert parts["body"] == f"{'b' * 120} … {'b' * 120} (500 characters)"
    assert "empty" not in parts
    assert parts["tokens"].startswith("none")


def test_what_is_cut_is_counted_in_the_json(world_run, tmp_path):
    rows = [
        {"text": f"{n} {'the cat ' * (1 + 50 * (n == 1))}", "label": "ab"[n % 2]} for n in range(20)
    ]
    report = checked(world_run, write(tmp_path / "a.jsonl", rows), "classify", sequence_tokens=9)
    assert sorted(report.counts) == ["cut, held out", "cut, train", "left out"]
    assert report.counts["cut, train"] + report.counts["cut, held out"] == 1
    assert any("was cut at 9 tokens" in note for note in report.notes)
    assert json.loads(json.dumps([table.rows for table in report.tables]))
