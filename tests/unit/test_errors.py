"""Names that are suggested are those that a mistyped one may have been."""

import errno

import pytest

from sslcli import errors
from sslcli.errors import MOST_LETTERS, DataError, is_of_disk, nearest

LONG = "a" * (MOST_LETTERS + 1)


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("accurcy", ["f1", "accuracy"], "accuracy"),
        ("tset", ["text", "test"], "test"),
        ("QA", ["pos", "qa"], "qa"),
        ("f2", ["f1", "recall"], "f1"),
        ("2", ["0", "1"], None),
        ("A", ["b", "a"], "a"),
        ("", ["a"], None),
        ("mask", ["train", "rate"], None),
    ],
)
def test_a_name_is_suggested_where_few_letters_differ(name, names, expected):
    assert nearest(name, names) == expected


def test_texts_that_are_taken_for_names_are_not_compared_letter_by_letter(monkeypatch):
    monkeypatch.setattr(errors, "edits", lambda left, right: pytest.fail("compared"))
    assert nearest(LONG, [LONG + "b"]) is None


def test_an_error_that_is_its_own_cause_is_looked_through_once():
    error = DataError("the label is unknown")
    error.__cause__ = error
    assert not is_of_disk(error)
    full = OSError(errno.ENOSPC, "No space left on device")
    other = DataError("the file cannot be read")
    other.__cause__ = full
    assert is_of_disk(other)
