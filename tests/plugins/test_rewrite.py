"""The task of any text to any text: its files, its samples, its loss, its baselines."""

import json
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from task_bench import TaskBench, record

from sslcli import registry
from sslcli.data.batches import collate
from sslcli.data.records.read_context import Reading, reading_with
from sslcli.data.rng import Rng
from sslcli.data.text.vocabulary import TOKENS_OF_GENERATION
from sslcli.datasets.labelled import examples_of, labelled_data, other_languages
from sslcli.datasets.sifter import Sifter
from sslcli.errors import DataError, ModelError, UsageError
from sslcli.models.fitting import refuse_other_architecture
from sslcli.models.token_ids import token_ids
from sslcli.settings import LabelledSettings
from sslcli.testing import tiny_records, tiny_tokenizer

Rewrite = registry.load("tasks", "rewrite")
SHAPE = {"architecture": "encoder_decoder", "segments": 0}


def read(path, sifter=None, labels="needed", columns=(), **options):
    """The examples of a file, and what was said of it."""
    notes = {} if sifter is None else sifter.remarks
    reading = Reading(columns=columns, labels=labels, notes=notes)
    found = reading_with(reading, lambda: Rewrite.read(Rewrite.Options(**options), str(path)))
    return list(found), list(notes)


def lines(path, *records):
    path.write_text("".join(f"{json.dumps(each)}\n" for each in records), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "columns",
    [
        ("source", "target"),
        ("src", "tgt"),
        ("text", "summary"),
        ("document", "summary"),
        ("article", "highlights"),
        ("input", "output"),
        ("question", "answer"),
        ("Source", "Target"),
    ],
)
def test_usual_columns(tmp_path, columns):
    source, target = columns
    path = lines(tmp_path / "a.jsonl", {"id": "x", source: "a b", target: "c"})
    (example,), notes = read(path)
    assert (example.id, example.data, example.gold, notes) == ("x", "a b", "c", [])


def test_translations_begin_with_their_first_language_aloud(tmp_path):
    path = lines(tmp_path / "a.jsonl", {"translation": {"en": "dog", "zh": "狗"}})
    (example,), (note,) = read(path)
    assert (example.data, example.gold) == ("dog", "狗")
    assert "from en to zh" in note
    assert "--source-field zh --target-field en" in note
    (example,), notes = read(path, source_field="zh", target_field="en")
    assert (example.data, example.gold, notes) == ("狗", "dog", [])


def test_of_three_languages_two_are_named(tmp_path):
    path = lines(tmp_path / "a.jsonl", {"en": "dog", "zh": "狗", "de": "Hund"})
    with pytest.raises(DataError, match="3 languages: en, zh, de"):
        read(path)
    (example,), _ = read(path, source_field="de", target_field="zh")
    assert (example.data, example.gold) == ("Hund", "狗")


def test_of_several_pairs_the_first_is_read_aloud(tmp_path):
    values = {"question": "q", "answer": "a", "text": "t", "summary": "s"}
    (example,), (note,) = read(lines(tmp_path / "a.jsonl", values))
    assert (example.data, example.gold) == ("t", "s")
    assert "'text' to 'summary' is read, and not 'question' to 'answer'" in note
    (example,), notes = read(tmp_path / "a.jsonl", source_field="question", target_field="answer")
    assert (example.data, example.gold, notes) == ("q", "a", [])


def test_unknown_columns_are_asked_about(tmp_path):
    with pytest.raises(DataError, match="'left', 'right'") as caught:
        read(lines(tmp_path / "a.jsonl", {"left": "a", "right": "b"}))
    assert "--source-field and --target-field" in caught.value.hint


def test_several_references(tmp_path):
    path = lines(
        tmp_path / "a.jsonl",
        {"source": "a", "references": ["b", "c", "b"]},
        {"source": "d", "references": ["e"]},
    )
    assert [example.gold for example in read(path)[0]] == [("b", "c"), "e"]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"source": " ", "target": "b"}, "field 'source': the text is empty"),
        ({"source": "a", "target": ""}, "field 'target': the text is empty"),
        ({"source": "a", "target": ["b", " "]}, "field 'target': the text is empty"),
        ({"source": "a", "target": 3}, "field 'target': this is no text"),
    ],
)
def test_empty_and_other_values_are_refused(values, problem):
    with pytest.raises(DataError, match=problem):
        Rewrite.parse(Rewrite.Options(), record(**values))


def test_without_a_target_there_is_no_label():
    assert Rewrite.parse(Rewrite.Options(), record(source="a")).gold is None
    assert Rewrite.parse(Rewrite.Options(), record(source="a", target=None)).gold is None
    assert Rewrite.parse(Rewrite.Options(), record(whatever="a")).data == "a"


@pytest.mark.parametrize("name", ["target", "Summary", "highlights"])
def test_a_lone_target_is_no_source(name):
    with pytest.raises(DataError, match="which columns are source and target is not known"):
        Rewrite.parse(Rewrite.Options(), record(**{name: "a"}))


def test_a_least_length_beyond_the_most_is_refused():
    with pytest.raises(ValueError, match="at least 50 tokens"):
        Rewrite.Options(least_tokens=50, target_tokens=10)


def test_targets_longer_than_the_positions_are_refused():
    with pytest.raises(UsageError, match="longer than the 64 positions"):
        bench(target_tokens=100_000)


def test_two_columns_with_a_tab_and_without_a_header(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('the dog\t"狗\ncat\t猫\n', encoding="utf-8")
    examples, (note,) = read(path)
    assert [(each.data, each.gold) for each in examples] == [("the dog", '"狗'), ("cat", "猫")]
    assert "its first row is taken for an example" in note


@pytest.mark.parametrize("header", ["source\ttarget", "en\tzh", "text\tsummary\tid"])
@pytest.mark.parametrize("name", ["a.tsv", "a.txt"])
def test_a_header_is_no_example(tmp_path, name, header):
    rest = "\t7" * (header.count("\t") - 1)
    (tmp_path / name).write_text(f"{header}\na\tb{rest}\n", encoding="utf-8")
    (example,), notes = read(tmp_path / name)
    assert (example.data, example.gold) == ("a", "b")
    assert not any("first row" in note for note in notes)


def test_columns_name_those_of_a_table(tmp_path):
    (tmp_path / "a.csv").write_text("b,a,7\nd,c,8\n", encoding="utf-8")
    examples, _ = read(tmp_path / "a.csv", columns=("target", "source", "-"))
    assert [(each.data, each.gold) for each in examples] == [("a", "b"), ("c", "d")]


def pair(tmp_path, first, second):
    for name, text in (("a.en", first), ("a.zh", second)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return (f"en={tmp_path / 'a.en'}", f"zh={tmp_path / 'a.zh'}")


def test_two_files_line_by_line(tmp_path):
    references = pair(tmp_path, "one\n\nthree\n", "一\n二\n三\n")
    data, sifter = LabelledSettings(train=references), Sifter()
    found = examples_of(Rewrite, Rewrite.Options(), references, "train", data, sifter)
    assert [(each.data, each.gold) for each in found] == [("one", "一"), ("three", "三")]
    assert any("from en to zh" in note for note in sifter.remarks)
    (said,) = sifter.sentences()
    assert "1 record is skipped: one of the two lines is empty" in said
    assert "line 2" in said
    back = Rewrite.Options(source_field="zh", target_field="en")
    found = examples_of(Rewrite, back, references, "train", data, Sifter())
    assert [(each.data, each.gold) for each in found] == [("一", "one"), ("三", "three")]


def test_files_of_unequal_length_are_refused(tmp_path):
    references = pair(tmp_path, "one\ntwo\n", "一\n")
    with pytest.raises(DataError, match=r"has 2 lines and .* has 1"):
        labelled_data(Rewrite, Rewrite.Options(), LabelledSettings(train=references))


def test_two_files_are_of_no_other_language(tmp_path):
    references = pair(tmp_path, "one\ntwo\n", "一\n二\n")
    path = lines(tmp_path / "a.jsonl", {"source": "a", "target": "b"})
    data = LabelledSettings(train=(str(path),), evaluation=references)
    assert other_languages(data, Rewrite) == {}
    assert other_languages(data).keys() == {"en", "zh"}
    found = labelled_data(Rewrite, Rewrite.Options(), data)
    assert [each.gold for each in found.evaluation] == ["一", "二"]
    assert found.others == {}


def test_one_file_of_lines_alone_is_refused(tmp_path):
    first, _ = pair(tmp_path, "one\n", "一\n")
    with pytest.raises(UsageError, match="not two files of two languages"):
        Rewrite.together([first])


def bench(examples=None, **options):
    examples = examples or [
        Rewrite.parse(Rewrite.Options(), each) for each in tiny_records("parallel")
    ]
    return TaskBench.of(Rewrite, examples, tiny_tokenizer(), SHAPE, **options)


def test_the_decoder_reads_the_target_moved_one_to_the_right():
    made = bench()
    values = [("the cat", "cat"), ("the dog sees", "dog sees")]
    examples = [Rewrite.parse(made.task.options, record(source=a, target=b)) for a, b in values]
    (one,), (two,) = (each.samples for each in made.task.encode(examples, True))
    batch = made.task.collate(collate([0, 1], [one, two]), Rng(0, 0))
    told, lengths = batch.decoder_inputs.tokens_T, batch.decoder_inputs.packing.lengths
    pieces = tiny_tokenizer().pieces
    assert pieces(told.tolist()) == [
        *("[SEP]", "[CLS]", "cat"),
        *("[SEP]", "[CLS]", "dog", "sees"),
    ]
    assert pieces(batch.targets_N.tolist()) == [
        *("[CLS]", "cat", "[SEP]"),
        *("[CLS]", "dog", "sees", "[SEP]"),
    ]
    assert lengths == (3, 4)
    assert batch.rows_N.tolist() == list(range(7))
    assert batch.counts == {"target": 7}


def test_the_directory_says_what_the_decoder_begins_with(monkeypatch):
    made = bench()
    assert made.task.start == tiny_tokenizer().separate
    monkeypatch.setattr(made.task.tokenizer, "generating", {"decoder_start_token_id": 7})
    assert made.task.start == 7


@pytest.mark.parametrize("token", [-1, 100_000, "x", True, 1.5])
@pytest.mark.parametrize("key", TOKENS_OF_GENERATION)
def test_tokens_of_generation_that_there_are_not_are_refused(monkeypatch, key, token):
    tokenizer = copy(tiny_tokenizer())
    tokenizer.generating = {key: [2, token]}
    with pytest.raises(ModelError, match=f"generates with {key} {token!r}, which is none of the"):
        tokenizer.start_of_decoder()
    tokenizer.generating = {key: [2, tokenizer.size - 1]}
    tokenizer.start_of_decoder()


def test_an_export_names_what_the_decoder_was_trained_to_begin_with(monkeypatch):
    """A text that ends with its language has the decoder begin with it, as mBART's."""
    made = bench()
    tokenizer = made.task.tokenizer
    single = tokenizer.template.single
    enclosed = replace(single, tokens=((), (tokenizer.separate, 9)), types=((), (0, 0)))
    monkeypatch.setattr(tokenizer, "template", replace(tokenizer.template, single=enclosed))
    assert made.task.start == 9
    ids = token_ids(made.task.context.architecture, tokenizer)
    assert ids["decoder_start_token_id"] == 9


def test_smoothing_is_of_training_alone():
    made = bench()
    examples = [Rewrite.parse(made.task.options, each) for each in tiny_records("parallel")[:4]]
    samples = [sample for each in made.task.encode(examples, True) for sample in each.samples]
    batch = made.task.collate(collate(range(4), samples), Rng(0, 0))

    def loss():
        return made.task(made.backbone, batch).sums["target"]

    with torch.no_grad():
        hidden = made.backbone.decode(batch.decoder_inputs, made.backbone.encode(batch.inputs))
        logits_NV = made.task.head(hidden.last_TD[batch.rows_N], made.backbone)
        for mode, smoothing in ((True, 0.1), (False, 0.0)):
            made.task.train(mode)
            expected = torch.nn.functional.cross_entropy(
                logits_NV, batch.targets_N, reduction="sum", label_smoothing=smoothing
            )
            torch.testing.assert_close(loss(), expected)


def test_what_is_too_long_is_cut_aloud():
    made = bench(sequence_tokens=5, target_tokens=4)
    example = Rewrite.parse(
        made.task.options, record(source="the cat sees the dog", target="cat sees dog")
    )
    (encoded,) = made.task.encode([example], True)
    assert len(encoded.samples[0]) == 5
    assert len(encoded.samples[0]["target"]) == 4
    assert encoded.cut == {"source": 5}
    assert encoded.whole_tokens == 7
    assert "2 of 5 tokens of its source are cut off (--seq-len)" in encoded.lost
    assert "1 of 3 tokens of its target are cut off (--max-length)" in encoded.lost


def test_the_longest_target_of_training_is_the_longest_that_is_written():
    options = Rewrite.Options()
    examples = [
        Rewrite.parse(options, record(source="cat", target=target))
        for target in ("dog", "the dog sees")
    ]
    assert Rewrite.resolve_options(options, examples, tiny_tokenizer()).target_tokens == 5


def test_baselines():
    scorer = Rewrite.scorer(Rewrite.Options())
    train = [
        Rewrite.parse(Rewrite.Options(), record(source=source, target=target))
        for source, target in (("a b", "x y"), ("a c", "x z"), ("d b", "w y"), ("d c", "w z"))
    ]
    test = [Rewrite.parse(Rewrite.Options(), record(source="d b", target="w y"))]
    found = {name: each[0].value for name, each in scorer.baselines(train, test).items()}
    assert found["copy"] == "d b"
    assert found["word by word"] == "w y"
    assert found["chance"] in {example.gold for example in train}
    assert "lead" not in found
    test = [Rewrite.parse(Rewrite.Options(), record(source="One is here. Two is.", target="One"))]
    own = [Rewrite.parse(Rewrite.Options(), record(source="a b c", target="b c"))] * 2
    found = {name: each[0].value for name, each in scorer.baselines(own, test).items()}
    assert found["lead"] == "One is here."
    assert "word by word" not in found


def test_a_model_without_a_decoder_is_refused_in_one_sentence():
    with pytest.raises(UsageError, match="'rewrite' needs an encoder-decoder, and m is an encoder"):
        refuse_other_architecture({"rewrite": Rewrite}, "encoder", "m")


def test_nothing_is_written_beyond_the_longest_target():
    made = bench(target_tokens=6)
    example = Rewrite.parse(made.task.options, record(source="the cat"))
    samples = [sample for each in made.task.encode([example], False) for sample in each.samples]
    batch = made.task.collate(collate([0], samples), Rng(0, 0))
    (text,) = made.task.predict(made.backbone, batch)
    assert len(made.task.tokenizer.encode(text)) <= 5
    assert batch.counts == {"target": 0}
    assert np.isfinite(made.task(made.backbone, batch).sums["target"].item())


def batch_of(made, *texts):
    examples = [Rewrite.parse(made.task.options, record(source=text)) for text in texts]
    samples = [sample for each in made.task.encode(examples, False) for sample in each.samples]
    return made.task.collate(collate(range(len(samples)), samples), Rng(0, 0))


@pytest.mark.parametrize("beams", [1, 3])
def test_what_is_written_is_as_long_as_is_said(beams):
    texts = ("the cat sees the dog", "the bird", "mouse follows")
    made = bench(target_tokens=9, least_tokens=7, beams=beams)
    written = made.task.predict(made.backbone, batch_of(made, *texts))
    assert len(written) == len(texts)
    # the start token and the end are among them, and special tokens are no text
    assert all(0 < len(made.task.tokenizer.encode(text)) <= 8 for text in written)


@pytest.mark.parametrize("beams", [1, 3])
def test_the_last_token_is_the_one_that_the_directory_forces(beams, monkeypatch):
    """As transformers does at the greatest length: a text is one token shorter."""
    made = bench(target_tokens=9, least_tokens=9, beams=beams)
    batch = batch_of(made, "the cat sees the dog", "the bird")
    monkeypatch.setattr(made.task, "_text", len)  # of what is written, without its end
    assert made.task.predict(made.backbone, batch) == [8, 8]
    forced = {"forced_eos_token_id": made.task.separator}
    monkeypatch.setattr(made.task.tokenizer, "generating", forced)
    assert made.task.predict(made.backbone, batch) == [7, 7]
