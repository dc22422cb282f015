import numpy as np
import pytest
from sslcli_shuffle import ShuffledWords

from sslcli.testing import CHECKS, Bench, check_one


@pytest.mark.parametrize("check", CHECKS)
def test_conformance(check: str) -> None:
    check_one(ShuffledWords, check)


def test_tokens_change_places_within_their_sample() -> None:
    bench = Bench.of(ShuffledWords, ShuffledWords.Options(shuffle_rate=0.5), "encoder")
    batch, model_batch = bench.batch(range(8)), bench.collate(range(8))
    shuffled, moved = model_batch.inputs.tokens_T.numpy(), model_batch.moved_T.numpy()
    assert moved.sum() > 20
    assert ((shuffled != batch.tokens) == (moved > 0)).all()
    for start, stop in zip(batch.starts[:-1], batch.starts[1:], strict=True):
        assert np.sort(shuffled[start:stop]).tolist() == np.sort(batch.tokens[start:stop]).tolist()


def test_special_tokens_stay_and_are_not_asked_about() -> None:
    bench = Bench.of(ShuffledWords, ShuffledWords.Options(shuffle_rate=1.0), "encoder")
    batch, model_batch = bench.batch(range(8)), bench.collate(range(8))
    special = bench.context.tokenizer.specials[batch.tokens]
    assert (model_batch.moved_T.numpy()[special] == 0).all()
    assert model_batch.counts["shuffle"] == int(model_batch.asked_T.sum()) == (~special).sum()
