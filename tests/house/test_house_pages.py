"""The pages that the code writes are those in docs/, and what they claim is what commands say."""

import json
from pathlib import Path

import pages
import pytest

from sslcli.cli.app import run

GOLDEN = Path(__file__).parents[1] / "golden" / "runs"
ROWS = {"mlm": ("mlm", "text"), "clm": ("clm", "text")}  # runs of another version


@pytest.mark.parametrize("name", pages.PAGES)
def test_the_page_is_current(name):
    written = (pages.DOCS / name).read_text(encoding="utf-8")
    assert pages.PAGES[name]() == written, "python tests/house/pages.py writes it anew"


@pytest.fixture(scope="module")
def cells():
    return pages.cells()


def test_every_objective_has_a_row_and_every_task_and_probe_a_column(cells):
    assert {name for name, _ in cells} == set(pages.built_in("objectives"))
    for row in cells.values():
        columns = {name.partition(" ")[2] for name in row if name.startswith(("task ", "probe "))}
        assert columns == {*pages.built_in("tasks"), *pages.built_in("probes")}
        assert all(isinstance(text, str) and text for text in row.values())


def test_what_is_not_done_has_a_reason(cells):
    reasons = [text for row in cells.values() for text in row.values() if pages._is_no(text)]
    assert len(reasons) > 100
    assert all(len(text.split()) >= 4 for text in reasons)


@pytest.mark.parametrize("run_name", ROWS)
def test_commands_refuse_what_the_matrix_says_and_nothing_else(cells, run_name, capfd, tmp_path):
    """Of the two kinds of text models, by the checks before anything is loaded and the first words
    behind them; a task is asked with a file that is not there, which comes after its kind.
    """
    row = cells[ROWS[run_name]]
    model, absent = str(GOLDEN / run_name), str(tmp_path / "absent.jsonl")
    for column, text in row.items():
        kind, _, name = column.partition(" ")
        if kind == "probe" and pages._is_no(text):
            assert run(["probe", name, "--model", model, "--json"]) == 2, column
            said = json.loads(capfd.readouterr().out.splitlines()[-1])
            assert said["event"] == "error", column
        elif kind == "task":
            assert run(["finetune", name, "--model", model, "--data", absent]) == 2
            assert "absent.jsonl" in capfd.readouterr().err, column
