"""The chunked loss against torch's own, and the heads against their formulas.

Letters: N targets, E width of the embeddings, V vocabulary.
"""

from itertools import product

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
from torch.nn.functional import cross_entropy, gelu

from sslcli.core import losses
from sslcli.core.heads import LanguageModelHead, PooledClassifier
from sslcli.core.initialize import initialize
from sslcli.core.losses import linear_cross_entropy


def drawn(rows, width=6, classes=11, with_bias=True, dtype=torch.float32):
    generator = seeded(rows)
    hidden_NE = torch.randn(rows, width, generator=generator).to(dtype).requires_grad_()
    weight_VE = torch.randn(classes, width, generator=generator).to(dtype).requires_grad_()
    bias_V = (
        torch.randn(classes, generator=generator).to(dtype).requires_grad_() if with_bias else None
    )
    return [hidden_NE, weight_VE, bias_V], torch.randint(0, classes, (rows,), generator=generator)


@pytest.mark.parametrize(
    ("rows", "with_bias", "chunk_rows"),
    [*product((1, 7, 20), (True, False), (1, 3, 1000)), (0, True, 3)],
)
@pytest.mark.parametrize("block_rows", [1, 2, 1000])
def test_loss_and_gradients_are_those_of_cross_entropy(
    monkeypatch, rows, with_bias, chunk_rows, block_rows
):
    monkeypatch.setattr(losses, "CHUNK_BYTES", 4 * 11 * chunk_rows)
    monkeypatch.setattr(losses, "CPU_BLOCK_BYTES", 4 * 11 * block_rows)
    monkeypatch.setattr(losses, "CPU_WEIGHT_BYTES", 4 * 6 * 2 * block_rows)
    monkeypatch.setattr(losses, "LEAST_ROWS", 1)
    inputs, targets_N = drawn(rows, with_bias=with_bias)
    loss = linear_cross_entropy(*inputs, targets_N)
    logits_NV = torch.nn.functional.linear(*inputs)
    expected = cross_entropy(logits_NV, targets_N, reduction="sum")
    torch.testing.assert_close(loss.nll_sum, expected, rtol=1e-5, atol=1e-5)
    assert loss.correct == (logits_NV.argmax(dim=1) == targets_N).sum()
    wanted = [x for x in inputs if x is not None]
    ours, theirs = (
        torch.autograd.grad(0.3 * result, wanted) for result in (loss.nll_sum, expected)
    )
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-5, atol=1e-5)


def test_no_more_logits_than_one_chunk_exist(monkeypatch):
    monkeypatch.setattr(losses, "CHUNK_BYTES", 4 * 11 * 5)
    seen, chunk_loss = [], losses._chunk_loss

    def watched(hidden_CE, *others):
        seen.append(len(hidden_CE))
        return chunk_loss(hidden_CE, *others)

    monkeypatch.setattr(losses, "_chunk_loss", watched)
    inputs, targets_N = drawn(23)
    linear_cross_entropy(*inputs, targets_N)
    assert seen == [5, 5, 5, 5, 3]


def test_of_equally_likely_tokens_the_first_counts():
    hidden_NE, weight_VE = torch.ones(4, 2), torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    assert linear_cross_entropy(hidden_NE, weight_VE, None, torch.tensor([0, 1, 2, 1])).correct == 2


def test_a_token_of_vanishing_probability_costs_its_full_loss():
    hidden_NE, weight_VE = torch.ones(1, 1), torch.tensor([[300.0], [-200.0]], requires_grad=True)
    loss = linear_cross_entropy(hidden_NE, weight_VE, None, torch.tensor([1]))
    loss.nll_sum.backward()
    assert loss.nll_sum == 500
    assert weight_VE.grad.tolist() == [[1.0], [-1.0]]


@pytest.mark.parametrize("frozen", range(3))
def test_what_needs_no_gradient_gets_none(frozen):
    inputs, targets_N = drawn(7)
    inputs[frozen].requires_grad_(False)
    linear_cross_entropy(*inputs, targets_N).nll_sum.backward()
    assert [x.grad is None for x in inputs] == [number == frozen for number in range(3)]


def test_evaluation_makes_no_gradient():
    inputs, targets_N = drawn(7)
    with torch.no_grad():
        without = linear_cross_entropy(*inputs, targets_N)
    assert not without.nll_sum.requires_grad
    assert torch.equal(without.nll_sum, linear_cross_entropy(*inputs, targets_N).nll_sum)


def test_sums_stay_in_single_precision_under_autocast():
    inputs, targets_N = drawn(600, width=64, classes=300)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = linear_cross_entropy(*inputs, targets_N)
    loss.nll_sum.backward()
    assert loss.nll_sum.dtype == torch.float32
    ours = [x.grad.clone() for x in inputs]
    expected = cross_entropy(torch.nn.functional.linear(*inputs), targets_N, reduction="sum")
    theirs = torch.autograd.grad(expected, inputs)
    assert abs(loss.nll_sum - expected) < 3e-3 * expected
    for our, their in zip(ours, theirs, strict=True):
        assert our.dtype == torch.float32
        assert (our - their).norm() < 0.02 * their.norm()


def test_losses_of_thousands_of_targets_are_not_rounded_away_in_half_precision():
    inputs, targets_N = drawn(5_000, dtype=torch.bfloat16)
    loss = linear_cross_entropy(*inputs, targets_N)
    expected = cross_entropy(
        torch.nn.functional.linear(*inputs).float(), targets_N, reduction="sum"
    )
    assert loss.nll_sum.dtype == torch.float32
    assert abs(loss.nll_sum - expected) < 3e-3 * expected


def head_of(settings):
    head = LanguageModelHead(settings)
    initialize(head, seeded(5))
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=seeded(6)) * 0.1)
    return head


@pytest.mark.parametrize(
    "settings", [ENCODER, SHARED, DECODER], ids=["encoder", "factorised", "decoder"]
)
@pytest.mark.parametrize("tied", [True, False])
def test_the_loss_of_a_head_is_that_of_its_logits(settings, tied):
    settings = changed(settings, tied=tied)
    backbone, head = built(settings), head_of(settings)
    hidden_TD = backbone(packed(tokens_of([9, 14]))).last_TD
    targets_T = torch.randint(0, VOCABULARY, (23,), generator=seeded())
    logits_TV = head(hidden_TD, backbone)
    torch.testing.assert_close(
        head.loss(hidden_TD, targets_T, backbone).nll_sum,
        cross_entropy(logits_TV, targets_T, reduction="sum"),
    )
    features = settings.features_of_embedding
    assert (head.weight is None) if tied else (head.weight.shape == (VOCABULARY, features))
    matrix = backbone.embedding if tied else head.weight
    if settings.architecture == "encoder":
        expected = head.norm(gelu(head.dense(hidden_TD))) @ matrix.T + head.bias
    else:
        expected = hidden_TD @ matrix.T
        assert not any("dense" in name or "bias" in name for name in head.state_dict())
    torch.testing.assert_close(logits_TV, expected)


def test_a_tied_matrix_gets_the_gradients_of_both_its_ends():
    backbone, head, tokens = built(DECODER), head_of(DECODER), tokens_of([9])
    targets_T = torch.full((9,), int(tokens[0][0]))

    def gradient(embedding_end, head_end):
        matrix = backbone.embedding
        rows_TD = torch.nn.functional.embedding(
            tokens[0], matrix if embedding_end else matrix.detach()
        )
        inputs = packed(tokens)
        hidden_TD = backbone(
            type(inputs)(inputs.packing, inputs.positions_T, rows_TD=rows_TD)
        ).last_TD
        logits_TV = hidden_TD @ (matrix if head_end else matrix.detach()).T
        return torch.autograd.grad(cross_entropy(logits_TV, targets_T, reduction="sum"), matrix)[0]

    head.loss(backbone(packed(tokens)).last_TD, targets_T, backbone).nll_sum.backward()
    torch.testing.assert_close(
        backbone.embedding.grad, gradient(True, False) + gradient(False, True), rtol=1e-4, atol=1e-4
    )


def test_the_classifier_reads_the_first_row_of_each_sequence():
    backbone, classifier = built(ENCODER), PooledClassifier(ENCODER, 3)
    sequences = tokens_of([4, 1, 9])
    hidden = backbone(packed(sequences))
    expected = torch.stack(
        [
            classifier.classifier(torch.tanh(classifier.pooler(hidden.last_TD[row])))
            for row in (0, 4, 5)
        ]
    )
    torch.testing.assert_close(classifier(hidden), expected)


@pytest.mark.parametrize("features", [32, 768, 10_000_000])
@pytest.mark.parametrize("rest", [-1, 0, 1, 63, 64])
def test_no_block_of_a_weight_is_a_few_rows(features, rest):
    whole = losses._weight_blocks(1 << 20, features)[0].stop
    for rows in (whole + rest, 2 * whole + rest):
        blocks = losses._weight_blocks(rows, features)
        assert [row for block in blocks for row in range(rows)[block]] == list(range(rows))
        sizes = [block.stop - block.start for block in blocks]
        assert min(sizes) >= min(rows, losses.LEAST_ROWS)
        assert not any(size % losses.LEAST_ROWS for size in sizes[:-1])


def test_a_weight_smaller_than_a_block_is_one():
    assert losses._weight_blocks(11, 6) == [slice(0, 11)]


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("chunk_bytes", [1, 1 << 27])
def test_label_smoothing_is_that_of_torch(monkeypatch, with_bias, chunk_bytes):
    monkeypatch.setattr(losses, "CHUNK_BYTES", chunk_bytes)
    generator = torch.Generator().manual_seed(0)
    shapes = [(9, 6), (13, 6), (13,)][: 2 + with_bias]
    inputs = [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]
    targets_N = torch.randint(13, (9,), generator=generator)
    bias = inputs[2] if with_bias else None
    found = linear_cross_entropy(*inputs[:2], bias, targets_N, smoothing=0.1)
    found.smoothed_sum.backward()
    gradients = [each.grad.clone() for each in inputs]
    for each in inputs:
        each.grad = None
    logits_NV = torch.nn.functional.linear(*inputs)
    given = {"reduction": "sum", "label_smoothing": 0.1}
    expected = torch.nn.functional.cross_entropy(logits_NV, targets_N, **given)
    expected.backward()
    torch.testing.assert_close(found.smoothed_sum, expected)
    for gradient, each in zip(gradients, inputs, strict=True):
        torch.testing.assert_close(gradient, each.grad)
    plain = torch.nn.functional.cross_entropy(logits_NV, targets_N, reduction="sum")
    torch.testing.assert_close(found.nll_sum, plain)
    assert not found.nll_sum.requires_grad
