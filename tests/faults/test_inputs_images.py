"""Wrong images are named by file, record and array, with a hint; what only looks wrong works."""

from dataclasses import replace

import pytest
import table_cases
from image_cases import CASES
from inputs_images import workplace


@pytest.fixture(scope="module")
def place():
    with workplace() as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_ends_as_it_should(place, case):
    assert place.fault_of(case) == ""


def test_no_two_cases_are_the_same():
    assert len({case.name for case in CASES}) == len(CASES)
    refused = [case for case in CASES if case.code]
    of_tables = [case for case in table_cases.CASES if case.code]
    assert all(case.says for case in refused)
    assert len(refused) > 130
    assert len(refused) + len(of_tables) > 210


@pytest.mark.parametrize("change", [{"code": 0}, {"says": ("record 99",)}])
def test_the_sweep_sees_what_is_not_as_it_should_be(place, change):
    case = next(case for case in CASES if case.name == "npy: NaN")
    assert place.fault_of(replace(case, **change))
