"""Masked frames: what is hidden, what is read in its place, and what is told of it without learning.

Letters: B recordings, T frames of all of them, M bands.
"""

import itertools
import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch
from songs import sung
from sslplugins.objectives.sound.mask_frames import MaskedFrames
from sslplugins.objectives.sound.spans import hidden_runs, interpolated, nearest_visible

from sslcli.api import Context, Frames, Inputs, Rng, UsageError
from sslcli.cli.app import run
from sslcli.core.initialize import initialize
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample, collate

FRAMES = Frames.at(8_000, 12)
SHAPE = TransformerSettings(
    row_features=12, frames=FRAMES, width=32, depth=2, heads=2, feedforward_width=64,
    positions="rotary", initial_deviation=0.1,
)  # fmt: skip
LENGTHS = (1, 3, 8, 40, 130, 300)


def recordings(lengths=LENGTHS, seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(size=(length, 12)).astype(np.float32) for length in lengths]


def batch_of(found):
    return collate(range(len(found)), [Sample(rows=rows) for rows in found])


def built(**options):
    backbone, objective = (
        Transformer(SHAPE),
        MaskedFrames(MaskedFrames.Options(**options), Context(SHAPE)),
    )
    for module in (backbone, objective):
        initialize(module, torch.Generator().manual_seed(0))
    return backbone.eval(), objective.eval()


def test_runs_are_what_a_plain_loop_hides():
    batch, rng = batch_of(recordings()), Rng(0, 0)
    runs = hidden_runs(batch, rng, 0.3, 5)
    hidden, starts = [], []
    for number, length in enumerate(LENGTHS):
        size = min(5, max(1, length // 4))
        chance = rng.uniform("run", np.full(length, number), np.arange(length))
        begins = set(np.flatnonzero(chance < 1 - 0.7 ** (1 / size)).tolist())
        begins.add(int(np.argmin(chance[: length - size + 1])))
        own = [max((b for b in begins if b <= t < b + size), default=-1) for t in range(length)]
        hidden += [begin >= 0 for begin in own]
        starts += [begin + sum(LENGTHS[:number]) if begin >= 0 else 0 for begin in own]
    np.testing.assert_array_equal(runs.hidden_T, hidden)
    np.testing.assert_array_equal(runs.start_T, starts)


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_the_share_is_hidden(share):
    batch = batch_of(recordings([2_000] * 10))
    assert hidden_runs(batch, Rng(1, 0), share, 7).hidden_T.mean() == pytest.approx(share, rel=0.1)


def test_every_recording_has_something_to_tell():
    batch = batch_of(recordings([1, 2, 3, 30] * 20))
    hidden_T = hidden_runs(batch, Rng(2, 0), 0.01, 7).hidden_T
    assert np.logical_or.reduceat(hidden_T, batch.starts[:-1]).all()


def test_interpolation_is_numpys():
    rows_TM, lengths = np.concatenate(recordings()), np.cumsum((0, *LENGTHS))
    hidden_T = np.random.default_rng(0).random(len(rows_TM)) < 0.4
    hidden_T[lengths[3]] = hidden_T[lengths[4] - 1] = True  # both ends of one
    hidden_T[:1] = True  # all that there is of the first
    found_TM = interpolated(rows_TM, lengths, hidden_T, np.arange(12.0))
    np.testing.assert_array_equal(found_TM[0], np.arange(12.0))
    for start, stop in pairwise(lengths):
        seen = np.flatnonzero(~hidden_T[start:stop])
        for band in range(12) if len(seen) else ():
            own = rows_TM[start:stop, band]
            wanted = np.interp(np.arange(stop - start), seen, own[seen])
            np.testing.assert_allclose(found_TM[start:stop, band], wanted, atol=1e-5)


def test_what_is_read_in_place_of_hidden_frames():
    _, objective = built(mask_rate=0.4)
    objective.tell.mean_M.copy_(torch.arange(12.0))
    found = recordings([400] * 12)
    batch = batch_of(found)
    made = objective.collate(batch, Rng(3, 0))
    seen_TM, whole_TM = objective.seen(made).numpy(), made.whole_TM.numpy()
    hidden_T = np.zeros(len(whole_TM), dtype=bool)
    hidden_T[made.places_N] = True
    np.testing.assert_array_equal(whole_TM, np.concatenate(found))
    np.testing.assert_array_equal(seen_TM[~hidden_T], whole_TM[~hidden_T])
    blank_T = (seen_TM == np.arange(12)).all(axis=1)
    kept_T = hidden_T & (seen_TM == whole_TM).all(axis=1)
    shares = [(hidden_T & each).sum() / hidden_T.sum() for each in (blank_T, kept_T)]
    assert shares == [pytest.approx(0.8, abs=0.05), pytest.approx(0.1, abs=0.04)]
    for place in np.flatnonzero(hidden_T & ~blank_T & ~kept_T)[::7]:
        own_tM = found[place // 400]
        assert (own_tM == seen_TM[place]).all(axis=1).any()  # from the same recording


def test_neighbouring_bands_are_blank_in_a_whole_recording():
    _, objective = built(band_share=0.5)
    blank_TM = objective.collate(batch_of(recordings([20] * 200)), Rng(4, 0)).blank_TM.numpy()
    always_BM = blank_TM.reshape(200, 20, 12).all(axis=1)
    sizes_B = always_BM.sum(axis=1)
    assert set(sizes_B.tolist()) == set(range(7))
    for own_M in always_BM[sizes_B > 0]:
        first, last = np.flatnonzero(own_M)[[0, -1]]
        assert own_M[first : last + 1].all()


def test_the_loss_is_that_of_every_recording_alone():
    backbone, objective = built()
    found = recordings((8, 40, 130))
    objective.begin(backbone, lambda: objective.collate(batch_of(found), Rng(0, 0)))
    rows_TM = np.concatenate(found)
    np.testing.assert_allclose(objective.tell.mean_M, rows_TM.mean(axis=0), atol=1e-5)
    together = objective.collate(batch_of(found), Rng(5, 0))
    alone = 0.0
    for number, rows_tM in enumerate(found):
        own = objective.collate(collate([number], [Sample(rows=rows_tM)]), Rng(5, 0))
        inputs = replace(Inputs.pack([objective.seen(own)]))
        told_tM = objective.tell(backbone(inputs).last_TD)
        alone += (told_tM - own.whole_TM)[own.places_N].abs().sum().item()
    assert objective(backbone, together).sums["frames"].item() == pytest.approx(alone, rel=1e-4)
    assert together.counts == {"frames": 12 * len(together.places_N)}


def test_what_needs_no_learning():
    _, objective = built()
    train, batches = recordings(seed=1), [objective.collate(batch_of(recordings()), Rng(6, 0))]
    found = objective.baseline_losses(train, batches)
    whole_TM, places_N = batches[0].whole_TM.numpy(), batches[0].places_N.numpy()
    mean_M = np.concatenate(train).mean(axis=0)
    assert found["mean frame"] == pytest.approx(
        np.abs(whole_TM[places_N] - mean_M).mean(), rel=1e-5
    )
    hidden_T = np.isin(np.arange(len(whole_TM)), places_N)
    line_TM = interpolated(whole_TM, np.cumsum((0, *LENGTHS)), hidden_T, mean_M)
    assert found["interpolation"] == pytest.approx(
        np.abs(whole_TM - line_TM)[places_N].mean(), rel=1e-5
    )


def test_shares_above_one_are_refused():
    with pytest.raises(UsageError, match="more than 1 together"):
        built(mask_share=0.8, random_share=0.3)


def test_it_learns_more_than_the_mean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sung(tmp_path / "songs")
    line = (
        "pretrain --objective mask-frames --data songs --arch tiny --max-steps 60 --batch-size 8 --lr 3e-3"
        " --device cpu --name sung --set data.held_out=0.2"
    )
    assert run(line.split()) == 0
    run_folder = tmp_path / "runs" / "sung"
    lines = (run_folder / "metrics.jsonl").read_text().splitlines()
    reached = [line["loss"] for line in map(json.loads, lines) if line["split"] == "eval"][-1]
    baselines = json.loads((run_folder / "run.json").read_text())["baselines"]["losses"]
    assert set(baselines) == {"mean frame", "interpolation"}
    assert reached < 0.8 * baselines["mean frame"], (reached, baselines)
    sounds = json.loads((run_folder / "samples" / "report.json").read_text())["sounds"]
    assert [sound["title"] for sound in sounds[:3]] == [
        f"recording 1, {way}" for way in ("as it is", "as read", "restored")
    ]
    heard = [soundfile.info(run_folder / "samples" / f"{sound['name']}.wav") for sound in sounds]
    assert len(heard) == 9
    assert len({each.duration for each in heard[:3]}) == 1
    assert heard[0].duration > 0.1
    assert run(["report", "sung"]) == 0
    assert (run_folder / "report.html").read_text(encoding="utf-8").count("<audio controls") == 9


def test_the_nearest_visible_frame_is_the_one_that_is_found_slowly():
    random = np.random.default_rng(4)
    for share in (0.1, 0.5, 0.95, 1.0):
        lengths = random.integers(1, 12, 30)
        starts = np.cumsum((0, *lengths))
        hidden_T = random.random(starts[-1]) < share
        expected = []
        for start, stop in itertools.pairwise(starts):
            seen = [place for place in range(start, stop) if not hidden_T[place]]
            for place in range(start, stop):
                if hidden_T[place]:
                    near = min(seen, key=lambda each: (abs(each - place), each), default=place)
                    expected.append(near)
        assert nearest_visible(starts, hidden_T).tolist() == expected
