"""A training that is killed at a moment, and resumed by the same line, equals the one that was not;
`sweep_kills.py` has hundreds.
"""

import pytest
from sweep_kills import WINDOWS, kill_at_call, kills_at_calls, random_kills, sweep

# A save may be on its way while the next one falls due.
MOST_LOST_STEPS = 10


def assert_recovered(tally, fewest):
    assert tally.tried >= fewest
    assert not tally.faults
    assert tally.most_lost_steps <= MOST_LOST_STEPS


@pytest.mark.parametrize(("window", "every"), [("save", 23), ("start", 37), ("end", 19)])
def test_killed_at_calls_of_the_file_system(bench, whole, window, every):
    assert_recovered(sweep(kills_at_calls(bench, whole, window, every)), 2)


@pytest.mark.parametrize(("window", "call"), [("save", 20), ("evaluation", 90), ("end", 110)])
def test_so_is_an_encoder_decoder(trained, window, call):
    """In a save, between two updates, and when all is trained."""
    killed = kill_at_call(*trained, window, call)
    assert killed.killed
    assert not killed.fault
    assert killed.lost_steps <= MOST_LOST_STEPS


@pytest.mark.slow
@pytest.mark.parametrize("window", WINDOWS)
def test_an_encoder_decoder_killed_at_calls(trained, window):
    assert_recovered(sweep(kills_at_calls(*trained, window, 7)), 10)


@pytest.mark.slow
def test_an_encoder_decoder_killed_at_random_times(trained):
    assert_recovered(sweep(random_kills(*trained, 40, seed=2)), 35)


@pytest.mark.slow
@pytest.mark.parametrize("window", WINDOWS)
def test_killed_at_every_call(bench, whole, window):
    assert_recovered(sweep(kills_at_calls(bench, whole, window)), 40)


@pytest.mark.slow
def test_killed_at_random_times(bench, whole):
    assert_recovered(sweep(random_kills(bench, whole, 200, seed=1)), 190)
