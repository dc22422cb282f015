"""Presets, what shapes cost, and initial weights."""

from math import sqrt

import pytest
import torch
from core_samples import (
    DECODER,
    ENCODER,
    EVERY_SHAPE,
    LLAMA,
    MODERN,
    SHARED,
    changed,
    packed,
    seeded,
    tokens_of,
)
from pydantic import ValidationError
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sslcli.core.arithmetic import (
    activation_bytes,
    flops_per_token,
    head_parameters,
    parameters,
    training_bytes,
)
from sslcli.core.heads import LanguageModelHead, PooledClassifier
from sslcli.core.initialize import initialize
from sslcli.core.presets import MODELS, NAMES, SIZES, preset
from sslcli.core.transformer import Transformer
from sslcli.errors import UsageError

PRESETS = [(name, architecture) for name in SIZES for architecture in ("encoder", "decoder")]
PRESETS += [(name, shape["architecture"]) for name, shape in MODELS.items()]
COUNTED = {
    **EVERY_SHAPE,
    "untied": changed(ENCODER, tied=False),
    "untied-decoder": changed(LLAMA, tied=False, biases="query_key_value", head_width=10),
    "offset": changed(ENCODER, position_offset=2, feedforward="gated"),
    "rows": changed(ENCODER, vocabulary=0),
    "pre-first": changed(MODERN, norm_first=True, norm="rms"),
}


def parameters_of(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("settings", COUNTED.values(), ids=COUNTED.keys())
def test_counted_parameters_are_those_of_the_built_model(settings):
    with torch.device("meta"):
        backbone, head = Transformer(settings), LanguageModelHead(settings)
    assert parameters(settings) == parameters_of(backbone)
    assert head_parameters(settings) == parameters_of(head)
    assert training_bytes(settings) == sum(
        4 * 4 * parameter.numel()
        for module in (backbone, head)
        for parameter in module.parameters()
    )


@pytest.mark.parametrize(("name", "architecture"), PRESETS)
def test_presets_build_and_are_counted(name, architecture):
    settings = preset(name, architecture, 1_000)
    assert (settings.architecture, settings.vocabulary) == (architecture, 1_000)
    with torch.device("meta"):
        assert parameters_of(Transformer(settings)) == parameters(settings)


@pytest.mark.parametrize(
    ("name", "architecture", "vocabulary", "published_millions"),
    [
        ("bert-base", "encoder", 30_522, 110),
        ("bert-large", "encoder", 30_522, 335),
        ("gpt2", "decoder", 50_257, 124),
        ("modern", "encoder", 50_368, 149),
    ],
)
def test_presets_are_as_large_as_published(name, architecture, vocabulary, published_millions):
    settings = preset(name, architecture, vocabulary)
    assert parameters(settings) + head_parameters(settings) == pytest.approx(
        published_millions * 1e6, rel=0.01
    )


def test_overrides_change_a_preset_and_are_checked():
    assert preset("tiny", "encoder", 100, depth=7).depth == 7
    with pytest.raises(ValidationError):
        preset("tiny", "encoder", 100, depht=7)
    with pytest.raises(ValidationError, match="not divisible"):
        preset("tiny", "encoder", 100, heads=3)


@pytest.mark.parametrize(
    ("name", "architecture"), [("gpt2", "encoder"), ("bert-base", "decoder"), ("modern", "decoder")]
)
def test_a_preset_of_the_other_architecture_is_refused(name, architecture):
    with pytest.raises(UsageError, match=name) as caught:
        preset(name, architecture, 100)
    named = caught.value.hint.removeprefix("use ").split(", ")
    assert named == [other for other in NAMES if (other, architecture) in PRESETS]


def test_a_misspelt_preset_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="'bert_base'") as caught:
        preset("bert_base", "encoder", 100)
    assert "bert-base" in caught.value.hint


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 30}, "not divisible"),
        ({"key_value_heads": 3}, "evenly"),
        ({"width": 20, "positions": "rotary"}, "even number"),
        ({"architecture": "decoder", "embedding_width": 8}, "embedding_width"),
        ({"shared_layers": True, "norm_place": "pre", "norm_first": False}, "first norm"),
    ],
)
def test_shapes_that_cannot_be_built_are_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        changed(ENCODER, **fields)


def test_operations_of_a_hand_counted_encoder_and_decoder():
    shape = {"width": 8, "heads": 2, "depth": 3, "feedforward_width": 20}
    encoder, decoder = changed(ENCODER, **shape), changed(DECODER, **shape)
    blocks, per_key, head = 3 * (4 * 8 * 8 + 2 * 8 * 20), 3 * 2 * 8, 50 * 8
    assert flops_per_token(encoder, 10, 0.15) == pytest.approx(
        6 * (blocks + per_key * 10 + 0.15 * (head + 8 * 8))
    )
    assert flops_per_token(decoder, 10, 1.0) == pytest.approx(
        6 * (blocks + per_key * 10 / 2 + head)
    )


def test_operations_follow_the_published_formula_for_bert_base():
    """Six operations a weight, a sequence of 512 and 15 % of targets: 560 million a token with half
    of the rows padding.
    """
    settings = preset("bert-base", "encoder", 30_522)
    assert flops_per_token(settings, 256, 0.15) == pytest.approx(560e6, rel=0.01)


@pytest.mark.parametrize("settings", [ENCODER, LLAMA, SHARED], ids=["encoder", "llama", "shared"])
def test_counted_operations_are_those_that_torch_counts(settings):
    """The counter knows matrix products but not the CPU's attention kernel, so attention runs as
    products here.
    """
    settings = changed(settings, architecture="encoder", embedding_width=settings.embedding_width)
    lengths = [16] * 4
    backbone = Transformer(settings)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
        backbone(packed(tokens_of(lengths)))
    ours = flops_per_token(settings, 16, 0.0) / 3 * sum(lengths)
    assert ours == pytest.approx(counter.get_total_flops(), rel=1e-9)


def test_windows_bound_what_attention_costs():
    globally = flops_per_token(changed(MODERN, window_tokens=None), 1_000, 0.0)
    windowed = flops_per_token(MODERN, 1_000, 0.0)
    # two of three layers see 7 tokens, not 1,000
    assert globally - windowed == pytest.approx(6 * 2 * 24 * 2 * (1_000 - 7))


@pytest.mark.parametrize(
    "settings", [ENCODER, DECODER, MODERN], ids=["encoder", "decoder", "modern"]
)
def test_estimated_activations_are_what_autograd_keeps(settings):
    settings = changed(settings, width=64, feedforward_width=256)
    backbone, inputs = Transformer(settings), packed(tokens_of([32] * 8))
    weights = {parameter.untyped_storage().data_ptr() for parameter in backbone.parameters()}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            # the tensor, so that no other takes its address
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        backbone(inputs)
    measured = sum(size for size, _ in kept.values())
    assert activation_bytes(settings, 256) == pytest.approx(measured, rel=0.15)


@pytest.mark.parametrize("settings", EVERY_SHAPE.values(), ids=EVERY_SHAPE.keys())
def test_initial_weights_follow_the_generator_alone_and_leave_nothing_unset(settings):
    modules = []
    for device in ("cpu", "meta"):
        with torch.device(device):
            module = nn.ModuleList(
                [
                    Transformer(settings),
                    LanguageModelHead(changed(settings, tied=False)),
                    PooledClassifier(settings, 3),
                ]
            )
        module.to_empty(device="cpu")
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.fill_(torch.nan)
        initialize(module, seeded(7))
        modules.append(module.state_dict())
    for name, tensor in modules[0].items():
        assert torch.equal(tensor, modules[1][name])
        assert not tensor.isnan().any(), name


def test_initial_weights_touch_no_global_generator():
    before = torch.get_rng_state()
    with torch.device("meta"):
        backbone = Transformer(ENCODER)
    backbone.to_empty(device="cpu")
    initialize(backbone, seeded())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("settings", [ENCODER, DECODER], ids=["post", "pre"])
def test_initial_weights_have_the_deviations_asked_for(settings):
    settings = changed(settings, width=96, feedforward_width=192, initial_deviation=0.05)
    backbone = Transformer(settings)
    initialize(backbone, seeded())
    residual = 0.05 / sqrt(2 * settings.depth) if settings.norm_place == "pre" else 0.05
    block = backbone.blocks[1]
    for weight, deviation in (
        (backbone.embedding, 0.05),
        (block.attention.query.weight, 0.05),
        (block.feedforward.up.weight, 0.05),
        (block.attention.output.weight, residual),
        (block.feedforward.down.weight, residual),
    ):
        assert weight.std().item() == pytest.approx(deviation, rel=0.05)
    assert not block.attention.query.bias.any()
    assert (block.feedforward_norm.weight == 1).all()


def test_layers_of_a_plugin_are_initialised_beside_those_of_core():
    module = nn.ModuleDict(
        {
            "linear": nn.Linear(100, 100),
            "head": LanguageModelHead(changed(ENCODER, initial_deviation=0.5)),
        }
    )
    initialize(module, seeded())
    assert module["linear"].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert module["head"].dense.weight.std().item() == pytest.approx(0.5, rel=0.1)
