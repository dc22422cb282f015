"""Damaged shards, many writers of one cache, and writers that are killed: noticed before use,
named, and never in the way of the next.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from sslcli.data.corpus import Corpus
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.datasets.tokenized import opened, shards_for, tokenize
from sslcli.errors import DataError

PIECES = TokenizerSettings(kind="bpe", vocabulary=300)
PATIENCE_SECONDS = 240
CUT = """
import signal
import sys
from pathlib import Path
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.datasets.tokenized import shards_for
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started deaf to it
made = shards_for(DataSettings(train=(sys.argv[1],)), TokenizerSettings(kind="bpe", vocabulary=300), Path(sys.argv[2]), say=print)
print(made.fingerprint)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def data_of(path):
    return DataSettings(train=(str(path),))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def flip_and_hide(path):
    """As a fault of the disk would, or somebody who sets the old time again."""
    status = path.stat()
    flip(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def swap(path):
    other = path.parent / (
        "index/bytes.safetensors" if path.parent.name != "index" else "documents.safetensors"
    )
    first, second = path.read_bytes(), other.read_bytes()
    path.write_bytes(second)
    other.write_bytes(first)


def other_type(path):
    path.write_bytes(path.read_bytes().replace(b'"U16"', b'"F32"').replace(b'"I64"', b'"F32"'))


DAMAGES = [
    truncate,
    flip,
    flip_and_hide,
    swap,
    other_type,
    lambda path: path.write_bytes(b""),
    lambda path: path.unlink(),
]
FILES = ["tokens-00000.safetensors", "index/sentences.safetensors"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_noticed_before_use_though_the_shards_were_used_before(
    damage, file, text_corpus, tmp_path
):
    folder = tokenize(data_of(text_corpus), PIECES, tmp_path / "shards").folder
    shards_for(data_of(folder), PIECES, tmp_path / "cache")
    damage(folder / file)
    for _ in range(2):
        with pytest.raises(DataError, match=r"\.safetensors") as caught:
            shards_for(data_of(folder), PIECES, tmp_path / "cache")
        assert str(folder) in caught.value.message
        assert (caught.value.exit_code, caught.value.hint) == (2, "tokenize the data again")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew_aloud(damage, text_corpus, cache):
    whole = shards_for(data_of(text_corpus), PIECES, cache)
    damage(whole.folder / FILES[0])
    said = []
    again = shards_for(data_of(text_corpus), PIECES, cache, say=said.append)
    assert ".safetensors" in said[0]
    assert "made anew" in said[0]
    assert (again.folder, again.fingerprint) == (whole.folder, whole.fingerprint)
    Corpus.open(again.folder, 32, verify=True)


def test_what_was_not_touched_is_not_hashed_again(text_corpus, cache, monkeypatch):
    folder = shards_for(data_of(text_corpus), PIECES, cache).folder
    monkeypatch.setattr("sslcli.folders.hash_file", lambda path: pytest.fail(f"{path} is hashed"))
    assert opened(folder).folder == folder
    (folder / FILES[0]).touch()
    with pytest.raises(pytest.fail.Exception, match="is hashed"):
        opened(folder)


def started(text_corpus, cache):
    return subprocess.Popen(
        [sys.executable, "-c", CUT, str(text_corpus), str(cache)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_of_processes_at_once_one_makes_and_all_end_with_the_same(text_corpus, cache):
    made = [
        process.communicate(timeout=PATIENCE_SECONDS)
        for process in [started(text_corpus, cache) for _ in range(3)]
    ]
    assert [error for _, error in made] == [""] * 3
    assert len({said.split()[-1] for said, _ in made}) == 1
    assert sum("learning" in said for said, _ in made) == 1
    (folder,) = (cache / "shards").iterdir()
    Corpus.open(folder, 32, verify=True)


def stopped_while_writing(path, cache, number, lines):
    path.write_text(
        "".join(
            f"Line {line} of a text that takes its time, word{line * 7919 % 10_007}.\n"
            for line in range(lines)
        )
    )
    writer = started(path, cache)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not list(cache.glob("shards/.unfinished-*")):
        assert time.monotonic() < deadline
        assert writer.poll() is None
        time.sleep(0.02)
    writer.send_signal(number)
    writer.communicate(timeout=PATIENCE_SECONDS)
    return writer


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_writer_that_is_stopped_leaves_nothing_in_the_way(number, tmp_path, cache):
    path = tmp_path / "large.txt"
    writer = stopped_while_writing(path, cache, number, 150_000)
    if writer.returncode == 0:  # a busy machine let us look too late
        shutil.rmtree(cache / "shards")
        writer = stopped_while_writing(path, cache, number, 1_500_000)
    assert writer.returncode != 0
    left = list((cache / "shards").iterdir())
    assert bool(left) == (number == signal.SIGKILL)
    path.write_text("a short text, of a few words\n" * 5)
    made = shards_for(data_of(path), PIECES, cache)
    assert [folder.name for folder in (cache / "shards").iterdir()] == [made.folder.name]
