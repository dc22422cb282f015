"""Attention against ten obvious lines, and its groups against every possible split.

Letters: T query rows, S key rows, H query heads, G key and value heads, K features per head.
"""

from itertools import chain, combinations
from math import inf, sqrt

import pytest
import torch
from core_samples import seeded
from torch.nn.functional import scaled_dot_product_attention

from sslcli.core.attention import attend
from sslcli.core.packing import GROUP_COST_SCORES, MOST_GROUPS, Packing, split_lengths

MIXED = (7, 1, 30, 12, 30, 3, 19, 90, 90, 88, 2)


def reference(q_THK, k_SGK, v_SGK, query_lengths, key_lengths, causal=False, window_tokens=None):
    k_SHK, v_SHK = (
        x.repeat_interleave(q_THK.shape[1] // x.shape[1], dim=1) for x in (k_SGK, v_SGK)
    )
    mixed = []
    for q, k, v in zip(
        q_THK.split(query_lengths), k_SHK.split(key_lengths), v_SHK.split(key_lengths), strict=True
    ):
        scores = torch.einsum("ihk,jhk->hij", q, k) / sqrt(q.shape[-1])
        for i in range(q.shape[0]):
            for j in range(k.shape[0]):
                hidden = causal and j > i
                if window_tokens is not None:
                    hidden = hidden or (
                        i - j >= window_tokens if causal else abs(i - j) > window_tokens // 2
                    )
                if hidden:
                    scores[:, i, j] = -inf
        mixed.append(torch.einsum("hij,jhk->ihk", scores.softmax(dim=-1), v))
    return torch.cat(mixed)


def drawn(rows, heads, features=8, seed=0):
    return torch.randn(
        rows, heads, features, generator=seeded(seed), dtype=torch.float64
    ).requires_grad_()


@pytest.mark.parametrize("lengths", [MIXED, (9, 9, 9), (14,), (5, 6)], ids=str)
@pytest.mark.parametrize("window_tokens", [None, 1, 6, 7])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("key_value_heads", [4, 2])
def test_attention_and_its_gradients_are_those_of_the_reference(
    lengths, window_tokens, causal, key_value_heads
):
    packing = Packing.of(lengths)
    inputs = [
        drawn(packing.total, heads, seed=seed)
        for seed, heads in enumerate((4, key_value_heads, key_value_heads))
    ]
    weight_THK = torch.randn(packing.total, 4, 8, generator=seeded(9), dtype=torch.float64)
    results = []
    for mixed_THK in (
        attend(*inputs, packing, packing, causal=causal, window_tokens=window_tokens),
        reference(*inputs, lengths, lengths, causal, window_tokens),
    ):
        results.append((mixed_THK, *torch.autograd.grad((mixed_THK * weight_THK).sum(), inputs)))
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)


def test_queries_of_one_packing_read_keys_of_another():
    query_lengths, key_lengths = (4, 1, 9, 2), (30, 3, 11, 30)
    q_THK, k_SGK, v_SGK = drawn(16, 4), drawn(74, 2, seed=1), drawn(74, 2, seed=2)
    ours = attend(
        q_THK, k_SGK, v_SGK, Packing.of(query_lengths), Packing.of(key_lengths), causal=False
    )
    torch.testing.assert_close(
        ours, reference(q_THK, k_SGK, v_SGK, query_lengths, key_lengths), rtol=0, atol=1e-12
    )


def scores_computed(members, lengths):
    return sum(
        len(numbers) * max(lengths[number] for number in numbers) ** 2 + GROUP_COST_SCORES
        for numbers in members
    )


@pytest.mark.parametrize("seed", range(20))
def test_no_split_of_the_sorted_lengths_computes_fewer_scores(seed):
    lengths = torch.randint(1, 400, (9,), generator=seeded(seed)).tolist()
    members = [group.tolist() for group in split_lengths(lengths)]
    assert sorted(chain.from_iterable(members)) == list(range(len(lengths)))
    order = sorted(range(len(lengths)), key=lambda number: lengths[number])
    best = min(
        scores_computed(
            [order[a:b] for a, b in zip((0, *cuts), (*cuts, len(order)), strict=True)], lengths
        )
        for count in range(MOST_GROUPS)
        for cuts in combinations(range(1, len(order)), count)
    )
    assert scores_computed(members, lengths) == best


def test_sequences_of_one_length_are_neither_moved_nor_masked():
    groups = Packing.of([16] * 5).groups
    assert (
        groups.query_slots_T,
        groups.key_slots_S,
        [group.key_mask for group in groups.groups],
    ) == (None, None, [None])


def test_the_mixed_lengths_of_these_tests_make_several_groups_with_and_without_padding():
    masks = [group.key_mask is None for group in Packing.of(MIXED).groups.groups]
    assert len(masks) > 1
    assert False in masks


def test_short_sequences_beside_a_long_one_do_not_pay_for_its_length():
    lengths = [500] + [20] * 30
    assert scores_computed(
        [group.tolist() for group in split_lengths(lengths)], lengths
    ) < 1.1 * sum(length**2 for length in lengths)


def test_the_kernel_for_padded_sequences_is_called_at_most_four_times(monkeypatch):
    calls = []

    def counted(*arguments, **options):
        calls.append(arguments[0].shape[0])
        return scaled_dot_product_attention(*arguments, **options)

    monkeypatch.setattr("sslcli.core.attention.scaled_dot_product_attention", counted)
    packing = Packing.of(range(1, 600, 20))
    x = drawn(packing.total, 1)
    attend(x, x, x, packing, packing, causal=False)
    assert len(calls) <= MOST_GROUPS
    assert sum(calls) == len(packing)
