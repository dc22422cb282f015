"""Texts that are none, or strange ones: what is read is read whole, and what is refused is refused
in one sentence.

    python tests/faults/inputs_text.py --cases 600

Each case is a file that is cut into shards with byte pieces, which lose nothing: where nothing is
refused, the shards must give back the texts that the file holds. Contents come plain and packed, as
text and as JSON Lines, whole, cut and with a bit flipped. The sweep ends with what is no file:
pipes with and without a writer, devices, folders, links into nothing, and archives that unfold to a
hundred times their size.
"""

import gzip
import json
import os
import random
import tempfile
import threading
from collections.abc import Callable, Iterator
from itertools import cycle, islice, pairwise
from pathlib import Path

from inputs_trying import PeakMemory, Trial, by_hand
from tallies import Tally

from sslcli import registry
from sslcli.data.corpus import Corpus
from sslcli.data.files import zstd
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.sources import documents, expand
from sslcli.datasets.tokenized import tokenize

MOST_FILES = 600
MOST_MEMORY_BYTES = 600_000_000
BOMBS = {
    "zeros": (b"\0", 1_000_000_000),
    "one line": (b"a", 1_000_000_000),
    "many lines": (b"words of a line, " * 3_000 + b"\n", 20_000_000),
}
ALPHABET = [
    *"aZ9 .\n\r\t\0\x0b\x0c\x1c\x7f\x85\xa0\u200b\u200d\u202e\u2028\u3000\ufeff\ufffd今é\u0301🙂",
    "\r\n",
    "[MASK]",
    "<|endoftext|>",
]
TEXTS = {
    "empty": "",
    "white space": " \n\t\r\n \u3000\u2028\n",
    "ends of lines of all kinds": "one\ntwo\r\nthree\rfour\x0bfive\u2028six\x85seven\n\n\r\n\reight",
    "both directions": "left \u202eright\u202c left \u2067isolated\u2069 עברית العربية",
    "a million combining marks": "a" + "\u0301" * 1_000_000,
    "combining marks and nothing else": "\u0301\u0302" * 500,
    "families of emoji": "👩‍👩‍👧‍👦" * 500,
    "characters that are none": "\ufdd0\ufffe\uffff\U0010ffff",
    "one long word": "x" * 300_000,
    "one long line": "word " * 60_000,
    "many short lines": "a\n" * 5_000,
    "special tokens": "<|endoftext|> [CLS] [MASK]\n<s></s>",
    "private use and tags": "\ue000\U000e0041\U000f0000",
    "half of everything": "no end",
}
BYTES = {
    "invalid UTF-8": b"good\nbad \xff\xfe\n",
    "too long a form": b"\xc0\xaf \xe0\x80\xaf",
    "half a character": b"\xe4\xbb",
    "surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "NUL": b"a\0b",
    "UTF-16": "text\n".encode("utf-16"),
    "UTF-32": "text\n".encode("utf-32"),
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbftext",
    "a mark alone": b"\xef\xbb\xbf",
    "Latin-1": "Übung".encode("latin-1"),
    "GB18030": "今天天气".encode("gb18030"),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "one line of 50 MB": b"x" * 50_000_000,
}
RECORDS = [
    b'{"text": "\\ud800"}', b'{"text": "a\\u0000b"}', b'{"text": ""}', b'{"text": null}',
    b'{"text": ["a"]}', b'{"text": {"text": "a"}}',
    b'{"text": 1e999}', b'{"text": "a"', b'{"text": "a"}}', b'{"text": "a"}{"text": "b"}', b"{}",
    b"[]", b"null", b"NaN", b"1", b'"text"',
    b'{"text": "a", "text": "b"}', b'{"TEXT": "a"}', b'{"text": "a", "language": 5}',
    b'{"text": "a", "language": "\\ud800"}',
    b"[" * 100_000, b'{"a":' * 100_000, b'{"text": "\x01"}', b"{'text': 'a'}", b'{"text": "\\x41"}',
    b'\xef\xbb\xbf{"text": "a"}',
    b'{"text": ' + b"9" * 10_000 + b"}", b'{"text": "' + b"\\u0301" * 100_000 + b'"}',
    b'{"language": "zh"}', b"// no comment",
]  # fmt: skip
PACKING: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstd.compress,
}


def sweep(cases: int) -> Tally:
    """About so many files, spread over all kinds, and then what is no file."""
    trial, draw = Trial("texts"), random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(Path(folder))
        for name, content, options in islice(
            _files(draw), 0, MOST_FILES, (shrink := max(MOST_FILES // cases, 1))
        ):
            bench.attempt(trial, name, content, options)
        for case, path in _strange(Path(folder), shrink):
            with PeakMemory() as memory:
                trial.attempt(case, lambda path=path: bench.cut(path, {}))
            if memory.bytes > MOST_MEMORY_BYTES:
                trial.fault(case, f"took {memory.bytes >> 20} MiB")
    return trial.tally


class _Bench:
    """Byte pieces, and a folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        cls = registry.load("tokenizers", "bpe")
        Tokenizer(cls(cls.Options()).train(["one two three"], 300)).save(folder / "pieces")

    def attempt(self, trial: Trial, name: str, content: bytes, options: dict[str, str]) -> None:
        path = self.folder / name.rpartition(" ")[2]
        path.write_bytes(content)
        trial.attempt(
            f"{name} {options}",
            lambda: self.cut(path, options),
            wrong=lambda texts: self.lost(path, options, texts),
        )
        path.unlink()

    def cut(self, path: Path, options: dict[str, str]) -> list[str]:
        """The texts as the shards give them back."""
        data = DataSettings(
            train=(str(path),), reader="txt" if path.suffix == "" else None, reader_options=options
        )
        made = tokenize(
            data, TokenizerSettings(source=str(self.folder / "pieces")), self.folder / "shards"
        )
        corpus = Corpus.open(made.folder, 32)
        bounds = corpus.sentences[corpus.documents].tolist()
        return [
            made.tokenizer.decode(corpus.tokens(start, stop)) for start, stop in pairwise(bounds)
        ]

    def lost(self, path: Path, options: dict[str, str], texts: list[str]) -> str:
        data = DataSettings(train=(str(path),), reader_options=options)
        expected = [
            document.text
            for document in documents(expand(data.train, None), data)
            if document.text.strip()
        ]
        return "" if texts == expected else "the shards do not give back the text"


def _files(draw: random.Random) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """(case, whose last word is the file's name; content; options of the reader), without end."""
    contents = {name: text.encode() for name, text in TEXTS.items()} | BYTES
    for name, content in contents.items():
        for packing, pack in PACKING.items():
            yield f"{name} c.txt{packing}", pack(content), {}
        yield (
            f"{name} c.txt",
            content,
            {"errors": "replace", "documents_by": draw.choice(["line", "file", "blank-line"])},
        )
        yield (
            f"{name} in JSON c.jsonl",
            json.dumps({"text": content.decode(errors="replace")}).encode(),
            {},
        )
    for number, record in enumerate(RECORDS):
        yield f"record {number} c.jsonl", b'{"text": "whole"}\n' + record, {}
        yield f"record {number} c.jsonl.zst", zstd.compress(record), {"errors": "replace"}
    small = [content for content in contents.values() if 0 < len(content) < 10_000]
    for kind in cycle(["one byte", "a mixture", "cut", "flipped"]):
        packing = draw.choice([".gz", ".zst"])
        if kind == "one byte":
            yield f"{kind} c.txt", bytes([draw.randrange(256)]), {}
        elif kind == "a mixture":
            yield (
                f"{kind} c.txt",
                "".join(draw.choices(ALPHABET, k=draw.randrange(200))).encode(),
                {},
            )
        else:
            packed = bytearray(PACKING[packing](draw.choice(small) * draw.randrange(1, 50)))
            place = draw.randrange(len(packed))
            if kind == "cut":
                del packed[place:]
            else:
                packed[place] ^= 1 << draw.randrange(8)
            yield f"{kind} c.txt{packing}", bytes(packed), {}


def _strange(folder: Path, shrink: int) -> Iterator[tuple[str, Path]]:
    """What is no plain file, and what is far larger than it looks, by so many times less as
    `shrink` says.
    """
    for device in ("/dev/zero", "/dev/null", "/dev/urandom", "/dev/full", "/proc/self/mem"):
        yield device, Path(device)
    (folder / "folder.txt").mkdir()
    (folder / "nowhere.txt").symlink_to(folder / "nothing")
    (folder / "circle.txt").symlink_to(folder / "circle.txt")
    for name in ("folder.txt", "nowhere.txt", "circle.txt"):
        yield f"link or folder {name}", folder / name
    os.mkfifo(folder / "silent")
    yield "a pipe without a writer", folder / "silent"
    os.mkfifo(folder / "pipe")
    threading.Thread(
        target=(folder / "pipe").write_bytes, args=(b"some text\n" * 10_000,), daemon=True
    ).start()
    yield "a pipe with a writer", folder / "pipe"
    for name, (unit, size) in BOMBS.items():
        for packing, opened in ((".gz", gzip.open), (".zst", zstd.open)):
            path = folder / f"{name.replace(' ', '-')}.txt{packing}"
            block = unit * (1_000_000 // len(unit))
            with opened(path, "wb") as file:
                for _ in range(size // 1_000_000 // shrink):
                    file.write(block)
            yield f"a bomb of {name}{packing}", path
    (folder / "locked.txt").write_text("text", encoding="ascii")
    (folder / "locked.txt").chmod(0)
    yield "no permission", folder / "locked.txt"


if __name__ == "__main__":
    by_hand(sweep, 600, rehearsed=12)
