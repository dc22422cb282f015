"""Samples of several streams: packed alike, each at lengths of its own, and all of them paid
for.
"""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from sslcli.contracts.loss import ModelBatch
from sslcli.core.inputs import Inputs
from sslcli.data.batches import Sample, collate
from sslcli.data.sampler import Sampler
from sslcli.engine.loader import Loader


def sample_of(number):
    """A source of `number` + 1 tokens, a longer target, and a view of ready rows."""
    return Sample(
        np.full(number + 1, number),
        language=number % 2,
        fields={"bytes": float(number)},
        streams={
            "target": Sample(
                np.arange(2 * number + 1) + 10, per_token={"word": np.arange(2 * number + 1)}
            ),
            "view": Sample(rows=np.full((2, 3), number, dtype=np.float32)),
        },
    )


def test_every_stream_is_packed_as_a_batch_of_its_own():
    samples = [sample_of(number) for number in (3, 0, 5)]
    batch = collate([3, 0, 5], samples)
    for name in ("target", "view"):
        alone = collate([3, 0, 5], [sample[name] for sample in samples])
        for field in ("numbers", "starts", "tokens", "rows", "languages"):
            assert np.array_equal(getattr(batch[name], field), getattr(alone, field))
    assert batch["target"].lengths.tolist() == [7, 1, 11]
    assert batch["target"].per_token["word"].tolist() == [*range(7), 0, *range(11)]
    assert batch["view"].rows[:, 0].tolist() == [3, 3, 0, 0, 5, 5]
    assert batch.lengths.tolist() == [4, 1, 6]
    assert Inputs.of(batch["target"]).packing.lengths == (7, 1, 11)


def test_a_size_counts_all_streams_and_a_length_the_first():
    assert (len(sample_of(3)), sample_of(3).size) == (4, 4 + 7 + 2)
    batch = collate([3, 0], [sample_of(3), sample_of(0)])
    assert batch.size == 13 + 4
    assert Sample(np.arange(5)).size == 5


def test_a_subset_of_one_stream_leaves_the_others_whole():
    batch = collate([3, 5], [sample_of(3), sample_of(5)])
    kept = batch.subset(batch.positions % 2 == 0)
    assert kept.lengths.tolist() == [2, 3]
    assert np.array_equal(kept["target"].tokens, batch["target"].tokens)


@pytest.mark.parametrize("most", [13, 24, 100])
def test_micro_batches_hold_as_many_tokens_of_all_streams_as_they_may(most):
    made = []

    def collate(batch, rng):
        made.append(batch)
        return ModelBatch(Inputs.of(batch), {"tokens": batch.size})

    collator = SimpleNamespace(couples=False, collate=collate)
    sampler = Sampler(np.arange(1, 9), 8, "sequences", seed=0, shuffle=False)
    loader = Loader(
        lambda number, rng: sample_of(number),
        collator,
        sampler,
        seed=0,
        unit="tokens",
        micro_batch_size=most,
    )
    work = next(loader.steps(0))
    assert (
        sum(batch.size for batch in made)
        == work.tokens
        == sum(sample_of(number).size for number in range(8))
    )
    assert all(batch.size <= most or len(batch) == 1 for batch in made)
    together = pairwise(made)
    assert all(
        first.size + sample_of(int(second.numbers[0])).size > most for first, second in together
    )
