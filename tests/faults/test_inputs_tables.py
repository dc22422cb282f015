"""Wrong tables are named by file, line and column, with a hint; what only looks wrong works."""

import pytest
from inputs_tables import workplace
from table_cases import CASES


@pytest.fixture(scope="module")
def place():
    with workplace() as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_ends_as_it_should(place, case):
    assert place.fault_of(case) == ""


def test_no_two_cases_are_the_same():
    assert len({case.name for case in CASES}) == len(CASES) > 100
    assert sum(case.code > 0 for case in CASES) > 75
    assert all(case.says for case in CASES if case.code)


@pytest.mark.parametrize("change", [{"code": 0}, {"says": ("line 10",)}])
def test_the_sweep_sees_what_is_not_as_it_should_be(place, change):
    case = next(case for case in CASES if case.name == "cell: text")
    assert place.fault_of(type(case)(**{**vars(case), **change}))
