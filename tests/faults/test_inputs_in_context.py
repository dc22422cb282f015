"""Bad lines, templates, data and models around prompts in context: each is refused by one sentence
and one hint, before anything is computed or written.
"""

import pytest
from in_context_cases import CASES
from inputs_encoder_decoders import workplace


@pytest.fixture(scope="module")
def place():
    with workplace() as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_refused_in_one_sentence_and_nothing_is_done(place, case):
    assert place.fault_of(case) == ""


def test_no_two_cases_are_the_same():
    assert len({case.name for case in CASES}) == len(CASES) > 80
    assert len({(case.line, *case.files.items()) for case in CASES}) == len(CASES)
    assert all(case.says for case in CASES)
