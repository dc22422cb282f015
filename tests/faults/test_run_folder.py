"""Run folders that are shared, linked, read-only, removed or not there: one writer, a sentence, and
nothing touched outside.
"""

import os
import shutil
import signal
import time

import pytest
from harness import PATIENCE_SECONDS, differences, step_reached, whole_checkpoints
from hooks import FaultAt

from sslcli.runs.catalogue import read_run

LENGTH = {"max_steps": 20}


@pytest.fixture(scope="module")
def short(bench):
    return bench.whole(**LENGTH)


@pytest.fixture
def precious(tmp_path):
    """A folder outside of any run, and a function that says whether it is untouched."""
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "thesis.txt").write_text("three years of work")
    return folder


def assert_untouched(precious):
    assert [path.name for path in precious.iterdir()] == ["thesis.txt"]
    assert (precious / "thesis.txt").read_text() == "three years of work"


def started(bench, words, run):
    """A training that has made its first updates."""
    child = bench.start(words)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not step_reached(run) and child.process.exitcode is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert step_reached(run)
    return child


def test_of_eight_that_start_at_once_one_trains(bench, short, tmp_path):
    """The cache is empty too, so all eight also tokenize at once."""
    run, cache = tmp_path / "run", tmp_path / "cache"
    children = [
        bench.start(bench.words(run, **LENGTH), SSLCLI_CACHE_DIR=str(cache)) for _ in range(8)
    ]
    ended = [child.wait() for child in children]
    assert sorted(one.code for one in ended) == [0, *[2] * 7]
    assert all(one.is_clean for one in ended)
    assert all(
        "in use by process" in one.said or "not empty" in one.said for one in ended if one.code
    )
    assert not differences(short, run)
    assert not [path for path in cache.rglob(".*") if not path.name.endswith("lock")]


def test_who_holds_a_folder_is_named_until_it_is_dead(bench, short, tmp_path):
    run = tmp_path / "run"
    words = bench.words(run, **LENGTH)
    holder = started(bench, words, run)
    os.kill(holder.process.pid, signal.SIGSTOP)
    for more in ("--resume", "--overwrite"):
        refused = bench.run([*words, more])
        assert refused.code == 2, refused.said
        assert f"in use by process {holder.process.pid}" in refused.said
    holder.process.kill()
    holder.wait()
    again = bench.run([*words, "--resume"])
    assert again.code == 0, again.said
    assert not differences(short, run)


def test_a_read_only_disk_is_named(bench, tmp_path):
    run = tmp_path / "run"
    ended = bench.run(bench.words(run, **LENGTH), FaultAt(str(run), 1, "read-only", lasting=True))
    assert ended.code == 1
    assert ended.is_clean, ended.said
    assert "Read-only file system" in ended.said


def test_a_folder_removed_under_a_run_ends_it_with_a_sentence(bench, tmp_path):
    """No checkpoint falls due meanwhile: one would make its folders anew."""
    run = tmp_path / "run"
    never = {"max_steps": 5_000, "save_every": 5_000, "eval_every": 5_000, "milestones": False}
    child = started(bench, bench.words(run, **never), run)
    run.rename(tmp_path / "removed")
    ended = child.wait()
    assert ended.code == 1
    assert ended.is_clean, ended.said
    assert str(run) in ended.said
    assert [path.name for path in tmp_path.iterdir()] == ["removed"]


def below_a_file(folder):
    (folder / "file").write_text("in the way")
    return folder / "file" / "run"


def dangling_link(folder):
    (folder / "run").symlink_to(folder / "nowhere")
    return folder / "run"


@pytest.mark.parametrize("place", [below_a_file, dangling_link])
def test_what_cannot_be_a_folder_is_refused(bench, place, tmp_path):
    ended = bench.here(bench.words(place(tmp_path), **LENGTH))
    assert ended.code in (1, 2)
    assert ended.is_clean, ended.said
    assert not (tmp_path / "nowhere").exists()


def test_a_linked_run_folder_is_its_target(bench, short, tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "run").symlink_to("target")
    ended = bench.here(bench.words(tmp_path / "run", **LENGTH))
    assert ended.code == 0, ended.said
    assert not differences(short, tmp_path / "target")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "target"]


@pytest.mark.parametrize("part", ["checkpoints", "milestones", "tokenizer"])
@pytest.mark.parametrize("more", ["--overwrite", "--resume"])
def test_nothing_is_removed_through_a_link(bench, short, part, more, precious):
    run = bench.copy(short, f"linked-{part}-{more}")
    shutil.rmtree(run / part)
    (run / part).symlink_to(precious)
    ended = bench.here([*bench.words(run, **LENGTH), more])
    assert ended.is_clean, ended.said
    assert (precious / "thesis.txt").read_text() == "three years of work"


@pytest.mark.parametrize("said", ["step-000005", None])
def test_the_best_is_named_anew_where_a_kill_came_before_its_name(bench, short, said):
    """The last checkpoint stands, and the file that names the best is of before, or not there
    yet.
    """
    run = bench.copy(short, f"best-{said}")
    named = (run / "best").read_text()
    assert named != said
    (run / "best").unlink()
    if said is not None:
        (run / "best").write_text(said)
    ended = bench.here([*bench.words(run, **LENGTH), "--resume"])
    assert ended.code == 0, ended.said
    assert (run / "best").read_text() == named
    assert not differences(short, run)


def test_no_checkpoint_is_pruned_through_a_link(bench, precious):
    run = bench.folder / "linked-step"
    assert bench.here(bench.words(run, **LENGTH, keep=1)).code == 0
    (run / "checkpoints" / "step-000003").symlink_to(precious)
    shutil.rmtree(run / "checkpoints" / "step-000020")
    ended = bench.here([*bench.words(run, **LENGTH, keep=1), "--resume"])
    assert ended.is_clean, ended.said
    assert_untouched(precious)


def test_a_run_that_is_not_there_cannot_be_resumed(bench, tmp_path):
    ended = bench.here(["pretrain", "--resume", str(tmp_path / "nothing")])
    assert ended.code == 2
    assert ended.is_clean, ended.said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", [4, 9, 15, 18])
def test_a_start_killed_before_its_first_step_is_no_dead_end(bench, short, call, tmp_path):
    """The same command begins again, or says with which flag; over an old run as in a new
    folder.
    """
    new, old = tmp_path / "new", bench.copy(short, f"killed-over-{call}")
    lines = bench.words(new, **LENGTH), bench.words(old, "--overwrite", **LENGTH)
    for run, words in zip((new, old), lines, strict=True):
        killed = bench.run(words, FaultAt(str(run), call, "kill"))
        assert killed.code == -signal.SIGKILL
        assert read_run(run).status != "done" or whole_checkpoints(run) == whole_checkpoints(short)
        again = bench.here(words)
        if again.code:
            assert "--resume" in again.said
            again = bench.here([*words, "--resume"])
        assert again.code == 0, again.said
        assert not differences(short, run)
        assert not [path.name for path in run.rglob(".*")]


def test_a_run_that_never_began_says_how_it_begins(bench, short):
    run = bench.copy(short, "never-begun")
    (run / "config.yaml").unlink()
    ended = bench.here(["pretrain", "--resume", str(run)])
    assert ended.code == 2
    assert "it has no config.yaml" in ended.said
    assert "--overwrite" in ended.said
