"""An update with a number that is none is not made, wherever the number came from; a lasting one
stops the run and spoils nothing.
"""

import io
import json
import math
from contextlib import redirect_stderr, redirect_stdout

import pytest
import torch
from harness import differences, metrics, whole_checkpoints
from poisons import Poison, SignalAt, inside
from safetensors.torch import load_file

from sslcli.cli.app import run as ssl

LENGTH = {"max_steps": 20, "keep": 4}
STRUCK = frozenset({6, 11, 12})


def poisoned_run(bench, name, poison):
    run = bench.folder / name
    with inside(poison):
        return run, bench.here(bench.words(run, **LENGTH))


def assert_finite(run):
    files = list(run.glob("checkpoints/*/*.safetensors"))
    assert files
    for file in files:
        for name, tensor in load_file(file).items():
            assert torch.isfinite(tensor).all(), f"{file}: {name}"


@pytest.fixture(scope="module")
def skipping(bench):
    """A run that lost three updates because their loss was no number."""
    run, ended = poisoned_run(bench, "skipping", Poison("loss", STRUCK, math.nan))
    assert ended.code == 0, ended.said
    return run


@pytest.mark.parametrize(
    ("kind", "value"),
    [("loss", math.inf), ("gradient", math.nan), ("gradient", -math.inf), ("input", math.nan)],
)
def test_whatever_was_not_finite_the_same_updates_are_left_out(bench, skipping, kind, value):
    run, ended = poisoned_run(bench, f"skipping-{kind}-{value}", Poison(kind, STRUCK, value))
    assert ended.code == 0, ended.said
    assert (run / "log.txt").read_text().count("skipped") == len(STRUCK)
    assert_finite(run)
    assert not differences(skipping, run, "checkpoints")


def test_the_updates_left_out_are_missing_and_no_other(bench, skipping):
    """The run that skips has the losses of the undisturbed one up to the first skip, and others
    after it.
    """
    whole = bench.whole(**LENGTH)
    losses, skipped = (
        {line["step"]: line["loss"] for line in metrics(run) if line["split"] == "train"}
        for run in (whole, skipping)
    )
    first = min(STRUCK)
    assert [losses[step] for step in range(1, first + 1)] == [
        skipped[step] for step in range(1, first + 1)
    ]
    assert losses[first + 2] != skipped[first + 2]
    assert all(math.isfinite(loss) for step, loss in skipped.items() if step - 1 not in STRUCK)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_weight_that_stays_no_number_ends_the_run_before_it_is_saved(bench, value):
    run, ended = poisoned_run(bench, f"spoilt-{value}", Poison("weight", frozenset({7}), value))
    assert ended.code == 1
    assert ended.is_clean, ended.said
    assert "finite" in ended.said
    assert max(whole_checkpoints(run)) == 5
    assert_finite(run)


def facts(run):
    return json.loads((run / "run.json").read_text())


def evaluated(run):
    return [line["step"] for line in metrics(run) if line["split"] == "eval"]


@pytest.mark.parametrize("last", [1, 3])
def test_where_only_the_last_updates_are_skipped_the_weights_before_them_are_saved_and_scored(
    bench, last
):
    """Nineteen steps of a run of twenty, the twentieth skipped: the weights of the nineteenth, to
    the bit.
    """
    struck = frozenset(range(20 - last, 20))
    run, ended = poisoned_run(bench, f"last-{last}", Poison("loss", struck, math.nan))
    assert ended.code == 0, ended.said
    assert facts(run)["status"] == "done"
    assert facts(run)["skipped"] == last
    assert evaluated(run) == [0, 20]
    assert max(whole_checkpoints(run)) == 20
    assert f"the weights at the end are those of step {20 - last}" in ended.said
    seen = bench.here(bench.words(run, "--resume", **LENGTH))
    assert seen.code == 0
    one, other = (
        load_file(folder / "backbone.safetensors")
        for folder in (
            run / "checkpoints" / "step-000020",
            bench.whole(max_steps=20, save_every=1, keep=20)
            / "checkpoints"
            / f"step-{20 - last:06d}",
        )
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("first", [0, 1, 10])
def test_a_run_that_ends_in_a_long_row_of_skipped_updates_is_not_done(bench, first):
    """Fewer than ten in a row, but at least half of a short run."""
    length = {"max_steps": max(2 * first, 8) if first < 10 else 18, "keep": 4}
    run = bench.folder / f"diverged-from-{first}"
    with inside(Poison("loss", frozenset(range(min(first, 9), 40)), math.nan)):
        ended = bench.here(bench.words(run, **length))
    assert ended.code == 1
    assert ended.is_clean, ended.said
    assert facts(run)["status"] == "diverged"
    assert "not finite in the last" in ended.said
    assert "saved in" not in ended.said
    assert length["max_steps"] not in whole_checkpoints(run)
    kept = whole_checkpoints(run)
    assert (f"up to step-{max(kept):06d}" if kept else "no checkpoint was saved") in ended.said
    again = bench.here(["runs", "show", str(run)])
    assert "diverged" in again.said
    assert "--resume" not in again.said, "it would only diverge once more"


def test_a_stop_in_a_row_of_skipped_updates_costs_no_older_checkpoint(bench):
    run = bench.folder / "stopped-while-skipping"
    with inside(Poison("loss", frozenset({11, 12, 13, 14}), math.nan)), inside(SignalAt(13)):
        ended = bench.here(bench.words(run, **{**LENGTH, "keep": 1, "eval_every": 20}))
    assert ended.code == 75, ended.said
    assert whole_checkpoints(run) == [10, 14]


def test_a_study_of_which_one_run_diverges_names_it_and_is_not_done(world_run, tmp_path):
    """The first run too: nothing of it can be compared."""
    line = [
        "finetune",
        "sentiment",
        "--model",
        str(world_run),
        "--lr",
        "1e12",
        "--max-steps",
        "8",
        "--batch-size",
        "8",
        "--no-plot",
    ]
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = ssl(
            [*line, "--seeds", "2", "--out", str(tmp_path / "study"), "--set", "data.limit=60"]
        )
    assert code == 1, said.getvalue()
    assert f"error: {tmp_path / 'study'}: " in said.getvalue()
    assert "saved in" not in said.getvalue()
    assert facts(tmp_path / "study")["status"] == "diverged"
    assert not (tmp_path / "study" / "scores.json").exists()
