"""What a command says while it works: a first word before anything slow, then how far it is; never
on stdout.
"""

import io
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

from sslcli import progress
from sslcli.cli import app, screen
from sslcli.cli.screen import SAID_SECONDS, Screen
from sslcli.progress import begin, heard_by, working
from sslcli.reports import Report
from sslcli.workflows.probe import frozen_model

TOKENIZER = SimpleNamespace(hash="one")


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    at = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(screen.time, "monotonic", lambda: at.now)
    return at


def terminal(width: int = 40) -> Screen:
    drawn = Screen()
    drawn.err = Console(file=io.StringIO(), force_terminal=True, width=width)
    return drawn


def without_torch(monkeypatch) -> None:
    monkeypatch.setattr(app, "sys", SimpleNamespace(modules={}))


@pytest.mark.parametrize("name", sorted(app.LOADING))
def test_the_first_word_comes_before_torch(name, monkeypatch, capfd):
    without_torch(monkeypatch)
    heard = []

    def imported(function):
        heard.append(capfd.readouterr())
        return lambda *given: 0

    monkeypatch.setattr(app, "_imported", imported)
    app._finish(SimpleNamespace(name="", check="", action=f"a.{name}:run"), {})
    assert [(each.out, each.err) for each in heard] == [("", "loading torch ...\n")]


@pytest.mark.parametrize("given", [{"json": True}, {"quiet": True}])
def test_nothing_is_said_to_machines_and_to_the_quiet(given, monkeypatch, capfd):
    without_torch(monkeypatch)

    def action(*line):
        begin("a part")
        working("hard")
        return 0

    monkeypatch.setattr(app, "_imported", lambda function: action)
    assert app._finish(SimpleNamespace(name="probe", check="", action="a:run"), given) == 0
    streams = capfd.readouterr()
    assert (streams.out, streams.err) == ("", "")


def test_the_other_commands_load_no_torch():
    script = """
import importlib, sys
from sslcli.cli.app import COMMANDS, LOADING, built_command
for name in {name for name in COMMANDS if name.replace("-", "_") not in LOADING}:
    built = built_command(name, [])
    for command in getattr(built, "commands", [built]):
        module = command.action.partition(":")[0]
        if module.rpartition(".")[2] not in LOADING:
            importlib.import_module(module)
            print(name, module, "torch" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    loading = [line for line in ended.stdout.splitlines() if line.endswith("True")]
    assert len(ended.stdout.splitlines()) > 5
    assert not loading


def test_off_a_terminal_a_line_at_once_and_then_now_and_then(clock, capfd):
    plain = Screen()
    for seconds, text in (
        (0, "one"),
        (1, "two"),
        (SAID_SECONDS, "three"),
        (1, "four"),
        (SAID_SECONDS, "five"),
    ):
        clock.now += seconds
        plain.working(text)
    streams = capfd.readouterr()
    assert streams.err.splitlines() == ["one ...", "three ...", "five ..."]
    assert streams.out == ""


def test_on_a_terminal_one_line_changes_and_goes_before_the_next_words(capfd):
    drawn = terminal()
    drawn.working("one")
    drawn.working("two\nlines " + "x" * 80)
    drawn.say("a remark")
    drawn.working("three")
    drawn.report(Report("a title"))
    shown = drawn.err.file.getvalue()
    wiped = "\r\x1b[2K"
    first, second, remark, rest = shown.split(wiped)
    assert "one ..." in first
    assert second.count("\n") == 0
    assert len(second) < 40 + len("\x1b[2m\x1b[0m")
    assert remark.startswith("a remark\n")
    assert "three ..." in remark
    assert rest == ""
    assert capfd.readouterr().out == "a title\n"


def test_an_error_stands_on_a_line_of_its_own(monkeypatch):
    drawn = terminal()
    monkeypatch.setattr("sslcli.cli.screen.Screen", lambda **given: drawn)

    def fails(*line):
        working("hard")
        raise ValueError("no more")

    monkeypatch.setattr(app, "_imported", lambda function: fails)
    with pytest.raises(ValueError, match="no more"):
        app._finish(SimpleNamespace(name="probe", check="", action="a:run"), {})
    assert drawn.err.file.getvalue().endswith("\r\x1b[2K")


def test_parts_head_what_is_said_in_them_and_nobody_need_listen():
    said = []
    working("unheard")
    with heard_by(said.append):
        begin("milestone 1 of 2")
        working("hidden states")
        begin("")
        working("drawing")
    working("unheard")
    assert said == ["milestone 1 of 2", "milestone 1 of 2 · hidden states", "drawing"]


def test_every_milestone_is_said_before_it_is_loaded(tmp_path, monkeypatch):
    events = []
    for step in (0, 1, 2):
        (tmp_path / "milestones" / f"step-{step:06d}").mkdir(parents=True)
    last = SimpleNamespace(
        folder=tmp_path / "checkpoints" / "step-000003",
        tokenizer=lambda: TOKENIZER,
        settings=SimpleNamespace(vocabulary=9),
    )
    monkeypatch.setattr(
        frozen_model, "load_pretrained", lambda reference: events.append("load") or last
    )
    monkeypatch.setattr(frozen_model, "_subject", lambda *given, **how: None)
    with heard_by(events.append):
        stages = frozen_model._stages(tmp_path, None, None, TOKENIZER, None)
        assert len(list(stages)) == 4
    assert events[0] == "load"  # the last, of which no more than its step is known
    assert events[1:] == [
        text
        for number in (1, 2, 3, 4)
        for text in (f"milestone {number} of 4, step {number - 1}", "load")
    ]


def test_a_probe_says_what_it_does_and_only_beside_the_result(
    ssl, world_run, tmp_path, monkeypatch
):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "first").symlink_to(world_run)
    monkeypatch.setattr(screen, "SAID_SECONDS", 0.0)
    line = ("probe", "similarity", "apple", "--per-sense", "4")
    said = ssl(*line)
    assert said.code == 0, said.err
    for what in ("loading the model ...", "reading senses ...", "drawing "):
        assert what in said.err
    assert "..." not in said.out
    quiet, machine = ssl(*line, "--quiet"), ssl(*line, "--json")
    assert (quiet.out, quiet.err) == (said.out, "")
    assert "..." not in machine.err
    assert json.loads(machine.out)["report"]["title"]


def test_memory_is_looked_through_for_garbage_again_when_all_is_imported():
    script = """
import gc, sys
from sslcli.cli import app
app._imported = lambda name: lambda *line: print(gc.isenabled(), gc.get_freeze_count() > 0)
sys.argv = ["ssl", "runs"]
app.main()
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == "True True"


def test_what_is_left_follows_from_the_speed_so_far(monkeypatch):
    at = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: at.now)
    said = []
    with heard_by(said.append):
        for seconds, done in ((0, 0), (2, 10), (4, 30), (0, 5)):
            at.now += seconds
            progress.working_on("reading", done, 90, "texts")
        progress.working_on("writing", 5, 9, "rows")
    assert said == [
        "reading, 0 of 90 texts",
        "reading, 10 of 90 texts · 0m 16s left",
        "reading, 30 of 90 texts · 0m 12s left",
        "reading, 5 of 90 texts",
        "writing, 5 of 9 rows",
    ]
    progress.working_on("unheard", 1, 2, "texts")
