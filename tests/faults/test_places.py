"""An odd place, a run that is stopped there and resumed, and the same bits; `sweep_places.py` has
all of them.
"""

from sweep_places import LENGTH, places, try_place


def test_a_run_does_not_depend_on_where_it_is(bench):
    """An ASCII locale, no HOME, a strict umask and a newline in every path, all at once."""
    everything = next(place for place in places() if place.name == "everything")
    assert not try_place(bench, bench.whole(**LENGTH), everything)
