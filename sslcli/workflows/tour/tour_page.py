"""The page of `ssl tour`: every chapter with its lines, what they found, and what that stands
beside.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sslcli.reporting.saved_reports import REPORT, caption_of
from sslcli.reports import Report
from sslcli.runs.catalogue import GENERATED, SAMPLES, read_metrics, read_run
from sslcli.runs.facts import curves_of, scores_of
from sslcli.workflows.report.page import PROBES, Page, Section, saved_section
from sslcli.workflows.tour.chapters import Chapter, TourLine
from sslcli.workflows.tour.tour import Ran

MOST_LINES = 12  # of what a line printed


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
    told = Report(chapter.told, notes=[chapter.look])
    yield Section(f"{chapter.number}. {chapter.title}", told)
    for line in chapter.lines:
        if line.typed in done:
            ran = done[line.typed]
            title = f"$ {line.typed} ({float(ran['seconds']):.0f} s)"
            for section in _found(folder, line, title, str(ran["printed"])):
                yield replace(section, is_inner=True)


def _found(folder: Path, line: TourLine, title: str, printed: str) -> Iterator[Section]:
    """What a line came to: scores, curve and samples of its run, the report that it saved, or its
    words.
    """
    if line.run is not None:
        run = read_run(folder / line.run)
        lines = read_metrics(run.folder)
        scores, problems = scores_of(run, lines)
        plots = curves_of(run, lines)[:1]
        yield Section(title, Report(scores=scores, plots=plots, notes=problems))
        if (run.folder / SAMPLES / REPORT).is_file():
            yield replace(saved_section("", run.folder / SAMPLES, with_scores=False), caption="")
        return
    reports = _reports(folder, line)
    for each in reports:
        yield saved_section(title, each, with_scores=True)
    if not reports:
        shown = [row.rstrip() for row in printed.splitlines() if row.strip()][:MOST_LINES]
        yield Section(title, Report(), printed=shown)


def _reports(folder: Path, line: TourLine) -> list[Path]:
    """The folders of the reports that this line saved below its model: captions end with what was
    typed.
    """
    if line.model is None:
        return []
    found = (
        path.parent
        for kind in (PROBES, GENERATED)
        for path in sorted((folder / line.model / kind).glob(f"*/{REPORT}"))
    )
    return [each for each in found if (caption_of(each) or "").endswith(f" {line.typed}")]
