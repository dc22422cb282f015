"""SIGTERM and SIGINT in every phase: saved, said, resumed to the bit. `sweep_signals.py` has more
of them.
"""

import pytest
from sweep_signals import at_call, at_time, sweep, while_tokenizing


@pytest.mark.parametrize(
    "stop",
    [
        (at_call, "start", 25, "interrupt"),
        (at_call, "save", 12, "terminate"),
        (while_tokenizing, 6, "terminate"),
    ],
)
def test_a_signal_at_a_call_of_the_file_system(bench, stop):
    function, *place = stop
    outcome = function(bench, *place)
    assert outcome.in_time
    assert not outcome.fault
    assert outcome.lost_steps == 0


@pytest.mark.parametrize("kind", ["terminate", "interrupt"])
def test_a_signal_twice_stops_at_once_and_spoils_nothing(bench, kind):
    assert not at_time(bench, "updates", 0.6, kind, twice=True).fault


@pytest.mark.slow
def test_signals_in_every_phase(bench):
    stops = list(sweep(bench, 20, seed=0))
    assert sum(stop.in_time for stop in stops) > 100
    assert not [f"{stop.name}: {stop.fault}" for stop in stops if stop.fault]
