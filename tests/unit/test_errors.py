"""Names that are suggested are those that a mistyped one may have been."""

import ast
import errno
from pathlib import Path

import pytest

from sslcli import errors
from sslcli.errors import (
    MOST_LETTERS,
    DataError,
    choices,
    did_you_mean,
    is_of_disk,
    naming_text,
    nearest,
)
from sslcli.reports import amount

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


@pytest.mark.parametrize(
    ("name", "names", "hint"),
    [
        ("bertt", ["mini", "bert-base", "bert-large"], "did you mean 'bert-base'?"),
        ("exct", ["f1", "exact match"], "did you mean 'exact match'?"),
        ("mini", ["tiny", "bert-base"], ""),
        ("zzz", ["bert-base"], ""),
    ],
)
def test_a_name_of_several_parts_is_near_where_its_first_part_is(name, names, hint):
    assert did_you_mean(name, names) == hint


def test_a_name_that_is_none_of_a_few_is_answered_with_all_of_them():
    assert choices("men", ["mean", "other"]) == "did you mean 'mean'?  there are mean, other"
    assert choices("zzz", ["mean", "other"], "it has") == "it has mean, other"
    assert choices("hff", ["hf"]) == "did you mean 'hf'?  there is only hf"
    assert choices("zzz", []) == ""


# What the command line or a caller completes: where the settings are listed, how to go on.
COMPLETED_ELSEWHERE = {
    "ConfigError(problems)",
    "Interrupted('interrupted')",
    "CheckError(f\"baseline '{name}' cannot be scored: {type(error).__name__}: {error}\")",
    "DataError('uneven')",
}


def _raised_without_hint(path):
    kinds = {kind.__name__ for kind in vars(errors).values() if isinstance(kind, type)}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        given = [*node.args, *node.keywords]
        is_whole = len(given) > 1 or any(isinstance(each, ast.Starred) for each in given)
        if node.func.id in kinds and node.func.id.endswith("Error") and not is_whole:
            yield ast.unparse(node)


def test_every_error_in_the_source_has_a_hint():
    root = Path(errors.__file__).parent
    sources = [*root.rglob("*.py"), *(root.parent / "plugins").rglob("*.py")]
    assert len(sources) > 200
    bare = {call for path in sources for call in _raised_without_hint(path)}
    assert bare - COMPLETED_ELSEWHERE == set()


def test_a_number_stands_with_its_noun():
    assert [amount(count, "suite") for count in (0, 1, 2, 1200)] == [
        "0 suites",
        "1 suite",
        "2 suites",
        "1,200 suites",
    ]
    assert amount(2, "query", "queries") == "2 queries"


def test_nobody_else_adds_the_s_of_a_plural():
    root = Path(errors.__file__).parent
    for path in [*root.rglob("*.py"), *(root.parent / "plugins").rglob("*.py")]:
        assert "{'s' * (" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize(
    ("text", "texts", "which"),
    [
        ("a dog", 1, ""),
        ("a dog", 2, ", in the text 'a dog'"),
        ("x" * 30, 2, f", in the text '{'x' * 30}'"),
        ("x" * 31, 2, f", in the text '{'x' * 30}...'"),
    ],
)
def test_of_several_texts_the_one_is_named(text, texts, which):
    with pytest.raises(DataError) as refused, naming_text(text, texts):
        raise DataError("it is too long", "shorten it")
    expected = f"it is too long{which}"
    assert (refused.value.message, refused.value.hint) == (expected, "shorten it")
    assert str(refused.value) == expected
