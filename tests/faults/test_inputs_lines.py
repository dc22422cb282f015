"""Random command lines out of our own words: a code of the table, a sentence, no traceback."""

import pytest
from inputs_lines import sweep

from sslcli.cli import app


def test_random_lines_end_in_order():
    tally = sweep(120)
    assert tally.tried == 120
    assert tally.good, tally.describe


@pytest.mark.parametrize(
    "line",
    [
        "runs show {}",
        "export m --out {}",
        "pretrain --resume {}",
        "pretrain -c {}",
        "generate t --model {}",
    ],
)
def test_a_name_that_no_disk_takes_is_wrong_usage(line, capfd, tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCLI_RUNS_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert app.run(line.format("x" * 5_000).split()) == 2
    assert "this should not have happened" not in capfd.readouterr().err


def test_what_a_disk_refuses_anywhere_is_a_sentence(capfd, monkeypatch):
    def fail(words):
        raise PermissionError(13, "Permission denied", "/some/where")

    monkeypatch.setattr(app, "build", fail)
    assert app.run(["runs"]) == 1
    assert capfd.readouterr().err == (
        "error: /some/where: Permission denied\nhint:  "
        "check the path, its permissions and the disk\n"
    )
