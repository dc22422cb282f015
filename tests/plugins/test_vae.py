"""The variational auto-encoder: its bound against torch's distributions, its schedule and free bits
against slow references, its baselines against scikit-learn, and that it learns.

Letters: B images, K numbers of a code, P numbers of an image.
"""

import json
import math
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sslplugins.objectives.vae import VariationalAutoEncoder
from test_autoencoder import GRID, SHAPE, batch_of, images
from torch.distributions import Normal, kl_divergence

from sslcli.api import Context, Rng, UsageError
from sslcli.cli.app import run
from sslcli.core.initialize import initialize
from sslcli.core.transformer import Transformer
from sslcli.engine.checkpoints.tensor_files import load_tensors
from sslcli.engine.metric_sums import MetricSums
from sslcli.testing import CHECKS, check_one


def built(**options):
    backbone = Transformer(SHAPE)
    objective = VariationalAutoEncoder(
        VariationalAutoEncoder.Options(**{"code": 5, **options}), Context(SHAPE)
    )
    for module in (backbone, objective):
        initialize(module, torch.Generator().manual_seed(0), 0.1)
    return backbone, objective


def begun(count=12, progress=1.0, **options):
    backbone, objective = built(**options)
    batch = objective.collate(batch_of(images(count)), Rng(0, 0, progress=progress))
    with torch.no_grad():
        objective.begin(backbone, lambda: batch)
    object.__setattr__(batch, "progress", progress)
    return backbone, objective, batch


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("options", [{"free_bits": 0.5}, {"variance": 0.02, "beta": 2.0}])
def test_it_conforms(check, options):
    check_one(VariationalAutoEncoder, check, VariationalAutoEncoder.Options(**options))


def parts_of(backbone, objective, batch):
    """Nats of each image, and the divergence of each number of its code, by torch's distributions."""
    mean_BK, log_variance_BK = objective.code_of(backbone, batch.inputs)
    code = Normal(mean_BK, (log_variance_BK / 2).exp())
    drawn_BK = mean_BK + batch.noise_BK.float() * code.scale
    decoded = objective.decoded(drawn_BK).reshape(len(mean_BK), -1)
    seen = Normal(decoded, (objective.log_variance_1 / 2).exp().expand(decoded.shape))
    whole_BP = batch.inputs.ready_TF.reshape(len(mean_BK), -1)
    return -seen.log_prob(whole_BP).sum(dim=1), kl_divergence(code, Normal(0.0, 1.0))


@pytest.mark.parametrize("variance", [0.0, 0.05])
def test_the_loss_is_the_negative_bound(variance):
    backbone, objective, batch = begun(variance=variance)
    nats_B, divergence_BK = parts_of(backbone, objective, batch)
    loss = objective(backbone, batch)
    torch.testing.assert_close(loss.sums["vae"], nats_B.sum() + divergence_BK.sum())
    assert batch.counts == {"vae": 12}
    assert loss.metrics["divergence"].sum.item() == pytest.approx(divergence_BK.sum().item())
    around = images(12).var(axis=0).mean()
    expected = variance or around
    assert objective.log_variance_1.exp().item() == pytest.approx(expected, rel=1e-4)
    assert objective.log_variance_1.requires_grad == (not variance)


@pytest.mark.parametrize(
    ("progress", "weight"), [(0.0, 0.0), (0.1, 0.75), (0.2, 1.5), (0.7, 1.5), (1.0, 1.5)]
)
def test_the_divergence_comes_to_its_weight(progress, weight):
    backbone, objective, batch = begun(progress=progress, beta=1.5)
    nats_B, divergence_BK = parts_of(backbone, objective, batch)
    torch.testing.assert_close(
        objective(backbone, batch).sums["vae"], nats_B.sum() + weight * divergence_BK.sum()
    )


def state_of(divergence_K, count):
    return {
        "divergence": divergence_K,
        "count": torch.tensor(float(count)),
        "codes": torch.zeros(5),
        "squares": torch.eye(5) * count,
    }


def test_numbers_with_little_divergence_are_free_in_training_alone():
    """By the mean over past steps, of each number."""
    backbone, objective, batch = begun(progress=0.5, free_bits=0.3)
    met = torch.tensor([0.1, 0.2, 0.5, 1.0, 0.29])
    with torch.no_grad():
        objective.after_step(backbone, state_of(7 * met, 7), Rng(0, 0))
    torch.testing.assert_close(objective.divergence_K, met)
    nats_B, divergence_BK = parts_of(backbone, objective, batch)
    is_free = torch.tensor([True, True, False, False, True])
    expected = nats_B.sum() + 12 * 0.3 * 3 + divergence_BK[:, ~is_free].sum()
    torch.testing.assert_close(objective(backbone, batch).sums["vae"], expected)
    object.__setattr__(batch, "progress", 1.0)
    torch.testing.assert_close(
        objective(backbone, batch).sums["vae"], nats_B.sum() + divergence_BK.sum()
    )
    with torch.no_grad():
        objective.after_step(backbone, state_of(met, 2), Rng(0, 0))
    torch.testing.assert_close(objective.divergence_K, 0.9 * met + 0.1 * met / 2)


def test_noise_is_normal_and_alike_in_any_company():
    objective = built()[1]
    many = objective.collate(batch_of(images(3_000)), Rng(0, 0)).noise_BK
    assert many.mean().item() == pytest.approx(0, abs=0.03)
    assert many.std().item() == pytest.approx(1, abs=0.02)
    alone = objective.collate(batch_of(images(8), [5]), Rng(0, 0)).noise_BK
    assert torch.equal(alone[0], many[5])


def test_active_units_are_those_that_vary_over_all_samples():
    random = np.random.default_rng(0)
    codes = random.normal(size=(60, 6)) * [1, 0.2, 0.05, 0.2, 0.01, 3] + [0, 5, 5, 0, 1, -2]
    sums = MetricSums()
    for part in np.array_split(codes, 7):
        from sslcli.api import Loss, Moments

        rows = torch.from_numpy(part)
        moments = Moments(rows.sum(dim=0), rows.square().sum(dim=0), len(rows))
        sums.add(Loss({}, {"units": moments}), {})
    assert sums.read()[2] == {"active_units": (codes.var(axis=0) > 0.01).sum()}
    assert sums.counts() == {"active_units": 60}


@pytest.mark.parametrize("count", [40, 400])  # fewer images than numbers of one, and more
def test_baselines_are_those_of_scikit_learn(count):
    objective = built()[1]
    train, held_out = images(count, seed=2) * 0.5 + 0.1, images(50, seed=3) * 0.5 + 0.1
    train += np.random.default_rng(0).normal(size=train.shape) * 0.05
    batches = [
        objective.collate(batch_of(held_out, n), Rng(0, 0))
        for n in (list(range(20)), list(range(20, 50)))
    ]
    found = objective.baseline_losses(
        [GRID.cut(image.astype(np.float32)) for image in train], batches
    )
    flat = train.reshape(count, -1).astype(np.float32).astype(float)
    held = held_out.reshape(50, -1).astype(float)
    # scikit-learn divides by one less, and shares the rest among as many directions as there are
    model = PCA(5, svd_solver="full").fit(flat)
    scale = (count - 1) / count
    variance = model.explained_variance_ * scale
    rest = (np.square(flat - flat.mean(axis=0)).sum() / count - variance.sum()) / (64 - 5)
    covariance = model.components_.T @ np.diag(variance - rest) @ model.components_ + rest * np.eye(
        64
    )
    apart = held - flat.mean(axis=0)
    distance = (apart @ np.linalg.inv(covariance) * apart).sum(axis=1)
    nats = (64 * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1] + distance.mean()) / 2
    assert found["probabilistic PCA of 5"] == pytest.approx(nats, rel=1e-4)
    if count == 400:
        assert found["probabilistic PCA of 5"] == pytest.approx(-model.score(held), rel=0.02)
    assert found["probabilistic PCA of 5"] < found["mean image"]


def test_errors_of_restored_images_are_squared_ones_and_are_said_so():
    backbone, objective, batch = begun()
    for each in objective.restore(backbone, batch):
        assert each.unit == "squared error"
        assert each.error == pytest.approx(np.square(each.restored - each.input).mean(), rel=1e-5)


def test_a_code_as_large_as_the_image_is_refused():
    problem = "a code of 64 numbers leaves nothing to learn"
    with pytest.raises(UsageError, match=problem) as refused:
        built(code=64)
    built(code=int(refused.value.hint.rpartition("--code ")[2]))


def test_it_learns_bars_and_says_its_bound(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pixels = (images(640, seed=4)[..., 0] * 255).astype(np.uint8)
    np.savez("train.npz", images=pixels[:600])
    np.savez("dev.npz", images=pixels[600:])
    line = [
        "pretrain", "--objective", "vae", "--data", "train.npz", "--eval-data", "dev.npz", "--code", "6", "--arch",
        "tiny", "--batch-size", "32", "--device", "cpu", "--no-plot", "-s", "model.shape.width=32", "-s",
        "model.shape.heads=2", "--lr", "3e-3", "--max-steps", "300", "--name", "bars",
    ]  # fmt: skip
    assert run(line) == 0
    said = capsys.readouterr().out
    lines = (tmp_path / "runs" / "bars" / "metrics.jsonl").read_text().splitlines()
    last = [line for line in map(json.loads, lines) if line["split"] == "eval"][-1]
    baselines = json.loads((tmp_path / "runs" / "bars" / "run.json").read_text())["baselines"][
        "losses"
    ]
    assert last["loss"] < baselines["mean image"]
    assert 3 <= last["metrics"]["active_units"] <= 6
    assert f"ELBO {-last['loss']:,.1f} nats an image" in said
    assert "not emerged" not in said
    learnt = load_tensors(
        max((tmp_path / "runs/bars/checkpoints").glob("*")) / "learnable.safetensors"
    )
    variance = learnt["log_variance_1"].exp().item()
    assert variance == pytest.approx(last["metrics"]["squared_error"], rel=0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vae")
    pixels = (images(340, seed=4)[..., 0] * 255).astype(np.uint8)
    np.savez(folder / "train.npz", images=pixels[:300])
    np.savez(folder / "dev.npz", images=pixels[300:])
    line = [
        "pretrain", "--objective", "vae", "--data", "train.npz", "--eval-data", "dev.npz", "--code", "4", "--arch",
        "tiny", "--batch-size", "32", "--device", "cpu", "--no-plot", "-q", "-s", "model.shape.width=32", "-s",
        "model.shape.heads=2", "--lr", "3e-3", "--max-steps", "150", "--name", "bars",
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(line) == 0
    return folder


@contextmanager
def gone(path):
    """A file that is somewhere else meanwhile."""
    away = path.rename(path.with_suffix(".away"))
    try:
        yield
    finally:
        away.rename(path)


def test_images_are_made_and_stand_beside_the_nearest_training_images(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run(["generate", "--model", "bars", "--n", "9", "--out", "made"]) == 0
    said = capsys.readouterr().out
    assert "9 images made by bars" in said
    assert "distance to the nearest" in said
    made = [path.name for path in (folder / "made").iterdir()]
    assert {"images-that-were-made.png", "images-that-were-made.csv", "report.json"} <= {*made}
    report = json.loads((folder / "made" / "report.json").read_text())
    rows = report["galleries"][0]["images"]
    shown = [np.frombuffer(bytes.fromhex(x), np.uint8) for row in rows[::2] for x in row if x]
    beside = [np.frombuffer(bytes.fromhex(x), np.uint8) for row in rows[1::2] for x in row if x]
    assert len(shown) == len(beside) == 9
    train = np.load("train.npz")["images"].reshape(300, -1).astype(float)
    distances = []
    for own, other in zip(shown, beside, strict=True):
        apart = np.sqrt(np.square(train - own).mean(axis=1)) / 255
        assert np.square(train - other).sum(axis=1).min() == 0  # it is one of them
        assert np.sqrt(np.square(own - other.astype(float)).mean()) / 255 == pytest.approx(
            apart.min(), abs=3e-3
        )
        distances.append(apart.min())
    score = report["scores"][0]
    assert score["name"] == "distance to the nearest training image"
    assert score["value"] == pytest.approx(np.mean(distances), abs=2e-3)
    with gone(folder / "train.npz"):
        assert run(["generate", "--model", "bars", "--n", "9", "--out", "alone"]) == 0
    assert "no file or folder train.npz: how near these are to" in capsys.readouterr().out
    alone = json.loads((folder / "alone" / "report.json").read_text())
    assert alone["galleries"][0]["images"] == rows[::2]
    assert alone["galleries"][0]["rows"] == ["made, 1 to 8", "made, 9 to 9"]
    assert not alone["scores"]


def test_the_same_images_are_made_again_and_the_fitted_prior_is_that_of_codes(
    folder, monkeypatch, capsys
):
    from sslcli.models.loading import learner_of, load_pretrained

    monkeypatch.chdir(folder)
    learner = learner_of(load_pretrained("bars:last")).eval()
    model = learner.learnable
    pixels = np.load("train.npz")["images"][..., None].astype(np.float32) / 255
    from sslcli.api import Inputs

    with torch.no_grad():
        mean_BK, log_variance_BK = model.code_of(learner.backbone, Inputs.of(batch_of(pixels)))
    mean_K = mean_BK.mean(dim=0)
    square_KK = (mean_BK.T @ mean_BK) / 300 + torch.diag(log_variance_BK.exp().mean(dim=0))
    torch.testing.assert_close(model.code_mean_K, mean_K, atol=0.3, rtol=0.3)
    torch.testing.assert_close(model.code_square_KK, square_KK, atol=0.5, rtol=0.5)
    first, again, fitted = (
        np.stack(
            [
                each.rows
                for each in model.generate(
                    learner.backbone, model.Request(n=n, prior=prior), Rng(3, 0)
                )
            ]
        )
        for n, prior in ((4, "normal"), (6, "normal"), (4, "codes"))
    )
    assert np.allclose(first, again[:4], atol=1e-6)
    assert not np.allclose(first, fitted)


@pytest.mark.parametrize(
    ("words", "said"), [("--n 0", "--n"), ("--prior x", "--prior"), ("a-text", "text")]
)
def test_requests_that_cannot_be_are_refused(words, said, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run(["generate", "--model", "bars", *words.split()]) == 2
    assert said in capsys.readouterr().err
