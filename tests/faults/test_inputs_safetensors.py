"""Weight files that a slow reader of the format calls unsound are refused; of the others we read
what it reads.
"""

import pytest
from inputs_models import write_tiny_model
from inputs_safetensors import NAMED, Reader, split, sweep, unsound


def test_damaged_files_are_refused_or_read_as_they_are():
    tally = sweep(500)
    assert tally.tried == 500
    assert tally.good, tally.describe


@pytest.fixture
def whole(tmp_path):
    write_tiny_model(tmp_path)
    return Reader(tmp_path).path.read_bytes()


def test_the_slow_reader_takes_what_is_sound(whole):
    assert unsound(whole) == ""


@pytest.mark.parametrize(
    "case",
    ["a hole", "an overlap", "trailing bytes", "one name twice", "a shape that overflows", "zeros"],
)
def test_the_slow_reader_knows_what_is_unsound(case, whole):
    assert unsound(NAMED[case](*split(whole)))
