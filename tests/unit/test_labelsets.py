"""Labels of whole sets: what the training examples decide holds for every later file, and nothing
is scored in silence.
"""

import csv
import io
import json
from types import SimpleNamespace

import pytest

from sslcli.contracts.examples import Example, Prediction
from sslcli.data.documents import Where
from sslcli.data.records.first_rows import IF_HEADER
from sslcli.data.records.label_forms import LabelNames, form_of
from sslcli.data.records.labels import Vector, gold_of
from sslcli.data.records.read_context import joined_names, names_of
from sslcli.data.records.record import Record
from sslcli.datasets.label_sets import with_labels
from sslcli.datasets.labelled import examples_of, labelled_data
from sslcli.datasets.sifter import Sifter
from sslcli.datasets.tasks import task_class
from sslcli.errors import DataError
from sslcli.settings import LabelledSettings
from sslcli.workflows.evaluate.submission_files import official_files, share_ids
from sslcli.workflows.predict.predict import NOT_READ, examples_to_answer

CLASSIFY = task_class("classify")


def lines(path, labels, **more):
    rows = [
        {"text": f"{path.stem} {n}", **({} if label is None else {"label": label}), **more}
        for n, label in enumerate(labels)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def data_of(train, evaluation=(), options=None, **more):
    settings = LabelledSettings(train=(train,), evaluation=tuple(evaluation), **more)
    return labelled_data(CLASSIFY, CLASSIFY.Options(**(options or {})), settings)


def later(options, labels, path):
    """(labels, what is said) of a file that a fine-tuned model is scored on."""
    sifter = Sifter()
    settings = LabelledSettings(train=(), evaluation=(path,))
    examples = examples_of(CLASSIFY, options, settings.evaluation, "test", settings, sifter)
    return [
        example.gold for example in with_labels(CLASSIFY, options, labels, examples, sifter)
    ], sifter.sentences()


def test_what_means_no_label_is_decided_by_the_training_examples(tmp_path):
    scheme = data_of(lines(tmp_path / "a.jsonl", [1, -1] * 20))
    hub = data_of(lines(tmp_path / "b.jsonl", [0, 1, 2] * 20))
    test = lines(tmp_path / "test.jsonl", [1, -1, 1])
    assert later(scheme.options, ["-1", "1"], test) == (["1", "-1", "1"], [])
    found, (said,) = later(hub.options, ["0", "1", "2"], test)
    assert found == ["1", "1"]
    assert said.startswith(f"1 of the 3 examples of {test} has no label ('-1') and is left out")


def test_unlabelled_examples_are_counted_by_file_and_by_what_they_have(tmp_path):
    train = lines(tmp_path / "a.jsonl", [0, 1, 2, -1, None, -100] * 6)
    found = data_of(train)
    assert len(found.train) + len(found.evaluation) == 18
    assert found.notes[0].startswith(f"18 of the 36 examples of {train} have no label (")
    assert all(mark in found.notes[0] for mark in ("'-1'", "'-100'", "nothing"))
    assert {label for example in found.train for label in [example.gold]} == {"0", "1", "2"}


def with_columns(path, names):
    """Records with a field of zero or one for each name."""
    rows = [[f"{path.stem} {n}", *(n // 2**k % 2 for k in range(len(names)))] for n in range(32)]
    records = [dict(zip(["text", *names], row, strict=True)) for row in rows]
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    given = ((name for name, place in zip(names, row[1:], strict=True) if place) for row in rows)
    return str(path), [tuple(sorted(own)) for own in given]


@pytest.mark.parametrize("odd", ["joy, mixed", " joy", 'so "called", joy', '"joy"', "joy "])
def test_columns_of_zeros_and_ones_are_found_again_whatever_their_names_hold(tmp_path, odd):
    """The file has "joy" and "mixed" too, which a name that is cut at its comma would mean."""
    names = ["anger", odd, "joy", "mixed"]
    train, _ = with_columns(tmp_path / "a.jsonl", names)
    found = data_of(train)
    assert found.options.label_names == tuple(names)
    test, expected = with_columns(tmp_path / "b.jsonl", names)
    options = CLASSIFY.Options.model_validate_json(found.options.model_dump_json())
    labels = list(CLASSIFY.labels(options, found.train))
    assert later(options, labels, test)[0] == expected


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("a, b", ("a", "b")),
        ("none", ()),
        ('"a, b",c', ("a, b", "c")),
        ('c , " a" ', ("c", " a")),
        ('5" pipe,b', ('5" pipe', "b")),
        ('"open,b', ('"open', "b")),
        (["a,b"], ("a", "b")),
        (["a,b", "c"], ["a,b", "c"]),
    ],
)
def test_names_as_they_are_typed(typed, names):
    assert names_of(typed) == names
    if isinstance(typed, str) and names:
        assert names_of(joined_names(names)) == names


def test_a_column_whose_name_holds_a_comma_is_asked_for(tmp_path):
    path = tmp_path / "a.csv"
    rows = [[f"text {n}", "ab"[n % 2], 1, 0] for n in range(30)]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "mood, in words", "mood", "in words"], *rows])
    for asked in ("mood, in words", '"mood, in words"'):
        found = data_of(str(path), options={"label_field": asked})
        assert list(CLASSIFY.labels(found.options, found.train)) == ["a", "b"]


def test_the_places_of_vectors_keep_their_names_and_their_number(tmp_path):
    train = lines(tmp_path / "a.jsonl", [[n % 2, int(n % 3 == 0), 0] for n in range(30)])
    found = data_of(train, options={"label_names": "a,b,c"})
    assert found.options.label_names == ("a", "b", "c")
    # c too, which no example has
    assert list(CLASSIFY.labels(found.options, found.train)) == ["a", "b", "c"]
    assert later(
        found.options, ["a", "b", "c"], lines(tmp_path / "t.jsonl", [[1, 0, 1], [0, 0, 0]])
    )[0] == [("a", "c"), ()]
    with pytest.raises(
        DataError,
        match=r"t\.jsonl, record 1: the label is a vector of 2 places, and there are 3 labels",
    ):
        later(found.options, ["a", "b", "c"], lines(tmp_path / "t.jsonl", [[1, 0]]))


def test_vectors_are_counted_as_numpy_would(tmp_path):
    vectors = [[n % 2, int(n % 3 == 0), int(n % 5 == 0)] for n in range(60)]
    found = data_of(lines(tmp_path / "a.jsonl", vectors))
    given = [label for example in (*found.train, *found.evaluation) for label in example.gold]
    assert [given.count(str(place)) for place in range(3)] == [30, 20, 12]


def test_a_directory_without_options_takes_vectors_by_the_order_of_its_labels(tmp_path):
    found, _ = later(
        CLASSIFY.Options(kind="labels"), ["x", "y"], lines(tmp_path / "t.jsonl", [[1, 0], [1, 1]])
    )
    assert found == [("x",), ("x", "y")]


def test_floats_are_the_classes_of_a_model_that_learnt_whole_numbers(tmp_path):
    (tmp_path / "t.csv").write_text("text,label\nx,1.0\ny,0.0\n")
    whole = data_of(lines(tmp_path / "a.jsonl", [0, 1] * 10))
    assert later(whole.options, ["0", "1"], str(tmp_path / "t.csv"))[0] == ["1", "0"]
    parts = data_of(
        lines(tmp_path / "b.jsonl", ["1.0", "0.0", "0.5"] * 10), options={"kind": "classes"}
    )
    assert later(parts.options, ["0.0", "0.5", "1.0"], str(tmp_path / "t.csv"))[0] == ["1.0", "0.0"]


def test_a_label_that_was_never_learnt_is_named_before_anything_is_computed(tmp_path):
    train, strange = (
        lines(tmp_path / "a.jsonl", ["yes", "no"] * 10),
        lines(tmp_path / "t.jsonl", ["yes", "yess"]),
    )
    with pytest.raises(
        DataError, match=r"t\.jsonl, record 2: no training example has the label 'yess'"
    ) as caught:
        data_of(train, [strange])
    assert "yes" in caught.value.hint
    with pytest.raises(
        DataError, match=r"t\.jsonl, record 2: no training example has the label 'yess'"
    ):
        later(data_of(train).options, ["no", "yes"], strange)


def test_a_label_of_another_kind_is_named_before_anything_is_computed(tmp_path):
    numbers = data_of(lines(tmp_path / "a.jsonl", [0.5, 1.5] * 10))
    with pytest.raises(DataError, match=r"t\.jsonl, record 2.* no number"):
        later(numbers.options, [], lines(tmp_path / "t.jsonl", [0.5, "high"]))
    with pytest.raises(DataError, match=r"t\.jsonl, record 1: the answer \['a'\] is a list"):
        data_of(
            lines(tmp_path / "b.jsonl", ["a", "b"] * 10), [lines(tmp_path / "t.jsonl", [["a"]])]
        )


def test_labels_that_held_out_data_lacks_are_named(tmp_path):
    train = lines(tmp_path / "a.jsonl", ["a", "b", "c"] * 10)
    assert "labels are trained on" not in "".join(data_of(train).notes)
    found = data_of(train, [lines(tmp_path / "t.jsonl", ["a", "b"])])
    assert (
        "1 of the 3 labels are trained on and are those of no held-out example: 'c'" in found.notes
    )


def test_understanding_what_is_understood_changes_nothing(tmp_path):
    labels = {
        "minus": [0, 1, 2, -1] * 6,
        "scheme": [1, -1] * 6,
        "vector": [[1.0, 0.0], [1.0, 1.0]] * 6,
        "float": [0.0, 1.0] * 6,
    }
    for name, own in labels.items():
        path = lines(tmp_path / f"{name}.jsonl", own)
        examples = list(CLASSIFY.read(CLASSIFY.Options(), path))
        once, _ = CLASSIFY.understand(CLASSIFY.Options(), examples)
        again, _ = CLASSIFY.understand(once, examples)
        assert again == once
        plain = CLASSIFY.plain(once, (), examples)
        assert CLASSIFY.plain(once, CLASSIFY.labels(once, plain), plain) == plain


@pytest.mark.parametrize(("value", "places", "certain"), [
    ([1, 0], (1, 0), False), ([1.0, 0.0], (1, 0), True), ([True, False], (1, 0), True), ("[1, 0]",
    (1, 0), False),
    ("[1 0]", (1, 0), False), ("[1. 0.]", (1, 0), True), ("[True, False]", (1, 0), True),
])  # fmt: skip
def test_vectors_are_seen_however_they_are_written(value, places, certain):
    assert gold_of(Record(Where("f", 1), {"label": value}), "auto", "label") == Vector(
        places, certain
    )


def test_many_labels_are_found_in_linear_time():
    golds = [f"label {n // 2}" for n in range(200_000)]
    form = form_of(golds, "auto")
    assert form.kind == "classes"
    assert any("100,000 different labels" in note for note in form.notes)


def scored(*places):
    examples = [Example(id, Where(file, 1), "text") for file, id in places]
    return examples, [Prediction(f"answer {n}") for n in range(len(places))]


class Writes(CLASSIFY.scorer):
    def submission_files(self, predictions):
        return {
            "predictions.json": json.dumps({id: each.value for id, each in predictions.items()}),
            "p.csv": "\n".join(predictions),
        }


def test_files_that_share_ids_have_predictions_files_of_their_own():
    examples, predictions = scored(
        ("d/x.en.json", "1"), ("d/x.en.json", "2"), ("d/x.de.json", "1"), ("d/x.de.json", "2")
    )
    assert share_ids(examples)
    files, (said,) = official_files(Writes(CLASSIFY.Options()), examples, predictions)
    assert set(files) == {
        "predictions.x.en.json",
        "p.x.en.csv",
        "predictions.x.de.json",
        "p.x.de.csv",
    }
    assert json.loads(files["predictions.x.en.json"]) == {"1": "answer 0", "2": "answer 1"}
    assert json.loads(files["predictions.x.de.json"]) == {"1": "answer 2", "2": "answer 3"}
    assert "predictions.x.de.json" in said


def test_files_of_one_name_are_told_apart_by_their_folders():
    examples, predictions = scored(("data/en/dev.json.gz", "1"), ("data/de/dev.json.gz", "1"))
    files, _ = official_files(Writes(CLASSIFY.Options()), examples, predictions)
    assert set(files) >= {"predictions.en-dev.json", "predictions.de-dev.json"}


def test_files_without_a_common_id_have_one_predictions_file():
    files, said = official_files(
        Writes(CLASSIFY.Options()), *scored(("a.json", "1"), ("b.json", "2"))
    )
    assert set(files) == {"predictions.json", "p.csv"}
    assert said == ()


def test_vectors_that_are_scored_with_a_model_of_named_labels_say_what_their_places_are(tmp_path):
    options = CLASSIFY.Options(kind="classes")
    path, sifter = lines(tmp_path / "a.jsonl", [[0, 1], [1, 0]]), Sifter()
    examples = examples_of(CLASSIFY, options, [path], "test", LabelledSettings(train=()), sifter)
    found = with_labels(CLASSIFY, options, ["neg", "pos"], examples, sifter)
    assert [example.gold for example in found] == ["pos", "neg"]
    (said,) = sifter.remarks
    assert said.startswith(f"{path}: the places")
    assert "neg, pos, in this order (--label-names" in said


def test_a_vector_of_another_length_is_no_class(tmp_path):
    options, path = CLASSIFY.Options(kind="classes"), lines(tmp_path / "a.jsonl", [[0, 1, 1]])
    examples = examples_of(CLASSIFY, options, [path], "test", LabelledSettings(train=()), Sifter())
    with pytest.raises(
        DataError,
        match="record 1: the label is a list of zeros and ones, and every text has one class",
    ):
        with_labels(CLASSIFY, options, ["neg", "pos"], examples, Sifter())


def test_gold_answers_that_do_not_fit_the_model_are_no_reason_not_to_answer(tmp_path):
    """The model is never asked here: an Answerer of its task, options and labels is enough to read
    a file.
    """
    answerer = SimpleNamespace(
        task=CLASSIFY, options=CLASSIFY.Options(kind="classes"), labels=["neg", "pos"]
    )
    path, sifter = lines(tmp_path / "a.jsonl", ["pos", [0, 1, 1], [1, 1, 1], None]), Sifter()
    found = list(examples_to_answer(answerer, path, LabelledSettings(train=()), sifter))
    assert [example.gold for example in found] == ["pos", None, None, None]
    (said,) = sifter.remarks
    assert "do not fit the model are not written" in said
    assert "record 2" in said


@pytest.mark.parametrize(
    ("second", "is_said"),
    [(["0", "1"], True), (["pos", "0"], False), (["neg"], False), (["0"], False)],
    ids=str,
)
def test_a_training_file_whose_labels_are_all_its_own_is_named(second, is_said, tmp_path):
    """A file of one class each is how some data sets lie; two classes that no other file has are
    another column.
    """
    first, other = (
        lines(tmp_path / "a.jsonl", ["pos", "neg"] * 5),
        lines(tmp_path / "b.jsonl", second * 10),
    )
    found = labelled_data(CLASSIFY, CLASSIFY.Options(), LabelledSettings(train=(first, other)))
    said = [note for note in found.notes if note.startswith(f"{other} has labels ('0', '1')")]
    assert bool(said) == is_said


ONE_HOT = "text,good,bad,other\nx,1,0,0\ny,0,1,0\nz,0,0,1\n"


@pytest.mark.parametrize("asked", ["", "good,bad,other"])
def test_a_model_of_named_classes_is_scored_on_a_column_for_each(asked, tmp_path):
    path = tmp_path / "hot.csv"
    path.write_text(ONE_HOT)
    options, sifter = CLASSIFY.Options(kind="classes", label_field=asked), Sifter()
    examples = examples_of(
        CLASSIFY, options, [str(path)], "test", LabelledSettings(train=()), sifter
    )
    found = with_labels(CLASSIFY, options, ["bad", "good", "other"], examples, sifter)
    assert [example.gold for example in found] == ["good", "bad", "other"]
    if not asked:
        (said,) = sifter.remarks
        assert said.startswith(f"{path}: labels are its columns of zeros and ones")


def test_columns_that_are_not_all_of_the_labels_are_no_labels(tmp_path):
    path = tmp_path / "hot.csv"
    path.write_text(ONE_HOT)
    options = CLASSIFY.Options(kind="classes")
    examples = examples_of(
        CLASSIFY, options, [str(path)], "test", LabelledSettings(train=()), Sifter()
    )
    with pytest.raises(DataError, match="no column has a usual name of labels"):
        with_labels(CLASSIFY, options, ["bad", "good", "strange"], examples, Sifter())


def test_a_header_that_was_taken_for_a_row_is_named_where_a_model_is_scored(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("Satz,Urteil\na,yes\nb,no\n")
    data = LabelledSettings(train=(), columns=("text", "label"))
    options = CLASSIFY.Options(kind="classes")
    examples = examples_of(CLASSIFY, options, [str(path)], "test", data, Sifter())
    with pytest.raises(DataError, match=r"t\.csv, line 1: .* label 'Urteil'") as caught:
        with_labels(CLASSIFY, options, ["no", "yes"], examples, Sifter())
    assert "leave --columns away" in caught.value.hint
    sifter = Sifter()
    answerer = SimpleNamespace(task=CLASSIFY, options=options, labels=LabelNames(["no", "yes"]))
    assert len(list(examples_to_answer(answerer, str(path), data, sifter))) == 3
    (said,) = sifter.remarks
    assert said == f"{path}, line 1: the model has no label 'Urteil'; {IF_HEADER}"


BROKEN_GOLDS = {  # task, file, content, texts that are read all the same, golds that stay
    "a list that is no label": (
        "classify",
        "a.jsonl",
        '{"text": "x", "label": "a"}\n{"text": "y", "label": {}}\n',
        2,
        ["a", None],
    ),
    "one-hot with a word": ("classify", "a.csv", "text,a,b\nx,1,0\ny,1,no\n", 2, [("a",), None]),
    "tags too few": (
        "tag",
        "a.jsonl",
        '{"tokens": ["x"], "tags": ["A"]}\n{"tokens": ["x", "y"], "tags": ["A"]}\n',
        2,
        [("A",), None],
    ),
    "a word without its tag": (
        "tag",
        "a.conll",
        "x A\ny B\n\nx A\ny\n\nx A\n",
        3,
        [("A", "B"), None, ("A",)],
    ),
    "CoNLL-U without a tag": (
        "tag",
        "a.conllu",
        "".join(f"1\tx\t_\t{tag}\t_\t_\t0\t_\t_\t_\n\n" for tag in ("A", "_")),
        2,
        [("A",), None],
    ),
    "an offset that is wrong": (
        "qa",
        "a.jsonl",
        "".join(
            json.dumps(
                {
                    "context": "Anna ran.",
                    "question": "?",
                    "answers": {"text": ["ran"], "answer_start": [n]},
                }
            )
            + "\n"
            for n in (5, 2)
        ),
        2,
        [((5, "ran"),), None],
    ),
    "an offset that is wrong in SQuAD": (
        "qa",
        "a.json",
        json.dumps(
            {
                "data": [
                    {
                        "paragraphs": [
                            {
                                "context": "Anna ran.",
                                "qas": [
                                    {
                                        "id": n,
                                        "question": "?",
                                        "answers": [{"text": "ran", "answer_start": n}],
                                    }
                                    for n in (5, 2)
                                ],
                            }
                        ]
                    }
                ]
            }
        ),
        2,
        [((5, "ran"),), None],
    ),
}


@pytest.mark.parametrize("name", BROKEN_GOLDS)
def test_a_gold_answer_that_cannot_be_read_is_no_reason_not_to_answer(name, tmp_path):
    task, file, content, count, golds = BROKEN_GOLDS[name]
    (tmp_path / file).write_text(content)
    options = (
        {"label_field": "a,b", "kind": "labels", "label_names": "a,b"} if file == "a.csv" else {}
    )
    answerer = SimpleNamespace(
        task=task_class(task), options=task_class(task).Options(**options), labels=LabelNames()
    )
    sifter = Sifter()
    found = list(
        examples_to_answer(answerer, str(tmp_path / file), LabelledSettings(train=()), sifter)
    )
    assert len(found) == count
    assert [example.gold for example in found] == golds
    assert any(
        note.startswith("labels that cannot be read are not written: ") for note in sifter.remarks
    )
    assert any("1 example of " in said and NOT_READ in said for said in sifter.sentences())
    assert sifter.left_out == 0


def test_a_text_that_cannot_be_read_is_not_answered(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n{"text": 5, "label": {}}\n')
    answerer = SimpleNamespace(task=CLASSIFY, options=CLASSIFY.Options(), labels=LabelNames())
    with pytest.raises(DataError, match="record 2, field 'text': this is no text"):
        list(
            examples_to_answer(
                answerer, str(tmp_path / "a.jsonl"), LabelledSettings(train=()), Sifter()
            )
        )


def test_labels_are_looked_up_as_in_a_dictionary():
    names = LabelNames(f"label {n}" for n in range(50))
    assert list(names) == [f"label {n}" for n in range(50)]
    assert ("label 7" in names, "label 50" in names) == (True, False)
    assert names.known is names.known


def test_a_gold_answer_on_standard_input_that_cannot_be_read_is_left_out(monkeypatch):
    content = b'{"text": "x", "label": "a"}\n{"text": "y", "label": {}}\nz\n'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    answerer = SimpleNamespace(task=CLASSIFY, options=CLASSIFY.Options(), labels=LabelNames())
    sifter = Sifter()
    found = list(examples_to_answer(answerer, "-", LabelledSettings(train=()), sifter))
    assert [(example.data, example.gold) for example in found] == [
        (("x",), "a"),
        (("y",), None),
        (("z",), None),
    ]
    assert [note.partition(": ")[2].partition(",")[0] for note in sifter.remarks] == [
        "standard input"
    ]
