"""Random requests of `ssl generate` are answered as asked, or refused in a sentence."""

from inputs_requests import sweep


def test_random_requests_are_answered_as_asked_or_refused():
    tally = sweep(120)
    assert tally.good, tally.describe
