"""Adapters against the matrices that they stand for, and weights that are shuffled."""

import pytest
import torch
from core_samples import ENCODER, EVERY_SHAPE, LLAMA, built, packed, seeded, tokens_of

from sslcli.core.adapters import add_adapters, merged_state
from sslcli.core.initialize import shuffle
from sslcli.core.settings import AdapterSettings
from sslcli.core.transformer import Transformer
from sslcli.errors import UsageError

LENGTHS = [9, 1, 17]
ALL = AdapterSettings(rank=3, alpha=6.0, targets=["all"])


def adapted(settings, adapters=ALL, trained=True):
    """A backbone with adapters; `trained`: their B is not zero any more."""
    backbone = built(settings).eval()
    add_adapters(backbone, adapters, seeded(5))
    if trained:
        with torch.no_grad():
            for name, parameter in backbone.named_parameters():
                if name.endswith("lora_b"):
                    parameter.normal_(0, 0.3, generator=seeded(6))
    return backbone


def merged(backbone, alpha=ALL.alpha):
    plain = Transformer(backbone.settings).eval()
    plain.load_state_dict(merged_state(backbone.state_dict(), alpha))
    return plain


@pytest.mark.parametrize("settings", EVERY_SHAPE.values(), ids=EVERY_SHAPE.keys())
def test_untrained_adapters_change_nothing_and_trained_ones_are_what_they_are_merged_to(settings):
    inputs = packed(tokens_of(LENGTHS))
    before = built(settings).eval()(inputs).last_TD
    assert torch.equal(adapted(settings, trained=False)(inputs).last_TD, before)
    after = adapted(settings)(inputs).last_TD
    assert not torch.allclose(after, before, atol=0.01)
    assert torch.allclose(merged(adapted(settings))(inputs).last_TD, after, atol=1e-5)


def test_merging_is_one_product_a_layer():
    backbone = adapted(ENCODER)
    layer = backbone.blocks[1].feedforward.up
    expected = layer.weight + 2.0 * layer.lora_b @ layer.lora_a
    assert torch.allclose(merged(backbone).blocks[1].feedforward.up.weight, expected, atol=1e-6)


def test_gradients_are_those_of_the_merged_matrix_by_the_chain_rule():
    inputs, plain, backbone = packed(tokens_of(LENGTHS)), merged(adapted(LLAMA)), adapted(LLAMA)
    for module in (plain, backbone):
        module(inputs).last_TD.square().sum().backward()
    for name in ("attention.query", "attention.value", "feedforward.gate", "feedforward.down"):
        layer, gradient = (
            backbone.blocks[0].get_submodule(name),
            plain.blocks[0].get_submodule(name).weight.grad,
        )
        scale = float(gradient.abs().max())
        assert torch.allclose(layer.lora_a.grad, 2.0 * layer.lora_b.T @ gradient, atol=1e-5 * scale)
        assert torch.allclose(layer.lora_b.grad, 2.0 * gradient @ layer.lora_a.T, atol=1e-5 * scale)


def test_only_adapters_of_the_targets_are_trained():
    backbone = adapted(ENCODER, AdapterSettings(rank=2, targets=["query", "down"]))
    trained = {name for name, parameter in backbone.named_parameters() if parameter.requires_grad}
    layers = [
        f"blocks.{block}.{layer}"
        for block in range(3)
        for layer in ("attention.query", "feedforward.down")
    ]
    assert trained == {f"{layer}.{part}" for layer in layers for part in ("lora_a", "lora_b")}
    assert backbone.state_dict().keys() == {*built(ENCODER).state_dict(), *trained}
    without = built(ENCODER)
    add_adapters(without, AdapterSettings(), seeded())
    assert all(parameter.requires_grad for parameter in without.parameters())


def test_dropout_is_before_the_adapter_alone():
    inputs = packed(tokens_of(LENGTHS))
    settings = ALL.model_copy(update={"dropout": 0.5})
    untrained, trained = (
        adapted(ENCODER.model_copy(update={"dropout": 0.0}), settings, trained=which)
        for which in (False, True)
    )
    expected = untrained(inputs).last_TD
    assert torch.equal(untrained.train()(inputs).last_TD, expected)
    expected = trained(inputs).last_TD
    assert not torch.allclose(trained.train()(inputs).last_TD, expected, atol=1e-3)


def test_numbers_follow_the_generator_and_none_are_drawn_without_memory():
    first, second = (
        adapted(ENCODER, trained=False).state_dict(),
        adapted(ENCODER, trained=False).state_dict(),
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    a = first["blocks.2.feedforward.down.lora_a"]
    assert float(a.abs().max()) <= 40**-0.5 < float(a.abs().max()) * 1.2
    assert not torch.equal(a, first["blocks.1.feedforward.down.lora_a"])
    with torch.device("meta"):
        backbone = Transformer(ENCODER)
    generator = seeded(1)
    before = generator.get_state()
    add_adapters(backbone, ALL, generator)
    assert torch.equal(generator.get_state(), before)
    backbone.load_state_dict(first, assign=True)
    assert torch.equal(
        backbone.eval()(packed(tokens_of(LENGTHS))).last_TD,
        built(ENCODER).eval()(packed(tokens_of(LENGTHS))).last_TD,
    )


def test_half_precision_is_as_near_as_the_merged_model_is():
    inputs, backbone = packed(tokens_of(LENGTHS)), adapted(ENCODER)
    expected = backbone(inputs).last_TD
    with torch.autocast("cpu", dtype=torch.bfloat16):
        errors = [
            (module(inputs).last_TD - expected).abs().mean().item()
            for module in (backbone, merged(backbone))
        ]
    assert 0 < errors[0] < 1.5 * errors[1]


def test_a_layer_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="'gate'") as caught:
        add_adapters(built(ENCODER), AdapterSettings(rank=1, targets=["query", "gate"]), seeded())
    assert "query" in caught.value.hint


def test_shuffled_weights_keep_their_values_and_lose_their_order():
    before, after = built(ENCODER), built(ENCODER)
    shuffle(after, seeded(3))
    again = built(ENCODER)
    shuffle(again, seeded(3))
    for (name, mine), other, repeated in zip(
        before.named_parameters(), after.parameters(), again.parameters(), strict=True
    ):
        assert torch.equal(mine.flatten().sort().values, other.flatten().sort().values)
        assert (mine == other).float().mean() < 0.3, name
        assert torch.equal(other, repeated)
