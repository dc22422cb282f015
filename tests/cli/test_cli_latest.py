"""What "@latest" means to each command, by folders that hold no more than a line looks at."""

import json

import pytest
import yaml

from sslcli.errors import ModelError, UsageError
from sslcli.folders import MANIFEST, sealed
from sslcli.models.places import locate_weights
from sslcli.runs.references import (
    ANY,
    ASKED,
    FOUNDATION,
    LOOKED_INTO,
    TRAINED,
    Purpose,
    decided,
    find_run,
    newest,
    resumed_run,
)

# The oldest first: name, kind, objective, start, names of the study, status, architecture,
# checkpoint.
RUNS = [
    ("world", "pretrain", "mlm", None, [], "done", "encoder", True),
    ("story", "pretrain", "clm", None, [], "done", "decoder", True),
    ("order", "pretrain", "sop", None, [], "done", "encoder", True),
    (
        "qa",
        "finetune",
        "qa",
        "pretrained",
        ["qa", "qa-random", "qa-zh", "qa-seed43"],
        "done",
        "encoder",
        True,
    ),
    (
        "qa-random",
        "finetune",
        "qa",
        "random",
        ["qa", "qa-random", "qa-zh", "qa-seed43"],
        "done",
        "encoder",
        True,
    ),
    (
        "qa-zh",
        "finetune",
        "qa",
        "pretrained",
        ["qa", "qa-random", "qa-zh", "qa-seed43"],
        "done",
        "encoder",
        True,
    ),
    (
        "qa-seed43",
        "finetune",
        "qa",
        "pretrained",
        ["qa", "qa-random", "qa-zh", "qa-seed43"],
        "done",
        "encoder",
        True,
    ),
    ("glue", "suite", "glue", None, [], "done", None, False),
    ("cut", "pretrain", "mlm", None, [], "stopped", "encoder", True),
    ("begun", "pretrain", "mlm", None, [], "died", "encoder", False),
]
MEANS = {
    "shown": (ANY, "begun"),
    "written elsewhere": (TRAINED, "qa"),
    "looked into": (LOOKED_INTO, "order"),
    "looked into by a probe of decoders": (
        Purpose(("pretrain", "finetune"), True, True, ("decoder",)),
        "story",
    ),
    "asked": (ASKED, "story"),
    "trained further": (FOUNDATION, "order"),
}


@pytest.fixture
def make(tmp_path):
    def make(names=None):
        for place, (
            name,
            kind,
            objective,
            start,
            study,
            status,
            architecture,
            has_weights,
        ) in enumerate(RUNS):
            if names is not None and name not in names:
                continue
            folder = tmp_path / "runs" / name
            folder.mkdir(parents=True)
            facts = {
                "kind": kind,
                "objective": objective,
                "status": status,
                "started": f"2026-01-01T00:00:{place:02}",
            }
            (folder / "run.json").write_text(
                json.dumps({**facts, **({"start": start} if start else {})})
            )
            settings = {"model": {"shape": {"architecture": architecture}}, "run": {"study": study}}
            (folder / "config.yaml").write_text(yaml.safe_dump(settings))
            if has_weights:
                (folder / "checkpoints" / "step-000004").mkdir(parents=True)
                (folder / "checkpoints" / "step-000004" / MANIFEST).write_text("{}")

    return make


@pytest.mark.parametrize("use", MEANS)
def test_it_is_the_newest_run_that_the_command_can_use(make, use):
    make()
    assert newest(MEANS[use][0])[0].name == MEANS[use][1]


def test_what_is_passed_over_for_not_being_finished_is_said(make):
    make()
    assert newest(FOUNDATION)[1] == [
        "begun is not finished (died) and has no checkpoint, and is skipped",
        "cut is not finished (stopped), and is skipped",
    ]


@pytest.mark.parametrize("use", [FOUNDATION, ASKED, LOOKED_INTO, TRAINED])
def test_an_unfinished_run_is_used_only_by_its_name(make, use, monkeypatch):
    monkeypatch.setattr("sslcli.runs.references._has", lambda *_: True)
    make(["cut", "begun"])
    with pytest.raises(
        UsageError, match=r"no run that is finished .* cut is not finished"
    ) as caught:
        newest(use)
    assert "name it to use it as it is: cut" in caught.value.hint
    assert "ssl pretrain --resume cut" in caught.value.hint
    assert find_run("cut", use).name == "cut"


UNFINISHED = "no run that is finished can be used: cut is not finished (stopped)"


@pytest.mark.parametrize(
    "words",
    [
        ["probe", "attention", "a cat"],
        ["generate", "a [MASK]"],
        ["translate-shift", "a cat"],
        ["export", "@latest", "out"],
        ["finetune", "sentiment"],
        ["finetune", "sentiment", "--model", "@latest"],
        ["finetune", "sentiment", "--check"],
        ["finetune", "sentiment", "--compare-scratch"],
        ["pretrain", "--model", "@latest"],
    ],
    ids=" ".join,
)
def test_no_command_takes_an_unfinished_run_unnamed(make, ssl, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sslcli.runs.references._has", lambda *_: True)
    make(["cut"])
    ended = ssl(*words)
    assert ended.code == 2
    assert UNFINISHED in ended.err
    assert "hint:  name it to use it as it is: cut; go on with: ssl pretrain" in ended.err


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_nor_does_one_that_answers(make, ssl, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    make(["qa"])
    (tmp_path / "dev.json").write_text("{}")
    facts = json.loads((tmp_path / "runs" / "qa" / "run.json").read_text())
    (tmp_path / "runs" / "qa" / "run.json").write_text(json.dumps({**facts, "status": "stopped"}))
    ended = ssl(command, "qa", "--data", "dev.json")
    assert ended.code == 2
    assert "qa is not finished (stopped)" in ended.err
    assert "go on with: ssl finetune qa --resume qa" in ended.err


def test_one_that_is_named_is_used_and_that_is_said(tmp_path, monkeypatch, make):
    make(["cut"])
    with sealed(tmp_path / "runs" / "cut" / "checkpoints" / "step-000008", {"step": 8}):
        pass
    assert locate_weights("cut").notes[0] == "cut is not finished (stopped)"
    assert locate_weights(str(tmp_path / "runs" / "cut")).notes[0].startswith("cut is not finished")


def test_one_that_is_named_and_has_nothing_yet_says_how_it_stands(make):
    make(["begun"])
    with pytest.raises(ModelError, match="no complete checkpoint") as refused:
        locate_weights("begun")
    assert refused.value.hint == "it is not finished (died)"


def test_which_run_is_the_latest_is_said(make, ssl, tmp_path):
    make()
    ended = ssl("report", "--out", str(tmp_path / "page.html"))
    assert ended.code == 0
    assert f"run    {tmp_path / 'runs' / 'begun'} (the newest; it is not finished" in ended.err


@pytest.mark.parametrize("kind", ["qa", "finetune"])
@pytest.mark.parametrize("use", [ANY, TRAINED, LOOKED_INTO])
def test_of_a_study_its_first_run_is_meant(make, kind, use):
    make()
    assert newest(use, kind)[0].name == "qa"


def test_nothing_of_use_is_a_sentence_that_says_what_is_there(make):
    with pytest.raises(UsageError, match="there is no run in"):
        newest(FOUNDATION)
    make(["begun"])
    with pytest.raises(UsageError, match="can be used: begun has no checkpoint"):
        newest(FOUNDATION)
    with pytest.raises(UsageError, match="there is no run of clm"):
        newest(FOUNDATION, "clm")


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("@latest", "order"),
        ("@latest:mlm", "world"),
        ("@latest:step-20", "order:step-20"),
        ("@latest:mlm:best", "world:best"),
        ("x", None),
    ],
)
def test_a_reference_is_decided_once(make, tmp_path, reference, name):
    make()
    assert decided(reference, FOUNDATION)[0] == (
        reference if name is None else str(tmp_path / "runs" / name)
    )


def test_a_run_that_is_gone_on_with_is_one_that_is_not_finished(make):
    make()
    assert resumed_run("@latest", ("pretrain",)).name == "begun"
    assert resumed_run("@latest", ("finetune", "suite")).name == "glue"
    assert resumed_run("world", ("pretrain",)).name == find_run("world").name


def test_the_shown_run_may_be_at_its_beginning(make, ssl):
    make()
    assert json.loads(ssl("runs", "show", "--json").out)["name"] == "begun"
