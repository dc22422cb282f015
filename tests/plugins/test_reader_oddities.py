"""Every reader x kind of oddity: the file is read, asked about or refused, in the words that the
table has.

The rows stand in the modules `oddities_*.py` of this folder; `reader_oddities.py` says how to add
some.
"""

import importlib
from collections import Counter
from pathlib import Path

import pytest
from reader_oddities import outcome_of

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("oddities_*.py"))
ROWS = [row for name in MODULES for row in importlib.import_module(name).ODDITIES]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_odd_file_is_read_or_asked_about_or_refused(row, tmp_path):
    outcome = outcome_of(row, tmp_path)
    assert outcome.name == row.outcome, outcome.words
    for word in row.words:
        assert word in outcome.words
    found = [(example.data, example.gold) for example in outcome.examples]
    assert found[: len(row.examples)] == list(row.examples)
    if row.said is not None:
        assert bool(outcome.words) == row.said, outcome.words


def test_no_two_rows_are_the_same():
    counts = Counter(map(str, ROWS))
    assert not [name for name, count in counts.items() if count > 1]
    assert all(
        row.outcome in ("asked", "refused") or row.outcome.startswith("read ") for row in ROWS
    )
