"""The page of `ssl tour`: every chapter with its lines, what they found, and what that stands
beside.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sslcli.reporting.saved_reports import REPORT
from sslcli.reporting.svg_curves import curves_svg
from sslcli.reports import Passage, Report, Span
from sslcli.runs.catalogue import read_metrics, read_run
from sslcli.runs.facts import curves_of, scores_of
from sslcli.workflows.report.page import Page, Picture, Section, saved_section
from sslcli.workflows.tour.chapters import Chapter, TourLine
from sslcli.workflows.tour.tour import Ran

MOST_LINES = 12  # of what a line printed
SAVED = re.compile(r"^saved +(?:in )?(.+?)(?::.*)?$", re.MULTILINE)


def page_of_tour(
    folder: Path, everyone: Sequence[Chapter], done: Mapping[str, Ran], title: str
) -> Page:
    """The chapters of which a line is done, in their order."""
    sections = [
        section
        for chapter in everyone
        if any(line.typed in done for line in chapter.lines)
        for section in _sections(folder, chapter, done)
    ]
    lines = sum(len(chapter.lines) for chapter in everyone)
    minutes = sum(float(each["seconds"]) for each in done.values()) / 60
    key = f"{len(done)} of {lines} lines in {minutes:.1f} minutes"
    return Page(title, "", key, "ssl tour", sections)


def _sections(folder: Path, chapter: Chapter, done: Mapping[str, Ran]) -> Iterator[Section]:
    typed = [
        Passage(f"$ {line.typed}", (Span(f"{done[line.typed]['seconds']:.0f} s"),))
        for line in chapter.lines
        if line.typed in done
    ]
    yield Section(
        f"{chapter.number}. {chapter.title}",
        Report(chapter.told, passages=typed, notes=[chapter.look]),
    )
    for line in chapter.lines:
        if line.typed in done:
            yield from _found(folder, line, str(done[line.typed]["printed"]))


def _found(folder: Path, line: TourLine, printed: str) -> Iterator[Section]:
    """What a line came to: scores and curve of its run, the report that it saved, or its words."""
    if line.run is not None:
        run = read_run(folder / line.run)
        lines = read_metrics(run.folder)
        scores, problems = scores_of(run, lines)
        plots = curves_of(run, lines)[:1]
        pictures = [Picture(plot.title, "svg", curves_svg(plot)) for plot in plots]
        yield Section(line.run, Report(scores=scores, notes=problems), pictures)
        return
    saved = [Path(each.strip()) for each in SAVED.findall(printed)]
    reports = [each for each in saved if (each / REPORT).is_file()]
    for each in reports:
        yield saved_section(" ".join(line.words[:2]), each, with_scores=True)
    if not reports:
        shown = [row.strip() for row in printed.splitlines() if row.strip()][:MOST_LINES]
        passages = [Passage("", (Span(row),)) for row in shown]
        yield Section(" ".join(line.words[:2]), Report(passages=passages))
