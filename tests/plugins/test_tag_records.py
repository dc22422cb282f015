"""Flat records of tagged words, as the hub and tables write them: names of columns, numbers for
tags, words that do not count.
"""

import json
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from sslplugins.tasks.tag.task import Tag
from task_bench import TaskBench
from test_task_tag import trained

from sslcli.api import DataError, Prediction
from sslcli.data.records.read_context import Reading, reading_with
from sslcli.workflows.evaluate.scoring import line_of

NAMES = ["O", "B-PER", "I-PER", "B-LOC"]
ROWS = [
    {"tokens": ["Ann", "Bob", "saw", "Rome"], "pos_tags": [0, 0, 1, 0], "ner_tags": [1, 2, 0, 3]},
    {"tokens": ["I", "slept"], "pos_tags": [0, 1], "ner_tags": [0, 0]},
]
NAMED = [("B-PER", "I-PER", "O", "B-LOC"), ("O", "O")]


def read(folder, rows, name="a.jsonl", notes=None, **options):
    """`rows`: a text, or what becomes JSON; `notes` gathers what is said."""
    path = folder / name
    text = (
        json.dumps(rows)
        if name.endswith(".json")
        else "".join(json.dumps(row) + "\n" for row in rows)
    )
    path.write_text(rows if isinstance(rows, str) else text)
    reading = Reading(notes={} if notes is None else notes)
    return list(reading_with(reading, partial(Tag.read, Tag.Options(**options), str(path))))


def test_which_of_several_lists_has_the_tags_is_asked(tmp_path):
    with pytest.raises(DataError) as caught:
        read(tmp_path, ROWS)
    assert "'pos_tags', 'ner_tags' all have a tag for every word" in caught.value.message
    assert "--column ner_tags" in caught.value.hint
    notes = {}
    examples = read(tmp_path, ROWS, column="ner_tags", notes=notes)
    assert [example.gold for example in examples] == [("1", "2", "0", "3"), ("0", "0")]
    assert "words are 'tokens' and tags 'ner_tags'" in next(iter(notes))
    assert "--label-names" in Tag.how_read(Tag.Options(), examples)[0]
    with pytest.raises(DataError, match="there is no 'nertags'"):
        read(tmp_path, ROWS, column="nertags")


@pytest.mark.parametrize(
    "feature",
    [
        {"feature": {"names": NAMES}},
        {"feature": {"names": NAMES}, "_type": "List"},
        [{"names": NAMES}],
    ],
)
@pytest.mark.parametrize("place", ["flag", "beside", "inside"])
def test_numbers_have_the_names_that_are_said_beside_or_inside(place, feature, tmp_path):
    options, rows, name = {"column": "ner_tags"}, ROWS, "a.jsonl"
    if place == "flag":
        options["label_names"] = ",".join(NAMES)
    elif place == "beside":
        (tmp_path / "dataset_info.json").write_text(
            json.dumps(
                {"features": {"pos_tags": {"feature": {"names": ["N", "V"]}}, "ner_tags": feature}}
            )
        )
    else:
        rows, name = {"features": {"ner_tags": feature}, "data": ROWS}, "a.json"
    examples = read(tmp_path, rows, name, **options)
    assert [example.gold for example in examples] == NAMED
    settled = Tag.resolve_options(Tag.Options(column="ner_tags"), examples, None)
    assert settled.label_names == tuple(NAMES)
    assert Tag.resolve_options(settled, examples, None) == settled
    assert any("BIO" in sentence for sentence in Tag.how_read(settled, examples))


def test_a_number_without_a_name_is_refused(tmp_path):
    with pytest.raises(DataError) as caught:
        read(tmp_path, ROWS, column="ner_tags", label_names="O,B-PER")
    assert "field 'ner_tags[1]'" in caught.value.message
    assert "none for 2" in caught.value.message


@pytest.mark.parametrize(
    ("words", "tags"),
    [("words", "labels"), ("tokens", "ner"), ("word", "tag"), ("forms", "pos"), ("token", "slots")],
)
def test_words_and_tags_go_by_many_names(words, tags, tmp_path):
    (example,) = read(
        tmp_path, [{words: ["Ann", "slept"], tags: ["X", "Y"], "label": "greeting", "id": 7}]
    )
    assert (example.id, example.data.words, example.gold) == ("7", ("Ann", "slept"), ("X", "Y"))


def test_tags_of_a_text_are_those_of_what_stands_between_its_blanks(tmp_path):
    (example,) = read(tmp_path, [{"text": "Dr. Ann slept.", "tags": ["O", "X", "O"]}])
    assert example.data.words == ("Dr.", "Ann", "slept.")


@pytest.mark.parametrize("mark", [-100, -1, "-100", -100.0])
def test_words_marked_as_not_counted_count_nowhere(mark, tmp_path):
    rows = [
        {"tokens": ["the", "cat", "sees", "a", "dog"], "tags": [1, mark, 0, mark, 1]},
        {"tokens": ["a", "cat"], "tags": [0, 1]},
    ]
    examples = read(tmp_path, rows)
    assert examples[0].gold == ("1", None, "0", None, "1")
    assert any(
        sentence.startswith("2 words are marked")
        for sentence in Tag.how_read(Tag.Options(), examples)
    )
    bench = TaskBench.of(Tag, examples, trained())
    assert sorted(bench.task.tags) == ["0", "1"]
    assert bench.collate(bench.encoded(examples)).counts == {"tags": 5}
    predictions = bench.predict(examples)
    golds, given = zip(
        *((gold, tag) for one, guess in zip(examples, predictions, strict=True) for gold,
        tag in zip(one.gold, guess.value, strict=True)
          if gold is not None),
        strict=True,
    )  # fmt: skip
    (accuracy,) = Tag.scorer(Tag.Options(), bench.task.tags).score(predictions, examples)
    assert (accuracy.value, accuracy.count) == (pytest.approx(accuracy_score(golds, given)), 5)
    report = Tag.scorer(Tag.Options(), bench.task.tags).error_report(predictions, examples)
    assert sum(row[-1] for row in report.tables[0].rows) == 5
    assert "not scored: 2 words marked as not counted (-100, -1)" in report.notes
    assert json.loads(line_of(examples[0], predictions[0]))["gold"] == ["1", None, "0", None, "1"]
    annotated = Tag.annotated(Tag.Options(), examples[0])
    assert [annotated.text[start:stop] for start, stop in annotated.spans] == ["the", "sees", "dog"]
    assert list(annotated.labels) == ["1", "0", "1"]
    baselines = Tag.scorer(Tag.Options(), bench.task.tags).baselines(examples, examples)
    assert len(baselines["by word"][0].value) == 5


def test_a_sentence_of_no_counted_word_has_no_gold_answer(tmp_path):
    examples = read(tmp_path, [{"tokens": ["a", "b"], "ner_tags": [-100, -100]}])
    assert examples[0].gold is None


def test_spans_are_scored_without_the_words_that_do_not_count(tmp_path):
    """As users of seqeval do: positions of -100 are taken out of both lists."""
    rows = [{"tokens": ["Ann", "Bob", "saw"], "tags": [1, -100, 0]}]
    (example,) = read(tmp_path, rows, label_names="O,B-PER")
    scores = Tag.scorer(Tag.Options(), ["O", "B-PER"]).score(
        [Prediction(["B-PER", "B-PER", "O"])], [example]
    )
    assert {score.name: score.value for score in scores} == dict.fromkeys(
        ["f1", "precision", "recall", "macro f1", "accuracy"], 1.0
    )
    assert np.isfinite(scores[0].interval).all()


def test_where_no_word_counts_nothing_is_scored(tmp_path):
    (example,) = read(tmp_path, [{"tokens": ["Ann", "Bob"], "tags": [1, 0]}])
    uncounted = type(example)(example.id, example.where, example.data, (None, None))
    with pytest.raises(DataError, match="nothing to score"):
        Tag.scorer(Tag.Options(), ["0", "1"]).score([Prediction(["0", "0"])], [uncounted])


KAGGLE = (
    "Sentence #,Word,POS,Tag\nSentence: "
    '1,Ann,NNP,B-PER\n,slept,VBD,O\nSentence: 2,Rome,NNP,B-LOC\n,",",",",O\n'
)
LONG = 'sentence_id,words,labels\n0,Ann,B-PER\n0,slept,O\n1,Rome,B-LOC\n1,",",O\n'


@pytest.mark.parametrize(("content", "options"), [(KAGGLE, {"column": "tag"}), (LONG, {})])
def test_rows_of_words_are_joined_to_sentences(content, options, tmp_path):
    notes = {}
    examples = read(tmp_path, content, "a.csv", notes, **options)
    found = [(example.data.words, example.gold) for example in examples]
    assert found == [(("Ann", "slept"), ("B-PER", "O")), (("Rome", ","), ("B-LOC", "O"))]
    assert any("joins them to sentences" in note for note in notes)


def test_sentences_of_one_word_throughout_are_said(tmp_path):
    examples = read(tmp_path, "words,labels\n" + "Ann,B-PER\nslept,O\n" * 5, "a.csv")
    assert len(examples) == 10
    assert "all 10 sentences have one word" in Tag.how_read(Tag.Options(), examples)[0]


def test_lines_of_json_in_a_json_file_are_read(tmp_path):
    (tmp_path / "dataset_info.json").write_text("damaged {")
    examples = read(
        tmp_path, "".join(f"{json.dumps(row)}\n" for row in ROWS), "a.json", column="ner_tags"
    )
    assert [example.gold for example in examples] == [("1", "2", "0", "3"), ("0", "0")]


def test_names_are_those_of_the_column_that_is_read(tmp_path):
    features = {
        "pos_tags": {"feature": {"names": ["N", "V"]}},
        "ner_tags": {"feature": {"names": NAMES}},
    }
    (tmp_path / "dataset_info.json").write_text(json.dumps({"features": features}))
    examples = read(
        tmp_path, [{"tokens": row["tokens"], "ner_tags": row["ner_tags"]} for row in ROWS]
    )
    assert [example.gold for example in examples] == NAMED
