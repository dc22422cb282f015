"""Where a command writes: links, links to nothing, mount points, folders with other things; the
link stays, and nothing is emptied.
"""

import os
import subprocess
import sys

import pytest
from command_outputs import OUT, contents

FILES, FOLDERS = ("predict",), ("evaluate", "probe", "export", "tokenize")


def moved_behind_a_link(commands, name):
    """The folder of a command whose earlier result lies elsewhere, with a link to it."""
    folder = commands.place(commands.jobs[name])
    elsewhere = folder / "elsewhere" / "target"
    elsewhere.parent.mkdir()
    (folder / OUT).rename(elsewhere)
    (folder / OUT).symlink_to(elsewhere)
    return folder, elsewhere


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_a_link_is_written_through(commands, name):
    after = commands.undisturbed(commands.jobs[name])[1]
    folder, elsewhere = moved_behind_a_link(commands, name)
    ended = commands.run(commands.jobs[name].line, folder)
    assert ended.code == 0, ended.said
    assert (folder / OUT).is_symlink()
    found = contents(elsewhere.parent)
    assert found == {place.replace(OUT, "target", 1): value for place, value in after.items()}
    assert sorted(path.name for path in folder.iterdir()) == ["elsewhere", OUT]


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_a_link_to_nothing_is_refused(commands, name, tmp_path):
    (tmp_path / OUT).symlink_to("nowhere")
    ended = commands.run(commands.jobs[name].line, tmp_path)
    assert ended.code == 2
    assert ended.is_clean, ended.said
    assert "is a link to nowhere, which is not there" in ended.said
    assert os.listdir(tmp_path) == [OUT]


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_a_mount_point_is_written_into_or_refused_and_not_emptied(commands, name):
    job = commands.jobs[name]
    after = commands.undisturbed(job)[1]
    folder = commands.place(job)
    volume = folder / "volume"
    (folder / OUT).rename(volume)
    (folder / OUT).touch() if volume.is_file() else (folder / OUT).mkdir()
    before = contents(folder)
    if (
        subprocess.run(
            ["mount", "--bind", str(volume), str(folder / OUT)], capture_output=True
        ).returncode
        != 0
    ):
        pytest.skip("nothing can be mounted here")
    try:
        ended = commands.run(job.line, folder)
        found = {place: value for place, value in contents(folder).items() if place.startswith(OUT)}
    finally:
        subprocess.run(["umount", str(folder / OUT)], check=True)
    assert ended.is_clean, ended.said
    if name in ("evaluate", "probe"):
        assert ended.code == 0
        assert found == after
    else:
        assert ended.code == 2
        assert "is a mount point" in ended.said
        assert contents(folder) == before


def test_the_current_folder_is_not_exchanged_for_another(commands, tmp_path):
    for line in (
        ["export", str(commands.folder / "pre"), "."],
        ["tokenize", "--data", str(commands.bench.corpus), "--out", "."],
    ):
        ended = commands.run(line, tmp_path)
        assert (ended.code, os.listdir(tmp_path)) == (2, [])
        assert "current folder" in ended.said
    line = [*commands.jobs["evaluate"].line[:-1], "."]
    ended = commands.run(line, tmp_path)
    assert ended.code == 0, ended.said
    assert "report.json" in os.listdir(tmp_path)


def test_an_output_that_takes_no_more_is_a_sentence():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "sslcli", "--version"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: the output: No space left on device")
    assert "Exception" not in ended.stderr
