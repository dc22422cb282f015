"""The masked auto-encoder: what its encoder sees, what is told of the rest, and that it learns.

Letters: B images, L patches, T patches of all images, V visible and N hidden ones, F numbers of a
patch.
"""

import json

import numpy as np
import pytest
import torch
from sslplugins.objectives.mae import MaskedAutoEncoder

from sslcli.api import Context, Grid, Inputs, Rng, UsageError
from sslcli.cli.app import run
from sslcli.core.initialize import initialize
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample, collate

GRID = Grid(12, 12, 1, 3)
SHAPE = TransformerSettings(
    row_features=GRID.features, grid=GRID, width=32, depth=2, heads=2, feedforward_width=64,
    longest_tokens=GRID.rows, initial_deviation=0.1,
)  # fmt: skip


def images(count, seed=0):
    """Waves of any direction, float32 [count, 12, 12, 1] in [0, 1]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:12, :12]
    angles, phases = random.uniform(0, np.pi, count), random.uniform(0, 6, count)
    waves = [
        np.sin(0.6 * (np.cos(a) * x + np.sin(a) * y) + p)
        for a, p in zip(angles, phases, strict=True)
    ]
    return ((np.stack(waves) + 1) / 2)[..., None].astype(np.float32)


FOUND = images(10)


def batch_of(found, numbers=None):
    numbers = list(range(len(found))) if numbers is None else numbers
    return collate(numbers, [Sample(rows=GRID.cut(found[number])) for number in numbers])


def built(**options):
    backbone = Transformer(SHAPE)
    options = {"decoder_width": 16, "decoder_heads": 2, "decoder_depth": 1, **options}
    objective = MaskedAutoEncoder(MaskedAutoEncoder.Options(**options), Context(SHAPE))
    for module in (backbone, objective):
        initialize(module, torch.Generator().manual_seed(0))
    torch.nn.init.normal_(objective.mask_E, generator=torch.Generator().manual_seed(1))
    return backbone.eval(), objective.eval()


@pytest.mark.parametrize(
    ("ratio", "rows", "seen"),
    [(0.75, 49, 12), (0.75, 16, 4), (0.9, 100, 10), (0.9, 10, 1), (0.99, 10, 1), (0.01, 10, 9)],
)
def test_as_many_patches_are_seen_as_the_ratio_says(ratio, rows, seen):
    """Where int(rows * (1 - ratio)) keeps 9 of 100 patches, and none of 10."""
    assert built(mask_ratio=ratio)[1].visible(rows) == seen


def test_the_encoder_reads_the_same_number_of_patches_of_each_image_at_their_places():
    _, objective = built()
    batch = objective.collate(batch_of(FOUND), Rng(0, 0))
    everything = np.concatenate([GRID.cut(image) for image in FOUND])
    visible_V, hidden_N = batch.visible_V.numpy(), batch.hidden_N.numpy()
    assert batch.inputs.packing.lengths == (4,) * 10
    assert sorted([*visible_V, *hidden_N]) == list(range(160))
    assert np.bincount(visible_V // GRID.rows).tolist() == [4] * 10
    assert np.array_equal(batch.inputs.rows_TD.numpy(), everything[visible_V])
    assert batch.inputs.positions_T.tolist() == (visible_V % GRID.rows).tolist()
    assert batch.counts == {"restoration": 120 * GRID.features}
    alone = objective.collate(batch_of(FOUND, [7]), Rng(0, 0))
    own = visible_V[visible_V // GRID.rows == 7] % GRID.rows
    assert np.array_equal(alone.visible_V.numpy(), own)
    other = objective.collate(batch_of(FOUND), Rng(0, 1)).visible_V.numpy()
    assert not np.array_equal(other, visible_V)


def test_every_patch_is_left_out_as_often_as_any_other():
    many = np.zeros((4_000, 12, 12, 1), dtype=np.float32)
    hidden_N = built()[1].collate(batch_of(many), Rng(3, 0)).hidden_N.numpy()
    shares = np.bincount(hidden_N % GRID.rows) / len(many)
    assert np.abs(shares - 0.75).max() < 4.5 * (0.75 * 0.25 / len(many)) ** 0.5


@torch.no_grad()
def slowly_told(backbone, objective, batch, image):
    """One image by itself, every step written out."""
    visible = [int(v) % GRID.rows for v in batch.visible_V if int(v) // GRID.rows == image]
    patches = torch.from_numpy(GRID.cut(FOUND[image]))
    seen = Inputs.pack([patches[visible]], positions=[torch.tensor(visible)])
    narrow = objective.narrow(backbone(seen).last_TD)
    rows = torch.stack(
        [
            narrow[visible.index(place)] if place in visible else objective.mask_E
            for place in range(GRID.rows)
        ]
    )
    told = objective.restore_patch(objective.decoder(Inputs.pack([rows])).last_TD)
    hidden = [place for place in range(GRID.rows) if place not in visible]
    return hidden, told[hidden], patches[hidden]


@pytest.mark.parametrize("norm_pixels", [False, True])
@torch.no_grad()
def test_the_loss_is_that_of_every_image_alone(norm_pixels):
    backbone, objective = built(norm_pixels=norm_pixels)
    batch = objective.collate(batch_of(FOUND), Rng(0, 0))
    total = 0.0
    restored = objective.restore(backbone, batch)
    for image in range(len(FOUND)):
        hidden, told, right = slowly_told(backbone, objective, batch, image)
        mean, deviation = right.mean(dim=1, keepdim=True), (right.var(dim=1) + 1e-6).sqrt()[:, None]
        wanted = (right - mean) / deviation if norm_pixels else right
        total += (told - wanted).square().sum().item()
        shown = told * deviation + mean if norm_pixels else told
        np.testing.assert_allclose(restored[image].restored[hidden], shown, atol=1e-4)
        assert not restored[image].corrupted[hidden].any()
        error = (shown - right).square().mean().item()
        assert restored[image].error == pytest.approx(error, rel=1e-3)
    loss = objective(backbone, batch).sums["restoration"].item()
    assert loss == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("norm_pixels", [False, True])
def test_baselines_tell_of_hidden_patches_without_learning(norm_pixels):
    objective = built(norm_pixels=norm_pixels)[1]
    batches = [objective.collate(batch_of(FOUND, n), Rng(0, 0)) for n in ([0, 1, 2], [3, 4])]
    train = images(30, seed=5)
    found = objective.baseline_losses([GRID.cut(image) for image in train], batches)
    mean = np.mean([GRID.cut(image) for image in train], axis=0)
    errors = {"mean image": [], "mean of the visible": [], "nothing": []}
    for batch, numbers in zip(batches, ([0, 1, 2], [3, 4]), strict=True):
        hidden = set(batch.hidden_N.tolist())
        for at, number in enumerate(numbers):
            patches = GRID.cut(FOUND[number])
            seen = [p for place, p in enumerate(patches) if at * GRID.rows + place not in hidden]
            for place in (p for p in range(GRID.rows) if at * GRID.rows + p in hidden):
                right = patches[place]
                errors["mean image"].append((right - mean[place]) ** 2)
                errors["mean of the visible"].append((right - np.mean(seen, axis=0)) ** 2)
                normed = (right - right.mean()) / np.sqrt(right.var(ddof=1) + 1e-6)
                errors["nothing"].append(normed**2)
    names = ["nothing"] if norm_pixels else ["mean image", "mean of the visible"]
    assert found == pytest.approx({name: np.mean(errors[name]) for name in names}, rel=1e-4)


@pytest.mark.parametrize(
    ("shape", "options", "says"),
    [
        ({}, {"decoder_heads": 3}, "a decoder of width 16 does not divide into 3 heads"),
        ({"grid": None}, {}, "reads no images of several patches"),
        ({"grid": Grid(4, 4, 1, 4), "row_features": 16}, {}, "no images of several patches"),
        (
            {"grid": Grid(4, 4, 1, 1), "row_features": 1},
            {"norm_pixels": True},
            "a patch of one number has no deviation",
        ),
    ],
)
def test_what_cannot_be_is_refused(shape, options, says):
    architecture = TransformerSettings(**{**SHAPE.model_dump(), **shape})
    options = MaskedAutoEncoder.Options(**{"decoder_width": 16, "decoder_heads": 2, **options})
    with pytest.raises(UsageError, match=says):
        MaskedAutoEncoder(options, Context(architecture))


def test_it_learns_to_tell_waves_from_a_few_patches(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("train.npz", images=images(600, seed=1)[..., 0])
    np.savez("dev.npz", images=images(64, seed=2)[..., 0])
    line = (
        "pretrain --objective mae --data train.npz --eval-data dev.npz --patch 3 --arch tiny --device"
        " cpu --batch-size 32 --max-steps 500 --lr 3e-3 --mask-ratio 0.5 --name waves"
        " -s model.shape.width=32 -s model.shape.heads=2 -s options.mae.decoder_width=32"
    )
    assert run(line.split()) == 0
    run_folder = tmp_path / "runs" / "waves"
    lines = (run_folder / "metrics.jsonl").read_text().splitlines()
    reached = [line["loss"] for line in map(json.loads, lines) if line["split"] == "eval"][-1]
    baselines = json.loads((run_folder / "run.json").read_text())["baselines"]["losses"]
    assert set(baselines) == {"mean image", "mean of the visible"}
    assert reached < 0.5 * min(baselines.values()), (reached, baselines)
    (shown,) = json.loads((run_folder / "samples" / "report.json").read_text())["galleries"]
    assert shown["rows"] == ["as it is", "as read", "restored"]
    whole, read, restored = (
        np.array([list(bytes.fromhex(image)) for image in row]) / 255 for row in shown["images"]
    )
    assert len(whole) == 8
    assert np.square(restored - whole).mean() < 0.5 * np.square(read - whole).mean()
