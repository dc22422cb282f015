"""Rounded numbers of rows: few of them, none much larger, and results that do not depend on
them.
"""

import pytest
import torch
from core_samples import EVERY_SHAPE, VOCABULARY, built, packed, seeded, tokens_of
from torch import nn

from sslcli.core import heads, transformer
from sslcli.core.heads import LanguageModelHead
from sslcli.core.initialize import initialize
from sslcli.core.shape_buckets import rounded

LENGTHS = (9, 14, 26)  # 49 rows, which become 50


def test_a_rounded_number_is_at_most_a_sixteenth_larger_and_there_are_sixteen_an_octave():
    numbers = {rows: rounded(rows) for rows in range(3_000)}
    assert all(rows <= number <= rows + rows / 16 for rows, number in numbers.items())
    assert all(
        len({numbers[rows] for rows in range(low, 2 * low)}) <= 17 for low in (16, 64, 1_024)
    )


def in_half_precision(settings, lengths=LENGTHS):
    """Hidden states, loss and gradients of a backbone and its head, under autocast."""
    backbone, head = built(settings), LanguageModelHead(settings)
    initialize(head, seeded(5))
    targets_T = torch.randint(0, VOCABULARY, (sum(lengths),), generator=seeded(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = backbone(packed(tokens_of(lengths)), keep=[1])
        loss = head.loss(hidden.last_TD, targets_T, backbone)
    loss.nll_sum.backward()
    return [
        hidden.last_TD,
        hidden.kept[1],
        loss.nll_sum,
        *(x.grad for x in (*backbone.parameters(), *head.parameters())),
    ]


@pytest.mark.parametrize("settings", EVERY_SHAPE.values(), ids=EVERY_SHAPE.keys())
def test_spare_rows_change_neither_results_nor_gradients(monkeypatch, settings):
    ours = in_half_precision(settings)
    for module in (transformer, heads):
        monkeypatch.setattr(module, "pays", lambda device: False)
    for with_spare, without in zip(ours, in_half_precision(settings), strict=True):
        assert with_spare.shape == without.shape
        assert (with_spare - without).norm() <= 0.02 * without.norm()


def test_no_linear_layer_meets_many_numbers_of_rows_in_half_precision(monkeypatch):
    met = set()
    forward = nn.Linear.forward

    def watched(self, x):
        met.add(len(x))
        return forward(self, x)

    monkeypatch.setattr(nn.Linear, "forward", watched)
    for last in range(1, 60):
        in_half_precision(EVERY_SHAPE["encoder"], (64, last))
    assert met == {rounded(64 + last) for last in range(1, 60)}
    assert len(met) == 15
