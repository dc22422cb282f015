"""The kit over every registered probe and shift, and over ones with one defect each."""

import pytest
from probe_rivals import (
    Arrays,
    Bent,
    FirstPartOnly,
    Learning,
    Narrow,
    Nothing,
    Random,
    Silent,
    Sound,
    Strayed,
    TakesFlag,
    Wandering,
    WithoutCount,
)

from sslcli import registry
from sslcli.errors import CheckError
from sslcli.testing import PROBE_CHECKS, SHIFT_CHECKS, check_one, check_probe, check_shift


@pytest.mark.parametrize("check", PROBE_CHECKS)
@pytest.mark.parametrize("name", registry.names("probes"))
def test_registered_probes(name, check):
    check_one(registry.load("probes", name), check)


@pytest.mark.parametrize("check", SHIFT_CHECKS)
@pytest.mark.parametrize("name", registry.names("shifts"))
def test_registered_shifts(name, check):
    check_one(registry.load("shifts", name), check)


DEFECTS = {
    Silent: "answers",
    WithoutCount: "answers",
    Arrays: "answers",
    Random: "repeatable",
    Learning: "the model stays as it is",
    Strayed: "declarations",
    TakesFlag: "options as flags",
}


def test_a_sound_probe_passes():
    assert all(finding.passed for finding in check_probe(Sound))


@pytest.mark.parametrize("cls", DEFECTS)
def test_a_defect_is_found_where_it_is(cls):
    failed = {finding.name for finding in check_probe(cls) if not finding.passed}
    assert failed == {DEFECTS[cls]}


@pytest.mark.parametrize(
    ("cls", "checks"),
    [
        (Nothing, {"fitted"}),
        (FirstPartOnly, {"in parts"}),
        (Bent, {"fitted"}),
        (Narrow, {"fitted", "in parts"}),
        (Wandering, {"fitted", "in parts"}),
    ],
)
def test_a_defect_of_a_shift_is_found_where_it_is(cls, checks):
    assert {finding.name for finding in check_shift(cls) if not finding.passed} == checks


def test_the_right_contract_is_asked_of_each():
    with pytest.raises(CheckError, match="report is empty"):
        check_one(Silent, "answers")
