"""Tables in a terminal of any width: words of headings and numbers stand there whole."""

import io
import json
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from sslcli.cli.drawing import short
from sslcli.cli.screen import Screen
from sslcli.cli.tables import TerminalTable, are_numbers, scores_table
from sslcli.reports import Report, Score, Table, filled

WIDTHS = (100, 80, 60)
COMMANDS = ["plugins list", "plugins show mlm", "runs", "runs show one", "compare one two"]
BASELINES = {"chance": 2.85, "lead": 9.263, "alike": 23.56, "random": 23.36, "two-sided": 0.58}
BOUND = {**BASELINES, "in-language": 95.85}
SCORES = [
    Score("f1 in en", 97.72, "%", True, 1000, (96.74, 98.62), BASELINES),
    Score("exact match", 12345.678, "%", True, 1_234_567, None, BOUND),
]
TABLES = {
    "scores": scores_table(SCORES),
    "long texts": Table(
        "plugins", ("kind", "name", "distribution", "version", "status", "summary"),
        [("objectives", "mlm", "sslcli", "0.1.0", "ok", "Masked: some of the tokens are hidden."),
         ("objectives", "clm", "sslcli", "0.1.0", "ok", "Causal: each of the tokens is told.")],
    ),
    "twenty numbers": Table("n", [f"no {n}" for n in range(20)], [[n * 1234.5 for n in range(20)]]),
    "Chinese": Table("中文", ("词语", "次数"), [("苹果公司发布了新手机" * 4, 12), ("水果", 3)]),
}  # fmt: skip


def lines_of(table, width):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(TerminalTable(table))
    lines = console.file.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    return lines


def said_whole(table, lines):
    """Every word of the headings, and every cell with a number in it."""
    words = re.sub(r"\s+", " ", f" {' '.join(lines)} ")
    table = filled(table)
    for at, heading in enumerate(table.columns):
        cells = [short(row[at]) for row in table.rows]
        for text in [*heading.split(), *(cells if are_numbers(cells) else [])]:
            assert f" {text} " in words or not text, text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", TABLES)
def test_no_heading_and_no_number_is_cut(name, width):
    said_whole(TABLES[name], lines_of(TABLES[name], width))


def test_what_fits_stands_in_one_line_a_row():
    lines = lines_of(Table("t", ("name", "n"), [("a b", 12345), ("c", 0.5)]), 60)
    assert lines[0] == "t"
    assert [line.rstrip() for line in lines if line.strip()][1:] == [
        " name        n", " ─────────────", " a b    12,345", " c         0.5",
    ]  # fmt: skip


def test_blocks_begin_with_what_tells_the_rows_apart():
    lines = lines_of(TABLES["long texts"], 60)
    assert sum(line.split()[:2] == ["objectives", "mlm"] for line in lines) == 2
    assert sum("name" in line.split() for line in lines) == 2
    lines = lines_of(TABLES["scores"], 60)
    heads = sum(line.startswith(" score ") for line in lines)
    assert heads == sum(line.startswith(" f1 in en ") for line in lines) > 1


def test_a_word_that_is_longer_than_the_terminal_is_all_there():
    path = "/".join(["q" * 30] * 5)
    lines = lines_of(Table("", ("what", "value"), [("folder", path), ("step", "4,000")]), 60)
    assert path in "".join(line.removeprefix(" folder").strip() for line in lines if "q" in line)


@pytest.mark.parametrize("width", [60, 40, 28])
def test_a_word_stays_beside_its_number(width):
    read = "这个 .73  the .04  在 .02"
    cell = "accuracy 0.6267  macro f1 0.3852  recall 1"
    text = " ".join(
        lines_of(
            Table("", ("en", "alpha 0", "alpha 1"), [("the", read, read), ("", cell, cell)]), width
        )
    )
    lines = lines_of(
        Table("", ("en", "alpha 0", "alpha 1"), [("the", read, read), ("", cell, cell)]), width
    )
    for pair in (*read.split("  "), *cell.split("  ")):
        assert sum(line.count(pair) for line in lines) == 2, text


def test_which_way_is_better_is_left_out_where_that_saves_a_block():
    table = scores_table(
        [Score("accuracy", 0.5, "", True, 1234, (0.4, 0.6), {"majority": 0.25, "by word": 0.75})]
    )
    seen = set()
    for width in range(34, 80):
        console = Console(file=io.StringIO(), width=width, color_system=None)
        console.print(TerminalTable(table, spared=["better"]))
        text = console.file.getvalue()
        assert max(map(cell_len, text.splitlines())) <= width
        assert "1,234" in text
        blocks, without = (
            sum("score" in line for line in lines)
            for lines in (lines_of(table, width), text.splitlines())
        )
        assert ("better" in text, without < blocks) in ((True, False), (False, True)), width
        seen.add("better" in text)
    assert seen == {True, False}


def test_columns_that_say_nothing_are_left_out():
    table = Table("t", ("a", "b", "c", "d"), [("x", "", None, 0), ("y", "", None, None)])
    assert filled(table).columns == ["a", "d"]
    assert "b" not in " ".join(lines_of(table, 60)).split()
    assert filled(Table("t", ("a", "b"), [])).columns == ["a", "b"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("words", COMMANDS)
def test_commands_cut_nothing_at_any_width(ssl, monkeypatch, tmp_path, words, width):
    for name in ("one", "two"):
        make_run(tmp_path / "runs" / name, name)
    reports, draw = [], Screen.report

    def draw_tables(screen, report):
        reports.append(Report(report.title, report.scores, report.tables))
        draw(screen, reports[-1])

    monkeypatch.setattr(Screen, "report", draw_tables)
    monkeypatch.setenv("COLUMNS", str(width))
    done = ssl(*words.split())
    assert done.code == 0
    lines = done.out.splitlines()
    assert max(map(cell_len, lines)) <= width
    assert reports[0].tables
    for table in reports[0].tables:
        said_whole(table, lines)


def make_run(folder, name):
    """With metrics of long names in three languages, and settings with long values."""
    folder.mkdir(parents=True)
    metrics = {"token accuracy": 0.12345, "bits per byte": 1.5}
    own = {"loss": 12.3456 if name == "one" else 2.5, "metrics": metrics}
    languages = dict.fromkeys(("english", "chinese", "german"), own)
    line = {"step": 123456, "split": "eval", **own, "languages": languages}
    command = ["ssl", "pretrain", "--name", name]
    facts = {
        "kind": "pretrain", "objective": "mlm+nsp", "step": 123456, "total_steps": 1234567,
        "status": "done", "seconds": 12345.6, "command": command, "parameters": 123456789,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(facts))
    (folder / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    data = f"data:\n  train: [{'a' * 30}/{name}.txt]\n"
    (folder / "config.yaml").write_text(f"objective: mlm+nsp\n{data}")
