"""Readers and references: the same documents whatever the file is packed in, and every bad input
named by its place.
"""

import bz2
import gzip
import io
import json
import lzma
import os
import sqlite3
import zipfile

import pytest

from sslcli import registry
from sslcli.data import files
from sslcli.data.files import read_lines, read_text, zstd
from sslcli.data.settings import DataSettings
from sslcli.datasets.locate import split_language
from sslcli.datasets.probe_data import References
from sslcli.datasets.sources import documents, expand
from sslcli.errors import DataError, SslError
from sslcli.models.objectives import recipe_for

LINES = ["First line.", "Second line, with ünïcode.", "第三行。"]


def texts(*references, **options):
    data = DataSettings(
        train=tuple(str(reference) for reference in references), reader_options=options
    )
    return [document.text for document in documents(expand(data.train, None), data)]


def packed(content):
    return {
        "c.txt": content,
        "c.txt.gz": gzip.compress(content),
        "c.txt.zst": zstd.compress(content),
    }


@pytest.mark.parametrize("name", ["c.txt", "c.txt.gz", "c.txt.zst"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_same_lines_however_they_are_packed(name, end, mark, tmp_path):
    (tmp_path / name).write_bytes(packed(mark + end.join(LINES).encode())[name])
    assert texts(tmp_path / name) == LINES
    assert texts(tmp_path / name, documents_by="file") == ["\n".join(LINES)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_says_the_encoding_and_lines_end_in_one_way(encoding, end, tmp_path):
    mark = "\ufeff" if encoding.endswith("-be") else ""
    (tmp_path / "c.txt").write_bytes((mark + end.join(LINES)).encode(encoding))
    assert texts(tmp_path / "c.txt") == LINES
    assert read_text(str(tmp_path / "c.txt")) == end.join(LINES)


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_line_ends_are_seen_where_blocks_meet(end, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_BLOCK_BYTES", 7)
    lines = [f"{number:0{number % 9}}x" for number in range(200)]
    (tmp_path / "c.txt").write_bytes(
        end.join(["123456" if end == "\r\n" else "1\r2", *lines]).encode()
    )
    assert [line for _, line in read_lines(str(tmp_path / "c.txt"))][-200:] == lines


def test_a_carriage_return_amid_lines_with_other_ends_is_text(tmp_path):
    (tmp_path / "c.txt").write_bytes(b"one\rtwo\nthree\n")
    assert [line for _, line in read_lines(str(tmp_path / "c.txt"))] == ["one\rtwo", "three"]


def test_lines_longer_than_a_block_come_whole(tmp_path):
    long = "ä" * 3_000_001
    (tmp_path / "c.txt").write_text(f"short\n{long}\nshort again")
    assert [line for _, line in read_lines(str(tmp_path / "c.txt"))] == [
        "short",
        long,
        "short again",
    ]


def test_blank_lines_part_documents_where_there_are_any(tmp_path):
    (tmp_path / "c.txt").write_text("a\nb\n\n\nc\n  \nd\n\n")
    assert texts(tmp_path / "c.txt") == ["a\nb", "c", "d"]
    assert texts(tmp_path / "c.txt", documents_by="line") == ["a", "b", "c", "d"]


def test_folders_globs_languages_and_limits(tmp_path):
    for name in ("b.txt", "a.txt", "sub/c.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"text": name}) if name.endswith("jsonl") else name)
    (tmp_path / "ignored.bin").write_bytes(b"\0")
    assert texts(tmp_path) == ["a.txt", "b.txt", "sub/c.jsonl"]
    assert texts(tmp_path / "*.txt") == ["a.txt", "b.txt"]
    data = DataSettings(train=(f"zh={tmp_path / 'a.txt'}", str(tmp_path / "b.txt")), limit=2)
    assert [(d.text, d.language) for d in documents(expand(data.train, None), data)] == [
        ("a.txt", "zh"),
        ("b.txt", ""),
    ]


def test_standard_input_is_read(monkeypatch):
    class Standard:
        buffer = io.BytesIO(b"piped in\nand more")

    monkeypatch.setattr("sys.stdin", Standard)
    assert texts("-") == ["piped in", "and more"]


def test_jsonl_takes_the_field_it_is_told(tmp_path):
    (tmp_path / "c.jsonl").write_text('{"body": "x", "language": "fr"}\n\n{"body": "y"}\n')
    assert texts(tmp_path / "c.jsonl", text_field="body") == ["x", "y"]


def test_half_a_character_in_jsonl_is_named_or_replaced(tmp_path):
    lines = (r'{"text": "whole \ud83d\ude42"}', r'{"text": "half \ud83d!"}')
    (tmp_path / "c.jsonl").write_text("\n".join(lines))
    assert texts(tmp_path / "c.jsonl", errors="replace") == ["whole 🙂", "half \ufffd!"]
    with pytest.raises(DataError, match="record 2, field 'text': character 6"):
        texts(tmp_path / "c.jsonl")


def test_half_a_character_in_a_language_is_named_too(tmp_path):
    (tmp_path / "c.jsonl").write_text(r'{"text": "whole", "language": "\ud800"}')
    with pytest.raises(DataError, match="record 1, field 'language': character 1"):
        texts(tmp_path / "c.jsonl")


def test_a_pipe_that_nobody_writes_into_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PATIENCE_SECONDS", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="nobody writes into the pipe") as caught:
        texts(tmp_path / "pipe")
    assert caught.value.hint


@pytest.mark.parametrize("way", ["line", "file"])
def test_what_does_not_fit_into_memory_is_refused(way, tmp_path):
    (tmp_path / "c.txt").write_text(("a" * 99 + (" " if way == "line" else "\n")) * 180_000)
    with pytest.raises(DataError, match=r"c\.txt.*more than 16 Mi") as caught:
        texts(tmp_path / "c.txt", documents_by=way)
    assert caught.value.hint


BAD_FILES = {
    "t.txt: not UTF-8": b"good\nbad \xff\xfe\n",
    "t.txt: NUL": b"good\nb\0d\n",
    "t.txt: UTF-16 without a mark": "text".encode("utf-16-le"),
    "t.txt: UTF-16 that is cut off": "text".encode("utf-16")[:-1],
    "t.txt: UTF-16 with half a pair": "text".encode("utf-16") + b"\x00\xd8a\x00",
    "t.txt.gz: not packed": b"plain text",
    "t.txt.gz: cut": gzip.compress(b"some text\n" * 1000)[:-20],
    "t.txt.gz: flipped": gzip.compress(b"some text\n" * 1000)[:40] + b"\xff" * 40,
    "t.txt.zst: not packed": b"plain text",
    "t.txt.zst: flipped": zstd.compress(b"some text\n" * 1000)[:9] + b"\xff" * 60,
    "t.txt.zst: cut": zstd.compress("".join(f"line {n * n}\n" for n in range(5000)).encode())[:-30],
    "t.jsonl: not JSON": b"{",
    "t.jsonl: cut": b'{"text": "a"}\n{"text": "b',
    "t.jsonl: list": b'["text"]',
    "t.jsonl: number": b"3",
    "t.jsonl: null": b"null",
    "t.jsonl: text missing": b'{"texts": "a"}',
    "t.jsonl: text is a number": b'{"text": 3}',
    "t.jsonl: text is null": b'{"text": null}',
    "t.jsonl: text is a list": b'{"text": ["a"]}',
    "t.jsonl: deep": b"[" * 200_000,
    "t.jsonl: not UTF-8": b'{"text": "\xff"}',
    "t.jsonl: NUL": b'{"text": "\0"}',
    "t.jsonl: single quotes": b"{'text': 'a'}",
    "t.jsonl: two objects": b'{"text": "a"} {"text": "b"}',
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_content_is_an_error_that_names_the_file(case, tmp_path):
    name = case.partition(":")[0]
    (tmp_path / name).write_bytes(BAD_FILES[case])
    with pytest.raises(DataError) as caught:
        texts(tmp_path / name)
    assert name in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("content", "record"), [(b"a\nb\n\xff", 3), (b"\0", 1), (b"a\n" * 500 + b"\xff", 501)]
)
def test_the_line_is_named(content, record, tmp_path):
    (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(DataError, match=f"line {record}:"):
        texts(tmp_path / "t.txt")


def test_replacing_takes_what_is_not_utf8(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"bad \xff byte")
    assert texts(tmp_path / "t.txt", errors="replace") == ["bad \ufffd byte"]


BAD_REFERENCES = [
    "nowhere.txt",
    "nowhere/",
    "*.nothing",
    "ftp:thing",
    "demo:moon",
    "file.pdf",
    "nosuffix",
    "",
    " ",
    "zh=",
    "zh=nowhere.txt",
]


@pytest.mark.parametrize("reference", BAD_REFERENCES)
def test_bad_references_are_errors_with_a_hint(reference, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("file.pdf", "nosuffix"):
        (tmp_path / name).write_text("x")
    with pytest.raises(SslError) as caught:
        texts(reference)
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_an_empty_folder_and_a_folder_by_the_name_of_a_file(tmp_path):
    (tmp_path / "d.txt").mkdir()
    with pytest.raises(DataError, match="holds no file"):
        texts(tmp_path)
    with pytest.raises(DataError, match="is a folder"):
        list(read_lines(str(tmp_path / "d.txt")))


@pytest.mark.parametrize(("kind", "text"), [("txt", "One line."), ("jsonl", "{}")])
def test_unknown_options_are_named(kind, text, tmp_path):
    (tmp_path / f"a.{kind}").write_text(text)
    with pytest.raises(SslError, match="documents_bye"):
        texts(tmp_path / f"a.{kind}", documents_bye="line")


def test_every_option_of_the_readers_is_described():
    for name in registry.names("readers"):
        for field in registry.load("readers", name).Options.model_fields.values():
            assert field.description


def test_a_language_chooses_among_those_of_a_reader_that_has_several():
    data = DataSettings(
        train=("fake=demo:world", "zh=demo:world"), reader_options={"sentences": 20}
    )
    read = list(documents(expand(data.train, None), data))
    assert [d.language for d in read] == sorted(d.language for d in read)
    assert {d.language for d in read} == {"fake", "zh"}
    both = DataSettings(train=("demo:world",), reader_options={"sentences": 20, "language": "both"})
    chinese = [d.text for d in documents(expand(both.train, None), both) if d.language == "zh"]
    assert [d.text for d in read if d.language == "zh"] == chinese
    with pytest.raises(DataError, match="no language 'fr'"):
        list(documents(expand(["fr=demo:world"], None), data))


def test_a_name_that_looks_like_a_language_is_a_name_where_there_is_such_a_file(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "year=2024").mkdir()
    (tmp_path / "year=2024" / "a.txt").write_text("one")
    assert split_language("year=2024/a.txt") == ("", "year=2024/a.txt")
    assert split_language("year=2025/a.txt") == ("year", "2025/a.txt")


def test_the_recipe_is_that_of_the_source_whatever_its_language():
    assert recipe_for(["zh=demo:world"], {}, "mlm") == recipe_for(["demo:world"], {}, "mlm") != {}


def test_material_of_a_source_in_two_languages_is_in_both():
    found = References(
        (),
        DataSettings(train=("en=demo:world", "fake=demo:world"), reader_options={"sentences": 20}),
    )
    assert set(next(found.records("dictionary")).values) == {"en", "fake", "type"}


def _zip(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "a")
    return content.getvalue()


def _sqlite(folder):
    with sqlite3.connect(folder / "made.db") as database:
        database.execute("create table a (b)")
    return (folder / "made.db").read_bytes()


NO_TEXTS = {
    "gzip": (lambda folder: gzip.compress(b"a"), "packed with gzip"),
    "zstd": (lambda folder: zstd.compress(b"a"), "packed with zstd"),
    "bzip2": (lambda folder: bz2.compress(b"a"), "packed with bzip2"),
    "xz": (lambda folder: lzma.compress(b"a"), "packed with xz"),
    "zip": (lambda folder: _zip("a.csv"), "a zip archive"),
    "xlsx": (
        lambda folder: _zip("[Content_Types].xml", "xl/workbook.xml"),
        "a spreadsheet of Excel",
    ),
    "docx": (lambda folder: _zip("[Content_Types].xml", "word/document.xml"), "a document of Word"),
    "sqlite": (_sqlite, "a database of SQLite"),
}


@pytest.mark.parametrize("kind", NO_TEXTS)
@pytest.mark.parametrize("read", [read_text, lambda reference: list(read_lines(reference))])
def test_a_file_of_another_format_is_called_what_it_is(kind, read, tmp_path):
    make, what = NO_TEXTS[kind]
    path, content = tmp_path / "a.csv", make(tmp_path)
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(str(path))
    assert caught.value.message.startswith(f"{path} is {what}")
    assert caught.value.hint
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match="what is packed in it is "):
        read(str(packed))


def test_the_name_that_a_hint_gives_is_one_that_is_read(tmp_path):
    path = tmp_path / "a.csv"
    for content in (gzip.compress(b"one\ntwo\n"), zstd.compress(b"one\ntwo\n")):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_text(str(path))
        named = tmp_path / caught.value.hint.rpartition(": ")[2]
        path.rename(named)
        assert read_text(str(named)) == "one\ntwo\n"
