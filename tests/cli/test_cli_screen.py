"""What is drawn: results on stdout, never by colour alone, valid JSON whatever the numbers."""

import io
import json
import math
import re
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.live import Live

from sslcli.cli.actions.generating import _collected
from sslcli.cli.actions.training import say_recipe
from sslcli.cli.drawing import BLOCKS, number, sparkline
from sslcli.cli.progress import TerminalProgress, watching
from sslcli.cli.screen import Screen
from sslcli.contracts.abilities import Artifact
from sslcli.engine.events import (
    Evaluated,
    Finished,
    HeldOutMetrics,
    Noted,
    Sampled,
    Saved,
    Skipped,
    Started,
    Stepped,
)
from sslcli.reports import Curve, Passage, Report, Score, Span, Table, folded
from sslcli.settings import PretrainSettings

REPORT = Report(
    "held-out",
    scores=[
        Score("accuracy", 0.5, count=1234, interval=(0.4, 0.6), baselines={"unigram": 0.1}),
        Score("loss", 2.0, "nats", False, 7),
    ],
    tables=[Table("table", ("name", "n"), [["[bold]x[/bold]", 12345], ["y", None]])],
    curves=[Curve("curve", [1, 2], [3.0, 1.0])],
    passages=[
        Passage(
            "p",
            [
                Span("the "),
                Span("[MASK]", "corrupted"),
                Span("cat", "target"),
                Span("ok", "correct"),
                Span("[SEP]", "special"),
            ],
        )
    ],
    notes=["a note"],
)
EVENTS = [
    Started(None, {"model": "tiny", "data": "demo"}, 0, 100),
    Noted("a remark"),
    Saved(0, "x/step-000000", "milestone"),
    Stepped(50, 3.0, {}, {"accuracy": 0.1}, 1e-3, 1.0, 5000.0, 10.0),
    Evaluated(50, 2.5, {}, {"accuracy": 0.25}, True),
    Sampled(50, [("a [MASK]", "cat .9")]),
    Saved(50, "x/step-000050", "checkpoint"),
    Skipped(60, 1),
    Evaluated(100, math.inf, {}, {"accuracy": 0.3}, False),
    Finished(100, "done", 50, 2.5, 20.0),
]


@pytest.fixture
def drawn(capfd):
    def draw(report, **options):
        Screen(**options).report(report)
        return capfd.readouterr().out

    return draw


def test_every_part_of_a_report_is_drawn_and_roles_have_marks(drawn):
    out = drawn(REPORT)
    for text in (
        "held-out",
        "0.5",
        "1,234",
        "0.4 to 0.6",
        "unigram",
        "lower",
        "12,345",
        "[bold]x[/bold]",
        "curve",
        "a note",
    ):
        assert text in out
    assert "the ‹[MASK]›«cat»ok✓[SEP]" in out
    assert "\x1b" not in out


HOSTILE = "red \x1b[31mink\nover\r\x9b1A\u202etxt\u2028 中文\u3000é"
TAMED = "red \\x1b[31mink⏎over\\x0d\\x9b1A\\u202etxt\\u2028 中文\u3000é"


def test_what_data_holds_cannot_command_the_terminal(drawn):
    spans = [Span(HOSTILE), Span(HOSTILE, "target")]
    out = drawn(Report(tables=[Table("t", ("text",), [[HOSTILE]])], passages=[Passage("p", spans)]))
    assert out.count(TAMED) == 3
    assert drawn(Report(notes=["two\nlines \x1b[1m"])) == "two\nlines \\x1b[1m\n"


def test_samples_are_tamed_and_stand_one_a_line_off_a_terminal(capfd):
    with watching(Screen(), "title") as observe:
        observe(Sampled(50, [(HOSTILE, "a"), ("b", HOSTILE)]))
    first, second = capfd.readouterr().err.splitlines()
    assert first.endswith(f"{TAMED} -> a")
    assert second.endswith(f"b -> {TAMED}")


def test_samples_are_tamed_on_a_terminal():
    stream = io.StringIO()
    with Live(
        console=Console(file=stream, force_terminal=True, width=200, color_system=None),
        auto_refresh=False,
    ) as live:
        progress = TerminalProgress(live, "title")
        for event in (
            Evaluated(50, 2.5, {}, {}, True),
            Sampled(50, [(HOSTILE, HOSTILE)]),
            Finished(50, "done", 50, 2.5, 1.0),
        ):
            progress(event)
    assert f"{TAMED}  →  {TAMED}" in stream.getvalue()
    assert "\x1b[31m" not in stream.getvalue()


@pytest.mark.parametrize("count", [2, 40])
def test_losses_by_language_stand_below_their_row_within_the_width(count):
    stream = io.StringIO()
    figures = {
        f"red{place}\x1b[31m": HeldOutMetrics(2.0 + place, {}, {}, {}) for place in range(count)
    }
    metrics = {"accuracy": 0.5, "perplexity": 12.0}
    with Live(
        console=Console(file=stream, force_terminal=True, width=200, color_system=None),
        auto_refresh=False,
    ) as live:
        progress = TerminalProgress(live, "title")
        for event in (
            Evaluated(50, 2.5, {}, metrics, True, languages=figures),
            Finished(50, "done", 50, 2.5, 1.0),
        ):
            progress(event)
    assert "\x1b[3" not in stream.getvalue()
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).splitlines()
    assert max(map(len, lines)) <= 100
    below = " ".join(line.split("eval loss of ")[1] for line in lines if "eval loss of " in line)
    assert [float(found) for found in re.findall(r"red\S+ (\d+\.?\d*)", below)] == [
        2.0 + place for place in range(count)
    ]


def test_a_figure_over_nothing_is_neither_good_nor_bad(drawn):
    out = drawn(Report(scores=[Score("tokens", 12.0)]))
    assert "tokens" in out
    assert "higher" not in out
    assert "better" not in out


def test_json_is_one_document_and_has_no_infinities(drawn):
    document = json.loads(
        drawn(
            Report(scores=[Score("x", math.nan), Score("y", math.inf)], notes=["\udcff"]), json=True
        )
    )
    assert [score["value"] for score in document["scores"]] == [None, None]
    assert json.loads(drawn(REPORT, json=True))["tables"][0]["rows"][0] == ["[bold]x[/bold]", 12345]


@pytest.mark.parametrize(
    "values",
    [[1.0], [1, 1, 1], list(range(1000)), [math.nan, 1.0, 2.0], [math.inf] * 3, [-5.0, 5.0]],
)
def test_a_sparkline_has_at_most_its_width(values):
    line = sparkline(values, 10)
    assert len(line) == min(10, len(values))
    assert set(line) <= {*BLOCKS, " "}


def test_a_sparkline_rises_with_its_values():
    assert sparkline(list(range(8)), 8) == BLOCKS


def test_numbers_keep_their_meaning():
    assert [number(value) for value in (None, True, 3, 12345, 0.123456, 123456.7, 1e-9, "x")] == [
        "", "True", "3", "12,345", "0.1235", "123,457", "1e-09", "x",
    ]  # fmt: skip


def test_off_a_terminal_a_run_is_plain_lines_on_stderr(capfd):
    with watching(Screen(), "title") as observe:
        for event in EVENTS:
            observe(event)
    streams = capfd.readouterr()
    assert streams.out == ""
    assert "eval_loss=2.5" in streams.err
    assert "\x1b" not in streams.err
    assert "\r" not in streams.err


def test_with_json_every_event_is_a_line_of_json(capfd):
    with watching(Screen(json=True), "title") as observe:
        for event in EVENTS:
            observe(event)
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["event"] for line in lines][:4] == ["started", "noted", "saved", "stepped"]
    assert lines[-2]["loss"] is None


def test_quiet_says_nothing(capfd):
    with watching(Screen(quiet=True), "title") as observe:
        for event in EVENTS:
            observe(event)
    assert capfd.readouterr() == ("", "")


def test_on_a_terminal_a_table_grows_and_each_row_waits_for_its_tick():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120, color_system=None)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        progress = TerminalProgress(live, "title")
        for event in EVENTS:
            progress(event)
    out = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert out.count("eval loss") == 1
    row = next(line for line in out.splitlines() if "0.25" in line)
    assert row.split() == ["50", "3", "2.5", "0.25", "5,000", "✓", "best"]
    assert "inf" in out
    assert "cat .9" in out


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_growing_table_keeps_its_headings_and_numbers_whole_at_any_width(width):
    metrics = {"token accuracy": 0.25, "bits per byte": 1.125, "perplexity": 12345.0}
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, color_system=None)
    with Live(console=console, auto_refresh=False) as live:
        progress = TerminalProgress(live, "title")
        for event in (
            Started(None, {"model": "tiny"}, 0, 1_000_000),
            Stepped(500_000, 3.0, {}, {}, 1e-3, 1.0, 5_000_000.0, 360_000.0),
            Evaluated(500_000, 2.5, {}, metrics, True),
            Saved(500_000, "x", "checkpoint"),
        ):
            progress(event)
        live.refresh()
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).splitlines()
    assert max(map(len, lines)) <= width
    head = next(line for line in lines if "eval loss" in line)
    row = next(line for line in lines if "✓ best" in line)
    kept = [name for name in metrics if name in head]
    assert "token accuracy" in kept
    shown = [float(value.replace(",", "")) for value in row.split()[:-2]]
    expected = [500_000, *([3.0] if "train loss" in head else []), 2.5]
    speed = [5_000_000] if "tokens/s" in head else []
    assert shown == [*expected, *(metrics[name] for name in kept), *speed]
    assert any(line.startswith("  ━") and "500000/1000000  loss 3.000" in line for line in lines)


@pytest.mark.parametrize(
    ("count", "verbose", "said"),
    [
        (0, False, ""),
        (2, False, "recipe     a.txt sets key0 0, key1 1 (flags and files win)"),
        (9, False, "recipe     a.txt sets 9 settings (flags and files win; --verbose lists them)"),
        (5, True, "recipe     a.txt sets key0 0, key1 1, key2 2, key3 3, key4 4 (flags and files"),
    ],
)
def test_of_a_long_recipe_its_length_is_said(capsys, count, verbose, said):
    values = PretrainSettings.model_validate({"data": {"train": ["a.txt"]}})
    resolved = SimpleNamespace(
        settings=values, recommended=[f"key{number} {number}" for number in range(count)]
    )
    say_recipe(resolved, Screen(verbose=verbose))
    err = " ".join(capsys.readouterr().err.split())
    assert err.startswith(" ".join(said.split())) if said else err == ""


@pytest.mark.parametrize(("width", "text"), [(30, "  a sentence of several words that goes on")])
def test_sentences_are_parted_between_words(width, text):
    lines = folded(f"{text}\nshort", width).split("\n")
    assert all(len(line) <= width for line in lines)
    assert lines[1].startswith("    ")
    assert lines[-1] == "short"
    assert " ".join(" ".join(lines[:-1]).split()) == text.strip()
    path = "/a" * 40
    assert folded(path, width) == path


def test_a_text_that_grows_has_its_line_breaks(capsys):
    made = iter(["one\n", "two\x1b[31m", Artifact("one\ntwo")])
    found, is_shown = _collected(made, Screen(), streams=True)
    assert is_shown
    assert len(found) == 1
    assert capsys.readouterr().out == "one\ntwo\\x1b[31m\n"
