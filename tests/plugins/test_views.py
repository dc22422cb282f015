"""Contrast and self-distillation on views of images: the published losses, slowly, and what tells a
collapse.

Letters: B images, N views, M views of all processes, P numbers of a projection, K outputs.
"""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sslplugins.objectives.contrastive import Contrastive
from sslplugins.objectives.distil_self import DistilSelf

from sslcli.api import (
    Context,
    Grid,
    Rng,
    Schema,
    TableColumn,
    UsageError,
    collapse_signals,
    image_views,
)
from sslcli.cli.app import run
from sslcli.core.initialize import initialize
from sslcli.core.settings import TransformerSettings
from sslcli.data.batches import Sample, collate
from sslcli.models.weights import from_seed

GRID = Grid(12, 12, 1, 4)
SHAPE = TransformerSettings(
    row_features=GRID.features, grid=GRID, width=16, depth=1, heads=2, feedforward_width=32,
    longest_tokens=GRID.rows, norm_place="pre", initial_deviation=0.2,
)  # fmt: skip
IMAGES = np.random.default_rng(0).random((6, 12, 12, 1), dtype=np.float32)
AS_THEY_ARE = SimpleNamespace(crop=1.0, flip=False, jitter=0.0)


def rows_of(images):
    return np.stack([GRID.cut(image) for image in images])


def batch_of(images=IMAGES, numbers=None):
    numbers = list(range(len(images))) if numbers is None else numbers
    return collate(numbers, [Sample(rows=GRID.cut(images[number])) for number in numbers])


def built(cls, **options):
    backbone, objective = from_seed(
        lambda: cls(cls.Options(**options), Context(SHAPE)), SHAPE, seed=0
    )
    initialize(objective, torch.Generator().manual_seed(3), 0.4)
    return backbone.eval(), objective.eval()


def views(rows=None, numbers=None, *, seed=0, **options):
    rows = rows_of(IMAGES) if rows is None else rows
    numbers = np.arange(len(rows)) if numbers is None else np.asarray(numbers)
    given = SimpleNamespace(**{**vars(AS_THEY_ARE), **options})
    return image_views(rows, GRID, numbers, Rng(seed, 0), "first", given)


def test_a_view_without_changes_is_the_image():
    square = image_views(
        rows_of(IMAGES), GRID, np.arange(6), SimpleNamespace(uniform=middle), "v", AS_THEY_ARE
    )
    np.testing.assert_allclose(square, rows_of(IMAGES), atol=1e-6)


def middle(purpose, numbers):
    return np.full(len(numbers), 0.5)


def test_a_mirrored_view_is_mirrored():
    def drawn(purpose, numbers):
        return np.zeros(len(numbers)) if "flip" in purpose else middle(purpose, numbers)

    given = SimpleNamespace(crop=1.0, flip=True, jitter=0.0)
    found = image_views(
        rows_of(IMAGES), GRID, np.arange(6), SimpleNamespace(uniform=drawn), "v", given
    )
    np.testing.assert_allclose(found, rows_of(IMAGES[:, :, ::-1]), atol=1e-6)


def test_a_crop_is_what_linear_interpolation_of_torch_makes_of_it():
    """A quarter of the image, in its middle, is 6 x 6 of 12 x 12 pixels."""
    given = SimpleNamespace(crop=0.25, flip=False, jitter=0.0)
    found = image_views(
        rows_of(IMAGES),
        GRID,
        np.arange(6),
        SimpleNamespace(uniform=middle),
        "v",
        given,
        (0.25, 0.25),
    )
    step = (np.arange(12) + 0.5) / 12 * 2 - 1
    grid = torch.from_numpy(np.stack(np.meshgrid(step / 2, step / 2), axis=-1)).float()
    expected = torch.nn.functional.grid_sample(
        torch.from_numpy(IMAGES.transpose(0, 3, 1, 2)),
        grid.expand(6, -1, -1, -1),
        mode="bilinear",
        align_corners=False,
        padding_mode="border",
    )
    joined = np.stack([GRID.joined(rows)[:, :, 0] for rows in found])
    np.testing.assert_allclose(joined, expected[:, 0].numpy(), atol=1e-5)


def test_brightness_and_contrast_are_as_strong_as_said():
    grey = np.full((400, 12, 12, 1), 0.4, dtype=np.float32)
    found = views(rows_of(grey), jitter=0.3).mean(axis=(1, 2))
    assert found.min() == pytest.approx(0.4 * 0.7, abs=0.01)
    assert found.max() == pytest.approx(0.4 * 1.3, abs=0.01)
    assert views(rows_of(grey) + 0.5, jitter=0.3).max() == 1


def test_a_view_is_the_same_in_any_company_and_another_one_in_another_epoch():
    options = {"crop": 0.3, "flip": True, "jitter": 0.4}
    whole = views(**options)
    alone = views(rows_of(IMAGES[4:5]), [4], **options)
    assert np.array_equal(alone[0], whole[4])
    assert not np.allclose(views(seed=1, **options), whole)
    assert 0 <= whole.min() < whole.max() <= 1


def nt_xent_slowly(told_NP, temperature):
    """Equation 1, a pair after the other."""
    count, total = len(told_NP), 0.0
    length = [float(row.norm()) for row in told_NP]

    def similar(one, other):
        return float(told_NP[one] @ told_NP[other]) / (length[one] * length[other]) / temperature

    for one in range(count):
        twin = (one + count // 2) % count
        below = sum(np.exp(similar(one, other)) for other in range(count) if other != one)
        total -= np.log(np.exp(similar(one, twin)) / below)
    return total


def vicreg_slowly(first, second):
    """As its paper's code, a feature and a pair of features after the other."""
    width = first.shape[1]
    invariance = float(((first - second) ** 2).mean())
    variance = covariance = 0.0
    for view in (first, second):
        view = view.numpy().astype(np.float64)
        for feature in range(width):
            deviation = np.sqrt(np.var(view[:, feature], ddof=1) + 1e-4)
            variance += max(0.0, 1 - deviation) / width / 2
            for other in range(width):
                if other != feature:
                    pair = np.cov(view[:, feature], view[:, other])[0, 1]
                    covariance += pair**2 / width
    return {"invariance": 25 * invariance, "variance": 25 * variance, "covariance": covariance}


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_the_contrast_is_the_published_one(temperature):
    backbone, objective = built(Contrastive, temperature=temperature, projection_width=8)
    batch = objective.collate(batch_of(), Rng(0, 0))
    with torch.no_grad():
        loss = objective(backbone, batch)
        read = backbone(batch.inputs).means_BD
        told = objective.project(torch.nn.functional.gelu(objective.enter(read)))
    assert batch.counts == {"nt_xent": 12}
    assert loss.sums["nt_xent"].item() == pytest.approx(nt_xent_slowly(told, temperature), rel=1e-5)
    close = torch.nn.functional.normalize(told, dim=1)
    close = (close @ close.T).fill_diagonal_(-2)
    found = sum(int(close[one].argmax()) == (one + 6) % 12 for one in range(12))
    assert float(loss.metrics["accuracy"].sum) == found


def test_variance_invariance_and_covariance_are_the_published_ones():
    backbone, objective = built(Contrastive, loss="vicreg", projection_width=5)
    batch = objective.collate(batch_of(), Rng(0, 0))
    with torch.no_grad():
        loss = objective(backbone, batch)
        read = backbone(batch.inputs).means_BD
        told = objective.project(torch.nn.functional.gelu(objective.enter(read)))
    expected = vicreg_slowly(*told.chunk(2))
    assert set(batch.counts.values()) == {12}
    for name, value in expected.items():
        assert loss.sums[name].item() / 12 == pytest.approx(value, rel=1e-4), name


@pytest.mark.parametrize("loss", ["nt-xent", "vicreg"])
def test_what_says_the_same_of_everything_has_the_loss_that_stands_beside_it(loss):
    backbone, objective = built(Contrastive, loss=loss)
    with torch.no_grad():
        objective.project.weight.zero_()
        objective.project.bias.fill_(0.5)
    batch = objective.collate(batch_of(), Rng(0, 0))
    with torch.no_grad():
        sums = objective(backbone, batch).sums
    (level,) = objective.baseline_losses([], [batch]).values()
    total = sum(value.item() / batch.counts[name] for name, value in sums.items())
    assert total == pytest.approx(level, rel=1e-5)


def test_one_image_alone_has_a_loss():
    for loss in ("nt-xent", "vicreg"):
        backbone, objective = built(Contrastive, loss=loss)
        with torch.no_grad():
            sums = objective(backbone, objective.collate(batch_of(numbers=[2]), Rng(0, 0))).sums
        assert all(torch.isfinite(value) for value in sums.values())


def test_the_distillation_is_the_published_one():
    backbone, objective = built(DistilSelf, outputs=7, small_views=2)
    with torch.no_grad():
        objective.centre_K.copy_(torch.linspace(-0.2, 0.3, 7))
    batch = objective.collate(batch_of(), Rng(0, 0))
    with torch.no_grad():
        loss = objective(backbone, batch)
        student = objective.head(backbone(batch.inputs).means_BD).reshape(4, 6, 7) / 0.1
        said = objective.teacher_head(objective.teacher(batch.seen).means_BD).reshape(2, 6, 7)
    teacher = ((said - objective.centre_K) / 0.04).softmax(dim=-1)
    total, pairs = 0.0, 0
    for taught in range(2):
        for told in range(4):
            if taught == told:
                continue  # a view with itself
            pairs += 1
            for image in range(6):
                logs = student[told, image].log_softmax(dim=0)
                total -= float((teacher[taught, image] * logs).sum())
    assert loss.sums["distillation"].item() == pytest.approx(total / pairs, rel=1e-5)
    assert batch.counts == {"distillation": 6}
    before = objective.centre_K.clone()
    objective.after_step(backbone, loss.state, Rng(0, 0))
    expected = 0.9 * before + 0.1 * said.mean(dim=(0, 1))
    assert torch.allclose(objective.centre_K, expected, atol=1e-6)
    entropy = -(teacher * teacher.clamp(min=1e-30).log()).sum(dim=-1).mean()
    ratio = loss.metrics["teacher_entropy"]
    assert float(ratio.sum) / ratio.count == pytest.approx(float(entropy), rel=1e-4)


def test_a_teacher_that_is_not_sharper_is_refused():
    with pytest.raises(UsageError, match="no sharper"):
        built(DistilSelf, teacher_temperature=0.1)


KINDS = {
    "alike": (np.ones((50, 8)) + 1e-6 * np.random.default_rng(0).normal(size=(50, 8)), 1, 0, None),
    "one line": (
        np.outer(np.random.default_rng(0).normal(size=50), np.arange(1, 9)),
        None,
        None,
        1,
    ),
    "any way": (np.random.default_rng(0).normal(size=(4000, 8)), 0, 1, 8),
}


@pytest.mark.parametrize("kind", KINDS)
def test_signals_tell_a_collapse(kind):
    rows, *wanted = KINDS[kind]
    found = collapse_signals(torch.from_numpy(rows), 3)
    for name, value in zip(("cosine", "deviation", "effective_rank"), wanted, strict=True):
        ratio = found[name]
        assert ratio.count == 3
        if value is not None:
            assert float(ratio.sum) / 3 == pytest.approx(value, abs=0.05), name


def test_signals_are_their_definitions_slowly():
    rows = np.random.default_rng(1).normal(size=(9, 4)) + 0.7
    found = {name: float(r.sum) for name, r in collapse_signals(torch.from_numpy(rows), 1).items()}
    toward = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    pairs = [toward[i] @ toward[j] for i in range(9) for j in range(9) if i != j]
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False) ** 2
    shares = values / values.sum()
    assert found["cosine"] == pytest.approx(np.mean(pairs), rel=1e-5)
    assert found["deviation"] == pytest.approx(toward.std(axis=0).mean() * 2, rel=1e-5)
    assert found["effective_rank"] == pytest.approx(
        np.exp(-(shares * np.log(shares)).sum()), rel=1e-5
    )
    wide = collapse_signals(torch.from_numpy(rows[:3]), 1)["effective_rank"]
    assert 1 <= float(wide.sum) <= 2.0001


@pytest.fixture
def place(tmp_path, monkeypatch, module_cache):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    images = random.integers(0, 90, (160, 12, 12), dtype=np.uint8)
    for number, image in enumerate(images):
        image[:, 3 * (number % 4) : 3 * (number % 4) + 3] += 150
    np.savez("a.npz", images=images, labels=np.arange(160) % 4)
    return tmp_path


LINE = (
    "pretrain --data a.npz --max-steps 25 --batch-size 32 --lr 3e-3 --no-plot --no-flip "
    "-s model.shape.width=32 -s model.shape.heads=2 -s model.shape.depth=1 --name own"
)
RUNS = {
    "contrastive": ("--objective contrastive", "accuracy"),
    "vicreg": ("--objective contrastive --loss vicreg", "invariance"),
    "distil-self": ("--objective distil-self --small-views 1 --outputs 16", "teacher_entropy"),
}


@pytest.mark.parametrize("kind", RUNS)
def test_it_learns_without_labels_and_logs_how_far_it_is_from_a_collapse(kind, place):
    words, _ = RUNS[kind]
    assert run([*LINE.split(), *words.split()]) == 0
    lines = [
        json.loads(line) for line in (place / "runs/own/metrics.jsonl").read_text().splitlines()
    ]
    held_out = [line for line in lines if line["split"] == "eval"]
    assert held_out[-1]["loss"] < held_out[0]["loss"]
    for line in lines:
        if line["split"] in ("train", "eval"):
            assert {"cosine", "deviation", "effective_rank"} <= line["metrics"].keys()
    assert run(["probe", "layers", "--model", "own", "--data", "a.npz"]) == 0


def test_the_projection_is_left_behind(place):
    assert run([*LINE.split(), "--objective", "contrastive"]) == 0
    assert (
        run(
            [
                "finetune",
                "classify",
                "--data",
                "a.npz",
                "--model",
                "own",
                "--epochs",
                "1",
                "--name",
                "f",
                "--no-plot",
            ]
        )
        == 0
    )
    trained, tuned = (
        {
            name
            for name in load_file(
                next(place.glob(f"runs/{run}/checkpoints/*/learnable.safetensors"))
            )
        }
        for run in ("own", "f")
    )
    assert any("project" in name for name in trained)
    assert not any("project" in name for name in tuned)


REFUSED = {
    "contrastive --temperature 0": "--temperature",
    "contrastive --crop 1.5": "must be less than or equal to 1",
    "contrastive --loss triplet": "must be 'nt-xent' or 'vicreg'",
    "contrastive --batch-size 1": "a batch of one has no others",
    "distil-self --data b.csv --columns x": "no table of several columns",
    "distil-self --teacher-temperature 0.2": "is no sharper than a student",
    "distil-self --small-views -1": "must be greater than or equal to 0",
    "mlm -s model.shape.class_token=true": "'mlm' reads text, and a.npz holds images",
    "mae -s model.shape.positions=sincos -s model.shape.width=30 -s model.shape.heads=2": "4 divides",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(words, place, capsys):
    (place / "b.csv").write_text("x,y\n" + "".join(f"{x},2\n" for x in range(99)))
    data = [] if "--data" in words else ["--data", "a.npz"]
    line = ["pretrain", "--objective", *words.split(), *data, "--name", "own", "--no-plot"]
    assert run(line) == 2
    said = capsys.readouterr().err
    assert REFUSED[words] in said, said
    assert "hint:" in said


COLUMNS = Schema(tuple(TableColumn(name) for name in "abcde"))
OF_TABLE = TransformerSettings(
    row_features=COLUMNS.features, table=COLUMNS, width=16, depth=1, heads=2, feedforward_width=32,
    longest_tokens=5, norm_place="pre",
)  # fmt: skip


@pytest.mark.parametrize(("hide", "seen"), [(0.4, 3), (0.5, 2), (0.01, 4), (0.99, 1)])
def test_a_view_of_a_record_is_some_of_its_columns_at_their_places(hide, seen):
    options = Contrastive.Options(hide=hide)
    objective = Contrastive(options, Context(OF_TABLE))
    rows = np.random.default_rng(0).normal(size=(6, 5, COLUMNS.features)).astype(np.float32)

    def collated(numbers):
        samples = [Sample(rows=rows[number]) for number in numbers]
        return objective.collate(collate(numbers, samples), Rng(0, 0))

    batch = collated([4, 2, 0, 5])
    inputs = batch.inputs
    assert inputs.packing.lengths == (seen,) * 8
    places = inputs.positions_T.reshape(8, seen).numpy()
    for view, number in enumerate([4, 2, 0, 5] * 2):
        assert len(set(places[view])) == seen
        shown = inputs.rows_TD.reshape(8, seen, -1)[view].numpy()
        assert np.array_equal(shown, rows[number][places[view]])
    alone = collated([2]).inputs.positions_T.reshape(2, seen).numpy()
    assert np.array_equal(alone, places[[1, 5]])
    if seen < 4:
        assert not np.array_equal(places[:4], places[4:])
    shown = objective.show(batch).tables[0].rows
    assert sum(words != "?" for _, words, _ in shown) == seen


def test_records_are_told_apart_by_some_of_their_columns(tmp_path, monkeypatch, module_cache):
    monkeypatch.chdir(tmp_path)
    shared = np.random.default_rng(0).normal(size=(300, 1))
    rows = shared + 0.05 * np.random.default_rng(1).normal(size=(300, 6))
    lines = [",".join(f"{value:.4f}" for value in row) for row in rows]
    (tmp_path / "t.csv").write_text("p,q,r,s,t,u\n" + "\n".join(lines) + "\n")
    line = LINE.replace("a.npz", "t.csv").replace("--no-flip ", "").replace("25", "120")
    assert run([*line.split(), "--objective", "contrastive"]) == 0
    logged = [json.loads(each) for each in (tmp_path / "runs/own/metrics.jsonl").open()]
    held_out = [each for each in logged if each["split"] == "eval"]
    first, last = (held_out[place]["metrics"]["accuracy"] for place in (0, -1))
    assert last > 0.9 > 0.6 > first
