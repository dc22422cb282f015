"""Inputs that are packed anywhere, and subsets of a batch, against the same thing laid out by
hand.
"""

import numpy as np
import pytest
import torch
from core_samples import DECODER, ENCODER, EVERY_SHAPE, built, changed, packed, tokens_of

from sslcli.core.inputs import Inputs
from sslcli.data.batches import Sample, collate
from sslcli.errors import DataError

LENGTHS = [5, 1, 9, 4]


def batch_of(lengths=LENGTHS, **fields):
    sequences = [tokens.numpy() for tokens in tokens_of(lengths)]
    samples = [
        Sample(
            tokens,
            segments=np.arange(len(tokens)) % 2,
            per_token={"word": np.arange(len(tokens)) * 10},
        )
        for tokens in sequences
    ]
    return sequences, collate(range(7, 7 + len(samples)), samples)


def some_of(batch):
    """Every row but each third, and the first of every sample."""
    return (np.arange(batch.starts[-1]) % 3 != 1) | (batch.positions == 0)


@pytest.mark.parametrize("kind", ["tensors", "arrays"])
def test_packed_tokens_are_those_laid_out_by_hand(kind):
    sequences = tokens_of(LENGTHS)
    segments = [torch.arange(len(sequence)) % 2 for sequence in sequences]
    expected = packed(sequences, segments)
    if kind == "arrays":
        sequences, segments = (
            [each.numpy().astype(np.int32) for each in parts] for parts in (sequences, segments)
        )
    found = Inputs.pack(sequences, segments=segments)
    assert found.packing.lengths == tuple(LENGTHS)
    assert torch.equal(found.packing.starts_B1, expected.packing.starts_B1)
    for name in ("tokens_T", "positions_T", "segments_T"):
        assert getattr(found, name).dtype == torch.int64
        assert torch.equal(getattr(found, name), getattr(expected, name))
    assert found.rows_TD is None


def test_a_tensor_is_sequences_of_one_length():
    tokens_BT, rows_BTF = torch.arange(12).view(3, 4), torch.randn(3, 4, 5)
    places_BT = torch.tensor([[4, 5, 6, 7]] * 3)
    for together, parts in ((tokens_BT, list(tokens_BT)), (rows_BTF, list(rows_BTF))):
        found = Inputs.pack(together, positions=places_BT)
        expected = Inputs.pack(parts, positions=list(places_BT))
        assert found.packing.lengths == expected.packing.lengths == (4, 4, 4)
        for name in ("tokens_T", "rows_TD", "positions_T"):
            ours, theirs = getattr(found, name), getattr(expected, name)
            assert (ours is None and theirs is None) or torch.equal(ours, theirs)


def test_packed_rows_keep_their_gradients():
    rows = [torch.randn(length, 24, requires_grad=True) for length in LENGTHS]
    inputs = Inputs.pack(rows)
    assert inputs.tokens_T is None
    (inputs.rows_TD * torch.arange(19)[:, None]).sum().backward()
    assert rows[2].grad[:, 0].tolist() == list(range(6, 15))


@pytest.mark.parametrize("name", EVERY_SHAPE)
def test_packed_positions_are_those_that_are_given(name):
    """A row's state depends on its position alone, not on where the row lies in the pack."""
    backbone, sequences = built(EVERY_SHAPE[name]), tokens_of(LENGTHS)
    positions = [torch.arange(len(sequence)) * 2 + 3 for sequence in sequences]
    together = backbone(Inputs.pack(sequences, positions=positions)).last_TD.split(LENGTHS)
    for sequence, places, found in zip(sequences, positions, together, strict=True):
        alone = backbone(Inputs.pack([sequence], positions=[places])).last_TD
        torch.testing.assert_close(found, alone, rtol=0, atol=2e-5)
    counted = backbone(Inputs.pack(sequences)).last_TD.split(LENGTHS)
    assert not torch.allclose(together[2], counted[2], atol=1e-3)


def test_explicit_positions_are_added_to_the_rows():
    """The embedding of a learned position, added by hand to a model that has none, gives the same
    numbers.
    """
    learned, plain = built(ENCODER), built(changed(ENCODER, positions="none"))
    plain.load_state_dict(
        {k: v for k, v in learned.state_dict().items() if k != "inputs.position.weight"}
    )
    sequences = tokens_of(LENGTHS)
    positions = [
        torch.randperm(60, generator=torch.Generator().manual_seed(1))[: len(s)] for s in sequences
    ]
    rows = [
        learned.embedding[sequence] + learned.inputs.position.weight[places]
        for sequence, places in zip(sequences, positions, strict=True)
    ]
    found = learned(Inputs.pack(sequences, positions=positions)).last_TD
    torch.testing.assert_close(found, plain(Inputs.pack(rows)).last_TD, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [ENCODER, DECODER])
def test_a_position_that_the_model_has_not_is_refused(shape):
    backbone = built(shape)
    assert backbone(
        Inputs.pack([torch.tensor([1, 2])], positions=[torch.tensor([0, 63])])
    ).last_TD.shape == (2, 24)
    with pytest.raises(DataError, match="65 tokens, and this model has positions for 64"):
        backbone(Inputs.pack([torch.tensor([1, 2])], positions=[torch.tensor([0, 64])]))


@pytest.mark.parametrize("renumber", [False, True])
def test_a_subset_is_the_batch_of_the_rows_that_are_kept(renumber):
    sequences, batch = batch_of()
    kept_T = some_of(batch)
    found = batch.subset(kept_T, renumber=renumber)
    masks = np.split(kept_T, batch.starts[1:-1])
    assert found.lengths.tolist() == [int(mask.sum()) for mask in masks]
    for start, stop, sequence, mask in zip(
        found.starts[:-1], found.starts[1:], sequences, masks, strict=True
    ):
        places = np.flatnonzero(mask)
        assert found.tokens[start:stop].tolist() == sequence[mask].tolist()
        assert found.per_token["word"][start:stop].tolist() == (places * 10).tolist()
        assert found.segments[start:stop].tolist() == (places % 2).tolist()
        expected = np.arange(len(places)) if renumber else places
        assert found.positions[start:stop].tolist() == expected.tolist()
    assert found.sample_of.tolist() == batch.sample_of[kept_T].tolist()
    assert (found.numbers, len(found)) == (batch.numbers, 4)


def test_a_subset_of_a_subset_keeps_the_first_positions():
    _, batch = batch_of()
    first = batch.subset(some_of(batch))
    second = first.subset(some_of(first))
    direct = np.flatnonzero(some_of(batch))[some_of(first)]
    assert second.positions.tolist() == batch.positions[direct].tolist()
    assert second.tokens.tolist() == batch.tokens[direct].tolist()


def test_the_inputs_of_a_subset_are_read_at_their_own_positions():
    sequences, batch = batch_of()
    kept_T = some_of(batch)
    masks = np.split(kept_T, batch.starts[1:-1])
    backbone = built(ENCODER)
    by_hand = Inputs.pack(
        [sequence[mask] for sequence, mask in zip(sequences, masks, strict=True)],
        positions=[np.flatnonzero(mask) for mask in masks],
        segments=[np.flatnonzero(mask) % 2 for mask in masks],
    )
    found = Inputs.of(batch.subset(kept_T))
    assert torch.equal(backbone(found).last_TD, backbone(by_hand).last_TD)
    assert (
        found.positions_needed == by_hand.positions_needed == int(batch.positions[kept_T].max()) + 1
    )


@pytest.mark.parametrize("part", ["positions", "segments"])
def test_what_goes_with_the_rows_of_another_sequence_is_refused(part):
    """As many in all, but not in each."""
    with pytest.raises(AssertionError, match="one position and type id for every row"):
        Inputs.pack(
            [torch.arange(2), torch.arange(3)], **{part: [torch.arange(3), torch.arange(2)]}
        )


def test_a_subset_is_asked_for_with_truth_values_alone():
    """Zeros and ones would be taken for the numbers of rows."""
    _, batch = batch_of()
    with pytest.raises(AssertionError, match="true and false"):
        batch.subset(some_of(batch).astype(int))


def test_a_subset_without_a_row_of_a_sample_is_refused():
    _, batch = batch_of()
    with pytest.raises(AssertionError, match="without a row"):
        batch.subset(batch.sample_of != 8)
