"""What "@latest" means to each command, by folders that hold no more than a line looks at."""

import json

import pytest
import yaml

from sslcli.errors import UsageError
from sslcli.folders import MANIFEST
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


def test_an_unfinished_run_is_taken_where_there_is_no_other_and_that_is_said(make):
    make(["cut", "begun"])
    run, notes = newest(FOUNDATION)
    assert (run.name, notes) == ("cut", ["cut is not finished (stopped)"])


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
