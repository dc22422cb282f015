"""Bad lines, data, models and runs around encoder-decoders: each is refused by one sentence and one
hint, before anything is computed or written.
"""

from dataclasses import replace

import pytest
from encoder_decoder_data import CASES
from inputs_encoder_decoders import workplace


@pytest.fixture(scope="module")
def place():
    with workplace() as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_refused_in_one_sentence_and_nothing_is_done(place, case):
    assert place.fault_of(case) == ""


def test_no_two_cases_are_the_same():
    assert len({case.name for case in CASES}) == len(CASES) > 180
    assert len({(case.line, *case.files.items(), *case.damaged) for case in CASES}) == len(CASES)
    assert all(case.says for case in CASES)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"code": 1}, "exit code 2"),
        ({"says": ("something else",)}, "does not say"),
        ({"hints": ("something else",)}, "does not say"),
        ({"reads": ""}, "read "),
        ({"line": "finetune rewrite --model {bart} --data pairs.jsonl"}, "exit code 0"),
    ],
)
def test_what_is_not_as_it_should_be_is_seen(place, change, fault):
    case = next(case for case in CASES if case.name == "targets longer than the model")
    assert place.fault_of(case) == ""
    assert fault in place.fault_of(replace(case, **change))
