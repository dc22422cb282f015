"""An update with a number that is none is not made, wherever the number came from; a lasting one stops the run and spoils nothing."""

import math

import pytest
import torch
from harness import differences, metrics, whole_checkpoints
from poisons import Poison, inside
from safetensors.torch import load_file

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


@pytest.mark.parametrize(("kind", "value"), [("loss", math.inf), ("gradient", math.nan), ("gradient", -math.inf), ("input", math.nan)])
def test_whatever_was_not_finite_the_same_updates_are_left_out(bench, skipping, kind, value):
    run, ended = poisoned_run(bench, f"skipping-{kind}-{value}", Poison(kind, STRUCK, value))
    assert ended.code == 0, ended.said
    assert (run / "log.txt").read_text().count("skipped") == len(STRUCK)
    assert_finite(run)
    assert not differences(skipping, run, "checkpoints")


def test_the_updates_left_out_are_missing_and_no_other(bench, skipping):
    """The run that skips has the losses of the undisturbed one up to the first skip, and others after it."""
    whole = bench.whole(**LENGTH)
    losses, skipped = ({line["step"]: line["loss"] for line in metrics(run) if line["split"] == "train"} for run in (whole, skipping))
    first = min(STRUCK)
    assert [losses[step] for step in range(1, first + 1)] == [skipped[step] for step in range(1, first + 1)]
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
