"""Random numbers as a pure function of what they are for."""

import numpy as np
import pytest

from sslcli.data.rng import Rng, mix, unit

NUMBERS = np.arange(20_000)


def test_a_number_does_not_depend_on_its_company():
    rng = Rng(5, 2, "mlm")
    together = rng.uniform("target", NUMBERS, 3)
    assert rng.uniform("target", np.asarray([777]), 3)[0] == together[777]
    assert rng.sample(777).rng.uniform("target", np.asarray([777]), 3)[0] == together[777]


@pytest.mark.parametrize(
    "other",
    [
        Rng(6, 2, "mlm").uniform("target", NUMBERS, 3),
        Rng(5, 3, "mlm").uniform("target", NUMBERS, 3),
        Rng(5, 2, "nsp").uniform("target", NUMBERS, 3),
        Rng(5, 2, "mlm").uniform("fate", NUMBERS, 3),
        Rng(5, 2, "mlm").uniform("target", NUMBERS, 4),
        Rng(5, 2, "mlm").uniform("target", NUMBERS + 1, 3),
    ],
    ids=["seed", "epoch", "plugin", "purpose", "position", "sample"],
)
def test_every_part_of_the_key_counts(other):
    own = Rng(5, 2, "mlm").uniform("target", NUMBERS, 3)
    assert (own == other).sum() == 0
    assert abs(np.corrcoef(own, other)[0, 1]) < 0.03


def test_uniform_is_uniform():
    values = Rng(1, 0).uniform("x", NUMBERS[:, None], np.arange(20)[None, :]).ravel()
    assert values.min() >= 0
    assert values.max() < 1
    observed, _ = np.histogram(values, 50, (0, 1))
    expected = len(values) / 50
    assert ((observed - expected) ** 2 / expected).sum() < 110  # 49 degrees of freedom


def test_negative_epochs_are_keys_too():
    assert Rng(1, -1).uniform("x", np.asarray([1]))[0] != Rng(1, 0).uniform("x", np.asarray([1]))[0]


def test_mix_is_one_to_one_in_its_last_key():
    assert len(np.unique(mix(1, np.arange(1 << 16)))) == 1 << 16


def test_unit_spans_zero_to_one():
    assert unit(np.asarray([0], dtype=np.uint64))[0] == 0.0
    assert 1 - 1e-15 < unit(np.asarray([2**64 - 1], dtype=np.uint64))[0] < 1.0


def test_sample_draws():
    rng = Rng(1, 0, "nsp").sample(9)
    values = [Rng(1, 0, "nsp").sample(number).integer("x", 4) for number in range(4000)]
    assert set(values) == {0, 1, 2, 3}
    assert rng.generator("cut").integers(1000) == Rng(1, 0, "nsp").sample(9).generator(
        "cut"
    ).integers(1000)
    assert rng.generator("cut").random() != rng.generator("other").random()


def test_some_are_drawn_in_their_order_each_as_likely_as_any_other():
    drawn = [Rng(seed, 0).some("x", range(10), 3) for seed in range(3000)]
    assert all(len(items) == 3 and items == sorted(set(items)) for items in drawn)
    counts = np.bincount(np.concatenate(drawn), minlength=10)
    assert ((counts - 900) ** 2 / 900).sum() < 28  # 9 degrees of freedom
    assert Rng(1, 0).some("x", "abc", 5) == ["a", "b", "c"]
    assert Rng(1, 0).some("x", range(100), 50) != Rng(1, 0).some("y", range(100), 50)


def test_shuffled_items_are_all_there_in_any_order():
    orders = [Rng(seed, 0).shuffled("x", "abc") for seed in range(600)]
    counts = np.unique(["".join(order) for order in orders], return_counts=True)[1]
    assert len(counts) == 6
    assert counts.sum() == 600
    assert ((counts - 100) ** 2 / 100).sum() < 21  # 5 degrees of freedom
