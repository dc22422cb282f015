"""What each checkpoint of a run holds, what lies on the disk once, and that this is enough."""

import json
import os
import shutil

import pytest
from safetensors.torch import load_file
from stops import StopAtPoll
from test_resume import assert_equal_runs, ignore, settings_for

from sslcli import folders
from sslcli.engine.checkpoints.checkpoint import Checkpoints
from sslcli.engine.checkpoints.checkpoint_files import OPTIMIZER, OPTIMIZER_PARTS
from sslcli.errors import ModelError
from sslcli.folders import drop_from, read_sealed, sealed
from sslcli.models.loading import load_pretrained
from sslcli.workflows.pretrain.pretrain import pretrain
from sslcli.workflows.training.resume import Resume, continued_settings

LATE = 41  # polls: behind three checkpoints


def with_optimizer(run):
    return sorted(path.parent.name for path in run.glob(f"checkpoints/*/{OPTIMIZER}"))


def steps(run, kind="checkpoints"):
    return sorted(path.name for path in (run / kind).glob("step-*"))


def assert_all_whole(run):
    for kind in ("checkpoints", "milestones"):
        for path in (run / kind).glob("step-*"):
            read_sealed(path)


@pytest.fixture(scope="module")
def whole(text_corpus, tmp_path_factory, module_cache):
    folder = tmp_path_factory.mktemp("whole")
    settings = settings_for("mlm", text_corpus, folder, keep=4, save_every=4)
    assert pretrain(settings, observe=ignore).outcome.reason == "done"
    return folder


@pytest.fixture
def stopped(text_corpus, tmp_path, module_cache):
    folder = tmp_path / "stopped"
    settings = settings_for("mlm", text_corpus, folder, keep=4, save_every=4)
    ended = pretrain(settings, observe=ignore, stopper=StopAtPoll(LATE))
    assert ended.outcome.reason == "preempted"
    return folder


def resumed(settings_of, corpus, folder, heard=None):
    settings = settings_of("mlm", corpus, folder, keep=4, save_every=4)
    observe = ignore if heard is None else heard.append
    return pretrain(
        continued_settings(Resume(folder), settings), resume=Resume(folder), observe=observe
    )


def test_a_run_at_its_end_holds_weights_only(whole):
    assert steps(whole) == ["step-000004", "step-000008", "step-000012"]
    assert not with_optimizer(whole)
    assert_all_whole(whole)
    assert load_pretrained(f"{whole}:step-4").folder.name == "step-000004"


def test_a_stopped_run_holds_the_state_of_its_two_newest(stopped):
    assert len(steps(stopped)) > 2
    assert with_optimizer(stopped) == steps(stopped)[-2:]
    assert_all_whole(stopped)


def test_equal_weights_of_a_checkpoint_and_a_milestone_are_one_file(whole):
    for name in ("step-000004", "step-000008"):
        for file in ("backbone.safetensors", "learnable.safetensors"):
            one, other = (whole / kind / name / file for kind in ("checkpoints", "milestones"))
            assert os.path.samefile(one, other)
    ends = [whole / "checkpoints" / name / "backbone.safetensors" for name in steps(whole)]
    assert len({os.stat(path).st_ino for path in ends}) == len(ends), "other weights"


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_copied_run_goes_on_to_the_bit(damaged, whole, stopped, text_corpus, tmp_path):
    """From its newest checkpoint, or from the one before where that is damaged."""
    copy = tmp_path / "copy"
    shutil.copytree(stopped, copy)
    shutil.rmtree(stopped)
    assert not any(path.is_symlink() for path in copy.rglob("*"))
    for name in steps(copy)[-damaged:] if damaged else ():
        (copy / "checkpoints" / name / OPTIMIZER).unlink()
    assert resumed(settings_for, text_corpus, copy).outcome.reason == "done"
    assert_equal_runs(whole, copy)


def test_from_weights_alone_no_run_goes_on(stopped, text_corpus):
    for name in steps(stopped)[-2:]:
        (stopped / "checkpoints" / name / "state.json").write_text("{}")
    with pytest.raises(ModelError, match="no complete checkpoint to go on from") as caught:
        resumed(settings_for, text_corpus, stopped)
    assert f"--model {stopped}" in caught.value.hint
    assert load_pretrained(str(stopped)).folder.name == steps(stopped)[-3]


def test_an_ended_run_is_concluded_again_and_makes_no_step(whole, text_corpus, tmp_path):
    copy, heard = tmp_path / "copy", []
    shutil.copytree(whole, copy)
    assert resumed(settings_for, text_corpus, copy, heard).outcome.reason == "done"
    assert any("resumed from step-000012" in getattr(event, "text", "") for event in heard)
    assert_equal_runs(whole, copy)


def test_a_run_of_an_earlier_version_goes_on(whole, text_corpus, monkeypatch, tmp_path):
    old = tmp_path / "old"
    with monkeypatch.context() as before:
        before.setattr(Checkpoints, "_beside", lambda self: [])
        before.setattr("sslcli.engine.checkpoints.checkpoint.drop_optimizer", lambda path: None)
        settings = settings_for("mlm", text_corpus, old, keep=4, save_every=4)
        pretrain(settings, observe=ignore, stopper=StopAtPoll(LATE))
    assert with_optimizer(old) == steps(old)
    assert resumed(settings_for, text_corpus, old).outcome.reason == "done"
    assert not with_optimizer(old)
    assert_equal_runs(whole, old)


def test_where_no_links_are_known_the_copies_stay(whole, text_corpus, monkeypatch, tmp_path):
    def refuse(source, link, **named):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    settings = settings_for("mlm", text_corpus, tmp_path, keep=4, save_every=4)
    assert pretrain(settings, observe=ignore).outcome.reason == "done"
    assert_equal_runs(whole, tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(os.stat(path).st_nlink == 1 for path in files)
    assert_all_whole(tmp_path)


def test_damage_does_not_spread_to_what_is_written_later(tmp_path):
    with sealed(tmp_path / "one", {}) as folder:
        (folder / "a").write_bytes(b"weights")
    (tmp_path / "one" / "a").write_bytes(b"wEights")
    with sealed(tmp_path / "two", {}, lambda: [tmp_path / "one"]) as folder:
        (folder / "b").write_bytes(b"weights")
    read_sealed(tmp_path / "two")
    assert (tmp_path / "two" / "b").read_bytes() == b"weights"


def test_damage_is_not_sealed_where_a_part_is_dropped(tmp_path):
    with sealed(tmp_path / "one", {"step": 3}) as folder:
        (folder / "a").write_bytes(b"weights")
        (folder / "optimizer").mkdir()
        (folder / "optimizer" / "shard-0").write_bytes(b"moments")
    (tmp_path / "one" / "a").write_bytes(b"wEights")
    drop_from(tmp_path / "one", OPTIMIZER_PARTS)
    assert not (tmp_path / "one" / "optimizer").exists()
    with pytest.raises(ModelError, match="its hash differs"):
        read_sealed(tmp_path / "one")


@pytest.mark.parametrize("dies_at", ["replace", "remove"])
def test_a_kill_while_a_part_is_dropped_leaves_a_whole_folder(dies_at, tmp_path, monkeypatch):
    """Before the new manifest stands, and before the file that it no longer names is gone."""
    one = tmp_path / "one"
    with sealed(one, {"step": 3}) as folder:
        (folder / "a").write_bytes(b"weights")
        (folder / OPTIMIZER).write_bytes(b"moments")

    class Killed(BaseException):
        pass

    def die(*arguments):
        raise Killed

    with monkeypatch.context() as deadly:
        deadly.setattr(folders, {"replace": "_put_file", "remove": "remove"}[dies_at], die)
        with pytest.raises(Killed):
            drop_from(one, OPTIMIZER_PARTS)
    read_sealed(one)
    drop_from(one, OPTIMIZER_PARTS)
    assert json.loads((one / "manifest.json").read_text())["files"].keys() == {"a"}
    assert sorted(path.name for path in one.iterdir()) == ["a", "manifest.json"]
    assert read_sealed(one)["step"] == 3


def test_the_state_is_what_the_next_step_needs(stopped):
    for name in with_optimizer(stopped):
        assert load_file(stopped / "checkpoints" / name / OPTIMIZER)
