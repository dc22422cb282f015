"""The auto-encoder: what it reads and restores, the baselines beside it, and that it learns.

Letters: B images, L patches, T patches of all images, F numbers of a patch, P numbers of an image.
"""

import json

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sslplugins.objectives.autoencoder import AutoEncoder

from sslcli.api import Context, Grid, Rng, UsageError
from sslcli.cli.app import run
from sslcli.core.initialize import initialize
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample, collate
from sslcli.kits.images import sketched

GRID = Grid(8, 8, 1, 4)
SHAPE = TransformerSettings(
    row_features=GRID.features, grid=GRID, width=32, depth=2, heads=2, feedforward_width=64,
    longest_tokens=GRID.rows, initial_deviation=0.1,
)  # fmt: skip


def images(count, seed=0):
    """Bars at random places and of random brightness, float32 [count, 8, 8, 1] in [0, 1]."""
    random = np.random.default_rng(seed)
    found = np.zeros((count, 8, 8, 1), dtype=np.float32)
    for image in found:
        left, top = random.integers(0, 5, 2)
        image[top : top + 3, left : left + 2] = random.uniform(0.3, 1)
    return found


def batch_of(found, numbers=None):
    numbers = list(range(len(found))) if numbers is None else numbers
    return collate(numbers, [Sample(rows=GRID.cut(found[number])) for number in numbers])


def built(**options):
    backbone = Transformer(SHAPE)
    objective = AutoEncoder(AutoEncoder.Options(**options), Context(SHAPE))
    for module in (backbone, objective):
        initialize(module, torch.Generator().manual_seed(0))
    return backbone, objective


def test_the_loss_is_the_squared_error_of_every_number():
    backbone, objective = built(code=5)
    found = images(6)
    batch = objective.collate(batch_of(found), Rng(0, 0))
    objective.begin(backbone, lambda: batch)
    np.testing.assert_allclose(
        GRID.joined(objective.mean_LF.numpy()), found.mean(axis=0), atol=1e-6
    )
    with torch.no_grad():
        loss, restored = objective(backbone, batch), objective.restore(backbone, batch)
        codes = objective.codes(backbone, batch.inputs)
    assert codes.shape == (6, 5)
    assert batch.counts == {"reconstruction": found.size}
    slow = sum(
        ((GRID.joined(each.restored) - image) ** 2).sum()
        for each, image in zip(restored, found, strict=True)
    )
    assert loss.sums["reconstruction"].item() == pytest.approx(slow, rel=1e-5)
    for each, image, code in zip(restored, found, codes, strict=True):
        assert np.array_equal(GRID.joined(each.input), image)
        assert np.array_equal(each.input, each.corrupted)
        assert each.error == pytest.approx(((each.restored - each.input) ** 2).mean(), rel=1e-5)
        assert np.allclose(each.codes, code[None])


def read_by(objective, found, numbers=None, epoch=0):
    batch = objective.collate(batch_of(found, numbers), Rng(0, epoch))
    return batch.inputs.rows_TD.numpy(), batch.whole_TF.numpy()


MANY = images(600, seed=1) * 0.8 + 0.1


@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_corruptions_are_as_strong_as_they_are_said_to_be(rate):
    noisy, whole = read_by(built(corrupt="gaussian", corrupt_rate=rate)[1], MANY)
    noise = (noisy - whole).ravel()
    assert noise.mean() == pytest.approx(0, abs=4 * rate / len(noise) ** 0.5)
    assert noise.std() == pytest.approx(rate, rel=0.02)
    assert np.mean(np.abs(noise) < rate) == pytest.approx(0.6827, abs=0.01)
    masked, whole = read_by(built(corrupt="mask", corrupt_rate=rate)[1], MANY)
    hidden_T = (masked == 0).all(axis=1)
    assert hidden_T.mean() == pytest.approx(rate, abs=0.04)
    assert np.array_equal(masked[~hidden_T], whole[~hidden_T])
    salted, whole = read_by(built(corrupt="salt", corrupt_rate=rate)[1], MANY)
    assert (salted == 1).mean() == pytest.approx(rate / 2, abs=0.02)
    assert (salted == 0).mean() == pytest.approx(rate / 2, abs=0.02)
    is_kept = (salted > 0) & (salted < 1)
    assert np.array_equal(salted[is_kept], whole[is_kept])


@pytest.mark.parametrize("kind", ["gaussian", "mask", "salt"])
def test_an_image_is_broken_alike_in_any_company_and_otherwise_in_another_epoch(kind):
    objective = built(corrupt=kind)[1]
    together, whole = read_by(objective, MANY[:8])
    alone, _ = read_by(objective, MANY[:8], [5])
    assert np.array_equal(together[5 * GRID.rows : 6 * GRID.rows], alone)
    assert not np.array_equal(read_by(objective, MANY[:8], epoch=1)[0], together)
    assert np.array_equal(whole, np.concatenate([GRID.cut(image) for image in MANY[:8]]))


@pytest.mark.parametrize("count", [30, 400])  # fewer images than numbers of one, and more
@pytest.mark.parametrize("corrupt", ["none", "gaussian"])
def test_baselines_are_those_of_scikit_learn(count, corrupt):
    objective = built(code=7, corrupt=corrupt)[1]
    train, held_out = images(count, seed=2), images(50, seed=3)
    batches = [
        objective.collate(batch_of(held_out, numbers), Rng(0, 0))
        for numbers in (list(range(20)), list(range(20, 50)))
    ]
    found = objective.baseline_losses([GRID.cut(image) for image in train], batches)
    whole, read = (
        np.concatenate([part.numpy() for part in parts]).reshape(50, -1)
        for parts in zip(*((b.whole_TF, b.inputs.rows_TD) for b in batches), strict=True)
    )
    flat = np.stack([GRID.cut(image).ravel() for image in train])
    pca = PCA(7, svd_solver="full").fit(flat)
    restored = pca.inverse_transform(pca.transform(read))
    assert found["mean image"] == pytest.approx(((flat.mean(axis=0) - whole) ** 2).mean(), rel=1e-4)
    assert found["PCA of 7"] == pytest.approx(((restored - whole) ** 2).mean(), rel=1e-3)
    assert ("as it is broken" in found) == (corrupt != "none")
    if corrupt != "none":
        assert found["as it is broken"] == pytest.approx(((read - whole) ** 2).mean(), rel=1e-4)


def test_images_in_characters_are_as_bright_as_they_are():
    ramp = np.repeat(np.linspace(0, 1, 10, dtype=np.float32)[None, :, None], 4, axis=0)
    assert sketched(ramp) == [" .:-=+*#%@"] * 2
    assert sketched(ramp[:3]) == [" .:-=+*#%@"] * 2  # an odd last row by itself
    assert sketched(np.full((2, 1, 3), 7.0)) == ["@"]


def test_a_code_as_large_as_the_image_is_refused():
    problem = "a code of 64 numbers leaves nothing to learn"
    with pytest.raises(UsageError, match=problem) as refused:
        built(code=64)
    built(code=int(refused.value.hint.rpartition("--code ")[2]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bars")
    pixels = (images(640, seed=4)[..., 0] * 255).astype(np.uint8)
    np.savez(folder / "train.npz", images=pixels[:600])
    np.savez(folder / "wide.npz", images=np.zeros((30, 8, 12), np.uint8))
    np.savez(folder / "dev.npz", images=pixels[600:])
    return folder


LINE = [
    "pretrain",
    "--objective",
    "autoencoder",
    "--data",
    "train.npz",
    "--code",
    "8",
    "--arch",
    "tiny",
    "--batch-size",
    "32",
    "--device",
    "cpu",
    "--no-plot",
    "-s",
    "model.shape.width=32",
    "-s",
    "model.shape.heads=2",
    "--lr",
    "3e-3",
]


def test_it_learns_to_restore_bars_better_than_principal_components(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run([*LINE, "--eval-data", "dev.npz", "--max-steps", "500", "--name", "bars"]) == 0
    said = capsys.readouterr()
    assert "8 x 8 pixels, grey, in 4 patches of 4 x 4" in said.out + said.err
    lines = (folder / "runs" / "bars" / "metrics.jsonl").read_text().splitlines()
    reached = [line["loss"] for line in map(json.loads, lines) if line["split"] == "eval"][-1]
    facts = json.loads((folder / "runs" / "bars" / "run.json").read_text())
    baselines = facts["baselines"]["losses"]
    assert reached < baselines["PCA of 8"] < baselines["mean image"], (reached, baselines)


def test_a_model_of_images_reads_images_of_its_size_alone(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run([*LINE, "--max-steps", "2", "--name", "short"]) == 0
    capsys.readouterr()
    words = ["pretrain", "--objective", "autoencoder", "--model", "short", "--max-steps", "2"]
    assert run([*words, "--data", "wide.npz", "--name", "other"]) == 2
    told = capsys.readouterr().err
    assert "8 x 12 pixels" in told
    assert "the model reads images of 8 x 8 pixels" in told
    assert run([*words, "--data", "dev.npz", "--name", "further"]) == 0


def test_a_batch_is_drawn(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run([*LINE, "--corrupt", "mask", "--show-batch"]) == 0
    said = capsys.readouterr().out
    assert "an image of 64 numbers becomes a code of 8" in said
    assert "as it is" in said
    assert "as read" in said
    assert any(shade in said for shade in "=+*#%@")
