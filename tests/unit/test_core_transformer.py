"""The backbone: what it computes does not depend on what stands beside it, and every layer can be
kept and edited.
"""

import re

import pytest
import torch
from core_samples import (
    DECODER,
    ENCODER,
    EVERY_SHAPE,
    LLAMA,
    MODERN,
    SHARED,
    VOCABULARY,
    built,
    changed,
    packed,
    seeded,
    tokens_of,
)
from torch._dynamo.testing import CompileCounter
from torch.nn.functional import gelu

from sslcli.core.inputs import Inputs, to_device
from sslcli.core.packing import Packing
from sslcli.core.transformer import Transformer
from sslcli.errors import DataError, UsageError

LENGTHS = (7, 1, 30, 12, 30, 3)
shapes = pytest.mark.parametrize("settings", EVERY_SHAPE.values(), ids=EVERY_SHAPE.keys())


def close(ours, expected, tolerance=1e-5):
    torch.testing.assert_close(ours, expected, rtol=0, atol=tolerance)


@shapes
def test_a_sequence_has_the_same_hidden_states_alone_and_in_any_company(settings):
    backbone, sequences = built(settings), tokens_of(LENGTHS)
    alone = [backbone(packed([sequence])).last_TD for sequence in sequences]
    for order in ([0, 1, 2, 3, 4, 5], [5, 2, 0, 4, 1, 3]):
        together = backbone(packed([sequences[number] for number in order])).last_TD
        close(together, torch.cat([alone[number] for number in order]))


@pytest.mark.parametrize("settings", [DECODER, LLAMA], ids=["decoder", "llama"])
def test_a_decoder_sees_no_later_token_and_an_encoder_does(settings):
    (sequence,) = tokens_of([10])
    other = sequence.clone()
    other[6:] = (other[6:] + 1) % VOCABULARY
    backbone = built(settings)
    assert torch.equal(
        backbone(packed([sequence])).last_TD[:6], backbone(packed([other])).last_TD[:6]
    )
    encoder = built(changed(settings, architecture="encoder"))
    assert not torch.allclose(
        encoder(packed([sequence])).last_TD[:6], encoder(packed([other])).last_TD[:6], atol=1e-4
    )


def test_windowed_layers_see_only_their_neighbours():
    backbone = built(changed(MODERN, depth=2, global_every=2, window_tokens=4))
    states = torch.randn(12, 24, generator=seeded())
    inputs = packed(tokens_of([12]))

    def second_layer(x_TD):
        return backbone(inputs, edit={1: lambda *_: x_TD}).last_TD

    moved = states.clone()
    moved[8] = -moved[8]
    difference = (second_layer(moved) - second_layer(states)).abs().amax(dim=1)
    assert (difference > 1e-4).nonzero().flatten().tolist() == [6, 7, 8, 9, 10]


@shapes
def test_kept_layers_are_what_each_block_gives(settings):
    backbone, inputs = built(settings), packed(tokens_of(LENGTHS))
    hidden = backbone(inputs, keep=range(settings.depth + 1))
    assert sorted(hidden.kept) == [0, 1, 2, 3]
    assert torch.equal(hidden.kept[3], hidden.last_TD)
    outputs = []
    for block in backbone.blocks:
        block.register_forward_hook(lambda module, arguments, output: outputs.append(output))
    backbone(inputs)
    assert len(outputs) == settings.depth
    outputs[-1] = outputs[-1] if backbone.norm is None else backbone.norm(outputs[-1])
    for layer, output in enumerate(outputs, start=1):
        assert torch.equal(hidden.kept[layer], output)


@shapes
def test_an_edit_is_kept_and_feeds_what_follows(settings):
    backbone, inputs = built(settings), packed(tokens_of(LENGTHS))
    plain = backbone(inputs, keep=[0, 1, 2])
    seen = []

    def negate(x_TD, packing):
        seen.append(packing)
        return -x_TD

    edited = backbone(inputs, keep=[0, 1, 2], edit={1: negate})
    assert seen == [inputs.packing]
    assert torch.equal(edited.kept[0], plain.kept[0])
    assert torch.equal(edited.kept[1], -plain.kept[1])
    assert not torch.allclose(edited.kept[2], plain.kept[2], atol=1e-3)
    resumed = backbone(inputs, edit={2: lambda *_: edited.kept[2]})
    assert torch.equal(resumed.last_TD, edited.last_TD)
    assert torch.equal(
        backbone(inputs, edit={3: lambda x_TD, _: x_TD + 1}).last_TD, plain.last_TD + 1
    )


def test_a_post_norm_block_is_the_original_one():
    backbone, inputs = built(changed(ENCODER, depth=1, norm_epsilon=1e-5)), packed(tokens_of([9]))
    hidden = backbone(inputs, keep=[0])
    (block,) = backbone.blocks
    x = hidden.kept[0]
    x = block.attention_norm(x + block.attention(x, inputs.packing, layer=0))
    x = block.feedforward_norm(x + block.feedforward.down(gelu(block.feedforward.up(x))))
    close(hidden.last_TD, x, 1e-6)


def test_a_pre_norm_block_leaves_the_sum_alone():
    backbone, inputs = built(changed(LLAMA, depth=1, positions="none")), packed(tokens_of([9]))
    hidden = backbone(inputs, keep=[0])
    (block,) = backbone.blocks
    feedforward = block.feedforward
    x = hidden.kept[0] + block.attention(
        block.attention_norm(hidden.kept[0]), inputs.packing, layer=0
    )
    y = block.feedforward_norm(x)
    x = x + feedforward.down(gelu(feedforward.gate(y)) * feedforward.up(y))
    close(hidden.last_TD, backbone.norm(x), 1e-6)


def test_the_first_norm_can_be_left_out():
    assert not any(
        name.startswith("blocks.0.attention_norm") for name in Transformer(MODERN).state_dict()
    )
    assert "blocks.1.attention_norm.weight" in Transformer(MODERN).state_dict()


def test_shared_layers_are_one_block_used_depth_times():
    shared = built(SHARED)
    assert len(shared.blocks) == 1
    apart = Transformer(changed(SHARED, shared_layers=False))
    weights = shared.state_dict()
    apart.load_state_dict(
        {name: weights[re.sub(r"^blocks\.\d", "blocks.0", name)] for name in apart.state_dict()}
    )
    inputs = packed(tokens_of(LENGTHS))
    assert torch.equal(shared(inputs).last_TD, apart(inputs).last_TD)


def test_embeddings_are_summed_normed_and_projected():
    backbone = built(changed(SHARED, position_offset=2))
    sequences, segments = (
        tokens_of([6, 9]),
        [torch.tensor([0, 0, 0, 1, 1, 1]), torch.ones(9, dtype=torch.int64)],
    )
    inputs, parts = packed(sequences, segments), backbone.inputs
    assert parts.position.weight.shape == (66, 12)
    expected = (
        parts.token.weight[inputs.tokens_T]
        + parts.position.weight[inputs.positions_T + 2]
        + parts.segment.weight[inputs.segments_T]
    )
    close(backbone(inputs, keep=[0]).kept[0], parts.project(parts.norm(expected)), 1e-6)
    assert backbone.embedding is parts.token.weight


def test_rows_are_in_the_first_segment_where_none_is_named():
    backbone, sequences = built(ENCODER), tokens_of([5, 8])
    named = packed(
        sequences, [torch.zeros(len(sequence), dtype=torch.int64) for sequence in sequences]
    )
    close(backbone(packed(sequences)).last_TD, backbone(named).last_TD, 1e-6)


def test_ready_rows_take_the_place_of_token_embeddings():
    backbone, inputs = built(ENCODER), packed(tokens_of(LENGTHS))
    rows = Inputs(inputs.packing, inputs.positions_T, rows_TD=backbone.embedding[inputs.tokens_T])
    assert torch.equal(backbone(rows).last_TD, backbone(inputs).last_TD)
    without_tokens = Transformer(changed(ENCODER, vocabulary=0))
    assert without_tokens.inputs.token is None
    assert without_tokens(rows).last_TD.shape == (83, 24)


def test_rotary_positions_know_distances_only():
    backbone, inputs = built(LLAMA), packed(tokens_of(LENGTHS))
    shifted = Inputs(inputs.packing, inputs.positions_T + 1000, inputs.tokens_T)
    close(backbone(shifted).last_TD, backbone(inputs).last_TD, 1e-3)
    stretched = Inputs(inputs.packing, inputs.positions_T * 2, inputs.tokens_T)
    assert not torch.allclose(backbone(stretched).last_TD, backbone(inputs).last_TD, atol=1e-2)


def test_dropout_is_for_training_only():
    backbone, inputs = built(changed(ENCODER, dropout=0.5)), packed(tokens_of(LENGTHS))
    dropped = backbone(inputs, keep=[0]).kept[0]
    assert 0.4 < (dropped == 0).float().mean() < 0.6
    assert not torch.equal(backbone(inputs).last_TD, backbone(inputs).last_TD)
    backbone.eval()
    assert torch.equal(backbone(inputs).last_TD, backbone(inputs).last_TD)


@shapes
def test_every_parameter_has_a_gradient(settings):
    backbone = built(settings)
    backbone(packed(tokens_of(LENGTHS))).last_TD.square().sum().backward()
    assert [name for name, parameter in backbone.named_parameters() if parameter.grad is None] == []


def test_half_precision_stays_near_single():
    backbone, inputs = built(MODERN), packed(tokens_of(LENGTHS))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = backbone(inputs).last_TD
    exact = backbone(inputs).last_TD
    assert (half.float() - exact).norm() < 0.05 * exact.norm()


def test_layers_and_positions_that_do_not_exist_are_named():
    backbone = built(ENCODER)
    with pytest.raises(UsageError, match="layer 4 does not exist"):
        backbone(packed(tokens_of([5])), keep=[4])
    with pytest.raises(UsageError, match="layer -1 does not exist"):
        backbone(packed(tokens_of([5])), edit={-1: lambda x_TD, _: x_TD})
    with pytest.raises(DataError, match="65 tokens, and this model has positions for 64"):
        backbone(packed(tokens_of([5, 65])))
    assert built(MODERN)(packed(tokens_of([65]))).last_TD.shape == (65, 24)


@shapes
def test_a_twin_without_memory_has_the_same_names_and_shapes(settings):
    with torch.device("meta"):
        twin = Transformer(settings)
    real = Transformer(settings)
    assert {name: tensor.shape for name, tensor in twin.state_dict().items()} == {
        name: t.shape for name, t in real.state_dict().items()
    }
    assert all(parameter.is_meta for parameter in twin.parameters())


def test_moving_inputs_moves_their_groups():
    inputs = packed(tokens_of(LENGTHS))
    assert to_device(inputs, torch.device("cpu")) is inputs
    moved = to_device(inputs, torch.device("meta"))
    assert moved.packing.lengths == LENGTHS
    assert moved.packing.groups.query_slots_T.is_meta
    assert isinstance(moved.packing, Packing)


@shapes
def test_compiled_blocks_are_not_compiled_anew_for_other_lengths(settings):
    torch.compiler.reset()
    backbone, counter = built(settings), CompileCounter()
    for block in backbone.blocks:
        block.compile(backend=counter, dynamic=True)
    backbone(packed(tokens_of(LENGTHS)))
    compiled = counter.frame_count
    for lengths in ((4, 9), (8, 8, 8), (1, 50, 2, 50)):
        inputs = packed(tokens_of(lengths))
        close(backbone(inputs).last_TD, built(settings)(inputs).last_TD)
    assert 0 < compiled == counter.frame_count
