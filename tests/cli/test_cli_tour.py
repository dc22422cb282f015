"""`ssl tour`: each line once, in order; what stops goes on, what fails is named, and the page has
it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from sslcli.errors import Preempted
from sslcli.runs.catalogue import read_run
from sslcli.runs.references import find_run
from sslcli.workflows.tour import chapters as told
from sslcli.workflows.tour.chapters import TourLine, chapters, wanted_lines
from sslcli.workflows.tour.relay import Relay

SMALL = """
- title: {en: Tables, zh: 表格}
  told: {en: Records go through a code., zh: 记录通过编码。}
  lines:
    - pretrain --objective autoencoder --data demo:payments --max-steps 2 --name payments
    - probe anomaly --model payments --data demo:payments-test
  look: {en: The area., zh: 面积。}
- title: {en: Again, zh: 再来}
  told: {en: Once more., zh: 再一次。}
  lines:
    - probe anomaly --model payments --data demo:payments-test --normal ok
  look: {en: The same., zh: 一样。}
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A lecture of two chapters, in an empty folder."""
    file = tmp_path / "lecture.yaml"
    file.write_text(SMALL, encoding="utf-8")
    monkeypatch.setattr(told, "LECTURE", file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SSLCLI_RUNS_DIR", raising=False)
    told.chapters.cache_clear()
    yield tmp_path / "runs" / "tour"
    told.chapters.cache_clear()


@pytest.fixture
def answers(monkeypatch):
    """Lines are not run: what was asked, and the exit codes to give (0 where none is left)."""
    asked, codes = [], []

    def run(relay, words, own):
        asked.append(([*words], own["SSLCLI_RUNS_DIR"]))
        return codes.pop(0) if codes else 0, "said\n"

    monkeypatch.setattr(Relay, "run", run)
    return SimpleNamespace(asked=asked, codes=codes)


def test_the_whole_way_leaves_a_page_and_a_run_of_its_own(ssl, small):
    ended = ssl("tour")
    assert ended.code == 0, ended.err
    page = (small / "tour.html").read_text(encoding="utf-8")
    assert "1. Tables" in page
    assert "Records go through a code." in page
    shown = re.sub(r"<[^>]*>", "", page)
    for line in ("", " --normal ok"):
        typed = f"$ ssl probe anomaly --model payments --data demo:payments-test{line} ("
        assert shown.count(typed) == 1
    # the report of each line and not what a terminal showed of it
    assert page.count('aria-label="receiver operating characteristic"') == 2
    assert "printed" not in page[page.index("<body>") :]
    assert "AUROC" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    run = read_run(small)
    assert (run.kind, run.status, run.facts["step"]) == ("tour", "done", 3)
    assert read_run(small / "payments").status == "done"
    assert find_run("tour").folder.resolve() == small
    report = ssl("report", "tour")
    assert report.code == 0, report.err
    again = ssl("tour", "--language", "zh")
    assert again.code == 0
    assert again.err.count("done before") == 3
    assert "记录通过编码。" in (small / "tour.html").read_text(encoding="utf-8")


def test_a_chapter_alone_first_makes_the_model_that_it_asks(ssl, small, answers):
    assert ssl("tour", "--chapter", "2").code == 0
    assert [words[0] for words, _ in answers.asked] == ["pretrain", "probe"]
    assert {folder for _, folder in answers.asked} == {"runs/tour"}
    assert read_run(small).status == "stopped"  # a line of the first chapter is left


@pytest.mark.parametrize(("code", "status"), [(130, "stopped"), (75, "stopped"), (1, "failed")])
def test_what_stops_is_kept_and_gone_on_with(ssl, small, answers, code, status):
    answers.codes[:] = [0, code]
    ended = ssl("tour")
    assert ended.code == code
    assert "chapter 1" in ended.err
    assert "the same line" in ended.err
    assert read_run(small).status == status
    assert "1. Tables" in (small / "tour.html").read_text(encoding="utf-8")
    del answers.asked[:]
    assert ssl("tour").code == 0
    assert [words[0] for words, _ in answers.asked] == ["probe", "probe"]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGHUP, 75)]
)
def test_a_signal_to_the_tour_stops_the_training_after_it_saved(tmp_path, number, code):
    with open(tmp_path / "said", "w", encoding="utf-8") as said:
        tour = subprocess.Popen(
            [sys.executable, "-m", "sslcli", "tour", "--chapter", "7", "--out", "t"],
            cwd=tmp_path,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    said, until = tmp_path / "said", time.monotonic() + 300
    while "step=20 " not in said.read_text(encoding="utf-8") and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(tour.pid, number)
    assert tour.wait(120) == code, said.read_text(encoding="utf-8")
    assert "go on with the same line" in said.read_text(encoding="utf-8")
    assert read_run(tmp_path / "t").facts["status"] == "stopped"
    payments = read_run(tmp_path / "t" / "payments")
    assert payments.facts["status"] == "stopped"
    newest = sorted((payments.folder / "checkpoints").iterdir())[-1]
    assert int(newest.name.removeprefix("step-")) == payments.facts["step"] >= 20


def test_a_stop_between_two_lines_is_kept(ssl, small, monkeypatch):
    def run(relay, words, own):
        relay.asked = Preempted  # heard, and the line came to its end nevertheless
        return 0, "said\n"

    monkeypatch.setattr(Relay, "run", run)
    assert ssl("tour").code == 75
    assert read_run(small).status == "stopped"
    assert len(json.loads((small / "tour.json").read_text(encoding="utf-8"))) == 1


def test_a_training_that_was_begun_goes_on(ssl, small, answers):
    (small / "payments").mkdir(parents=True)
    (small / "payments" / "config.yaml").write_text("{}", encoding="utf-8")
    assert ssl("tour", "--chapter", "1").code == 0
    assert answers.asked[0][0] == ["pretrain", "--resume", "payments"]


@pytest.mark.parametrize("text", ["[", "[]", '{"ssl x": 3}', '{"ssl x": {"printed": "y"}}'])
def test_a_state_that_cannot_be_read_is_begun_anew(ssl, small, answers, text):
    small.mkdir(parents=True)
    (small / "tour.json").write_text(text, encoding="utf-8")
    assert ssl("tour").code == 0
    assert len(answers.asked) == 3
    assert len(json.loads((small / "tour.json").read_text(encoding="utf-8"))) == 3


def test_as_json_it_says_where_all_lies(ssl, small, answers):
    found = json.loads(ssl("tour", "--json").out)
    assert found["page"] == "runs/tour/tour.html"
    assert len(found["done"]) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--chapter", "0"], "there is no chapter 0"),
        (["--chapter", "3"], "there is no chapter 3"),
        (["--chapter", "x"], "there is no chapter x"),
        (["--language", "de"], "not told in 'de'"),
        (["--chapter", "２"], "there is no chapter"),
        (["--out", ""], "--out is empty"),
        (["--out", "lecture.yaml"], "is a file"),
    ],
)
def test_what_there_is_not_is_refused(ssl, small, answers, words, said):
    ended = ssl("tour", *words)
    assert ended.code == 2
    assert said in ended.err
    assert not answers.asked
    assert not small.exists()


def test_the_list_shows_every_line_and_runs_none(ssl, answers):
    ended = ssl("tour", "--list")
    assert ended.code == 0
    for chapter in chapters("en"):
        assert f"{chapter.number}. {chapter.title}" in ended.out
        assert all(line.typed in ended.out for line in chapter.lines)
    found = json.loads(ssl("tour", "--list", "--json").out)
    assert [each["chapter"] for each in found["chapters"]] == list(range(1, 13))
    assert not answers.asked


def test_the_lecture_is_whole_in_both_languages():
    english, chinese = chapters("en"), chapters("zh")
    assert [each.lines for each in english] == [each.lines for each in chinese]
    for each, other in zip(english, chinese, strict=True):
        for name in ("title", "told", "look"):
            assert getattr(each, name).isascii()
            assert not getattr(other, name).isascii()
    everyone = [line for each in english for line in each.lines]
    made = [line.run for line in everyone if line.run]
    assert len(made) == len(set(made))
    for place, line in enumerate(everyone):
        assert line.model is None or line.model in [each.run for each in everyone[:place]]


def test_lines_that_make_a_wanted_model_are_taken_along():
    first, second = (told.Chapter(n, "", "", "", lines) for n, lines in (
        (1, [TourLine(("pretrain", "--name", "a")), TourLine(("pretrain", "--name", "b"))]),
        (2, [TourLine(("probe", "x", "--model", "b"))]),
    ))  # fmt: skip
    assert wanted_lines([first, second], [2]) == [(first, [first.lines[1]]), (second, second.lines)]
    assert wanted_lines([first, second], [1]) == [(first, first.lines)]
