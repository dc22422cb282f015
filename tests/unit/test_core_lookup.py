"""The shared gradient of the token matrix against torch's own, to the bit."""

import subprocess
import sys
from contextlib import nullcontext

import pytest
import torch
from core_samples import (
    DECODER,
    ENCODER,
    SHARED,
    VOCABULARY,
    built,
    changed,
    packed,
    seeded,
    tokens_of,
)

from sslcli.core import losses
from sslcli.core.heads import LanguageModelHead
from sslcli.core.initialize import initialize

INPUTS = packed(tokens_of([9, 30, 4]))  # 43 of 50 tokens: some come several times, some not at all
ROWS_N, TARGETS_N = torch.tensor([0, 3, 12, 40]), torch.tensor([7, 7, 1, VOCABULARY - 1])


def gradients_of(settings, shares, passes, read, frozen=()):
    """Of `passes` backward passes, each of the loss that `read` gives, by name."""
    backbone, head = built(settings), LanguageModelHead(settings)
    initialize(head, seeded(5))
    named = {**dict(backbone.named_parameters()), **dict(head.named_parameters(prefix="head"))}
    for name in frozen:
        named[name].requires_grad_(False)
    for number in range(passes):
        with backbone.sharing() if shares else nullcontext():
            loss = read(backbone, head)
            assert (backbone.token_matrix is not backbone.embedding) == (shares and not frozen)
        assert backbone.token_matrix is backbone.embedding
        (loss * 0.3 / (number + 1)).backward()
    return {name: parameter.grad for name, parameter in named.items()}


def loss_of_head(backbone, head):
    return head.loss(backbone(INPUTS).last_TD[ROWS_N], TARGETS_N, backbone).nll_sum


def loss_twice(backbone, head):
    hidden_ND = backbone(INPUTS).last_TD[ROWS_N]
    return (
        head.loss(hidden_ND, TARGETS_N, backbone).nll_sum
        + head.loss(2 * hidden_ND, TARGETS_N, backbone).nll_sum
    )


def loss_of_logits(backbone, head):
    return head(backbone(INPUTS).last_TD[ROWS_N], backbone).logsumexp(dim=1).sum()


def loss_without_head(backbone, head):
    return backbone(INPUTS).last_TD.square().sum()


def loss_of_head_alone(backbone, head):
    return head.loss(backbone(INPUTS).last_TD[ROWS_N].detach(), TARGETS_N, backbone).nll_sum


def loss_of_many(backbone, head):
    """More targets than the matrix has columns: their product is formed at once."""
    hidden_TD = backbone(INPUTS).last_TD
    return head.loss(hidden_TD, torch.arange(len(hidden_TD)) % VOCABULARY, backbone).nll_sum


def loss_and_logits(backbone, head):
    hidden_ND = backbone(INPUTS).last_TD[ROWS_N]
    return (
        head.loss(hidden_ND, TARGETS_N, backbone).nll_sum + head(hidden_ND, backbone).square().sum()
    )


READERS = (
    loss_of_head,
    loss_twice,
    loss_of_logits,
    loss_without_head,
    loss_of_head_alone,
    loss_of_many,
    loss_and_logits,
)


@pytest.mark.parametrize(
    "settings",
    [ENCODER, DECODER, SHARED, changed(ENCODER, tied=False), changed(DECODER, tied=False)],
)
@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("passes", [1, 2])
def test_gradients_are_those_of_two_nodes_to_the_bit(settings, read, passes):
    expected = gradients_of(settings, False, passes, read)
    assert (expected["inputs.token.weight"] is not None) or (
        read is loss_of_head_alone and not settings.tied
    )
    for name, gradient in gradients_of(settings, True, passes, read).items():
        assert (gradient is None) == (expected[name] is None), name
        assert gradient is None or torch.equal(gradient, expected[name]), name


def test_a_frozen_matrix_is_not_shared():
    frozen = ("inputs.token.weight",)
    expected = gradients_of(ENCODER, False, 1, loss_of_head, frozen)
    found = gradients_of(ENCODER, True, 1, loss_of_head, frozen)
    assert found["inputs.token.weight"] is None
    assert all(
        torch.equal(found[name], expected[name]) for name in found if expected[name] is not None
    )


def test_no_other_matrix_is_made_for_the_rows():
    backbone, head = built(ENCODER), LanguageModelHead(ENCODER)
    initialize(head, seeded(5))
    with backbone.sharing():
        loss = loss_of_head(backbone, head)
    with torch.profiler.profile(record_shapes=True) as profile:
        loss.backward()
    matrix = [*backbone.embedding.shape]
    whole = {event.name for event in profile.events() if event.input_shapes[:2] == [matrix, matrix]}
    assert "aten::add" not in whole
    assert "aten::add_" not in whole


def test_without_gradients_nothing_is_shared():
    backbone = built(ENCODER)
    with torch.no_grad(), backbone.sharing():
        backbone(INPUTS)
        assert backbone.token_matrix is backbone.embedding


@pytest.mark.parametrize(
    ("read", "products"),
    [(loss_of_head, 1), (loss_twice, 2), (loss_of_many, 0), (loss_of_logits, 0)],
)
def test_the_largest_gradient_is_formed_after_those_of_the_blocks(read, products):
    backbone, head, waiting = built(ENCODER), LanguageModelHead(ENCODER), []
    initialize(head, seeded(5))
    with backbone.sharing():
        backbone.blocks[0].register_full_backward_hook(lambda *_: waiting.append(len(later)))
        loss, later = read(backbone, head), backbone.later
    assert backbone.later is None
    loss.backward()
    assert waiting == [products]
    assert later == []


@pytest.mark.parametrize("block_rows", [1, 7, 50])
@pytest.mark.parametrize("passes", [1, 2])
def test_a_product_formed_in_blocks_is_that_of_the_whole(monkeypatch, block_rows, passes):
    expected = gradients_of(ENCODER, False, passes, loss_twice)
    monkeypatch.setattr(losses, "CPU_WEIGHT_BYTES", 4 * ENCODER.width * block_rows)
    monkeypatch.setattr(losses, "LEAST_ROWS", 1)
    for name, gradient in gradients_of(ENCODER, True, passes, loss_twice).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-5, atol=1e-6)


def test_a_loss_that_is_dropped_adds_nothing_to_the_matrix():
    def loss_of_one(backbone, head):
        hidden_ND = backbone(INPUTS).last_TD[ROWS_N]
        dropped = head.loss(2 * hidden_ND, TARGETS_N, backbone)
        assert dropped.nll_sum > 0
        return head.loss(hidden_ND, TARGETS_N, backbone).nll_sum

    expected = gradients_of(ENCODER, False, 1, loss_of_head)
    found = gradients_of(ENCODER, True, 1, loss_of_one)
    assert torch.equal(found["inputs.token.weight"], expected["inputs.token.weight"])


def test_a_pass_that_ends_before_the_matrix_leaves_nothing_to_the_next_one():
    def loss_after_another(backbone, head):
        hidden_ND = backbone(INPUTS).last_TD[ROWS_N]
        other = head.loss(2 * hidden_ND, TARGETS_N, backbone).nll_sum
        torch.autograd.grad(other, hidden_ND, retain_graph=True)
        return head.loss(hidden_ND, TARGETS_N, backbone).nll_sum

    expected = gradients_of(ENCODER, False, 1, loss_of_head)
    found = gradients_of(ENCODER, True, 1, loss_after_another)
    assert torch.equal(found["inputs.token.weight"], expected["inputs.token.weight"])


def test_a_model_without_memory_is_built_without_the_compiler():
    """torch brings its compiler along where a draw on the meta device is asked for."""
    script = """
import sys, torch
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
with torch.device("meta"):
    Transformer(TransformerSettings(vocabulary=9, width=8, heads=2, depth=1, feedforward_width=8, segments=2))
assert "torch._dynamo" not in sys.modules
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
