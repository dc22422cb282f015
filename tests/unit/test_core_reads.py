"""The last block forms only the rows that a training step reads, and they are what they were."""

import numpy as np
import pytest
import torch
from core_samples import DECODER, ENCODER, EVERY_SHAPE, built, changed, packed, tokens_of

from sslcli.core.heads import PooledClassifier
from sslcli.core.inputs import Inputs, Reads

LENGTHS = (7, 1, 30, 12, 30, 3)
ROWS = np.asarray([0, 3, 9, 20, 37, 38, 44, 82])  # none of the second sequence
shapes = pytest.mark.parametrize("settings", EVERY_SHAPE.values(), ids=EVERY_SHAPE.keys())


def in_training(settings):
    return built(changed(settings, dropout=0.0)).train()


@pytest.mark.parametrize(
    "rows_N", [ROWS, np.arange(83), np.asarray([82])], ids=["some", "all", "last"]
)
@shapes
def test_rows_that_are_read_and_all_gradients_are_those_of_the_whole(settings, rows_N):
    inputs, backbone = packed(tokens_of(LENGTHS)), in_training(settings)
    weight_ND = torch.randn(len(rows_N), settings.width)

    def found(given):
        backbone.zero_grad()
        read_ND = backbone(given).last_TD[torch.from_numpy(rows_N)]
        (read_ND * weight_ND).sum().backward()
        return [read_ND, *(p.grad for p in backbone.parameters() if p.grad is not None)]

    whole, read = found(inputs), found(inputs.reading(rows_N))
    assert len(whole) == len(read) > 5
    for ours, expected in zip(read, whole, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_rows_that_nobody_reads_are_no_numbers():
    inputs, backbone = packed(tokens_of(LENGTHS)), in_training(ENCODER)
    is_number_T = backbone(inputs.reading(ROWS)).last_TD.isfinite().all(dim=1)
    assert is_number_T.nonzero()[:, 0].tolist() == ROWS.tolist()


def test_the_last_block_works_on_these_rows_alone():
    seen = []
    backbone = in_training(ENCODER)
    for block in backbone.blocks:
        block.feedforward.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
        block.attention.query.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    backbone(packed(tokens_of(LENGTHS)).reading(ROWS))
    depth = ENCODER.depth
    assert seen == [83, 83] * (depth - 1) + [len(ROWS)] * 2


@pytest.mark.parametrize("settings", [ENCODER, DECODER], ids=["encoder", "decoder"])
def test_all_rows_are_formed_out_of_training_and_where_the_last_layer_is_kept_or_edited(settings):
    inputs, backbone = packed(tokens_of(LENGTHS)), in_training(settings)
    reading = inputs.reading(ROWS)
    whole_TD = backbone(inputs).last_TD
    assert torch.equal(backbone(reading, keep=[settings.depth]).last_TD, whole_TD)
    same = {settings.depth: lambda x_TD, _: x_TD}
    assert torch.equal(backbone(reading, edit=same).last_TD, whole_TD)
    backbone.eval()
    assert torch.equal(backbone(reading).last_TD, backbone(inputs).last_TD)


def test_a_memory_is_whole():
    settings = changed(ENCODER, architecture="encoder_decoder", decoder_depth=2, segments=0)
    inputs, backbone = packed(tokens_of(LENGTHS)), in_training(settings)
    assert torch.equal(
        backbone.encode(inputs.reading(ROWS)).last_TD, backbone.encode(inputs).last_TD
    )
    assert backbone.decode(inputs.reading(ROWS), backbone.encode(inputs)).last_TD.isfinite().all()


def test_rows_may_come_in_any_order_and_twice():
    inputs = packed(tokens_of(LENGTHS))
    reads = inputs.reading(np.asarray([82, 3, 0, 3])).reads
    assert reads.rows_N.tolist() == [0, 3, 82]
    assert reads.packing.lengths == (2, 0, 0, 0, 0, 1)


def test_spread_rows_give_their_gradients_back():
    x_ND = torch.randn(2, 3, requires_grad=True)
    reads = Reads.of(np.asarray([1, 3]), Inputs.pack([np.arange(4)]).packing)
    whole_TD = reads.spread(x_ND, 4)
    (whole_TD[1] * 2 + whole_TD[3] * 5).sum().backward()
    assert x_ND.grad.tolist() == [[2.0] * 3, [5.0] * 3]


@pytest.mark.parametrize("settings", [ENCODER, DECODER], ids=["encoder", "decoder"])
def test_a_classifier_of_sequences_names_the_rows_that_it_reads(settings):
    inputs, backbone = packed(tokens_of(LENGTHS)), in_training(settings)
    classifier = PooledClassifier(settings, 3)
    reading = inputs.reading(classifier.rows_of(inputs.packing))
    torch.testing.assert_close(classifier(backbone(reading)), classifier(backbone(inputs)))
