"""`ssl runs du`, `prune` and `delete`: what is weighed, what goes, and what never does."""

import fcntl
import json
import shutil
import subprocess

import pytest
from stops import StopAtPoll

from sslcli.cli.actions import freeing_disk as screens
from sslcli.engine.checkpoints.checkpoint_files import OPTIMIZER
from sslcli.folders import read_sealed
from sslcli.models.loading import load_pretrained
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.pretrain import pretrain


def train(corpus, folder, stopper=None):
    settings = PretrainSettings.model_validate(
        {
            "objective": "mlm",
            "data": {"train": [str(corpus)], "sequence_tokens": 24, "held_out": 0.1},
            "tokenizer": {"vocabulary": 150},
            "model": {"preset": "tiny", "shape": {"width": 16, "heads": 2}},
            "training": {"max_steps": 6, "batch_size": 8, "save_every": 2, "eval_samples": 8},
            "run": {"folder": str(folder), "plot": False},
        }
    )
    pretrain(settings, observe=lambda event: None, stopper=stopper)


@pytest.fixture(scope="module")
def trained(text_corpus, tmp_path_factory, module_cache):
    """Two runs: "done" at its end, "stopped" before it."""
    folder = tmp_path_factory.mktemp("trained")
    train(text_corpus, folder / "done")
    train(text_corpus, folder / "stopped", StopAtPoll(9))
    assert list((folder / "stopped").glob(f"checkpoints/*/{OPTIMIZER}"))
    return folder


@pytest.fixture
def runs(trained, tmp_path):
    subprocess.run(["cp", "-a", trained, tmp_path / "runs"], check=True)  # with its links
    return tmp_path / "runs"


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def sizes(folder):
    """Of every inode once."""
    stats = [path.lstat() for path in folder.rglob("*") if path.is_file()]
    return {stat.st_ino: stat.st_size for stat in stats}


def test_du_counts_a_linked_file_once(runs, ssl):
    found = json.loads(ssl("runs", "du", "--json").out)
    by_name = {run["name"]: run["bytes"] for run in found["runs"]}
    assert by_name.keys() == {"done", "stopped"}
    for name, weights in by_name.items():
        assert weights["total"] == sum(sizes(runs / name).values())
        assert weights["total"] == sum(weights[key] for key in weights if key != "total")
    files = [path for path in (runs / "done").rglob("*") if path.is_file()]
    assert by_name["done"]["total"] < sum(path.stat().st_size for path in files)
    assert found["bytes"] == sum(weights["total"] for weights in by_name.values())
    assert by_name["done"]["optimizer"] == 0 < by_name["stopped"]["optimizer"]
    assert "optimizer state" in ssl("runs", "du", "done").out


def test_delete_asks_and_removes_the_run_alone(runs, ssl, monkeypatch):
    before = everything(runs)
    refused = ssl("runs", "delete", "done")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert str(runs / "done") in refused.err
    for answer in (False, True):
        monkeypatch.setattr(screens, "_is_meant", lambda *arguments, said=answer: said)
        assert everything(runs) == before
        assert ssl("runs", "delete", "done").code == 0
    assert everything(runs) == everything_of(runs, ["stopped"])


def everything_of(runs, names):
    found = [path for name in names for path in (runs / name, *(runs / name).rglob("*"))]
    return sorted(str(path.relative_to(runs)) for path in found)


def test_several_are_deleted_at_once_each_once(runs, ssl):
    ended = ssl("runs", "delete", "done", str(runs / "done"), "stopped", "--yes", "--json")
    assert ended.code == 0
    assert [run["name"] for run in json.loads(ended.out)["runs"]] == ["done", "stopped"]
    assert not everything(runs)


def running(runs, tmp_path):
    lock = (runs / "done" / "lock").open("a+")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return "done", lock


def linked(runs, tmp_path):
    (runs / "link").symlink_to(runs / "done")
    return "link", None


def linked_from_elsewhere(runs, tmp_path):
    (tmp_path / "elsewhere").symlink_to(runs / "done")
    return str(tmp_path / "elsewhere") + "/", None


def no_run(runs, tmp_path):
    (runs / "thesis").mkdir()
    (runs / "thesis" / "chapter.txt").write_text("three years of work")
    return "thesis", None


def of_another_tool(runs, tmp_path):
    (runs / "jogging").mkdir()
    (runs / "jogging" / "run.json").write_text('{"kind": "ten kilometres"}')
    return "jogging", None


def with_a_thesis(runs, tmp_path):
    (runs / "done" / "thesis.txt").write_text("three years of work")
    return "done", None


def with_a_run_inside(runs, tmp_path):
    shutil.copytree(runs / "stopped", runs / "done" / "inner")
    return "done", None


def beginning(runs, tmp_path):
    return "don", None


def parent(runs, tmp_path):
    return str(runs), None


HOSTILE = {
    running: "is in use by",
    linked: "is a link to",
    linked_from_elsewhere: "is a link to",
    no_run: "there is no run",
    of_another_tool: "is no run",
    with_a_thesis: "what is not of the run: thesis.txt",
    with_a_run_inside: "what is not of the run: inner",
    beginning: "is the beginning of done",
    parent: "there is no run",
}


@pytest.mark.parametrize("make", HOSTILE)
def test_what_is_no_run_at_rest_is_not_deleted(make, runs, ssl, tmp_path):
    name, held = make(runs, tmp_path)
    before = everything(runs)
    ended = ssl("runs", "delete", "stopped", name, "--yes")
    assert ended.code == 2
    assert HOSTILE[make] in ended.err
    assert "hint" in ended.err
    assert everything(runs) == before
    if held is not None:
        assert ssl("runs", "prune", name, "--yes").code == 2
        assert everything(runs) == before
        held.close()


def test_the_current_folder_is_not_deleted(runs, ssl, monkeypatch):
    monkeypatch.chdir(runs / "done" / "tokenizer")
    assert "current folder" in ssl("runs", "delete", str(runs / "done"), "--yes").err
    assert (runs / "done" / "run.json").is_file()


def test_prune_keeps_the_weights_of_the_best_and_the_newest(runs, ssl):
    best = "step-000002"
    (runs / "stopped" / "best").write_text(best)
    newest = max(path.name for path in (runs / "stopped" / "checkpoints").iterdir())
    before = everything(runs)
    said = ssl("runs", "prune", "stopped", "--dry-run")
    assert said.code == 0
    assert everything(runs) == before
    for words in ("milestones", "optimizer state of", newest, "cannot be resumed"):
        assert words in said.err
    ended = ssl("runs", "prune", "stopped", "--yes", "--json")
    assert json.loads(ended.out)["freed_bytes"] > 0
    checkpoints = sorted(path.name for path in (runs / "stopped" / "checkpoints").iterdir())
    assert checkpoints == [best, newest]
    assert not list(runs.glob(f"stopped/checkpoints/*/{OPTIMIZER}"))
    assert not list((runs / "stopped" / "milestones").iterdir())
    for name in checkpoints:
        read_sealed(runs / "stopped" / "checkpoints" / name)
    for reference in ("stopped", "stopped:best", "stopped:last"):
        assert load_pretrained(reference).backbone
    again = ssl("runs", "prune", "stopped", "--yes")
    assert "nothing to prune" in again.err
    refused = ssl("pretrain", "--resume", "stopped")
    assert refused.code != 0
    assert "no optimizer state" in refused.err


def test_prune_of_all_leaves_what_is_not_done(runs, ssl):
    before = everything(runs / "stopped")
    ended = ssl("runs", "prune", "--yes")
    assert ended.code == 0
    assert "stopped is stopped" in ended.err
    assert everything(runs / "stopped") == before
    assert not list((runs / "done" / "milestones").iterdir())
    assert ssl("pretrain", "--resume", "done").code == 0


def test_nothing_is_pruned_where_no_checkpoint_is_whole(runs, ssl):
    for path in runs.glob("stopped/checkpoints/*/backbone.safetensors"):
        path.write_bytes(b"")
    before = everything(runs)
    ended = ssl("runs", "prune", "stopped", "--yes")
    assert "no complete checkpoint" in ended.err
    assert everything(runs) == before


def test_nothing_is_pruned_through_a_link(runs, ssl, tmp_path):
    (tmp_path / "precious" / "step-000001").mkdir(parents=True)
    (tmp_path / "precious" / "step-000001" / "thesis.txt").write_text("three years of work")
    shutil.rmtree(runs / "done" / "milestones")
    (runs / "done" / "milestones").symlink_to(tmp_path / "precious")
    (runs / "done" / "checkpoints" / "step-000001").symlink_to(tmp_path / "precious")
    assert ssl("runs", "prune", "done", "--yes").code == 0
    assert (tmp_path / "precious" / "step-000001" / "thesis.txt").is_file()
    assert ssl("runs", "delete", "done", "--yes").code == 0
    assert (tmp_path / "precious" / "step-000001" / "thesis.txt").is_file()
