"""Records: the same ones whatever file holds them, and every mistake named by its place."""

import csv
import gzip
import io
import json
import sys

import pytest

from sslcli.data.files import zstd
from sslcli.data.records.json_records import read_json
from sslcli.data.records.records import read_records, read_table
from sslcli.errors import DataError

ROWS = [
    {"text": 'A "quoted", word', "label": "yes"},
    {"text": "第二\nline", "label": "no"},
    {"text": "x = 'y'", "label": ""},
]


def as_csv(rows):
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


CONTENTS = {
    "a.jsonl": "\n\n".join(json.dumps(row) for row in ROWS),
    "a.json": json.dumps(ROWS),
    "b.json": json.dumps({"version": 1, "data": ROWS}),
    "a.csv": as_csv(ROWS),
}


def written(folder, name, content):
    path = folder / name
    content = content.encode() if isinstance(content, str) else content
    packed = {".gz": gzip.compress, ".zst": zstd.compress}.get(path.suffix, bytes)
    path.write_bytes(packed(content))
    return str(path)


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_same_records_out_of_any_file(name, packing, mark, tmp_path):
    reference = written(tmp_path, name + packing, mark + CONTENTS[name])
    assert [dict(record.values) for record in read_records(reference)] == ROWS


def test_a_number_is_where_the_record_begins(tmp_path):
    numbers = {
        name: [
            record.where.record for record in read_records(written(tmp_path, name, CONTENTS[name]))
        ]
        for name in CONTENTS
    }
    assert numbers == {
        "a.jsonl": [1, 3, 5],
        "a.json": [1, 2, 3],
        "b.json": [1, 2, 3],
        "a.csv": [2, 3, 5],
    }


def test_a_tsv_knows_no_quotation_marks(tmp_path):
    reference = written(tmp_path, "a.tsv", 'sentence\tlabel\r\n"Open\t1\r\n\r\nShut"\t0\r\n')
    assert [(record.where.record, record.values) for record in read_records(reference)] == [
        (2, {"sentence": '"Open', "label": "1"}),
        (4, {"sentence": 'Shut"', "label": "0"}),
    ]


def test_a_table_without_a_header_is_named_by_the_reader(tmp_path):
    reference = written(
        tmp_path, "cola.tsv", "gj04\t1\t\tOur friends won't buy.\nks08\t0\t*\tThem were.\n"
    )
    records = list(
        read_table(reference, header=False, columns=("source", "label", "mark", "sentence"))
    )
    assert [record.values["sentence"] for record in records] == [
        "Our friends won't buy.",
        "Them were.",
    ]
    assert records[0].values["mark"] == ""


def test_a_table_may_be_quoted_and_its_short_rows_left_out(tmp_path):
    reference = written(tmp_path, "q.tsv", 'a\tb\n"x\ty"\tz\nalone\nu\tv\n')
    assert [record.values for record in read_table(reference, quoted=True, skip_short=True)] == [
        {"a": "x\ty", "b": "z"},
        {"a": "u", "b": "v"},
    ]


def test_standard_input_is_json_lines(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONTENTS["a.jsonl"].encode())))
    assert [dict(record.values) for record in read_records("-")] == ROWS


def test_a_record_is_called_by_its_own_name_or_its_number(tmp_path):
    reference = written(tmp_path, "a.jsonl", '{"id": 7}\n{"idx": "q-1"}\n{"text": ""}\n')
    assert [record.id for record in read_records(reference)] == ["7", "q-1", "3"]


def test_large_lists_may_stand_on_one_line(tmp_path):
    rows = [{"text": "ä" * 1_000_000} for _ in range(10)]
    assert (
        sum(
            len(record.values["text"])
            for record in read_records(written(tmp_path, "a.json", json.dumps(rows)))
        )
        == 10_000_000
    )


MISTAKES = {  # file -> content, what the error says
    "half.jsonl": ('{"a": 1}\n{"a": ', "half.jsonl, record 2 is not JSON"),
    "list.jsonl": ('{"a": 1}\n[1]', "list.jsonl, record 2 is not an object but list"),
    "twice.jsonl": ('{"a": 1, "a": 2}', "twice.jsonl, record 1 is not JSON: 'a' stands twice"),
    "within.jsonl": (
        '{"b": {"a": 1, "a": 2}}',
        "within.jsonl, record 1 is not JSON: 'a' stands twice",
    ),
    "huge.jsonl": (f'{{"a": {"9" * 400}}}', "huge.jsonl, record 1 is not JSON"),
    "digits.jsonl": (f'{{"a": {"9" * 5000}}}', "digits.jsonl, record 1 is not JSON"),
    "far.jsonl": ('{"a": 1e999}', "far.jsonl, record 1 is not JSON: 1e999 is no finite number"),
    "nan.jsonl": ('{"a": NaN}', "nan.jsonl, record 1 is not JSON: NaN is no finite number"),
    "deep.jsonl": ('{"a": ' + "[" * 100_000, "deep.jsonl, record 1 is not JSON"),
    "surrogate.jsonl": (
        '{"a": "\\ud800"}',
        "surrogate.jsonl, record 1: a text has half a surrogate pair",
    ),
    "nul.jsonl": (b'{"a": 1}\n{"a": "\0"}', "nul.jsonl, line 2: there is a NUL byte"),
    "bytes.jsonl": (
        b'{"a": 1}\n{"a": "\xff"}',
        "bytes.jsonl, line 2: byte 8 of the line is not UTF-8",
    ),
    "bytes.json": (b'[{"a": "\xff"}]', "bytes.json: byte 9 is not UTF-8"),
    "deep.json": ("[" * 100_000, "deep.json is not JSON"),
    "text.json": ('"words"', "text.json holds no list of records"),
    "object.json": ('{"rows": []}', "object.json holds no list of records"),
    "odd.json": ('[{"a": 1}, 2]', "odd.json, record 2 is not an object but int"),
    "blank.jsonl": ("\n \n", "blank.jsonl has no records"),
    "empty.json": ("[]", "empty.json has no records"),
    "empty.csv": ("", "empty.csv has no records"),
    "header.tsv": ("a\tb\n", "header.tsv has no records"),
    "short.csv": ("a,b\n1,2\n3\n", "short.csv, line 3 has 1 column and should have 2"),
    "long.tsv": ("a\tb\n1\t2\t3\n", "long.tsv, line 2 has 3 columns and should have 2"),
    "same.csv": ("a,b,a\n1,2,3\n", "same.csv, line 1: two columns are called 'a'"),
    "open.csv": (
        'a,b\n1,2\n"never,closed\n\n',
        "open.csv, line 3: the row that begins here cannot be read",
    ),
    "inside.csv": ('a,b\n"x"y,2\n', "inside.csv, line 2: the row that begins here cannot be read"),
    "nul.csv": (b"a,b\n1,\0\n", "nul.csv, line 2: there is a NUL byte"),
    "corpus.txt": ("words", "corpus.txt is of no kind that holds records"),
    "damaged.jsonl.gz": (None, "damaged.jsonl.gz cannot be read to its end"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_by_its_place(name, tmp_path):
    content, message = MISTAKES[name]
    if content is None:
        (tmp_path / name).write_bytes(gzip.compress(b'{"a": 1}\n' * 50_000)[:-20])
    else:
        written(tmp_path, name, content)
    with pytest.raises(DataError) as caught:
        [record.find("a") for record in read_records(str(tmp_path / name))]
    assert str(tmp_path / message) in caught.value.message
    assert caught.value.hint


def test_what_is_not_there_and_what_is_a_folder(tmp_path):
    for name in ("none.jsonl", "."):
        with pytest.raises(DataError):
            list(read_records(str(tmp_path / name)))


def test_a_whole_json_file_is_read_as_strictly(tmp_path):
    assert read_json(written(tmp_path, "a.json.gz", '{"data": [1, 2.5]}')) == {"data": [1, 2.5]}
    with pytest.raises(DataError, match=r"b\.json is not JSON: 'a' stands twice"):
        read_json(written(tmp_path, "b.json", '{"a": 1, "a": 1}'))


def test_a_text_that_must_be_there_is_missed_by_name(tmp_path):
    (record,) = read_records(
        written(tmp_path, "a.jsonl", '{"sentence": 3, "empty": " ", "other": "x"}')
    )
    for names, problem, hint in (
        (
            ("text", "review"),
            "'text' is missing",
            "a record needs 'text' or 'review'; this one has 'sentence', 'empty', 'other'",
        ),
        (
            ("text", "sentence"),
            "this is no text",
            'write it in quotation marks: {"sentence": "..."}',
        ),
        (("empty",), "the text is empty", "fill it in, or leave the record out"),
    ):
        with pytest.raises(DataError, match=f"record 1, field .*: {problem}") as caught:
            record.text(*names)
        assert caught.value.hint == hint
    assert record.text("text", "other") == "x"
    assert record.text("empty", may_be_empty=True) == " "
