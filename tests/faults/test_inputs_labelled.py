"""Wrong labelled files: each is named by file, record and field, with a hint and exit code 2; what
only looks wrong works.
"""

import json
import os

import pytest
from inputs_labelled import Workplace, all_cases, sweep
from inputs_plugins import ran
from labelled_files import TEXTS, in_lines

CASES = all_cases()


def test_every_second_case_ends_as_it_should():
    tally = sweep((len(CASES) + 1) // 2)
    assert tally.tried > 350
    assert tally.good, tally.describe


def test_no_two_cases_are_the_same():
    assert len({(case.name, case.way) for case in CASES}) == len(CASES)
    assert {case.task for case in CASES} == {"classify", "pairs", "tag", "qa", "remap"}
    assert (
        {case.way for case in CASES if case.code}
        == {case.way for case in CASES if not case.code}
        == {"check", "train", "evaluate", "predict"}
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Workplace(tmp_path_factory.mktemp("labelled"))


@pytest.mark.parametrize(
    "change",
    [{"code": 0}, {"says": ("record 4",)}, {"wrong": 2}, {"file": "other.jsonl", "content": b""}],
)
def test_the_sweep_sees_what_is_not_as_it_should_be(place, change):
    case = next(case for case in CASES if case.name == "classify: text is a number")
    assert place.fault_of(case) == ""
    assert place.fault_of(type(case)(**{**vars(case), **change}))


def test_all_wrong_records_are_in_the_document_too(place, tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text(
        in_lines(
            [
                {**record, "text": None} if place in (0, 5) else record
                for place, record in enumerate(TEXTS)
            ]
        )
    )
    code, said, _ = ran(
        [
            "finetune",
            "classify",
            "--data",
            str(path),
            "--model",
            str(place.model),
            "--check",
            "--json",
        ]
    )
    message = json.loads(said)["message"]
    assert code == 2
    assert message.splitlines() == [
        "2 records cannot be used:",
        *(f"       {path}, record {number}, field 'text': this is null" for number in (1, 6)),
    ]


@pytest.mark.parametrize(
    ("limit", "says"), [("2", "record 2, field 'text'"), ("4", "2 records"), ("8", "3 records")]
)
def test_only_what_is_read_is_looked_at(place, tmp_path, limit, says):
    path = tmp_path / "texts.jsonl"
    path.write_text(
        in_lines(
            [
                {**record, "text": 3} if place in (1, 3, 7) else record
                for place, record in enumerate(TEXTS)
            ]
        )
    )
    code, _, told = ran(
        [
            "finetune",
            "classify",
            "--data",
            str(path),
            "--model",
            str(place.model),
            "--check",
            "--limit",
            limit,
        ]
    )
    assert code == 2
    assert says in told.splitlines()[0]


def test_what_comes_through_a_pipe_is_looked_at_once(place, monkeypatch):
    """A second look for more would find nothing, or wait for ever."""
    before, (reading, writing) = os.dup(0), os.pipe()
    os.write(writing, in_lines([{"text": 3, "label": "a"}, {"text": 4, "label": "b"}]).encode())
    os.close(writing)
    os.dup2(reading, 0)
    try:
        with open(0, encoding="utf-8", closefd=False) as stream:
            monkeypatch.setattr("sys.stdin", stream)
            code, _, told = ran(
                [
                    "finetune",
                    "classify",
                    "--data",
                    "-",
                    "--eval-data",
                    "-",
                    "--model",
                    str(place.model),
                    "--check",
                ]
            )
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reading)
    assert code == 2
    assert told.splitlines()[0] == "error: -, record 1, field 'text': this is no text"
