"""Languages in the shares that were asked for: against a slow reference, over epochs, resumed, and
left as they lie.
"""

from collections import Counter
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest

from sslcli.data.mixing import Mixture, draws_of
from sslcli.data.permuting import permuted
from sslcli.data.rng import name_key
from sslcli.data.sampler import Sampler

SIZES = (900, 90, 13)
LENGTHS = np.random.default_rng(0).integers(3, 60, sum(SIZES))


def members(sizes=SIZES):
    """Samples of all languages in disorder, each language's numbers ascending."""
    order = np.random.default_rng(1).permutation(sum(sizes))
    return [np.sort(part) for part in np.split(order, np.cumsum(sizes)[:-1])]


def sampler(exponent=0.7, unit="sequences", size=8):
    return Sampler(LENGTHS, size, unit, seed=3, mixture=Mixture(members(), exponent))


def epochs(found, count):
    """Selections of so many epochs."""
    selections = []
    for selection in found.batches(0):
        selections.append(selection)
        if selection.position >= count * len(found):
            return selections


@pytest.mark.parametrize("exponent", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("sizes", [(10_000, 1_000), SIZES, (1, 1, 1), (1_000_000, 1), (5,)])
def test_draws_are_as_near_to_their_share_as_whole_numbers_can_be(sizes, exponent):
    found = draws_of(sizes, exponent).tolist()
    weights = [Fraction(size**exponent) for size in sizes]
    shares = [weight * sum(sizes) / sum(weights) for weight in weights]
    assert sum(found) == sum(sizes)
    assert all(
        draws >= 1 and abs(draws - share) < 1 for draws, share in zip(found, shares, strict=True)
    )
    if exponent == 1.0:
        assert found == list(sizes)


def test_ten_to_one_becomes_five_to_one():
    """10 ** 0.7 = 5.01: of 11,000 draws 9,170 of the large language."""
    assert draws_of((10_000, 1_000), 0.7).tolist() == [9170, 1830]


@pytest.mark.parametrize("unit", ["sequences", "tokens"])
def test_every_epoch_has_the_shares_and_every_sample_comes_in_its_turn(unit):
    mixed, own = sampler(unit=unit, size=8 if unit == "sequences" else 300), members()
    rng, seen = draws_of(SIZES, 0.7).tolist(), Counter()
    for epoch in range(4):
        selections = [selection for selection in epochs(mixed, 4) if selection.epoch == epoch]
        numbers = np.concatenate([selection.numbers for selection in selections])
        assert [np.isin(numbers, each).sum() for each in own] == rng
        assert sorted(
            np.concatenate([selection.keys for selection in selections]).tolist()
        ) == list(range(sum(SIZES)))
        seen.update(numbers.tolist())
        for each in own:  # nobody a third time before all came twice
            times = [seen[number] for number in each.tolist()]
            assert max(times) - min(times) <= 1


def slow_samples(own, exponent, seed, epochs):
    """{(epoch, key): sample}: each language's samples as one endless line of permutations, from
    which every epoch takes its draws.
    """
    draws = draws_of([len(numbers) for numbers in own], exponent).tolist()
    lines = []
    for language, numbers in enumerate(own):
        wanted, line = draws[language] * epochs, []
        while len(line) < wanted:
            order = permuted(
                np.arange(len(numbers)),
                len(numbers),
                seed,
                len(line) // len(numbers),
                language,
                name_key("within a language"),
            )
            line += [int(numbers[place]) for place in order]
        lines.append(line)
    found = {}
    for epoch in range(epochs):
        key = 0
        for language, line in enumerate(lines):
            for number in line[epoch * draws[language] : (epoch + 1) * draws[language]]:
                found[epoch, key] = number
                key += 1
    return found


def test_samples_equal_a_slow_reference():
    expected = slow_samples(members(), 0.4, 3, 3)
    found = {}
    for selection in epochs(sampler(exponent=0.4), 3):
        for key, number in zip(selection.keys.tolist(), selection.numbers.tolist(), strict=True):
            found[selection.epoch, key] = number
    assert found == expected


@pytest.mark.parametrize(("unit", "size"), [("sequences", 8), ("tokens", 300)])
def test_resume_from_any_position_gives_the_same_batches(unit, size):
    whole = epochs(sampler(unit=unit, size=size), 3)
    for index in range(0, len(whole) - 2, 11):
        resumed = list(islice(sampler(unit=unit, size=size).batches(whole[index].position), 2))
        for have, want in zip(resumed, whole[index + 1 :], strict=False):
            assert (have.epoch, have.position) == (want.epoch, want.position)
            assert have.numbers.tolist() == want.numbers.tolist()
            assert have.keys.tolist() == want.keys.tolist()


def test_a_sample_that_comes_twice_in_an_epoch_has_two_keys():
    first = [selection for selection in epochs(sampler(exponent=0.0), 1)]
    rare = set(members()[2].tolist())
    keys = [
        key
        for s in first
        for number, key in zip(s.numbers.tolist(), s.keys.tolist(), strict=True)
        if number in rare
    ]
    assert len(keys) == len(set(keys)) > 2 * len(rare)


def test_among_goes_through_those_samples_alone_and_keeps_their_numbers():
    some = np.arange(5, 700, 7)
    found = Sampler(LENGTHS, 8, "sequences", seed=3, shuffle=False, among=some)
    selections = epochs(found, 1)
    assert (
        sorted(np.concatenate([selection.numbers for selection in selections]).tolist())
        == some.tolist()
    )
    assert all(selection.keys.tolist() == selection.numbers.tolist() for selection in selections)
    assert all(len(selection.numbers) == 8 for selection in selections[:1])
