"""A package that `ssl plugins new` writes works as it is: its own tests pass, and so does the conformance kit."""

import subprocess
import sys

import pytest

from sslcli import registry
from sslcli.testing import CHECKS


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new") / "sslcli-jig-saw"
    command = [sys.executable, "-m", "sslcli", "plugins", "new", "objective", "jig-saw", "--out", str(folder), "--json"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_its_own_tests_pass_unedited(package):
    ended = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=package, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert f"{len(CHECKS) + 1} passed" in ended.stdout


def test_it_is_checked_from_its_folder_without_being_installed(package, ssl, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert "jig-saw" not in registry.names("objectives")
    ended = ssl("plugins", "check", str(package))
    assert ended.code == 0, ended.err
    assert ended.out.count("✔") == len(CHECKS)
    sys.modules.pop("sslcli_jig_saw", None)


def test_a_check_that_is_not_met_is_named_and_exits_with_3(package, ssl, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [*sys.path])
    module = package / "sslcli_jig_saw.py"
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "pyproject.toml").write_text((package / "pyproject.toml").read_text().replace("sslcli_jig_saw", "broken_jig_saw"))
    text = module.read_text().replace('draws.uniform("target", batch.sample_of, batch.positions)', "np.random.random(len(batch.tokens))")
    (broken / "broken_jig_saw.py").write_text(text)
    ended = ssl("plugins", "check", str(broken))
    assert ended.code == 3
    assert "✘ views are pure" in ended.out
    assert "views are pure" in ended.err


def test_the_folder_must_be_new_or_empty(package, ssl):
    ended = ssl("plugins", "new", "objective", "other", "--out", str(package))
    assert (ended.code, "not empty" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no objective"),
        ("[project]\nname = 'x'\n", "names no objective"),
        ("project = 3\n", "no [project] table"),
        ("[project\n", "cannot be read"),
        ("[project]\nentry-points = 3\n", "no [project] table"),
        ("[project.entry-points.'sslcli.objectives']\nx = 'nowhere_at_all:X'\n", "No module named 'nowhere_at_all'"),
        ("[project.entry-points.'sslcli.objectives']\nx = 'json'\n", "must name a class"),
        ("[project.entry-points.'sslcli.objectives']\nx = '::'\n", "cannot be loaded"),
    ],
)
def test_a_folder_without_a_usable_objective_is_refused(tmp_path, ssl, text, message):
    (tmp_path / "pyproject.toml").write_text(text)
    ended = ssl("plugins", "check", str(tmp_path))
    assert (ended.code, message in ended.err) == (2, True), ended.err
