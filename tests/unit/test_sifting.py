"""Records that cannot be used: refused at the first, or left out up to a number, counted and named;
nothing behind them is lost.
"""

import json

import pytest
from small_runs import ignore, settings, write

from sslcli.contracts.examples import Example
from sslcli.data.documents import Where
from sslcli.data.records.continuing import Parsed, goes_on
from sslcli.datasets.labelled import labelled_data
from sslcli.datasets.sifter import Sifter
from sslcli.datasets.tasks import task_class
from sslcli.errors import DataError, PassedOver, RecordErrors
from sslcli.runs.catalogue import read_facts
from sslcli.settings import AnswerSettings, LabelledSettings
from sslcli.workflows.evaluate.evaluate import evaluate
from sslcli.workflows.finetune.check import check_data
from sslcli.workflows.finetune.finetune import finetune

GOOD = [json.dumps({"id": n, "text": f"text {n}", "label": "ab"[n % 2]}) for n in range(20)]
BAD = {
    "not json": '{"text": ',
    "no object": "[1, 2]",
    "no text": '{"label": "a"}',
    "text is a number": '{"text": 5, "label": "a"}',
    "same id": json.dumps({"id": 3, "text": "again", "label": "a"}),
}


def example(number, note=""):
    return Example(str(number), Where("file", number), f"text {number}", "a", note=note)


def parse(number):
    """Of -1 nothing can be made, of 0 nothing is to be made."""
    if number < 0:
        raise DataError(f"record {number} is bad", "mend it")
    if not number:
        raise PassedOver(Where("file", 7), "it holds nothing")
    return example(number)


def classify(path, **more):
    task = task_class("classify")
    return labelled_data(task, task.Options(), LabelledSettings(train=(path,), **more))


def lines(path, *rows):
    path.write_text("".join(f"{row}\n" for row in rows))
    return str(path)


def test_what_stands_behind_a_bad_record_is_read():
    sifter = Sifter("all")
    assert [each.id for each in sifter.usable(Parsed(parse, [1, -1, 2, 0, -2, 3]))] == [
        "1",
        "2",
        "3",
    ]
    assert sifter.left_out == 2
    left_out, passed = sifter.sentences()
    assert (
        left_out
        == "2 of 6 records cannot be used and are left out: record -1 is bad; record -2 is bad"
    )
    assert passed == "1 record is skipped: it holds nothing (the first: file, record 7)"


def test_a_record_passed_over_is_no_bad_one():
    sifter = Sifter()
    assert [each.id for each in sifter.usable(Parsed(parse, [1, 0, 2]))] == ["1", "2"]
    assert sifter.left_out == 0


def test_a_command_without_the_flag_does_not_name_it():
    with pytest.raises(DataError) as caught:
        list(Sifter(None).usable(Parsed(parse, [1, 0, -1])))
    assert caught.value.hint == "mend it"


def test_decisions_about_examples_are_counted_by_file():
    sifter = Sifter()
    list(sifter.usable(iter([example(1), example(2, "moved"), example(3, "moved")])))
    assert sifter.sentences() == ["2 examples of file: moved (the first: file, record 2)"]


@pytest.mark.parametrize(
    ("most", "bad", "fits"), [(1, 1, True), (1, 2, False), (2, 2, True), ("all", 9, True)]
)
def test_no_more_are_left_out_than_may_be(most, bad, fits):
    sifter = Sifter(most)
    reading = sifter.usable(Parsed(parse, [1, *range(-bad, 0), 2]))
    if fits:
        assert [each.id for each in reading] == ["1", "2"]
        return
    with pytest.raises(RecordErrors) as caught:
        list(reading)
    assert f"record -{bad} is bad" in caught.value.message
    assert caught.value.message.splitlines()[0] == "2 records cannot be used:"
    assert (
        "--skip-bad-records 1 leaves out no more than 1, and reading stopped there"
        in caught.value.hint
    )


def dying(numbers):
    for number in numbers:
        yield parse(number)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda items: items,
        lambda items: map(lambda each: each, items),
        lambda items: Parsed(str, items),
    ],
)
def test_a_reader_that_ends_at_an_error_loses_nothing_silently(wrapped):
    """Behind the error of a generator nothing comes: that the record was the last one must not be
    believed.
    """
    with pytest.raises(DataError, match="record -1 is bad") as caught:
        list(Sifter("all").usable(wrapped(dying([-1, 2, 3]))))
    assert "reading ends there" in caught.value.hint


def test_whether_reading_goes_on():
    mapped, generated = Parsed(parse, [-1, 2]), dying([-1, 2])
    for items in (mapped, generated):
        with pytest.raises(DataError):
            next(items)
    assert (goes_on(mapped), goes_on(generated), goes_on(iter([]))) == (True, False, None)


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_record_stops_training_unless_it_may_be_left_out(kind, tmp_path):
    path = lines(tmp_path / "a.jsonl", *GOOD[:7], BAD[kind], *GOOD[7:])
    with pytest.raises(DataError) as refused:
        classify(path)
    assert f"{path}, record 8" in refused.value.message
    assert "--skip-bad-records" in refused.value.hint
    found = classify(path, skip_bad_records=1)
    assert {each.id for each in (*found.train, *found.evaluation)} == {str(n) for n in range(20)}
    assert found.left_out == 1
    assert (
        found.notes[0] == f"1 of 21 records cannot be used and is left out: {refused.value.message}"
    )


def test_a_record_without_a_label_is_none_that_cannot_be_used(tmp_path):
    found = classify(lines(tmp_path / "a.jsonl", *GOOD[:7], '{"id": "x", "text": "x"}', *GOOD[7:]))
    assert {each.id for each in (*found.train, *found.evaluation)} == {str(n) for n in range(20)}
    assert found.left_out == 0
    assert found.notes[0].startswith("1 of the 21 examples of")


def test_a_short_row_of_a_table_is_a_bad_record(tmp_path):
    rows = [f"text {n},{'ab'[n % 2]}" for n in range(20)]
    for name, row, separator in (("a.csv", "only", ","), ("a.tsv", "x\ty\tz", "\t")):
        table = [line.replace(",", separator) for line in ("text,label", *rows[:5])]
        path = lines(
            tmp_path / name, *table, row, *(line.replace(",", separator) for line in rows[5:])
        )
        with pytest.raises(DataError, match="line 7 has"):
            classify(path)
        found = classify(path, skip_bad_records="all")
        assert (len(found.train) + len(found.evaluation), found.left_out) == (20, 1)


def test_a_file_of_bad_records_alone_has_no_example(tmp_path):
    path = lines(tmp_path / "a.jsonl", *[BAD["no text"]] * 3)
    with pytest.raises(
        DataError,
        match=r"holds no example that can be used: 3 of 3 records cannot be used and are left out",
    ):
        classify(path, skip_bad_records="all")


def test_a_bad_pair_is_left_out_too(tmp_path):
    rows = [
        json.dumps({"sentence1": f"a {n}", "sentence2": f"b {n}", "label": "yn"[n % 2]})
        for n in range(12)
    ]
    path = lines(tmp_path / "a.jsonl", *rows[:4], "{", '{"sentence1": "a"}', *rows[4:])
    task = task_class("pairs")
    data = labelled_data(task, task.Options(), LabelledSettings(train=(path,), skip_bad_records=2))
    assert (len(data.train) + len(data.evaluation), data.left_out) == (12, 2)


def test_the_count_stays_with_the_run_and_is_said_again(world_run, tmp_path):
    data = {
        "train": [lines(tmp_path / "a.jsonl", *GOOD, BAD["no text"])],
        "reader_options": {},
        "skip_bad_records": 3,
    }
    report = check_data(settings(world_run, task="classify", data=data))
    assert any(note.startswith("1 of 21 records cannot be used") for note in report.notes)
    finetune(settings(world_run, tmp_path / "run", task="classify", data=data), observe=ignore)
    assert read_facts(tmp_path / "run")["records_left_out"] == 1
    own = evaluate(str(tmp_path / "run"), "classify", AnswerSettings())
    test = LabelledSettings(
        train=(),
        evaluation=(write(tmp_path / "t.jsonl", [{"text": "x", "label": "a"}, {"text": 5}]),),
    )
    others = evaluate(
        str(tmp_path / "run"),
        "classify",
        AnswerSettings(data=test.model_copy(update={"skip_bad_records": "all"})),
    )
    assert own.report.notes[0].startswith("1 of 21 records cannot be used and is left out: ")
    assert others.report.notes[0].startswith("1 of 2 records cannot be used and is left out: ")
    assert any("fine-tuned without 1 record" in note for note in others.report.notes)


def test_a_file_that_is_given_twice_is_named_and_not_its_ids(tmp_path):
    path = lines(tmp_path / "train.jsonl", *GOOD)
    task = task_class("classify")
    with pytest.raises(DataError, match="record 1 comes twice, because its file is given twice"):
        labelled_data(task, task.Options(), LabelledSettings(train=(path, path)))
