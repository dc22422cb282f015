"""Long passages: what is near to their marks on a terminal, all of it in files and JSON."""

import dataclasses
import json

import pytest

from sslcli.cli.excerpts import CONTEXT, MOST, near_marks
from sslcli.cli.screen import Screen
from sslcli.reports import Passage, Report, Span

BEFORE, BEHIND = (f"{word} " * 400 for word in ("before", "behind"))


def text_of(passage):
    return "".join(span.text for span in passage.spans)


def test_what_stands_near_the_answer_is_shown_and_nothing_far_from_it():
    passage = Passage("q", [Span(BEFORE), Span("Berlin", "corrupted"), Span(BEHIND)], excerpt=True)
    expected = f"…{BEFORE[-CONTEXT:]}Berlin{BEHIND[:CONTEXT]}…"
    assert text_of(near_marks(passage)) == expected
    assert near_marks(passage).spans[1] == passage.spans[1]


def test_neighbours_of_one_role_are_one_text():
    words = [Span(f"{n}/X ") for n in range(500)]
    passage = Passage("tags", [*words, Span("Y", "corrupted"), *words], excerpt=True)
    whole = "".join(span.text for span in words)
    assert text_of(near_marks(passage)) == f"…{whole[-CONTEXT:]}Y{whole[:CONTEXT]}…"


def test_between_two_marks_the_middle_is_left_out():
    passage = Passage(
        "q", [Span("a", "correct"), Span(BEFORE), Span("b", "corrupted")], excerpt=True
    )
    assert text_of(near_marks(passage)) == f"a{BEFORE[:CONTEXT]}…{BEFORE[-CONTEXT:]}b"


def test_texts_without_a_mark_are_each_told_by_their_ends():
    passage = Passage("yes", [Span(BEFORE), Span(f" | {BEHIND}")], excerpt=True)
    one, other = (span.text for span in near_marks(passage).spans)
    assert one == f"{BEFORE[:CONTEXT]}…{BEFORE[-CONTEXT:]}"
    assert other.startswith(" | behind")
    assert len(other) == 2 * CONTEXT + 1


@pytest.mark.parametrize("words", [2, 2000])
def test_a_thousand_marks_fill_no_screen(words):
    spans = [Span("word/"), Span("X", "corrupted"), Span(" ")] * words
    shown = text_of(near_marks(Passage("t", spans, excerpt=True)))
    assert len(shown) <= MOST + 2 * CONTEXT
    assert shown.endswith("…") == (words == 2000)


def test_short_ones_and_those_that_were_asked_for_are_shown_whole():
    short = Passage("q", [Span("It is in "), Span("Berlin", "correct"), Span(".")], excerpt=True)
    assert text_of(near_marks(short)) == text_of(short)
    asked_for = Passage("batch", [Span(BEFORE), Span("x", "target"), Span(BEHIND)])
    assert near_marks(asked_for) == asked_for


def test_json_has_all_of_what_the_terminal_shortens(capfd):
    report = Report(
        passages=[Passage("q", [Span(BEFORE), Span("Berlin", "correct")], excerpt=True)]
    )
    Screen().report(report)
    assert len(capfd.readouterr().out) < 200
    Screen(json=True).report(report)
    (passage,) = json.loads(capfd.readouterr().out)["passages"]
    assert passage["spans"] == [dataclasses.asdict(span) for span in report.passages[0].spans]
