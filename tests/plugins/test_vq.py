"""Quantizers and the objective of them against slow, obvious references, the formulas of
vector-quantize-pytorch where it is installed, and known truth.

Letters: N vectors, W numbers of one, K codes, B images, G codes of one, P numbers of an image.
"""

import json
import math

import numpy as np
import pytest
import torch
from sslplugins.objectives.vq.codebooks import LinearCodebook, MovingCodebook, nearest
from sslplugins.objectives.vq.fixed import Bits, Classes, FiniteScalars
from sslplugins.objectives.vq.objective import VectorQuantized
from sslplugins.objectives.vq.quantizers import Chance
from stops import StopAtPoll
from test_autoencoder import GRID, SHAPE, batch_of, images

from sslcli.api import Context, Inputs, Rng, UsageError
from sslcli.cli.app import run
from sslcli.conformance.objectives import CHECKS
from sslcli.core.initialize import initialize
from sslcli.core.transformer import Transformer
from sslcli.engine.checkpoints.tensor_files import load_tensors
from sslcli.engine.processes.process_group import ALONE
from sslcli.engine.step_state import StepState
from sslcli.models.loading import load_pretrained
from sslcli.settings import PretrainSettings
from sslcli.testing import check_one
from sslcli.workflows.pretrain.pretrain import pretrain
from sslcli.workflows.training.resume import Resume, continued_settings

PARTS = ("backbone.safetensors", "learnable.safetensors")
KINDS = {
    "ema": {"codebook_size": 12, "code_width": 5, "positions": 6},
    "linear": {"codebook": "linear", "codebook_size": 12, "code_width": 5, "positions": 6},
    "fsq": {"codes": "fsq", "levels": (5, 4, 3), "positions": 6},
    "binary": {"codes": "binary", "codebook_size": 16, "positions": 6},
    "one-hot": {"codes": "one-hot", "codebook_size": 12, "positions": 6},
    "one one-hot": {"codes": "one-hot", "codebook_size": 12, "positions": 1},
}


def built(**options):
    backbone = Transformer(SHAPE)
    objective = VectorQuantized(VectorQuantized.Options(**options), Context(SHAPE))
    for module in (backbone, objective):
        initialize(module, torch.Generator().manual_seed(0))
    return backbone, objective


def begun(count=30, progress=0.3, **options):
    backbone, objective = built(**options)
    batch = objective.collate(batch_of(images(count)), Rng(0, 0, progress=progress))
    with torch.no_grad():
        objective.begin(backbone, lambda: batch)
    return backbone, objective, batch


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_code_conforms(kind, check):
    check_one(VectorQuantized, check, VectorQuantized.Options(**KINDS[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_that_of_what_the_codes_are_decoded_to(kind):
    backbone, objective, batch = begun(**KINDS[kind])
    found = batch.inputs.ready_TF.reshape(-1, GRID.rows, GRID.features).numpy()
    with torch.no_grad():
        batch = objective.collate(batch_of(images(30)), Rng(0, 0))  # as outside of training
        loss, restored = objective(backbone, batch), objective.restore(backbone, batch)
        ids_BG = objective.code_ids(backbone, batch.inputs)
        again_TF = objective.decoded(objective.of_ids(ids_BG))
    assert ids_BG.shape == (30, KINDS[kind]["positions"])
    assert ids_BG.min() >= 0
    assert (ids_BG.max(dim=0).values < torch.tensor(objective.code_sizes)).all()
    restored_BLF = np.stack([each.restored for each in restored])
    assert loss.sums["vq"].item() == pytest.approx(np.square(restored_BLF - found).sum(), rel=1e-5)
    assert np.array_equal(again_TF.reshape(restored_BLF.shape).numpy(), restored_BLF)
    for each, image in zip(restored, found, strict=True):
        assert np.array_equal(each.input, image)
        assert each.error == pytest.approx(np.square(each.restored - image).mean(), rel=1e-5)
    for name, histogram in loss.metrics.items():
        assert histogram.counts.sum() == ids_BG.numel() * (
            objective.quantizer.width if name == "bits" else 1
        )
    if "codes" in loss.metrics:
        by_hand = [(ids_BG == code).sum().item() for code in range(objective.quantizer.size)]
        assert loss.metrics["codes"].counts.tolist() == by_hand


def nearest_by_hand(z_NW, codes_KW):
    return [
        min(
            range(len(codes_KW)),
            key=lambda k: sum((z - c) ** 2 for z, c in zip(row, codes_KW[k], strict=True)),
        )
        for row in z_NW
    ]


def rows(count=40, width=3, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, width)))


def chance(count, seed=1):
    return Chance(torch.from_numpy(np.random.default_rng(seed).permutation(count) / count))


def scaled(z_NW):
    return (z_NW - z_NW.mean(dim=1, keepdim=True)) / (
        z_NW.var(dim=1, correction=0, keepdim=True) + 1e-5
    ).sqrt()


def test_the_nearest_code_is_taken():
    z_NW, codes_KW = rows(), rows(7, seed=2)
    assert nearest(z_NW, codes_KW).tolist() == nearest_by_hand(z_NW.tolist(), codes_KW.tolist())


@pytest.mark.parametrize("kind", ["ema", "linear"])
def test_gradients_pass_the_codes_and_come_from_the_distance(kind):
    """Of any function of the codes, as its gradient at the codes; commitment pulls the vector, the
    codebook's own loss the code."""
    book = MovingCodebook(7, 3, 0.9, 0.1) if kind == "ema" else LinearCodebook(7, 3)
    book.double()
    z_NW = rows().requires_grad_()
    book.begin(z_NW.detach(), chance(40).order_N)
    found = book(z_NW, chance(40), 0.5)
    weight_NW = rows(seed=5)
    code_NW = book.codebook().detach()[found.ids_N]
    ((found.codes_NW**3 * weight_NW).sum() + 0.25 * found.losses["commitment"]).backward(
        retain_graph=True
    )
    expected_NW = rows().requires_grad_()
    by_hand_NW = scaled(expected_NW)
    torch.autograd.backward(
        by_hand_NW, 3 * code_NW**2 * weight_NW + 0.5 * (by_hand_NW.detach() - code_NW)
    )
    torch.testing.assert_close(found.codes_NW.detach(), code_NW)
    torch.testing.assert_close(z_NW.grad, expected_NW.grad)
    if kind == "linear":
        assert book.turn_WW.grad is None
        found.losses["codebook"].backward()
        turn_WW = torch.zeros(3, 3, dtype=torch.float64)
        for vector, id in zip(scaled(rows()), found.ids_N.tolist(), strict=True):
            turn_WW += 2 * torch.outer(
                book.random_KW[id], book.random_KW[id] @ book.turn_WW.detach() - vector
            )
        torch.testing.assert_close(book.turn_WW.grad, turn_WW)
        assert book.random_KW.std() == pytest.approx(1, abs=0.25)


def stepped(book, z_NW, number, progress):
    found, state = book(z_NW, chance(len(z_NW), seed=number), progress), StepState()
    state.add(found.state)
    with torch.no_grad():
        book.after_step(state.over(ALONE), progress)
    return found


@pytest.mark.parametrize("last", [False, True])
def test_codes_are_the_averages_of_what_chose_them_and_dead_ones_begin_anew(last):
    """By hand, over several steps; in the last of them nothing begins anew."""
    size, decay, fewest = 12, 0.7, 0.3
    book = MovingCodebook(size, 3, decay, fewest).double()
    first = scaled(rows(8, seed=9))
    book.begin(rows(8, seed=9), chance(8, seed=0).order_N)
    order = chance(8, seed=0).order_N.argsort().tolist()
    counts = [0.6 * 8 / size] * 8 + [0.0] * 4
    sums = [first[order[k]] * counts[k] if k < 8 else torch.zeros(3).double() for k in range(size)]
    fresh = 0
    for number in range(1, 6):
        z_NW = rows(40, seed=number)
        total = sum(counts)
        codes = torch.stack(
            [sums[k] / ((counts[k] + 1e-5) / (total + size * 1e-5) * total) for k in range(size)]
        )
        torch.testing.assert_close(book.codebook(), codes)
        ids = nearest_by_hand(scaled(z_NW).tolist(), codes.tolist())
        found = stepped(book, z_NW, number, 0.96 if last else 0.5)
        assert found.ids_N.tolist() == ids
        for k in range(size):
            mine = [row for row, id in zip(scaled(z_NW), ids, strict=True) if id == k]
            counts[k] = decay * counts[k] + (1 - decay) * len(mine)
            sums[k] = decay * sums[k] + (1 - decay) * sum(mine, torch.zeros(3).double())
        uniform = sum(counts) / size
        waiting = scaled(z_NW)[chance(40, seed=number).order_N.argsort()].unbind()
        dead = [k for k in range(size) if counts[k] < fewest * uniform]
        for k, row in zip(dead, () if last else waiting, strict=False):
            counts[k], sums[k], fresh = 0.6 * uniform, row * 0.6 * uniform, fresh + 1
        torch.testing.assert_close(book.counts_K, torch.tensor(counts).double())
        torch.testing.assert_close(book.sums_KW, torch.stack(sums))
    assert (fresh == 0) == last


@pytest.mark.parametrize("levels", [(8, 6, 5), (3,), (4, 4), (5, 5, 5, 3), (16, 9)])
def test_rounded_numbers_take_every_level_and_their_codes_are_numbered(levels):
    quantizer = FiniteScalars(levels)
    assert quantizer.size == math.prod(levels)
    ids_K = torch.arange(quantizer.size)
    codes_KW = quantizer.of_ids(ids_K)
    assert len({tuple(code) for code in codes_KW.tolist()}) == quantizer.size
    for place, count in enumerate(levels):
        half = count // 2
        assert sorted(set(codes_KW[:, place].tolist())) == pytest.approx(
            [(level - half) / half for level in range(count)]
        )
    z_NW = rows(40_000, len(levels)) * 2
    found = quantizer(z_NW, None, 1.0)
    torch.testing.assert_close(found.codes_NW, quantizer.of_ids(found.ids_N).double())
    slow = [
        [
            round(math.tanh(z + math.atanh(offset / half)) * half - offset) / (count // 2)
            for z, count in zip(row, levels, strict=True)
            for half, offset in [((count - 1) * 1.001 / 2, 0.5 * (count % 2 == 0))]
        ]
        for row in z_NW[:200].tolist()
    ]
    np.testing.assert_allclose(found.codes_NW[:200].detach().numpy(), slow, atol=1e-9)
    assert len(found.ids_N.unique()) == quantizer.size or quantizer.size > 300


def test_bits_are_signs_and_each_has_its_own_entropy():
    quantizer = Bits(8)
    z_NW = torch.tensor([[0.5, -2.0, 3.0], [-0.1, -0.2, 0.0], [0.5, 0.5, 0.5], [1.0, -1.0, 1.0]])
    found = quantizer(z_NW, None, 1.0)
    assert found.ids_N.tolist() == [5, 0, 7, 5]
    assert found.codes_NW.tolist() == [[1, -1, 1], [-1, -1, -1], [1, 1, 1], [1, -1, 1]]
    assert quantizer.of_ids(torch.arange(8)).unique(dim=0).shape == (8, 3)
    assert torch.equal(quantizer.of_ids(found.ids_N), found.codes_NW)
    counts = quantizer.histogram(found.ids_N)["bits"].counts
    assert counts.tolist() == [[1, 3], [3, 1], [1, 3]]


def test_classes_are_chosen_as_often_as_their_softmax_says_and_at_the_end_the_largest():
    quantizer, count = Classes(4).double(), 40_000
    z_K = torch.tensor([0.0, 1.0, -1.0, 0.5]).double()
    uniform_NK = torch.from_numpy(np.random.default_rng(0).uniform(size=(count, 4)))
    blurred = quantizer(z_K.expand(count, 4), Chance(torch.arange(count), uniform_NK), 0.0)
    shares_K = blurred.ids_N.bincount(minlength=4) / count
    np.testing.assert_allclose(shares_K, scaled(z_K[None])[0].softmax(dim=0), atol=0.01)
    later = quantizer(z_K.expand(count, 4), Chance(torch.arange(count), uniform_NK), 1.0)
    assert later.ids_N.unique().tolist() == [1]
    torch.testing.assert_close(
        blurred.codes_NW, torch.nn.functional.one_hot(blurred.ids_N, 4).double()
    )


def test_a_class_that_is_hardly_chosen_comes_within_reach():
    """The shares of choices are a moving average, whose logarithm is taken off the scaled numbers;
    a class that begins behind all others in every vector is chosen in the end."""
    quantizer = Classes(4).double()
    z_NW = rows(200, 4) * 0.3 + torch.tensor([2.0, 0.5, 0.5, -2]).double()
    shares_K, met = torch.full((4,), 0.25).double(), torch.zeros(4)
    for number in range(60):
        told_NK = scaled(z_NW) - (4 * shares_K + 1e-3).log()
        found = stepped(quantizer, z_NW, number, 0.5)
        assert torch.equal(found.ids_N, told_NK.argmax(dim=1))
        chosen_K = found.ids_N.bincount(minlength=4)
        met += chosen_K
        assert number or not chosen_K[3]
        shares_K = 0.9 * shares_K + 0.1 * chosen_K / 200
        torch.testing.assert_close(quantizer.shares_K, shares_K)
    assert (met > 100).all()


@pytest.mark.parametrize("rate", [0.8, 0.99])
def test_codebooks_as_vector_quantize_pytorch_has_them(rate):
    theirs = pytest.importorskip("vector_quantize_pytorch")
    mine = MovingCodebook(16, 6, rate, 0.0)
    other = theirs.VectorQuantize(
        6, 16, decay=rate, commitment_weight=0.25, rotation_trick=False, threshold_ema_dead_code=0
    )
    z_NW = rows(300, 6).float()
    mine.begin(z_NW, chance(300).order_N)
    book = other._codebook
    book.embed.data.copy_(mine.codebook())
    book.embed_avg.copy_(mine.sums_KW)
    book.cluster_size.copy_(mine.counts_K)
    for number in range(5):
        z_NW = scaled(rows(300, 6, seed=number).float())
        own_NW, their_NW = z_NW.clone().requires_grad_(), z_NW.clone().requires_grad_()
        found = stepped(mine, own_NW, number, 1.0)
        quantized, ids, loss = other(their_NW[None])
        assert torch.equal(found.ids_N, ids[0])
        torch.testing.assert_close(found.codes_NW, quantized[0], rtol=1e-4, atol=1e-4)
        distance = 0.25 * found.losses["commitment"] / own_NW.numel()
        torch.testing.assert_close(distance, loss.squeeze(), rtol=1e-4, atol=1e-5)
        weight_NW = rows(300, 6, seed=50 + number).float()
        (found.codes_NW * weight_NW).sum().backward()
        (quantized[0] * weight_NW).sum().backward()
        torch.testing.assert_close(their_NW.grad, weight_NW)  # ours goes through the scaling too
        torch.testing.assert_close(mine.codebook(), book.embed[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("levels", [(8, 6, 5), (8, 5, 5, 5), (4, 4), (7, 3)])
def test_levels_as_vector_quantize_pytorch_has_them(levels):
    theirs = pytest.importorskip("vector_quantize_pytorch")
    z_NW, weight_NW = rows(500, len(levels)).float(), rows(500, len(levels), seed=3).float()
    own_NW, their_NW = (z_NW.clone().requires_grad_() for _ in range(2))
    found, (codes, ids) = (
        FiniteScalars(levels)(own_NW, None, 1.0),
        theirs.FSQ(list(levels))(their_NW[None]),
    )
    assert torch.equal(found.ids_N, ids[0].long())
    torch.testing.assert_close(found.codes_NW, codes[0])
    (found.codes_NW * weight_NW).sum().backward()
    (codes[0] * weight_NW).sum().backward()
    torch.testing.assert_close(own_NW.grad, their_NW.grad)


def test_the_learnt_matrix_as_vector_quantize_pytorch_has_it():
    theirs = pytest.importorskip("vector_quantize_pytorch")
    mine, other = LinearCodebook(16, 6), theirs.SimVQ(6, 16, rotation_trick=False)
    z_NW = scaled(rows(300, 6).float())
    mine.begin(z_NW, chance(300).order_N)
    other.frozen_codebook.copy_(mine.random_KW)
    mine.turn_WW.data.copy_(rows(6, 6, seed=4))
    other.code_transform.weight.data.copy_(mine.turn_WW.T)
    found, (codes, ids, loss) = mine(z_NW, None, 1.0), other(z_NW[None])
    assert torch.equal(found.ids_N, ids[0])
    torch.testing.assert_close(found.codes_NW, codes[0], rtol=1e-4, atol=1e-4)
    total = (0.25 * found.losses["commitment"] + found.losses["codebook"]) / z_NW.numel()
    torch.testing.assert_close(total, loss, rtol=1e-4, atol=1e-5)
    total.backward()
    loss.backward()
    torch.testing.assert_close(
        mine.turn_WW.grad.T, other.code_transform.weight.grad, rtol=1e-4, atol=1e-5
    )


def test_distances_count_in_units_of_the_images_variance():
    backbone, objective, batch = begun(**KINDS["ema"], commitment=0.5)
    assert objective.variance.item() == pytest.approx(images(30).var(axis=0).mean(), rel=1e-5)
    loss = objective(backbone, batch)
    vectors_NW = objective._vectors(backbone, batch.inputs).flatten(0, 1)
    plain = objective.quantizer(vectors_NW, None, 1.0).losses["commitment"]
    torch.testing.assert_close(loss.sums["commitment"], 0.5 * objective.variance * plain)
    assert batch.counts == {"vq": 30 * 64, "commitment": 30 * 6 * 5}


@pytest.mark.parametrize("progress", [0.0, 0.4])
def test_choices_are_blurred_alike_in_any_company_and_in_training_alone(progress):
    objective = built(**KINDS["one-hot"])[1]
    rng = Rng(0, 0, progress=progress)
    together, alone = (
        objective.collate(batch_of(images(8), numbers), rng).chance for numbers in (None, [5])
    )
    assert torch.equal(together.uniform_NK[30:36], alone.uniform_NK)
    assert torch.equal(together.order_N[30:36], alone.order_N)
    assert len(together.uniform_NK.unique()) == together.uniform_NK.numel()
    assert objective.collate(batch_of(images(8)), Rng(0, 0)).chance.uniform_NK is None


def test_baselines_of_a_single_code_know_k_means():
    objective = built(**KINDS["one one-hot"])[1]
    train, held_out = images(200, seed=2), images(50, seed=3)
    batches = [objective.collate(batch_of(held_out), Rng(0, 0))]
    found = objective.baseline_losses([GRID.cut(image) for image in train], batches)
    assert found["k-means of 12"] < found["mean image"]
    assert found["PCA of 1"] < found["mean image"]
    assert "k-means of 12" not in built(**KINDS["ema"])[1].baseline_losses(
        [GRID.cut(image) for image in train], batches
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"positions": 64}, "64 codes of 256, 512 bits, leave nothing to learn: an image has 64 numbers of 8 bits"),
        ({"codes": "fsq", "levels": (2, 5)}, "2 to 5 levels"),
        ({"codes": "fsq", "levels": (200, 200, 3)}, "a product of 120,000"),
        ({"codes": "binary", "codebook_size": 100}, "100 is no power of 2"),
        ({"codebook_size": 10_000}, "a codebook of 10,000"),
        ({"codes": "one-hot", "codebook_size": 10_000}, "a codebook of 10,000"),
    ],
)  # fmt: skip
def test_sizes_that_cannot_be_are_refused(options, words):
    with pytest.raises(UsageError, match=words) as raised:
        built(**{"positions": 6, **options})
    assert raised.value.hint


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bars")
    pixels = (images(640, seed=4)[..., 0] * 255).astype(np.uint8)
    np.savez(folder / "train.npz", images=pixels[:600])
    np.savez(folder / "dev.npz", images=pixels[600:])
    return folder


def lines_of(folder, split):
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["split"] == split]


@pytest.mark.parametrize("kind", ["ema", "linear", "fsq", "binary"])
def test_it_learns_bars_and_says_how_its_codes_are_used(
    kind, folder, tmp_path, monkeypatch, capsys
):
    """The figures of the codes are of all held-out images together."""
    monkeypatch.chdir(tmp_path)
    options = {
        "ema": "",
        "linear": "--codebook linear",
        "fsq": "--codes fsq --levels 5,5",
        "binary": "--codes binary",
    }
    words = f"--codebook-size 16 --positions 8 --code-width 4 {options[kind]}".split()
    line = [
        "pretrain", "--objective", "vq", "--data", f"{folder}/train.npz", "--eval-data", f"{folder}/dev.npz", "--arch",
        "tiny", "--batch-size", "32", "--device", "cpu", "--no-plot", "-s", "model.shape.width=32", "-s",
        "model.shape.heads=2", "--lr", "3e-3", "--max-steps", "300", "--name", "bars",
    ]  # fmt: skip
    assert run([*line, *words]) == 0
    said = capsys.readouterr()
    bits = 8 * math.log2(25 if kind == "fsq" else 16)
    assert f"{bits:.4g} bits" in said.out + said.err
    last = lines_of(tmp_path / "runs" / "bars", "eval")[-1]
    baselines = json.loads((tmp_path / "runs" / "bars" / "run.json").read_text())["baselines"][
        "losses"
    ]
    assert last["terms"]["vq"] < 0.6 * baselines["mean image"]
    model = load_pretrained("bars:last")
    from sslcli.models.loading import learner_of

    learner = learner_of(model).eval()
    pixels = np.load(folder / "dev.npz")["images"][..., None].astype(np.float32) / 255
    with torch.no_grad():
        inputs = Inputs.of(batch_of(pixels))
        ids = learner.learnable.code_ids(learner.backbone, inputs).numpy().ravel()
    counts = np.bincount(ids, minlength=learner.learnable.quantizer.size)
    shares = counts[counts > 0] / counts.sum()
    assert last["metrics"]["usage_of_codes"] == pytest.approx((counts > 0).mean())
    assert last["metrics"]["perplexity_of_codes"] == pytest.approx(
        np.exp(-(shares * np.log(shares)).sum()), rel=1e-4
    )
    assert last["counts"]["usage_of_codes"] == len(ids)
    if kind == "binary":
        ones = (ids[:, None] >> np.arange(4) & 1).mean(axis=0)
        entropy = -(ones * np.log2(ones) + (1 - ones) * np.log2(1 - ones)).mean()
        assert last["metrics"]["entropy_of_bits"] == pytest.approx(entropy, rel=1e-4)


def settings_for(kind, folder, run_folder):
    return PretrainSettings.model_validate(
        {
            "objective": "vq",
            "options": {"vq": {**KINDS[kind], "fewest": 0.6}},
            "data": {"train": [str(folder / "train.npz")], "evaluation": [str(folder / "dev.npz")]},
            "model": {"preset": "tiny", "shape": {"width": 16, "heads": 2, "feedforward_width": 32, "dropout": 0.1}},
            "training": {
                "max_steps": 12, "batch_size": 24, "micro_batch_size": 10, "log_every": 5, "eval_every": 4,
                "save_every": 3, "eval_samples": 20,
            },
            "run": {"folder": str(run_folder), "plot": False},
        }
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["ema", "one-hot"])
def test_stopped_anywhere_and_resumed_equals_uninterrupted(kind, folder, tmp_path, module_cache):
    def ended(where, stopper=None, resume=None):
        settings = settings_for(kind, folder, where)
        if resume is not None:
            settings = continued_settings(resume, settings)
        result = pretrain(settings, observe=lambda event: None, stopper=stopper, resume=resume)
        return result.outcome.reason

    def found(where):
        newest = where / "checkpoints" / "step-000012"
        lines = [
            {
                key: value
                for key, value in line.items()
                if key not in ("seconds", "tokens_per_second")
            }
            for split in ("train", "eval")
            for line in lines_of(where, split)
        ]
        return lines, {**load_tensors(newest / PARTS[0]), **load_tensors(newest / PARTS[1])}

    assert ended(tmp_path / "whole") == "done"
    lines, tensors = found(tmp_path / "whole")
    for polls in (5, 18, 31):
        where = tmp_path / f"cut-{polls}"
        assert ended(where, StopAtPoll(polls)) == "preempted"
        assert ended(where, resume=Resume(where)) == "done"
        own_lines, own = found(where)
        assert own_lines == lines
        assert own.keys() == tensors.keys()
        assert all(torch.equal(value, own[name]) for name, value in tensors.items())


def test_a_batch_is_shown(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    line = "pretrain --objective vq --data train.npz --positions 4 --codebook-size 8 --arch tiny --show-batch"
    assert run(line.split()) == 0
    assert "an image of 64 numbers becomes 4 codes of 8, 12 bits" in capsys.readouterr().out
