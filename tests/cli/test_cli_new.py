"""A package that `ssl plugins new` writes works as it is: its own tests pass, and so does the
conformance kit.
"""

import json
import subprocess
import sys

import pytest

from sslcli import registry
from sslcli.testing import CHECKS, TASK_CHECKS


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new") / "sslcli-jig-saw"
    command = [
        sys.executable,
        "-m",
        "sslcli",
        "plugins",
        "new",
        "objective",
        "jig-saw",
        "--out",
        str(folder),
        "--json",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_its_own_tests_pass_unedited(package):
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
    )
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
    (broken / "pyproject.toml").write_text(
        (package / "pyproject.toml").read_text().replace("sslcli_jig_saw", "broken_jig_saw")
    )
    text = module.read_text().replace(
        'rng.uniform("target", batch.sample_of, batch.positions)',
        "np.random.random(len(batch.tokens))",
    )
    (broken / "broken_jig_saw.py").write_text(text)
    ended = ssl("plugins", "check", str(broken))
    assert ended.code == 3
    assert "✘ collate is pure" in ended.out
    assert "collate is pure" in ended.err


@pytest.fixture(scope="module")
def task_package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new-task") / "sslcli-irony-of-fate"
    command = [
        sys.executable,
        "-m",
        "sslcli",
        "plugins",
        "new",
        "task",
        "irony-of-fate",
        "--out",
        str(folder),
        "--json",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_a_tasks_own_tests_pass_unedited(task_package):
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=task_package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert f"{len(TASK_CHECKS) + 1} passed" in ended.stdout


def test_a_task_is_checked_from_its_folder_on_its_own_data_and_a_defect_is_named(
    task_package, ssl, monkeypatch, tmp_path
):
    monkeypatch.setattr(sys, "path", [*sys.path])
    data = tmp_path / "data.jsonl"
    lines = [
        {"text": f"the {animal} sees the {other} .", "label": animal}
        for animal in ("cat", "dog")
        for other in ("bird", "fish") * 3
    ]
    data.write_text("\n".join(map(json.dumps, lines)))
    ended = ssl("plugins", "check", str(task_package), "--data", str(data))
    assert ended.code == 0, ended.out + ended.err
    assert ended.out.count("✔") == len(TASK_CHECKS)
    module = task_package / "sslcli_irony_of_fate.py"
    broken = tmp_path / "broken"
    broken.mkdir()
    names = ("sslcli_irony_of_fate", "broken_irony")
    (broken / "pyproject.toml").write_text(
        (task_package / "pyproject.toml").read_text().replace(*names)
    )
    (broken / "broken_irony.py").write_text(
        module.read_text().replace('reduction="sum"', 'reduction="mean"')
    )
    ended = ssl("plugins", "check", str(broken), "--data", str(data))
    assert ended.code == 3
    assert "✘ micro-batches" in ended.out
    for name in names:
        sys.modules.pop(name, None)


def test_both_kinds_are_written_alike(package, task_package):
    files = [
        {
            path.name.replace("jig_saw", "irony_of_fate")
            for path in folder.iterdir()
            if path.is_file()
        }
        for folder in (package, task_package)
    ]
    assert files[0] == files[1] >= {"pyproject.toml", "README.md", "sslcli_irony_of_fate.py"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("new", "reader", "x"), "no template for 'reader'"),
        (("new", "task", "qa"), "'qa' is the name of a plugin already"),
        (("new", "objective", "mlm"), "'mlm' is the name of a plugin already"),
        (("check", "jsonl"), "no objective, task, probe or shift"),
        (("check", "no-such-plugin"), "there is no plugin 'no-such-plugin'"),
        (("check", "mlm", "--data", "x.jsonl"), "takes no labelled data"),
    ],
)
def test_what_cannot_be_written_or_checked_is_said(ssl, words, message):
    ended = ssl("plugins", *words)
    assert (ended.code, message in ended.err) == (2, True), ended.err


def test_the_folder_must_be_new_or_empty(package, ssl):
    ended = ssl("plugins", "new", "objective", "other", "--out", str(package))
    assert (ended.code, "not empty" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no objective, task, probe or shift"),
        ("[project]\nname = 'x'\n", "names no objective, task, probe or shift"),
        ("project = 3\n", "no [project] table"),
        ("[project\n", "cannot be read"),
        ("[project]\nentry-points = 3\n", "no [project] table"),
        (
            "[project.entry-points.'sslcli.objectives']\nx = 'nowhere_at_all:X'\n",
            "No module named 'nowhere_at_all'",
        ),
        ("[project.entry-points.'sslcli.objectives']\nx = 'json'\n", "must name a class"),
        (
            "[project.entry-points.'sslcli.tasks']\nx = 'sslcli.api:Objective'\n",
            "is no subclass of sslcli.api.Task",
        ),
        (
            "[project.entry-points]\n'sslcli.tasks' = 3\n",
            "names no objective, task, probe or shift",
        ),
        ("[project.entry-points.'sslcli.objectives']\nx = '::'\n", "cannot be loaded"),
    ],
)
def test_a_folder_without_a_usable_plugin_is_refused(tmp_path, ssl, text, message):
    (tmp_path / "pyproject.toml").write_text(text)
    ended = ssl("plugins", "check", str(tmp_path))
    assert (ended.code, message in ended.err) == (2, True), ended.err
