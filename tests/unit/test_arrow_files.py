"""Parquet, Arrow and Feather as records: equal to what pyarrow gives whole, in constant memory."""

import datetime
import json
import os
import subprocess
import sys
from decimal import Decimal

import pytest

from sslcli.data.arrow_files import ROWS, ArrowFile
from sslcli.data.records.records import read_records
from sslcli.errors import DataError
from sslcli.plainfiles import refuse_unopened

pa = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")
parquet = pytest.importorskip("pyarrow.parquet")


def stream(table, path):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)


def ipc_file(table, path):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


WRITERS = {
    "a.parquet": lambda table, path: parquet.write_table(table, path, row_group_size=70),
    "zstd.parquet": lambda table, path: parquet.write_table(table, path, compression="zstd"),
    "stream.arrow": stream,
    "file.arrow": ipc_file,
    "b.feather": lambda table, path: feather.write_feather(table, str(path)),
    "lz4.feather": lambda table, path: feather.write_feather(table, str(path), compression="lz4"),
}
ROWS_SEEN = [
    {
        "text": f"text {n} é",
        "n": n,
        "x": n / 7,
        "is_odd": bool(n % 2),
        "tokens": ["a"] * (n % 3),
        "answers": {"text": ["a"], "answer_start": [n]},
        "nothing": None if n % 2 else "there",
    }
    for n in range(2 * ROWS + 3)
]


@pytest.fixture(params=WRITERS)
def written(request, tmp_path):
    def write(table):
        path = tmp_path / request.param
        WRITERS[request.param](table, path)
        return str(path)

    return write


def test_records_are_those_of_the_table(written):
    path = written(pa.Table.from_pylist(ROWS_SEEN))
    records = list(read_records(path))
    assert [record.where.record for record in records] == list(range(1, len(ROWS_SEEN) + 1))
    assert [dict(record.values) for record in records] == [
        {name: value for name, value in row.items() if value is not None} for row in ROWS_SEEN
    ]


def test_values_are_those_that_json_has(tmp_path):
    table = pa.table(
        {
            "when": pa.array([1_600_000_000_123_456_789], pa.timestamp("ns")),
            "day": [datetime.date(2020, 1, 2)],
            "price": [Decimal("1.25")],
            "word": pa.array(["low"]).dictionary_encode(),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    values = dict(next(read_records(str(tmp_path / "a.parquet"))).values)
    json.dumps(values)
    assert values["price"] == 1.25
    assert values["word"] == "low"
    assert values["day"] == "2020-01-02"
    assert values["when"].startswith("2020-09-13")


def test_classes_have_the_names_that_datasets_wrote(tmp_path):
    features = {
        "label": {"names": ["negative", "positive"], "_type": "ClassLabel"},
        "tags": {"feature": {"names": ["O", "B-X"], "_type": "ClassLabel"}, "_type": "Sequence"},
        "n": {"dtype": "int64", "_type": "Value"},
    }
    schema = pa.schema(
        {"label": pa.int64(), "tags": pa.list_(pa.int64()), "n": pa.int64()},
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    rows = [{"label": 1, "tags": [0, 1], "n": 1}, {"label": -1, "tags": [], "n": 0}]
    parquet.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "a.parquet")
    records = [dict(record.values) for record in read_records(str(tmp_path / "a.parquet"))]
    assert records == [{"label": "positive", "tags": ["O", "B-X"], "n": 1}, {"tags": [], "n": 0}]


def damaged(tmp_path, content, name="a.parquet"):
    path = tmp_path / name
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("name", ["a.parquet", "stream.arrow", "file.arrow", "b.feather"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
def test_a_file_that_was_cut_off_is_refused_by_name(tmp_path, name, kept):
    WRITERS[name](pa.Table.from_pylist(ROWS_SEEN), tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    path = damaged(tmp_path, content[: int(len(content) * kept)], name)
    with pytest.raises(DataError, match=name):
        list(read_records(path))


@pytest.mark.parametrize("name", ["a.parquet", "b.feather", "c.arrow"])
@pytest.mark.parametrize("content", [b"", b"not a table at all", b"FEA1" + bytes(20)])
def test_what_is_no_table_is_refused_by_name(tmp_path, name, content):
    with pytest.raises(DataError, match=name):
        list(read_records(damaged(tmp_path, content, name)))


def test_a_table_without_rows_or_columns_or_with_two_of_a_name_is_refused(tmp_path):
    path = str(tmp_path / "a.parquet")
    parquet.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    with pytest.raises(DataError, match="has no records"):
        list(read_records(path))
    parquet.write_table(pa.table({}), path)
    with pytest.raises(DataError, match="no columns"):
        list(read_records(path))
    stream(
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]),
        path := tmp_path / "s.arrow",
    )
    with pytest.raises(DataError, match="two columns 'a'"):
        list(read_records(str(path)))


def test_a_text_that_is_none_names_record_and_column(tmp_path):
    broken = pa.Array.from_buffers(
        pa.string(),
        2,
        [
            None,
            pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0])),
            pa.py_buffer(b"\xff\xfe"),
        ],
    )
    stream(pa.table({"n": [1, 2], "body": broken}), tmp_path / "a.arrow")
    with pytest.raises(DataError, match=r"a.arrow, record 1, field 'body'"):
        list(read_records(str(tmp_path / "a.arrow")))


def test_what_is_packed_or_no_plain_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="packed"):
        ArrowFile.opened(damaged(tmp_path, b"x", "a.parquet.gz"))
    os.mkfifo(tmp_path / "pipe.parquet")
    with pytest.raises(DataError, match="no plain file"):
        ArrowFile.opened(str(tmp_path / "pipe.parquet"))
    with pytest.raises(DataError, match="nothing"):
        ArrowFile.opened(str(tmp_path / "nothing.parquet"))


def test_without_pyarrow_the_line_that_installs_it_is_said(monkeypatch):
    monkeypatch.setattr("sslcli.plainfiles.find_spec", lambda name: None)
    with pytest.raises(DataError, match="pyarrow") as raised:
        refuse_unopened("a.parquet")
    assert raised.value.hint == 'pip install "sslcli[datasets]"'
    refuse_unopened("a.jsonl")


MEASURE = """
import resource, sys
from sslcli.data.arrow_files import ArrowFile
file, count, letters = ArrowFile.opened(sys.argv[1]), 0, 0
next(file.records(["text"]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _, values in file.records(["text"]):
    count, letters = count + 1, letters + len(values["text"])
print(count, letters, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("group", [2_000, 60_000], ids=["groups", "one group"])
def test_memory_does_not_grow_with_the_file(tmp_path, group):
    rows, letters = 60_000, 2_000  # 120 MB of text
    path = tmp_path / "large.parquet"
    schema = pa.schema({"text": pa.string(), "other": pa.string()})
    with parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, rows, group):
            texts = [f"{n:06d}" + "x" * (letters - 6) for n in range(start, start + group)]
            writer.write_table(pa.table({"text": texts, "other": texts}), row_group_size=group)
    found = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    count, total, grown = map(int, found.stdout.split())
    assert (count, total) == (rows, rows * letters)
    assert grown < 40  # MiB, of 120 that are read
