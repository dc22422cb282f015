"""Parquet, Arrow and Feather as raw and as labelled data: as the same data in JSON lines or CSV."""

import csv
import json

import numpy as np
import pytest
from sslplugins.readers.arrow import ArrowReader
from sslplugins.readers.jsonl import JsonLinesReader
from sslplugins.readers.tables.reader import TableReader

from sslcli.data.records.continuing import Unreadable
from sslcli.errors import DataError
from sslcli.settings import LabelledSettings

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

SENTENCES = [f"the dog number {n} sleeps near the old house" for n in range(30)]


def reader(**options):
    return ArrowReader(ArrowReader.Options(**options))


def write(tmp_path, rows, name="a.parquet"):
    path = tmp_path / name
    parquet.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), path)
    return str(path)


def test_texts_are_those_of_json_lines(tmp_path):
    rows = [{"text": text, "language": "en" if n % 2 else ""} for n, text in enumerate(SENTENCES)]
    rows[3]["text"] = "  "
    path = write(tmp_path, rows)
    lines = tmp_path / "a.jsonl"
    lines.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    theirs = list(JsonLinesReader(JsonLinesReader.Options()).documents(str(lines)))
    ours = list(reader().documents(path))
    assert ArrowReader.holds(path) == "text"
    assert [(each.text, each.language, each.where.record) for each in ours] == [
        (each.text, each.language, each.where.record) for each in theirs
    ]
    assert len(ours) == len(SENTENCES) - 1


def test_another_column_is_named(tmp_path):
    path = write(tmp_path, [{"body": text, "n": n} for n, text in enumerate(SENTENCES)])
    assert ArrowReader.holds(path) == "text"
    assert [each.text for each in reader(text_field="body").documents(path)] == SENTENCES
    with pytest.raises(DataError, match="has no column 'text'") as raised:
        list(reader().documents(path))
    assert "body" in raised.value.hint
    assert "--text-field" in raised.value.hint


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "a b c", "more": ["a"]}], "column 'more' holds lists or objects"),
        ([{"text": "a b c", "more": 3}], "column 'more' holds numbers"),
        ([{"text": "a b c", "more": b"x"}], "column 'more' holds bytes"),
    ],
)
def test_a_column_that_is_no_text_is_refused_by_name(tmp_path, rows, message):
    with pytest.raises(DataError, match=rf"a\.parquet, {message}"):
        list(reader(text_field="more").documents(write(tmp_path, rows)))


def test_a_null_and_half_a_character_name_record_and_column(tmp_path):
    with pytest.raises(DataError, match="record 2, field 'text' must be a text, not null"):
        list(reader().documents(write(tmp_path, [{"text": "a"}, {"text": None}])))
    with pytest.raises(DataError, match="record 1, field 'text': character 2 is NUL"):
        list(reader().documents(write(tmp_path, [{"text": "a\0b"}])))


RNG = np.random.default_rng(1)
PAYMENTS = [
    {
        "amount": round(float(RNG.normal(50, 10)), 3),
        "count": int(RNG.integers(0, 9)),
        "country": str(RNG.choice(["de", "fr", "it"])),
        "is_new": bool(RNG.integers(0, 2)),
        "holes": None if n % 5 == 0 else float(n),
        "class": "fraud" if n % 7 == 0 else "fine",
    }
    for n in range(60)
]


def test_records_are_those_of_a_table_of_separated_values(tmp_path):
    path, text = write(tmp_path, PAYMENTS), tmp_path / "a.csv"
    with text.open("w", newline="") as file:
        writer = csv.DictWriter(file, PAYMENTS[0])
        writer.writeheader()
        writer.writerows(PAYMENTS)
    theirs = list(TableReader(TableReader.Options()).documents(str(text)))
    ours = list(reader().documents(path))
    assert ArrowReader.holds(path) == "table"
    assert ours[0].table == theirs[0].table
    assert [each.label for each in ours] == [each.label for each in theirs]
    np.testing.assert_array_equal([each.array for each in ours], [each.array for each in theirs])
    assert [each.where.record for each in ours] == list(range(1, len(PAYMENTS) + 1))
    again = reader().as_in(ours[0].table)
    np.testing.assert_array_equal(
        [each.array for each in again.documents(path)], [each.array for each in ours]
    )


def test_a_nested_column_of_a_table_is_refused_by_name_or_left_out(tmp_path):
    rows = [{**row, "items": [1, 2]} for row in PAYMENTS]
    path = write(tmp_path, rows)
    with pytest.raises(DataError, match="column 'items' holds lists or objects") as raised:
        list(reader().documents(path))
    assert raised.value.hint == "leave it out: --leave-out items"
    assert len(list(reader(leave_out=["items"]).documents(path))) == len(rows)
    with pytest.raises(DataError, match="has no column 'amout'"):
        list(reader(columns=["amout"]).documents(path))


LABELLED = {
    "classify": [{"text": text, "label": "ab"[n % 2]} for n, text in enumerate(SENTENCES)],
    "pairs": [
        {"premise": text, "hypothesis": "it sleeps", "label": ["entailment", "neutral"][n % 2]}
        for n, text in enumerate(SENTENCES)
    ],
    "tag": [{"tokens": ["a", "dog"], "tags": ["DET", "NOUN"]} for _ in range(8)],
    "qa": [
        {
            "id": str(n),
            "question": "which dog?",
            "context": text,
            "answers": {"text": ["dog"], "answer_start": [4]},
        }
        for n, text in enumerate(SENTENCES)
    ],
    "rewrite": [{"source": text, "target": "dog"} for text in SENTENCES],
    "instruct": [{"instruction": "say it", "input": text, "output": "dog"} for text in SENTENCES],
}


@pytest.mark.parametrize("name", LABELLED)
def test_tasks_read_the_same_examples_as_of_json_lines(tmp_path, name):
    from sslcli.datasets.labelled import read_examples
    from sslcli.datasets.tasks import task_class

    rows, found = LABELLED[name], []
    lines = tmp_path / "a.jsonl"
    lines.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    task = task_class(name)
    for path in (write(tmp_path, rows), str(lines)):
        examples = read_examples(task, task.Options(), path, "train", LabelledSettings())
        found.append([(each.data, each.gold) for each in examples])
        assert not any(isinstance(each, Unreadable) for each in found[-1])
    assert found[0] == found[1]
    assert len(found[0]) == len(rows)
