"""`ssl tour`: the lecture, line after line, and its page."""

from pathlib import Path

from sslcli.asides import output_file
from sslcli.cli.options import Command, Given
from sslcli.cli.page import rendered
from sslcli.cli.screen import Screen
from sslcli.cli.tongues import tongue_of
from sslcli.cli.tour_checks import chosen_chapters
from sslcli.folders import written
from sslcli.runs.catalogue import runs_folder
from sslcli.workflows.tour.chapters import chapters
from sslcli.workflows.tour.tour import KIND, done_lines, take_tour
from sslcli.workflows.tour.tour_page import page_of_tour

FILE = "tour.html"
TITLES = {
    "en": "Self-supervised learning, chapter by chapter",
    "zh": "自监督学习，逐章演示",
}


def tour_action(command: Command, given: Given, screen: Screen) -> int:
    """Take the tour, or list it; the page is written after every start, also where it stops."""
    tongue = tongue_of(given)
    everyone, chosen = chapters(tongue), chosen_chapters(given)
    if given.get("list") and screen.json:
        shown = [
            {
                "chapter": chapter.number,
                "title": chapter.title,
                "lines": [line.typed for line in chapter.lines],
            }
            for chapter in everyone
            if chapter.number in chosen
        ]
        screen.document({"chapters": shown})
        return 0
    if given.get("list"):
        for chapter in everyone:
            if chapter.number in chosen:
                screen.line(f"{chapter.number}. {chapter.title}")
                for line in chapter.lines:
                    screen.line(f"   {line.typed}")
        return 0
    folder = Path(given["out"]) if "out" in given else runs_folder() / KIND
    page = folder / FILE
    try:
        take_tour(folder, everyone, chosen, screen.say)
    finally:
        if done := done_lines(folder):
            with written(output_file(page)) as file:
                told = page_of_tour(folder, everyone, done, TITLES[tongue])
                file.write(rendered(told, tongue))
    if screen.json:
        screen.document({"folder": str(folder), "page": str(page), "done": done})
    else:
        screen.line(str(page))
    return 0
