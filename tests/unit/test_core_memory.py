"""A decoder that reads an encoder: against torch's own decoder layers over padded batches, and
sequence by sequence.

Letters: T target rows, S source rows, D width.
"""

import pytest
import torch
from core_samples import ENCODER, VOCABULARY, built, changed, seeded, tokens_of
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sslcli.core.adapters import add_adapters
from sslcli.core.arithmetic import (
    decoder_flops_per_token,
    flops_per_token,
    head_parameters,
    parameters,
)
from sslcli.core.attention import attend
from sslcli.core.cache import Cache
from sslcli.core.heads import LanguageModelHead
from sslcli.core.initialize import initialize
from sslcli.core.inputs import Hidden, Inputs
from sslcli.core.packing import Packing
from sslcli.core.settings import AdapterSettings, TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.errors import DataError, UsageError

SOURCES, TARGETS = [5, 12, 1, 9], [7, 1, 10, 9]
BOTH = {"architecture": "encoder_decoder", "segments": 0, "decoder_depth": 2}
POST = changed(ENCODER, **BOTH)
PRE = changed(ENCODER, **BOTH, norm_place="pre", norm_embeddings=False)
LLAMA_LIKE = changed(
    PRE, positions="rotary", norm="rms", biases="none", feedforward="gated", key_value_heads=2
)
SHARED = changed(POST, shared_layers=True, decoder_depth=4)
WINDOWED = changed(LLAMA_LIKE, window_tokens=4, global_every=2)
UNEVEN = changed(PRE, decoder_heads=2, decoder_feedforward_width=56, scale_embeddings=True)
SHAPES = {
    "post": POST,
    "pre": PRE,
    "llama": LLAMA_LIKE,
    "shared": SHARED,
    "windowed": WINDOWED,
    "uneven": UNEVEN,
}


def close(first, second, tolerance=2e-5):
    torch.testing.assert_close(first, second, rtol=0, atol=tolerance)


def decoded(backbone, sources, targets):
    return backbone.decode(Inputs.pack(targets), backbone.encode(Inputs.pack(sources)))


def padded(rows_TD, lengths):
    """[B, P, D] with garbage on the right, and where it stands."""
    longest = max(lengths)
    batch = torch.full((len(lengths), longest, rows_TD.shape[1]), 7.0)
    for place, part in enumerate(rows_TD.split(lengths)):
        batch[place, : len(part)] = part
    return batch, torch.arange(longest) >= torch.tensor(lengths)[:, None]


def oracle_layer(block, settings):
    """torch's decoder layer with a block's weights."""
    layer = nn.TransformerDecoderLayer(
        settings.width,
        settings.heads,
        settings.feedforward_width,
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=settings.norm_epsilon,
        batch_first=True,
        norm_first=settings.norm_place == "pre",
    )
    state = {}
    for theirs, ours in (
        ("self_attn", block.attention),
        ("multihead_attn", block.memory_attention),
    ):
        for kind in ("weight", "bias"):
            state[f"{theirs}.in_proj_{kind}"] = torch.cat(
                [getattr(part, kind) for part in (ours.query, ours.key, ours.value)]
            )
            state[f"{theirs}.out_proj.{kind}"] = getattr(ours.output, kind)
    parts = {"linear1": block.feedforward.up, "linear2": block.feedforward.down}
    parts |= {
        "norm1": block.attention_norm,
        "norm2": block.memory_norm,
        "norm3": block.feedforward_norm,
    }
    state |= {
        f"{name}.{kind}": getattr(part, kind)
        for name, part in parts.items()
        for kind in ("weight", "bias")
    }
    layer.load_state_dict(state)
    return layer.eval()


@pytest.mark.parametrize("shape", ["post", "pre", "uneven"])
def test_decoder_layers_give_the_numbers_of_torchs_over_padded_batches(shape):
    backbone = built(SHAPES[shape])
    memory = backbone.encode(Inputs.pack(tokens_of(SOURCES)))
    found = backbone.decode(Inputs.pack(tokens_of(TARGETS, seed=1)), memory, keep=range(3))
    x_BPD, _ = padded(found.kept[0], TARGETS)
    memory_BQD, hidden_BQ = padded(memory.last_TD, SOURCES)
    causal_PP = nn.Transformer.generate_square_subsequent_mask(max(TARGETS))
    for layer, block in enumerate(backbone.decoder.blocks, start=1):
        oracle = oracle_layer(block, backbone.decoder.settings)
        x_BPD = oracle(
            x_BPD,
            memory_BQD,
            tgt_mask=causal_PP,
            memory_key_padding_mask=hidden_BQ,
            tgt_is_causal=True,
        )
        rows_TD = torch.cat([row[:length] for row, length in zip(x_BPD, TARGETS, strict=True)])
        if layer == 2 and backbone.decoder.norm is not None:
            rows_TD = backbone.decoder.norm(rows_TD)
        close(found.kept[layer], rows_TD)
    assert torch.equal(found.last_TD, found.kept[2])


@pytest.mark.parametrize("kinds", [(4, 4), (4, 2)])
def test_attention_to_other_rows_is_softmax_over_them(kinds):
    """The slow way: one query of one sequence at a time, in float64."""
    heads, shared = kinds
    q_THK = torch.randn(sum(TARGETS), heads, 6, generator=seeded(1))
    k_SGK, v_SGK = (torch.randn(sum(SOURCES), shared, 6, generator=seeded(seed)) for seed in (2, 3))
    found = attend(q_THK, k_SGK, v_SGK, Packing.of(TARGETS), Packing.of(SOURCES), causal=False)
    expected, first_query, first_key = torch.zeros_like(found), 0, 0
    for queries, keys in zip(TARGETS, SOURCES, strict=True):
        for query in range(first_query, first_query + queries):
            for head in range(heads):
                group = head * shared // heads
                scores = [
                    float(q_THK[query, head].double() @ k_SGK[key, group].double()) / 6**0.5
                    for key in range(first_key, first_key + keys)
                ]
                weights = torch.tensor(scores).double().softmax(dim=0)
                mixed = sum(
                    w * v_SGK[first_key + place, group].double() for place, w in enumerate(weights)
                )
                expected[query, head] = mixed.float()
        first_query, first_key = first_query + queries, first_key + keys
    close(found, expected, 1e-5)


def test_attention_between_unequal_numbers_of_sequences_is_refused():
    rows = torch.zeros(3, 1, 2)
    with pytest.raises(AssertionError, match="its sequence of keys"):
        attend(rows, rows, rows, Packing.of([1, 2]), Packing.of([3]), causal=False)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sequence_is_decoded_alike_in_any_company(shape):
    backbone, sources, targets = (
        built(SHAPES[shape]),
        tokens_of(SOURCES),
        tokens_of(TARGETS, seed=1),
    )
    together = decoded(backbone, sources, targets).last_TD.split(TARGETS)
    for source, target, found in zip(sources, targets, together, strict=True):
        close(found, decoded(backbone, [source], [target]).last_TD)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_sees_what_precedes_it_and_all_of_its_source(shape):
    backbone, sources, targets = (
        built(SHAPES[shape]),
        tokens_of(SOURCES),
        tokens_of(TARGETS, seed=1),
    )
    before = decoded(backbone, sources, targets).last_TD.split(TARGETS)
    later = [target.clone() for target in targets]
    later[2][6] = (later[2][6] + 1) % VOCABULARY
    after = decoded(backbone, sources, later).last_TD.split(TARGETS)
    close(after[2][:6], before[2][:6])
    assert (after[2][6:] - before[2][6:]).abs().amax(dim=1).min() > 1e-4 or shape == "windowed"
    other = [source.clone() for source in sources]
    other[1][11] = (other[1][11] + 1) % VOCABULARY
    after = decoded(backbone, other, targets).last_TD.split(TARGETS)
    assert (after[1] - before[1]).abs().max() > 1e-4
    for place in (0, 2, 3):
        close(after[place], before[place])


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_that_are_decoded_one_by_one_are_those_decoded_at_once(shape):
    backbone, sources, targets = (
        built(SHAPES[shape]),
        tokens_of(SOURCES),
        tokens_of([6, 6, 6, 6], seed=1),
    )
    memory = backbone.encode(Inputs.pack(sources))
    whole = backbone.decode(Inputs.pack(targets), memory).last_TD.view(4, 6, -1)
    cache, first = Cache(), 2
    start = backbone.decode(
        Inputs.pack([target[:first] for target in targets]), memory, cache=cache
    )
    close(start.last_TD.view(4, first, -1), whole[:, :first])
    for place in range(first, 6):
        row = Inputs.pack(
            [target[place : place + 1] for target in targets], positions=[torch.tensor([place])] * 4
        )
        close(backbone.decode(row, memory, cache=cache).last_TD, whole[:, place])


def test_rounded_numbers_of_rows_change_nothing():
    """In bf16 on a CPU both packings get a spare sequence, or neither does."""
    backbone = built(POST)
    for sources, targets in (
        (SOURCES, TARGETS),
        ([16], [33]),
        ([33], [16]),
        ([16, 16], [32, 32]),
        ([33, 1], [37, 5]),
    ):
        plain = decoded(backbone, tokens_of(sources), tokens_of(targets, seed=1)).last_TD
        with torch.autocast("cpu", torch.bfloat16):
            found = decoded(backbone, tokens_of(sources), tokens_of(targets, seed=1))
        assert found.packing.lengths == tuple(targets)
        assert found.last_TD.shape == plain.shape
        close(found.last_TD.float(), plain, 0.1)


def test_the_gradient_of_the_shared_token_matrix_is_that_of_its_three_readers():
    """Source, target and tied head; shared as the loop does, and as autograd alone sums them."""
    gradients = []
    for shares in (False, True):
        backbone = built(POST)
        head = LanguageModelHead(POST)
        targets = tokens_of(TARGETS, seed=1)
        with backbone.sharing() if shares else torch.enable_grad():
            rows_TD = decoded(backbone, tokens_of(SOURCES), targets).last_TD
            loss = head.loss(rows_TD[:5], torch.cat(targets)[1:6], backbone).nll_sum
        loss.backward()
        gradients.append({name: parameter.grad for name, parameter in backbone.named_parameters()})
    assert all(gradient is not None for gradient in gradients[0].values())
    for name, gradient in gradients[0].items():
        close(gradients[1][name], gradient, 1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_as_many_parameters_as_are_counted(shape):
    settings = SHAPES[shape]
    assert sum(p.numel() for p in Transformer(settings).parameters()) == parameters(settings)
    assert (
        sum(p.numel() for p in LanguageModelHead(settings).parameters())
        == head_parameters(settings)
        == 0
    )


def test_each_stack_has_its_own_depth_and_the_first_the_names_of_an_encoder():
    backbone = Transformer(POST)
    assert [stack.depth for stack in backbone.stacks] == [3, 2]
    encoder = {name for name in Transformer(changed(ENCODER, segments=0)).state_dict()}
    names = set(backbone.state_dict())
    assert encoder < names
    assert all(name.startswith("decoder.") for name in names - encoder)
    assert "decoder.inputs.token.weight" not in names
    assert TransformerSettings(architecture="encoder_decoder", depth=5).layers_of_decoder == 5


def test_what_writes_to_the_residual_path_is_scaled_by_how_many_do():
    backbone = Transformer(
        changed(PRE, width=64, heads=4, depth=3, decoder_depth=3, initial_deviation=0.5)
    )
    initialize(backbone, seeded(0))
    encoder, decoder = backbone.blocks[0], backbone.decoder.blocks[0]
    expected = {
        encoder.attention: 6,
        encoder.feedforward: 6,
        decoder.attention: 9,
        decoder.memory_attention: 9,
    }
    for part, writers in expected.items():
        weight = getattr(part, "output", None) or part.down
        assert float(weight.weight.detach().std()) == pytest.approx(0.5 / writers**0.5, rel=0.05)


def test_adapters_reach_both_stacks():
    backbone = built(POST)
    add_adapters(backbone, AdapterSettings(rank=2, targets=["query"]), seeded(3))
    adapted = [name for name, parameter in backbone.named_parameters() if parameter.requires_grad]
    # two matrices for each of: self-attention of all, memory attention of the decoder's
    assert len(adapted) == 2 * (3 + 2 * 2)
    assert any(name.startswith("decoder.blocks.1.memory_attention.query") for name in adapted)


def test_layers_and_positions_that_the_decoder_has_not_are_refused():
    backbone = built(POST)
    memory = backbone.encode(Inputs.pack(tokens_of(SOURCES)))
    with pytest.raises(UsageError, match="layer 3 does not exist"):
        backbone.decode(Inputs.pack(tokens_of(TARGETS)), memory, keep=[3])
    with pytest.raises(DataError, match="positions for 64"):
        backbone.decode(Inputs.pack(tokens_of([65])), Hidden(torch.zeros(1, 24), Packing.of([1])))


@pytest.mark.parametrize("field", ["decoder_depth", "decoder_heads", "decoder_feedforward_width"])
def test_what_a_decoder_has_of_its_own_is_for_an_encoder_decoder(field):
    with pytest.raises(ValueError, match=f"{field} is for an encoder_decoder"):
        TransformerSettings(**{field: 2})


def test_a_decoder_whose_heads_do_not_fit_is_refused():
    with pytest.raises(ValueError, match="width 24 is not divisible by 5 heads"):
        changed(POST, decoder_heads=5)


def test_token_embeddings_alone_are_scaled():
    plain, scaled = (built(changed(POST, scale_embeddings=scale)) for scale in (False, True))
    inputs = Inputs.pack(tokens_of(SOURCES))
    tokens_TD, others_TD = plain.inputs.token(inputs.tokens_T), []
    for backbone in (plain, scaled):
        backbone.inputs.norm = None
        others_TD.append(backbone.inputs(inputs))
    close(others_TD[1] - others_TD[0], tokens_TD * (24**0.5 - 1))


def test_the_heads_own_vector_is_added_and_not_trained():
    backbone, head = built(POST), LanguageModelHead(POST)
    assert "bias" in head.state_dict()
    hidden_ND = torch.randn(5, 24, generator=seeded(4))
    before = head(hidden_ND, backbone)
    shift = torch.randn(VOCABULARY, generator=seeded(5))
    head.load_state_dict({"bias": shift})
    close(head(hidden_ND, backbone), before + shift)
    targets = torch.tensor([0, 3, 7, 9, 49])
    loss = head.loss(hidden_ND, targets, backbone).nll_sum
    close(loss, nn.functional.cross_entropy(before + shift, targets, reduction="sum"), 1e-4)
    loss.backward()
    assert [name for name, _ in head.named_parameters()] == []


@pytest.mark.parametrize("shape", ["post", "uneven", "shared"])
def test_operations_of_both_halves_are_those_that_torch_counts(shape):
    """Causal attention is counted at half its square; torch counts all of it, as of products."""
    settings = SHAPES[shape]
    backbone, sources, targets = Transformer(settings), [12] * 4, [10] * 4
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
        decoded(backbone, tokens_of(sources), tokens_of(targets, seed=1))
    ours = sum(sources) * flops_per_token(settings, 12, 0.0)
    ours += sum(targets) * decoder_flops_per_token(settings, 2 * 10, 12, 12 / 10, 0.0)
    assert ours / 3 == pytest.approx(counter.get_total_flops(), rel=1e-9)
