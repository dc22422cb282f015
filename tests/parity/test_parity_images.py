"""ViT-MAE and ViT of transformers, every parameter random: layers, masks, logits and losses, both
ways.

A ViTMAEForPreTraining that transformers 5.24 makes has position tables and a mask token of zeros,
so that nothing made fresh tells wrong positions from right ones.

Letters: B images, L patches, F numbers of a patch, D width.
"""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    ViTConfig,
    ViTForImageClassification,
    ViTMAEConfig,
    ViTMAEForPreTraining,
    ViTMAEModel,
)

from sslcli.api import Grid, Inputs, ModelError
from sslcli.cli.app import run
from sslcli.core.positions import sincos_table
from sslcli.core.settings import TransformerSettings
from sslcli.data.batches import Sample, collate
from sslcli.errors import CheckError
from sslcli.models.hf_directory import read_directory, write_directory
from sslcli.models.loading import learner_of
from sslcli.workflows.export.image_parity import image_inputs, oracle_of_images
from sslcli.workflows.export.parity import own_numbers, refuse_difference

TOLERANCE = 1e-5
BASE = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "image_size": 12, "patch_size": 4, "num_channels": 3, "hidden_act": "gelu",
}  # fmt: skip
DECODER = {
    "decoder_hidden_size": 16, "decoder_num_hidden_layers": 3, "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 40,
}  # fmt: skip
CASES = {
    "colour": {},
    "grey": {"num_channels": 1, "patch_size": 3, "layer_norm_eps": 1e-6},
    "most are masked": {"mask_ratio": 0.9, "patch_size": 2},  # int keeps 3 of 36, and round 4
    "normed pixels": {"norm_pix_loss": True},
    "other activation": {"hidden_act": "gelu_new"},
}
NAMES_OF_4 = ("decoder.decoder_encoder.layer.", "decoder.decoder_layers.")


def randomised(model, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    return model.eval()


def masked(**changes):
    return randomised(ViTMAEForPreTraining(ViTMAEConfig(**{**BASE, **DECODER, **changes})))


def given(noise_BL):
    """Random numbers that are the noise given to transformers, [B, L] of samples 0, 1, ..."""
    return SimpleNamespace(uniform=lambda purpose, samples, places: noise_BL[samples, places])


def images_of(grid, count=5, seed=1):
    random = np.random.default_rng(seed)
    return random.random((count, grid.height, grid.width, grid.channels), dtype=np.float32)


def compared(theirs, folder):
    """Our loss, mask and predictions of all patches beside theirs, given the same noise."""
    pretrained = read_directory(folder)
    learner = learner_of(pretrained)
    objective, grid = learner.learnable.eval(), pretrained.settings.grid
    images_BHWC = images_of(grid)
    noise_BL = np.random.default_rng(2).random((len(images_BHWC), grid.rows))
    with torch.no_grad():
        right = theirs(
            torch.from_numpy(images_BHWC.transpose(0, 3, 1, 2).copy()),
            noise=torch.from_numpy(noise_BL),
        )
    samples = [Sample(rows=grid.cut(image)) for image in images_BHWC]
    batch = objective.collate(collate(range(len(samples)), samples), given(noise_BL))
    with torch.no_grad():
        loss = objective(learner.backbone.eval(), batch)
        told_NF = objective._told(learner.backbone, batch)
    hidden_N = batch.hidden_N
    assert torch.equal(right.mask.flatten().nonzero()[:, 0], hidden_N)
    theirs_NF = right.logits.flatten(0, 1)[hidden_N]
    scale = max(1.0, float(theirs_NF.abs().max()))
    assert (told_NF - theirs_NF).abs().max() / scale < TOLERANCE
    own = loss.sums["restoration"].item() / batch.counts["restoration"]
    assert own == pytest.approx(right.loss.item(), rel=TOLERANCE)
    return pretrained


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", [4, 5])
def test_a_directory_computes_what_transformers_does_given_the_same_noise(case, version, tmp_path):
    theirs = masked(**CASES[case])
    theirs.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    assert any(name.startswith(NAMES_OF_4[0]) for name in tensors), "as version 5 saves it"
    if version == 4:
        save_file(
            {name.replace(*NAMES_OF_4): value for name, value in tensors.items()},
            path,
            metadata={"format": "pt"},
        )
    pretrained = compared(theirs, tmp_path)
    assert pretrained.settings.norm_epsilon == theirs.config.layer_norm_eps
    assert not pretrained.notes


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_is_written_as_it_was_and_transformers_computes_the_same_of_it(case, tmp_path):
    theirs = masked(**CASES[case])
    theirs.save_pretrained(tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    pretrained = read_directory(tmp_path / "theirs")
    assert write_directory(pretrained, tmp_path / "ours", None) == []
    again, told = ViTMAEForPreTraining.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    before, after = theirs.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    compared(again.eval(), tmp_path / "ours")


def test_every_layer_is_that_of_transformers_and_of_its_class_token(tmp_path):
    theirs = masked()
    theirs.save_pretrained(tmp_path)
    pretrained = read_directory(tmp_path)
    inputs = image_inputs(pretrained.settings, np.random.default_rng(0))
    found = oracle_of_images(theirs, inputs, pretrained.settings.grid)
    own = own_numbers(pretrained, inputs)
    assert len(own.layers) == 2 * (2 + 1)
    assert refuse_difference(own, found, "it") < TOLERANCE
    wrong = replace(found, layers=[*found.layers[:-1], found.layers[-1] + 1e-3])
    with pytest.raises(CheckError, match="layer 5 differ"):
        refuse_difference(own, wrong, "it")


@pytest.mark.parametrize("shape", [(4, 4, 8), (3, 5, 12), (1, 2, 16)])
def test_fixed_positions_are_those_of_the_paper_the_column_first(shape):
    """Each number by itself, as models_mae.py of the paper's code computes it."""
    down, across, features = shape
    table = sincos_table(Grid(2 * down, 2 * across, 1, 2), 1, features)
    quarter = features // 4
    for row in range(down):
        for column in range(across):
            for place in range(features):
                at = column if place < 2 * quarter else row
                angle = at / 10_000 ** (place % quarter / quarter)
                wave = np.sin if place // quarter % 2 == 0 else np.cos
                found = table[1 + row * across + column, place]
                assert found == pytest.approx(wave(angle), abs=1e-6)
    assert not table[0].any()


def test_fixed_positions_are_those_that_transformers_means_to_make():
    module = ViTMAEModel(ViTMAEConfig(**BASE)).embeddings
    module.patch_embeddings.projection._is_hf_initialized = False
    module.initialize_weights()
    table = sincos_table(Grid(12, 12, 3, 4), 1, 32)
    np.testing.assert_allclose(module.position_embeddings[0].numpy(), table, atol=1e-6)


def test_an_encoder_alone_is_read_and_has_nothing_to_restore_with(tmp_path):
    theirs = randomised(ViTMAEModel(ViTMAEConfig(**BASE)))
    theirs.save_pretrained(tmp_path)
    pretrained = read_directory(tmp_path)
    assert pretrained.objective is None
    inputs = image_inputs(pretrained.settings, np.random.default_rng(0))
    found = oracle_of_images(theirs, inputs, pretrained.settings.grid)
    assert refuse_difference(own_numbers(pretrained, inputs), found, "it") < TOLERANCE
    with pytest.raises(ModelError, match="no language-model head"):
        learner_of(pretrained)


@pytest.mark.parametrize("side", [12, [8, 12]])
def test_a_classifier_answers_from_its_class_token_as_transformers_does(side, tmp_path):
    labels = {0: "cat", 1: "dog", 2: "owl"}
    config = ViTConfig(**{**BASE, "image_size": side}, id2label=labels)
    theirs = randomised(ViTForImageClassification(config))
    theirs.save_pretrained(tmp_path / "theirs")
    pretrained = read_directory(tmp_path / "theirs")
    assert pretrained.labels == ("cat", "dog", "owl")
    assert pretrained.settings.positions == "learned"
    inputs = image_inputs(pretrained.settings, np.random.default_rng(0))
    own = own_numbers(pretrained, inputs)
    found = oracle_of_images(theirs, inputs, pretrained.settings.grid)
    assert found.logits.shape == (3, 3)
    assert refuse_difference(own, found, "it") < TOLERANCE
    (tmp_path / "ours").mkdir()
    assert write_directory(pretrained, tmp_path / "ours", None) == []
    again = ViTForImageClassification.from_pretrained(tmp_path / "ours")
    assert all(
        torch.equal(value, again.state_dict()[name]) for name, value in theirs.state_dict().items()
    )


@pytest.mark.parametrize("norms_patches", [False, True])
def test_colours_that_the_processor_norms_are_normed_by_the_weights(norms_patches, tmp_path):
    theirs = masked(norm_pix_loss=norms_patches)
    theirs.save_pretrained(tmp_path)
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    said = {"do_normalize": True, "image_mean": mean, "image_std": deviation}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    pretrained = read_directory(tmp_path)
    assert len(pretrained.notes) == 1 + norms_patches
    grid = pretrained.settings.grid
    images_BHWC = images_of(grid)
    normed = (images_BHWC - np.float32(mean)) / np.float32(deviation)
    inputs = Inputs.pack(torch.from_numpy(np.stack([grid.cut(image) for image in images_BHWC])))
    seen = Inputs.pack(torch.from_numpy(np.stack([grid.cut(image) for image in normed])))
    found = oracle_of_images(theirs, seen, grid)
    assert refuse_difference(own_numbers(pretrained, inputs), found, "it") < TOLERANCE
    if norms_patches:
        return
    noise_BL = np.random.default_rng(2).random((len(images_BHWC), grid.rows))
    right = theirs(
        torch.from_numpy(normed.transpose(0, 3, 1, 2).copy()), noise=torch.from_numpy(noise_BL)
    )
    learner = learner_of(pretrained)
    samples = [Sample(rows=grid.cut(image)) for image in images_BHWC]
    batch = learner.learnable.collate(collate(range(len(samples)), samples), given(noise_BL))
    told_NF = learner.learnable.eval()._told(learner.backbone.eval(), batch)
    right_NF = right.logits.flatten(0, 1)[batch.hidden_N]
    pixels_NF = right_NF * torch.tensor(deviation).tile(16) + torch.tensor(mean).tile(16)
    assert (told_NF - pixels_NF).abs().max() < 1e-4


@pytest.fixture
def place(tmp_path, monkeypatch, module_cache):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 12, 12), dtype=np.uint8)
    np.savez("a.npz", images=images, labels=np.asarray(["cat", "dog"])[np.arange(60) % 2])
    return tmp_path


SHAPE = "-s model.shape.width=32 -s model.shape.heads=4 -s model.shape.depth=2"
VIT = f"{SHAPE} -s model.shape.class_token=true -s model.shape.positions=sincos"
SHORT = "--data a.npz --max-steps 3 --no-plot"


def test_a_run_goes_out_as_vit_mae_comes_back_and_goes_on(place, capsys):
    line = f"pretrain --objective mae {SHORT} --name own {VIT}"
    assert run(line.split()) == 0
    assert run(["export", "own", "out", "--transformers"]) == 0
    config = json.loads((place / "out" / "config.json").read_text())
    assert config["architectures"] == ["ViTMAEForPreTraining"]
    assert config["layer_norm_eps"] == 1e-6
    theirs = ViTMAEForPreTraining.from_pretrained(place / "out").eval()
    compared(theirs, place / "out")
    assert run(f"pretrain --objective mae {SHORT} --name on --model out".split()) == 0
    assert (
        run(
            [
                "finetune",
                "classify",
                "--data",
                "a.npz",
                "--epochs",
                "1",
                "--name",
                "f",
                "--model",
                "out",
                "--no-plot",
            ]
        )
        == 0
    )
    assert run(["export", "f", "classifier", "--transformers"]) == 0
    classifier = ViTForImageClassification.from_pretrained(place / "classifier")
    assert set(classifier.config.id2label.values()) == {"cat", "dog"}
    assert run(["evaluate", "classify", "--model", "classifier", "--data", "a.npz", "--json"]) == 0
    assert run(["evaluate", "classify", "--model", "f", "--data", "a.npz", "--json"]) == 0
    found = [
        json.loads(line) for line in capsys.readouterr().out.splitlines() if '"scores"' in line
    ]
    values = [
        {score["name"]: score["value"] for score in each.get("report", each)["scores"]}
        for each in found[-2:]
    ]
    assert values[0]["accuracy"] == values[1]["accuracy"]


def test_a_run_without_a_class_token_is_no_vit(place, capsys):
    assert run(f"pretrain --objective mae {SHORT} --name own {SHAPE}".split()) == 0
    assert run(["export", "own", "out"]) == 2
    said = capsys.readouterr().err
    assert "no family of model directories holds this shape" in said
    assert "model.shape.class_token=true" in said
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"qkv_bias": False}, "qkv_bias is False"),
        ({"patch_size": [4, 3]}, "patches of 4 x 3"),
        ({"image_size": 13}, "do not fill 13 x 13"),
        ({"hidden_act": "tanh"}, "hidden_act is 'tanh'"),
        ({"decoder_num_hidden_layers": 4}, "has no tensor 'decoder.decoder_"),
        ({"hidden_size": 64}, "shape"),
    ],
)
def test_what_is_not_computed_here_is_refused(changes, said, tmp_path):
    masked().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(ModelError, match=said):
        read_directory(tmp_path)


def test_shapes_that_cannot_be_are_refused():
    grid = Grid(4, 4, 1, 2)
    for wrong in (
        {"class_token": True, "vocabulary": 9},
        {"positions": "sincos", "row_features": 4},
        {"positions": "sincos", "grid": grid, "row_features": 4, "width": 6, "heads": 2},
    ):
        with pytest.raises(ValueError, match=r"class_token|sincos"):
            TransformerSettings(**wrong)
