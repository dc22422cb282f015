"""Folders are whole or not there."""

import json

import pytest

from sslcli.asides import clear_away
from sslcli.errors import ModelError, RunError
from sslcli.folders import MANIFEST, read_sealed, sealed, write_atomically


@pytest.fixture
def whole(tmp_path):
    with sealed(tmp_path / "done", {"step": 3}) as folder:
        (folder / "a.bin").write_bytes(bytes(range(256)))
        (folder / "sub").mkdir()
        (folder / "sub" / "b.txt").write_text("hello")
    return tmp_path / "done"


def test_a_sealed_folder_reads_back_with_its_facts(whole):
    assert read_sealed(whole)["step"] == 3
    assert [path.name for path in whole.parent.iterdir()] == ["done"]


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def edit(folder, change):
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


DAMAGES = {
    "bit": lambda folder: flip(folder / "a.bin"),
    "short": lambda folder: (folder / "a.bin").write_bytes(b"x"),
    "longer": lambda folder: (folder / "a.bin").write_bytes(bytes(range(256)) + b"x"),
    "gone": lambda folder: (folder / "sub" / "b.txt").unlink(),
    "link": lambda folder: (
        (folder / "a.bin").rename(folder / "c"),
        (folder / "a.bin").symlink_to("c"),
    ),
    "linked manifest": lambda folder: (
        (folder / MANIFEST).rename(folder / "m"),
        (folder / MANIFEST).symlink_to("m"),
    ),
    "no manifest": lambda folder: (folder / MANIFEST).unlink(),
    "torn manifest": lambda folder: (folder / MANIFEST).write_text(
        (folder / MANIFEST).read_text()[:40]
    ),
    "a fact of the manifest": lambda folder: edit(folder, lambda manifest: manifest.update(step=4)),
    "a file out of the manifest": lambda folder: (
        edit(folder, lambda manifest: manifest["files"].pop("a.bin")),
        flip(folder / "a.bin"),
    ),
    "no seal": lambda folder: edit(folder, lambda manifest: manifest.pop("seal")),
    "manifest of another kind": lambda folder: (folder / MANIFEST).write_text(json.dumps([1, 2])),
    "manifest without files": lambda folder: (folder / MANIFEST).write_text(
        json.dumps({"files": {"a.bin": {}}})
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_noticed(whole, damage):
    DAMAGES[damage](whole)
    with pytest.raises(ModelError):
        read_sealed(whole)


def test_spaces_and_order_are_no_damage(whole):
    manifest = json.loads((whole / MANIFEST).read_text())
    (whole / MANIFEST).write_text(json.dumps(dict(reversed(manifest.items()))))
    assert read_sealed(whole)["step"] == 3


def test_an_error_while_writing_leaves_what_stood_there(whole):
    def write_half():
        with sealed(whole, {"step": 4}) as folder:
            (folder / "a.bin").write_bytes(b"half")
            raise ValueError("by hand")

    with pytest.raises(ValueError, match="by hand"):
        write_half()
    assert read_sealed(whole)["step"] == 3
    assert [path.name for path in whole.parent.iterdir()] == ["done"]


def test_replacing_leaves_only_the_new_one(whole):
    with sealed(whole, {"step": 5}) as folder:
        (folder / "z").write_text("new")
    assert read_sealed(whole)["step"] == 5
    assert not (whole / "a.bin").exists()
    assert [path.name for path in whole.parent.iterdir()] == ["done"]


def test_a_disk_that_refuses_is_an_error_of_the_run(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot write"), sealed(tmp_path / "file" / "below", {}):
        pass


def test_a_small_file_that_cannot_be_replaced_is_an_error_of_the_run(tmp_path):
    (tmp_path / "best").mkdir()
    with pytest.raises(RunError, match="cannot write"):
        write_atomically(tmp_path / "best", "one")
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_leftovers_are_removed_and_small_files_replaced_whole(tmp_path):
    (tmp_path / ".unfinished-step-000001-abcd").mkdir()
    clear_away(tmp_path, ours=True)
    write_atomically(tmp_path / "best", "one")
    write_atomically(tmp_path / "best", "two")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("best", "two")]
