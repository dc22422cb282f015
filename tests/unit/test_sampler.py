"""The order of samples: complete, like lengths together, resumable from one integer."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from sslcli.data.permuting import permuted
from sslcli.data.sampler import Sampler


@pytest.mark.parametrize("size", [1, 2, 3, 5, 16, 17, 255, 1000, 4097])
def test_permuted_is_a_permutation(size):
    assert sorted(permuted(np.arange(size), size, 7, 1).tolist()) == list(range(size))


def test_permutations_of_other_keys_are_unlike():
    first, second = (permuted(np.arange(1000), 1000, 7, epoch) for epoch in (0, 1))
    assert np.mean(first == second) < 0.02
    assert abs(np.corrcoef(np.arange(1000), first)[0, 1]) < 0.15


def test_every_place_is_about_equally_likely():
    """Where sample 0 of 24 comes, over many epochs: a chi-square far below what a lopsided cipher
    gives.
    """
    places = np.concatenate([permuted(np.asarray([0]), 24, 3, epoch) for epoch in range(4800)])
    expected = 4800 / 24
    chi_square = ((np.bincount(places, minlength=24) - expected) ** 2 / expected).sum()
    assert chi_square < 60  # 23 degrees of freedom: passed by chance but once in 30,000


def lengths_of(count=1003, seed=0):
    return np.random.default_rng(seed).integers(3, 60, count)


def until(sampler, position):
    selections = []
    for selection in sampler.batches(0):
        selections.append(selection)
        if selection.position >= position:
            return selections


CASES = [
    ("sequences", 8, True),
    ("tokens", 300, True),
    ("sequences", 8, False),
    ("tokens", 300, False),
    ("tokens", 10, True),
]
WINDOWS = [1, 3, 64]


@pytest.mark.parametrize(("unit", "size", "shuffle"), CASES)
def test_every_epoch_uses_each_sample_once(unit, size, shuffle):
    sampler = Sampler(lengths_of(), size, unit, seed=3, shuffle=shuffle)
    seen = Counter()
    for selection in until(sampler, 3 * len(sampler)):
        seen.update((selection.epoch, number) for number in selection.numbers.tolist())
    assert seen == Counter((epoch, number) for epoch in range(3) for number in range(1003))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("unit", "size", "shuffle"), CASES)
def test_resume_from_every_batch_gives_the_same_batches(unit, size, shuffle, window):
    sampler = Sampler(lengths_of(), size, unit, seed=3, shuffle=shuffle, window_batches=window)
    whole = until(sampler, 2 * len(sampler))
    for index in range(0, len(whole) - 2, 7):
        again = Sampler(lengths_of(), size, unit, seed=3, shuffle=shuffle, window_batches=window)
        resumed = list(islice(again.batches(whole[index].position), 2))
        for have, want in zip(resumed, whole[index + 1 :], strict=False):
            assert (have.epoch, have.position, have.numbers.tolist()) == (
                want.epoch,
                want.position,
                want.numbers.tolist(),
            )


def test_a_position_within_a_batch_gives_the_rest_of_it():
    sampler = Sampler(lengths_of(), 8, "sequences", seed=3)
    first = next(sampler.batches(0))
    assert next(sampler.batches(3)).numbers.tolist() == first.numbers[3:].tolist()


def test_position_counts_samples():
    seen = 0
    for selection in until(Sampler(lengths_of(), 300, "tokens", seed=1), 2500):
        seen += len(selection.numbers)
        assert selection.position == seen


def test_batches_in_tokens_do_not_exceed_their_size_unless_one_sample_does():
    lengths = lengths_of()
    for selection in until(Sampler(lengths, 50, "tokens", seed=1), 1003):
        assert lengths[selection.numbers].sum() <= 50 or len(selection.numbers) == 1


def test_batches_in_sequences_are_full_but_the_last_of_an_epoch():
    sizes = [
        len(selection.numbers)
        for selection in until(Sampler(lengths_of(), 8, "sequences", seed=1), 1003)
    ]
    assert Counter(sizes) == Counter({8: 125, 3: 1})


def test_like_lengths_come_together():
    lengths = lengths_of(5000)
    spread = [
        np.ptp(lengths[s.numbers]) for s in until(Sampler(lengths, 16, "sequences", seed=1), 5000)
    ]
    assert np.mean(spread) < 3  # 57 where batches are drawn blindly


def test_in_a_window_of_one_batch_every_batch_is_of_all_lengths():
    lengths = lengths_of(5000)
    sampler = Sampler(lengths, 100, "sequences", seed=1, window_batches=1)
    batches = [s.numbers for s in until(sampler, 5000)]
    assert sorted(np.concatenate(batches).tolist()) == list(range(5000))
    # Means of 100 blind draws; sorted in windows of 64, they spread as the lengths themselves do.
    assert np.std([lengths[numbers].mean() for numbers in batches]) < 2 * lengths.std() / 100**0.5


def test_short_and_long_batches_are_mixed():
    lengths = lengths_of(5000)
    means = np.asarray(
        [lengths[s.numbers].mean() for s in until(Sampler(lengths, 16, "sequences", seed=1), 5000)]
    )
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2


def test_epochs_and_seeds_differ():
    sampler = Sampler(lengths_of(), 8, "sequences", seed=3)
    first, second = next(sampler.batches(0)), next(sampler.batches(len(sampler)))
    assert set(first.numbers.tolist()) != set(second.numbers.tolist())
    assert set(first.numbers.tolist()) != set(
        next(Sampler(lengths_of(), 8, "sequences", seed=4).batches(0)).numbers.tolist()
    )


def test_unshuffled_goes_through_the_file():
    order = [
        s.numbers for s in until(Sampler(lengths_of(), 8, "sequences", seed=3, shuffle=False), 1003)
    ]
    window = 64 * 8
    assert sorted(np.concatenate(order[:64]).tolist()) == list(range(window))


def test_fewer_samples_than_a_batch():
    sampler = Sampler(np.asarray([5, 3, 4]), 8, "sequences", seed=0)
    assert [sorted(s.numbers.tolist()) for s in islice(sampler.batches(0), 3)] == [[0, 1, 2]] * 3
