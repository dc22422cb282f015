"""Text to pretrain on that is written oddly: what is read of it, or the words with which it is
refused.
"""

import gzip

import pytest
from sslplugins.readers.demo import DemoReader
from sslplugins.readers.jsonl import JsonLinesReader
from sslplugins.readers.txt import TextReader

from sslcli.api import DataError
from sslcli.data import files

READERS = {"txt": TextReader, "jsonl": JsonLinesReader, "demo": DemoReader}
TWO = ["one", "two"]
ONE, SECOND = '{"text": "one"}', '{"text": "two"}'
READ = {
    "txt: nothing odd": ("a.txt", "one\ntwo\n", TWO),
    "txt: no line end at the end": ("a.txt", "one\ntwo", TWO),
    "txt: no line end at all": ("a.txt", "one", ["one"]),
    "txt: Windows line ends": ("a.txt", "one\r\ntwo\r\n", TWO),
    "txt: old Macintosh line ends": ("a.txt", "one\rtwo\r", TWO),
    "txt: mixed line ends": ("a.txt", "one\r\ntwo\n", TWO),
    "txt: a byte order mark": ("a.txt", "\ufeffone\ntwo\n", TWO),
    "txt: UTF-16 with its mark": ("a.txt", "one\ntwo\n".encode("utf-16"), TWO),
    "txt: blank lines at both ends": ("a.txt", "\n\none\ntwo\n\n", TWO),
    "txt: blank lines between paragraphs": (
        "a.txt",
        "one\none\n\n \t\n\ntwo\n",
        ["one\none", "two"],
    ),
    "txt: blank lines with Windows ends": ("a.txt", "one\r\n\r\ntwo\r\n", TWO),
    "txt: other separators of lines are text": (
        "a.txt",
        "a\u2028b\x0cc\x85d\n",
        ["a\u2028b\x0cc\x85d"],
    ),
    "txt: nothing but blanks": ("a.txt", "\n \n\t\n", []),
    "txt: nothing": ("a.txt", "", []),
    "txt: packed": ("a.txt.gz", gzip.compress(b"one\ntwo\n"), TWO),
    "txt: packed in two parts": (
        "a.txt.gz",
        gzip.compress(b"one\n") + gzip.compress(b"two\n"),
        TWO,
    ),
    "txt: packed with zstd": ("a.txt.zst", files.zstd.compress(b"one\ntwo\n"), TWO),
    "txt: Latin-1 that is to be replaced": (
        "a.txt",
        "caf\u00e9\n".encode("latin-1"),
        ["caf\ufffd"],
        {"errors": "replace"},
    ),
    "txt: a line as long as may be": ("a.txt", "x" * 100_000 + "\ntwo", ["x" * 100_000, "two"]),
    "jsonl: nothing odd": ("a.jsonl", f"{ONE}\n{SECOND}\n", TWO),
    "jsonl: no line end at the end": ("a.jsonl", f"{ONE}\n{SECOND}", TWO),
    "jsonl: Windows line ends": ("a.jsonl", f"{ONE}\r\n{SECOND}\r\n", TWO),
    "jsonl: a byte order mark": ("a.jsonl", f"\ufeff{ONE}\n{SECOND}\n", TWO),
    "jsonl: blank lines and empty texts": ("a.jsonl", f'{ONE}\n\n{{"text": " "}}\n{SECOND}\n', TWO),
    "jsonl: other fields beside it": ("a.jsonl", '{"title": "x", "text": "one"}\n', ["one"]),
    "jsonl: another field": (
        "a.jsonl",
        '{"title": "x", "content": "one"}\n',
        ["one"],
        {"text_field": "content"},
    ),
    "jsonl: line ends in a text": ("a.jsonl", '{"text": "one\\ntwo"}\n', ["one\ntwo"]),
    "jsonl: packed": ("a.jsonl.gz", gzip.compress(f"{ONE}\n{SECOND}".encode()), TWO),
    "jsonl: packed with zstd": (
        "a.jsonl.zst",
        files.zstd.compress(f"{ONE}\n{SECOND}".encode()),
        TWO,
    ),
    "jsonl: NUL that is to be replaced": (
        "a.jsonl",
        '{"text": "a\\u0000b"}',
        ["a\ufffdb"],
        {"errors": "replace"},
    ),
    "jsonl: half a character to be replaced": (
        "a.jsonl",
        '{"text": "a\\ud800b"}',
        ["a\ufffdb"],
        {"errors": "replace"},
    ),
}
REFUSED = {
    "txt: Latin-1": (
        "a.txt",
        "caf\u00e9\n".encode("latin-1"),
        "a.txt, line 1: byte 4 of the line is not UTF-8",
    ),
    "txt: UTF-16 without its mark": (
        "a.txt",
        "one\n".encode("utf-16-le"),
        "line 1: there is a NUL byte, so this is not a text",
    ),
    "txt: NUL": ("a.txt", "one\ntw\0o\n", "a.txt, line 2: there is a NUL byte"),
    "txt: a picture": (
        "a.txt",
        b"\x89PNG\r\n\x1a\n",
        "a.txt, line 1: byte 1 of the line is not UTF-8",
    ),
    "txt: not packed as it is named": ("a.txt.gz", "one\n", "a.txt.gz cannot be read to its end"),
    "txt: packing cut off": (
        "a.txt.gz",
        gzip.compress(b"one\n" * 9_000)[:-9],
        "a.txt.gz cannot be read to its end",
    ),
    "txt: one line of the whole file": (
        "a.txt",
        "x" * (17 << 20),
        "a.txt has a line of more than 16 MiB",
    ),
    "jsonl: no text": (
        "a.jsonl",
        f'{ONE}\n{{"content": "x", "title": "y"}}\n',
        "record 2, field 'text' is missing",
    ),
    "jsonl: null": (
        "a.jsonl",
        '{"text": null}\n',
        "record 1, field 'text' must be a text, not null",
    ),
    "jsonl: a list of texts": (
        "a.jsonl",
        '{"text": ["a", "b"]}\n',
        "field 'text' must be a text, not list",
    ),
    "jsonl: a number": ("a.jsonl", '{"text": 5}\n', "field 'text' must be a text, not int"),
    "jsonl: the field twice": (
        "a.jsonl",
        '{"text": "one", "text": "two"}\n',
        "record 1 is not JSON: 'text' stands twice in one object",
    ),
    "jsonl: a list on the line": ("a.jsonl", f"[{ONE}]\n", "record 1 is not an object but list"),
    "jsonl: a text on the line": ("a.jsonl", '"one"\n', "record 1 is not an object but str"),
    "jsonl: two objects on a line": ("a.jsonl", ONE + SECOND, "record 1 is not JSON: Extra data"),
    "jsonl: an object over several lines": (
        "a.jsonl",
        '{\n"text": "one"\n}\n',
        "record 1 is not JSON",
    ),
    "jsonl: cut off": ("a.jsonl", f"{ONE}\n{SECOND[:9]}", "record 2 is not JSON"),
    "jsonl: NUL in a text": (
        "a.jsonl",
        '{"text": "a\\u0000b"}',
        "field 'text': character 2 is NUL",
    ),
    "jsonl: half a character": (
        "a.jsonl",
        '{"text": "a\\ud800b"}',
        "field 'text': character 2 is half a surrogate pair",
    ),
    "jsonl: Latin-1": (
        "a.jsonl",
        '{"text": "caf\u00e9"}'.encode("latin-1"),
        "line 1: byte 14 of the line is not UTF-8",
    ),
}


def documents(name, folder, file, content, options):
    (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    reader = READERS[name.partition(":")[0]]
    return [
        document.text
        for document in reader(reader.Options(**options)).documents(str(folder / file))
    ]


@pytest.mark.parametrize("name", READ)
def test_what_is_valid_is_read(name, tmp_path):
    file, content, expected, *options = READ[name]
    assert documents(name, tmp_path, file, content, *options or [{}]) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_named(name, tmp_path):
    file, content, problem = REFUSED[name]
    with pytest.raises(DataError) as caught:
        documents(name, tmp_path, file, content, {})
    assert str(tmp_path / file) in caught.value.message
    assert problem in caught.value.message
    assert caught.value.hint


def test_a_missing_field_names_those_that_there_are(tmp_path):
    with pytest.raises(DataError) as caught:
        documents(
            "jsonl:", tmp_path, "a.jsonl", '{"content": "x", "raw_content": "y", "title": "z"}', {}
        )
    assert "--text-field; this record has: content, raw_content, title" in caught.value.hint


def test_there_is_one_demo():
    with pytest.raises(DataError, match="there is no 'demo:other'"):
        list(DemoReader(DemoReader.Options()).documents("demo:other"))
