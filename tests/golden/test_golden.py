"""Run folders that an earlier version wrote are read, resumed and exported, and give its figures.

They are equal to the bit where this machine rounds as the one that made them (`golden.arithmetic`),
and within rounding elsewhere. `make_golden.py` says how both were made.
"""

import json
import os

import golden
import pytest

from sslcli.cli.app import run as ssl

EXPECTED = json.loads((golden.HERE / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def to_the_bit():
    return golden.arithmetic() == EXPECTED["arithmetic"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, module_cache):
    return golden.copied(tmp_path_factory.mktemp("golden"))


@pytest.fixture
def run(runs, monkeypatch, capfd):
    """Where the copies are: a command line -> its standard output."""
    monkeypatch.chdir(runs)
    monkeypatch.setenv("SSLCLI_RUNS_DIR", "runs")

    def call(words):
        capfd.readouterr()
        code = ssl(words)
        said = capfd.readouterr()
        assert code == 0, said.err
        return said.out

    return call


@pytest.mark.parametrize("name", golden.QUESTIONS)
def test_a_run_of_an_earlier_version_answers_as_it_did(name, run, to_the_bit):
    assert golden.differences(golden.answer(name, run), EXPECTED["answers"][name], to_the_bit) == []


@pytest.mark.parametrize("name", golden.EXPORTS)
def test_a_run_of_an_earlier_version_is_exported_with_the_same_tensors(name, run):
    assert golden.exported(name, run) == EXPECTED["exported"][name]


@pytest.mark.parametrize("name", golden.STOPPED)
def test_an_unfinished_run_goes_on_with_the_losses_of_an_earlier_version(name, run, to_the_bit):
    expected = EXPECTED["resumed"][name]
    lines = golden.as_of_then(golden.resumed(name, run), expected)
    assert golden.differences(lines, expected, to_the_bit) == []
    assert {line["step"] for line in lines} >= {7, 8, 12}


@pytest.mark.parametrize("name", os.listdir(golden.HERE / "runs"))
def test_a_run_of_an_earlier_version_is_listed_and_reported(name, run):
    assert name in run(["runs", "show", name])
    run(["report", name])


def test_a_figure_that_is_another_is_seen():
    wanted = {"scores": {"f1": [0.5, 80.0]}, "words": ["yes"]}
    near, far = (
        {**wanted, "scores": {"f1": [0.500001, 80.0]}},
        {**wanted, "scores": {"f1": [0.501, 80.0]}},
    )
    assert golden.differences(wanted, wanted, True) == golden.differences(near, wanted, False) == []
    assert len(golden.differences(near, wanted, True)) == 1
    assert len(golden.differences(far, wanted, False)) == 1
    assert golden.differences({**wanted, "words": ["no"]}, wanted, False)
    assert golden.differences({**wanted, "words": []}, wanted, False)
