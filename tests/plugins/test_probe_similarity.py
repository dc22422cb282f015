"""`ssl probe similarity`: its figures against pairs taken one by one, where its sentences come
from, and bad input.
"""

import json
from itertools import combinations

import numpy as np
import pytest
import torch
from sense_subjects import Generated, run, sense_record, tiny_subject
from sslplugins.probes.similarity import Similarity

from sslcli.api import DataError, Inputs, Packing, Rng, UsageError

DRAWS = Rng(42, 0, "probe")
SENTENCES = [
    ("she eats an apple .", "fruit"),
    ("the red apple falls", "fruit"),
    ("an old apple is in the orchard", "fruit"),
    ("the phone by apple rises .", "company"),
    ("apple sells a new phone", "company"),
]
RECORDS = [sense_record(text, "apple", sense) for text, sense in SENTENCES]
RECORDS += [
    sense_record(f"the {word} bank {end}", "bank", "money")
    for word, end in (("old", "rises"), ("new", "falls"))
]
RECORDS += [sense_record(f"the bank {end}", "bank", "land") for end in ("by the river", "is red")]
RECORDS += [sense_record(text, "苹果", "fruit", "zh") for text in ("她吃了苹果。", "一个红苹果")]
RECORDS += [sense_record(text, "苹果", "company", "zh") for text in ("苹果的手机", "苹果卖手机")]


@pytest.fixture(scope="module")
def subject():
    return tiny_subject(Generated(senses=RECORDS))


def slow_vector(subject, text, word, layer, pool="mean"):
    """Of one text alone; pieces are found by spelling them."""
    tokenizer = subject.tokenizer
    ids = [tokenizer.classify, *tokenizer.encode(text).tolist(), tokenizer.separate]
    own = tokenizer.encode(word).tolist()
    start = next(place for place in range(len(ids)) if ids[place : place + len(own)] == own)
    tokens = torch.tensor(ids)
    rows = subject.backbone(
        Inputs(Packing.of([len(ids)]), torch.arange(len(ids)), tokens), keep=[layer]
    ).kept[layer]
    return (
        (rows[start : start + len(own)].mean(dim=0) if pool == "mean" else rows[start])
        .numpy()
        .astype(float)
    )


def slow_cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


def slow_separation(vectors, senses):
    within, across = {}, []
    for (a, one), (b, other) in combinations(zip(vectors, senses, strict=True), 2):
        (within.setdefault(one, []) if one == other else across).append(slow_cosine(a, b))
    return np.mean([np.mean(found) for found in within.values()]) - np.mean(across)


def table(report):
    (found,) = report.tables
    return {str(row[0]): dict(zip(found.columns, row, strict=True)) for row in found.rows}


@pytest.mark.parametrize(("word", "pool"), [("apple", "mean"), ("苹果", "mean"), ("苹果", "first")])
def test_matrix_and_separation_are_those_of_every_pair_in_turn(subject, word, pool):
    report = run(Similarity, subject, DRAWS, word=word, pool=pool)
    records = [record for record in RECORDS if record["word"] == word]
    senses = [record["sense"] for record in records]
    rows = table(report)
    for layer in range(3):
        vectors = [slow_vector(subject, record["text"], word, layer, pool) for record in records]
        assert rows[str(layer)]["separation"] == pytest.approx(
            slow_separation(vectors, senses), abs=1e-5
        )
    (matrix,) = report.matrices
    assert list(matrix.row_groups) == list(matrix.column_groups) == senses
    np.testing.assert_allclose(
        matrix.values, [[slow_cosine(a, b) for b in vectors] for a in vectors], atol=1e-5
    )
    score = report.scores[0]
    assert (score.name, score.count, score.value) == (
        "separation",
        len(records),
        rows["2"]["separation"],
    )
    assert report.plots[0].curves[0].ys[1] == rows["1"]["separation"]


def test_the_input_embedding_separates_nothing(subject):
    for word in ("apple", "苹果"):
        report = run(Similarity, subject, DRAWS, word=word)
        assert table(report)["input embedding"]["separation"] == 0
        assert report.scores[0].baselines["input embedding"] == 0


def test_the_layer_and_the_pooling_are_said(subject):
    report = run(Similarity, subject, DRAWS, word="apple", layer=1, pool="first")
    assert "layer 1 of 2, first of the word's pieces" in report.notes[0]
    assert report.scores[0].value == table(report)["1"]["separation"]


def test_chance_is_called_chance(subject):
    """Weights were drawn, so nothing can have been learnt; of two and two uses a shuffle is never
    surpassed.
    """
    report = run(Similarity, subject, DRAWS, word="bank")
    assert any(note.startswith("not emerged: separation") for note in report.notes)


def test_all_words_have_a_row_each_and_their_mean(subject):
    report = run(Similarity, subject, DRAWS)
    rows = table(report)
    assert list(rows) == ["apple", "bank", "苹果", "mean"]
    for word in ("apple", "bank", "苹果"):
        alone = table(run(Similarity, subject, DRAWS, word=word))
        assert rows[word]["input embedding"] == 0
        for layer in ("0", "1", "2"):
            assert rows[word][f"layer {layer}"] == pytest.approx(
                alone[layer]["separation"], abs=1e-5
            )
        assert rows[word]["rise"] == pytest.approx(
            alone["2"]["separation"] - alone["0"]["separation"], abs=1e-5
        )
    assert report.scores[0].value == pytest.approx(
        np.mean([rows[word]["layer 2"] for word in ("apple", "bank", "苹果")])
    )
    assert report.scores[0].count == 3


def test_a_word_that_is_used_too_seldom_is_left_out_and_named():
    rare = [
        *RECORDS,
        sense_record("she eats an orange", "orange", "fruit"),
        sense_record("the orange phone", "orange", "colour"),
    ]
    report = run(Similarity, tiny_subject(Generated(senses=rare)), DRAWS)
    assert "orange" not in table(report)
    assert any("left out" in note and "orange" in note for note in report.notes)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "".join(f"{text}\t{sense}\n" for text, sense in SENTENCES)),
        (
            "a.jsonl",
            "".join(json.dumps({"text": text, "sense": sense}) + "\n" for text, sense in SENTENCES),
        ),
        ("a.tsv", "text\tsense\n" + "".join(f"{text}\t{sense}\n" for text, sense in SENTENCES)),
        ("b.tsv", "".join(f"{text}\t{sense}\n" for text, sense in SENTENCES)),
    ],
)
def test_sentences_of_a_file_give_the_same(subject, tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    of_file = run(Similarity, subject, DRAWS, word="Apple", sentences=str(path))
    assert of_file.scores == run(Similarity, subject, DRAWS, word="apple").scores
    assert str(path) in of_file.notes[0]


def test_without_senses_there_is_a_matrix_and_no_separation(subject, tmp_path):
    path = tmp_path / "plain.txt"
    path.write_text("she eats an apple\nthe apple is red\nno fruit here\n")
    report = run(Similarity, subject, DRAWS, word="apple", sentences=str(path))
    vectors = [
        slow_vector(subject, text, "apple", 2) for text in ("she eats an apple", "the apple is red")
    ]
    assert report.scores[0].value == pytest.approx(slow_cosine(*vectors), abs=1e-5)
    assert [score.name for score in report.scores] == ["cosine of two uses"]
    assert "without the word are left out: 1" in report.notes[0]


@pytest.mark.parametrize("word", ["apple", "Apple", "苹果", "蘋果"])
def test_ready_sentences_are_there_for_apples(word):
    report = run(Similarity, tiny_subject(Generated([("en", "the river")])), DRAWS, word=word)
    groups = list(report.matrices[0].row_groups)
    assert groups == ["fruit"] * 6 + ["company"] * 6
    assert "built-in" in report.notes[0]
    # most words of the ready sentences are
    assert any("unknown to this model" in note for note in report.notes)


def test_a_corpus_gives_what_nothing_else_does():
    texts = [("en", f"the {kind} river rises . the bank falls .") for kind in ("old", "new", "red")]
    report = run(Similarity, tiny_subject(Generated(texts)), DRAWS, word="river")
    assert [label[2:] for label in report.matrices[0].rows] == [
        f"the {kind} river rises ." for kind in ("old", "new", "red")
    ]
    assert "without senses" in report.notes[0]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"word": "crane"}, "'crane' does not occur"),
        ({"word": "apple", "layer": 3}, "layer 3 does not exist"),
        ({"word": " "}, "no word to look for"),
        ({"sentences": "some.txt"}, "the word to compare is not given"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(subject, options, problem):
    with pytest.raises(UsageError, match=problem) as refused:
        run(Similarity, subject, DRAWS, **options)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "stands in none of the 0 sentences"),
        ("the pineapple falls\n", "stands in none of the 1 sentences"),
        ("an apple\tfruit\nthe apple\n", "gives a sense to some"),
        (
            "an apple\tfruit\nthe apple\tfruit\nred apple\tcompany\n",
            "senses cannot be compared: there are fruit 2, company 1",
        ),
    ],
)
def test_bad_files_are_refused(subject, tmp_path, content, problem):
    path = tmp_path / "sentences.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=problem) as refused:
        run(Similarity, subject, DRAWS, word="apple", sentences=str(path))
    assert refused.value.hint


def test_a_word_unknown_to_the_tokenizer_is_refused(subject, tmp_path):
    path = tmp_path / "sentences.txt"
    path.write_text("the zebra\na zebra\n")
    with pytest.raises(DataError, match="'zebra' is unknown"):
        run(Similarity, subject, DRAWS, word="zebra", sentences=str(path))


def test_no_word_and_no_source_that_knows_one_is_refused():
    with pytest.raises(UsageError, match="no word to look at"):
        run(Similarity, tiny_subject(), DRAWS)
