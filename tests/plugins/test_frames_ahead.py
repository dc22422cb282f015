"""`clm` on recordings: which frames are told from which, what needs no learning, and that text is
left alone.
"""

import json

import numpy as np
import pytest
import torch
from songs import sung
from sslplugins.objectives.clm import CausalLanguageModel
from sslplugins.objectives.sound.frames_ahead import FramesAhead

from sslcli.api import Context, Frames, Rng, UsageError
from sslcli.cli.app import run
from sslcli.conformance.tiny import tiny_context
from sslcli.core.initialize import initialize
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample, collate

SHAPE = TransformerSettings(
    architecture="decoder", row_features=12, frames=Frames.at(8_000, 12), width=32, depth=2, heads=2,
    feedforward_width=64, positions="rotary", norm_place="pre", initial_deviation=0.1,
)  # fmt: skip
LENGTHS = (2, 5, 6, 30)


def recordings(seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(size=(length, 12)).astype(np.float32) for length in LENGTHS]


def built(**options):
    made = CausalLanguageModel.Options(**options)
    cls = CausalLanguageModel.of_shape(SHAPE)
    backbone, objective = Transformer(SHAPE), cls(made, Context(SHAPE))
    for module in (backbone, objective):
        initialize(module, torch.Generator().manual_seed(0))
    return backbone.eval(), objective.eval()


def batch_of(objective, found):
    return objective.collate(
        collate(range(len(found)), [Sample(rows=rows) for rows in found]), Rng(0, 0)
    )


@pytest.mark.parametrize("ahead", [None, 1, 5])
def test_frames_are_told_from_those_so_far_before(ahead):
    _, objective = built(ahead=ahead)
    assert isinstance(objective, FramesAhead)
    batch, steps = batch_of(objective, recordings()), ahead or 5
    pairs = [
        (own[place], own[place + steps])
        for own in recordings()
        for place in range(len(own) - steps)
    ]
    np.testing.assert_array_equal(
        batch.inputs.ready_TF[batch.places_N], [seen for seen, _ in pairs]
    )
    np.testing.assert_array_equal(batch.right_NM, [right for _, right in pairs])
    assert batch.counts == {"clm": 12 * len(pairs)}


def test_nothing_is_told_from_what_comes_later():
    backbone, objective = built()
    found = recordings()
    changed = [rows.copy() for rows in found]
    changed[3][20:] = 9.0
    hidden, other = (
        backbone(batch_of(objective, each).inputs).last_TD for each in (found, changed)
    )
    first = sum(LENGTHS[:3])
    torch.testing.assert_close(hidden[: first + 20], other[: first + 20])
    assert not torch.allclose(hidden[first + 20 :], other[first + 20 :])


def test_what_needs_no_learning():
    _, objective = built(ahead=2)
    train, found = recordings(1), recordings()
    told = objective.baseline_losses(train, [batch_of(objective, found)])
    errors = {name: [] for name in told}
    mean_M = np.concatenate(train).mean(axis=0)
    for own in found:
        for place in range(len(own) - 2):
            right, before = own[place + 2], own[max(0, place - 2)]
            errors["mean frame"].append(np.abs(mean_M - right))
            errors["the same frame"].append(np.abs(own[place] - right))
            errors["straight on"].append(np.abs(2 * own[place] - before - right))
    assert told == {name: pytest.approx(np.mean(each), rel=1e-5) for name, each in errors.items()}


def test_recordings_too_short_for_it_cost_nothing():
    backbone, objective = built()
    batch = batch_of(objective, recordings()[:2])
    assert batch.counts == {"clm": 0}
    assert objective(backbone, batch).sums["clm"].item() == 0


def test_nothing_so_far_ahead_is_refused():
    backbone, objective = built(ahead=5_000)
    with pytest.raises(UsageError, match="has a frame 5,000 ahead of another: the longest has 30"):
        objective.begin(backbone, lambda: batch_of(objective, recordings()))


def test_text_is_told_token_by_token():
    context = tiny_context("decoder")
    assert CausalLanguageModel.of_shape(context.architecture) is CausalLanguageModel
    with pytest.raises(UsageError, match="--ahead tells frames of recordings"):
        CausalLanguageModel(CausalLanguageModel.Options(ahead=3), context)


def test_it_learns_more_than_the_mean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sung(tmp_path / "songs")
    line = (
        "pretrain --objective clm --data songs --ahead 15 --arch tiny --max-steps 60 --batch-size 8 --lr 3e-3 --device"
        " cpu --no-plot --name sung --set data.held_out=0.2"
    )
    assert run(line.split()) == 0
    folder = tmp_path / "runs" / "sung"
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    reached = [line["loss"] for line in lines if line["split"] == "eval"][-1]
    baselines = json.loads((folder / "run.json").read_text())["baselines"]["losses"]
    assert set(baselines) == {"mean frame", "the same frame", "straight on"}
    assert reached < 0.75 * baselines["mean frame"], (reached, baselines)
