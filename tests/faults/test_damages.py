"""No damage of a run folder is taken for a whole one: what is cut is passed over aloud, and nothing
else is learnt in silence.
"""

import pytest
from damages import cuts, random_flips, spoilt
from sweep_damages import stopped_run, sweep

FLIPS, MANY_FLIPS = 12, 1_000


def assert_none_silent(tally, fewest):
    assert not tally.faults
    assert tally.tried >= fewest
    assert tally.recovered + tally.refused == tally.tried


def test_every_cut_goes_on_from_the_checkpoint_before(bench):
    tally = sweep(bench, "cuts", cuts())
    assert_none_silent(tally, 30)
    assert tally.recovered == tally.tried


def test_no_damage_is_silent(bench):
    """Every second one; the other half is for the long sweep."""
    tally = sweep(bench, "damages", list(spoilt())[::2])
    assert_none_silent(tally, 60)
    assert tally.recovered > tally.refused > 0


def test_no_flipped_bit_is_silent(bench):
    assert_none_silent(
        sweep(bench, "flips", random_flips(stopped_run(bench)[1], FLIPS, seed=3)), FLIPS
    )


@pytest.mark.slow
def test_no_damage_of_all_is_silent(bench):
    assert_none_silent(sweep(bench, "damages", spoilt()), 120)


@pytest.mark.slow
def test_no_bit_of_a_thousand_is_silent(bench):
    assert_none_silent(
        sweep(bench, "flips", random_flips(stopped_run(bench)[1], MANY_FLIPS, seed=4)), MANY_FLIPS
    )
