"""Wrong recordings are named by file, with a hint; what only looks wrong works."""

from dataclasses import replace

import pytest
from inputs_sounds import workplace
from sound_cases import CASES


@pytest.fixture(scope="module")
def place():
    with workplace() as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_ends_as_it_should(place, case):
    assert place.fault_of(case) == ""


def test_no_two_cases_are_the_same():
    assert len({case.name for case in CASES}) == len(CASES) >= 150
    assert sum(case.code > 0 for case in CASES) >= 120
    # three of them name what is no sound in another way each
    assert sum(not case.says for case in CASES if case.code) == 0


@pytest.mark.parametrize("change", [{"code": 0}, {"says": ("another sentence",)}])
def test_the_sweep_sees_what_is_not_as_it_should_be(place, change):
    case = next(case for case in CASES if case.name == "x.wav: NaN")
    assert place.fault_of(replace(case, **change))
