"""Which files of a run's data changed: each kind of change is named with its file, and none where
there is none.
"""

import os

import pytest

from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.datasets.data_files import file_facts, what_changed
from sslcli.datasets.tokenized import tokenize


@pytest.fixture
def files(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"text of {name}, " * 20_000)
    return tmp_path


def facts(*references, **more):
    return file_facts(DataSettings(train=tuple(str(reference) for reference in references), **more))


def append(path):
    path.write_text(path.read_text() + "x")


def edit(path):
    path.write_text("y" + path.read_text()[1:])


def edit_the_middle(path):
    path.write_text(path.read_text()[:150_000] + "y" + path.read_text()[150_001:])
    os.utime(path, ns=(1, 1))


def write_anew(path):
    path.write_text("z" + path.read_text())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (append, "b.txt is 1 bytes longer"),
        (edit, "b.txt was edited"),
        (edit_the_middle, "b.txt was edited"),
        (write_anew, "b.txt is 1 bytes longer, and its beginning is another"),
        (lambda path: path.write_text("short"), "b.txt is 219,995 bytes shorter"),
        (lambda path: path.unlink(), "b.txt is gone"),
        (lambda path: (path.parent / "d.txt").write_text("new"), "d.txt is new"),
    ],
)
def test_a_change_is_named_with_its_file(change, said, files):
    before = facts(files)
    assert what_changed(before, facts(files)) == []
    change(files / "b.txt")
    assert what_changed(before, facts(files)) == [f"{files}/{said}"]


def test_another_order_is_named(files):
    before = facts(f"en={files / 'a.txt'}", files / "b.txt")
    assert what_changed(before, facts(files / "b.txt", files / "a.txt")) == [
        "the files are read in another order"
    ]


def test_of_many_changes_a_few_are_named(tmp_path):
    for number in range(9):
        (tmp_path / f"{number}.txt").write_text("text")
    assert what_changed(facts(tmp_path), {})[3:] == ["6 more"]


def test_evaluation_data_and_shards_are_watched_and_what_comes_once_is_left_alone(
    files, monkeypatch
):
    shards = tokenize(
        DataSettings(train=(str(files / "a.txt"),)),
        TokenizerSettings(kind="bpe", vocabulary=300),
        files / "shards",
    ).folder
    monkeypatch.setattr("sys.stdin", None)
    found = facts(shards, "-", "demo:world", evaluation=(str(files / "c.txt"),))
    assert list(found) == [str(shards / "manifest.json"), str(files / "c.txt")]
