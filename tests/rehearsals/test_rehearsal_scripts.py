"""Every script of the benchmarks and of the faults runs to its end at a size of seconds: none
breaks unnoticed.
"""

import ast
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests/benchmarks", "tests/faults")


def modules():
    """The Python files of the folders that are no tests."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py"))]
    return [path for path in paths if not path.name.startswith(("test_", "conftest"))]


def is_script(path):
    return '\nif __name__ == "__main__":\n' in path.read_text(encoding="utf-8")


def imported_by(path):
    """The last parts of the names of all modules that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    names += [
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    ]
    return {name.rpartition(".")[2] for name in names}


SCRIPTS = [path for path in modules() if is_script(path)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_script_can_be_rehearsed(script, stage):
    ended = stage.run(str(script), "--rehearse", folder=script.parent)
    assert ended.code == 0, ended.said[-3000:]
    assert ended.said.strip()
    assert "Traceback" not in ended.said


def test_what_is_no_script_is_used_by_one():
    """So that the rehearsals run it too."""
    assert len(SCRIPTS) > 20
    imported = {name for path in SCRIPTS for name in imported_by(path)}
    parts = {path.stem: imported_by(path) for path in modules()}
    for _ in parts:
        imported |= {name for stem, names in parts.items() if stem in imported for name in names}
    tests = {
        name for path in (ROOT / "tests" / "faults").glob("test_*.py") for name in imported_by(path)
    }
    assert not [
        path.stem for path in modules() if not is_script(path) and path.stem not in imported | tests
    ]


def test_other_releases_are_those_of_the_project():
    """`tests/releases.sh` installs them for minutes; here, what it would install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shown = {}
    for which in ("oldest", "newest"):
        ended = subprocess.run(
            [ROOT / "tests" / "releases.sh", which, "--show"], capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        shown[which] = ended.stdout.splitlines()
    assert shown["oldest"][: len(project["dependencies"])] == [
        name.replace(">=", "==", 1) for name in project["dependencies"]
    ]
    assert set(project["dependencies"]) <= set(shown["newest"])
    # an upper bound would have torch downgraded beside the project
    assert "torch>=2.12" in project["dependencies"]
