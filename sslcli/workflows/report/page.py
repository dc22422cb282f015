"""`ssl report`: all that is known of a run as sections of one page, out of its folder as it is:
half-written, damaged or done.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from sslcli import plainfiles
from sslcli.errors import DataError
from sslcli.reporting.saved_reports import REPORT, STUDY, SavedReport, read_report
from sslcli.reporting.svg_curves import curves_svg
from sslcli.reports import Report, Score, Table
from sslcli.runs.catalogue import Run, read_metrics, runs_in, unreadable_settings
from sslcli.runs.facts import (
    curves_of,
    differing_settings,
    key_sentence,
    samples_of,
    scores_of,
)
from sslcli.runs.references import PARTED
from sslcli.runs.run_tables import readable_facts

PROBES = "probes"
T = TypeVar("T")
FIRST_OF_CJK = "\u2e80"
ENVIRONMENT = ("python", "platform", "host", "packages", "device")


@dataclass(frozen=True)
class Picture:
    """A picture of the page.

    `form`: "svg" or "png"; `place`: path of the file, empty if it was made for the page.
    """

    title: str
    form: str
    content: bytes
    place: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page: a report and its pictures."""

    title: str
    report: Report
    pictures: Sequence[Picture] = ()
    caption: str = ""


@dataclass(frozen=True)
class Page:
    """`key`: a sentence with what the run comes to. `command`: as it would be typed again."""

    title: str
    status: str
    key: str
    command: str
    sections: Sequence[Section]


def page_of(run: Run) -> Page:
    """Collect the page of a run from its folder."""
    command = run.facts.get("command")
    typed = shlex.join(["ssl", *map(str, command[1:])]) if isinstance(command, list) else ""
    lines = read_metrics(run.folder)
    scores, problems = scores_of(run, lines)
    measured = _measured(run, lines, Report(scores=scores, notes=problems))
    parts = _parts(run) if run.kind in ("compare", "tour") else ()
    sections = [*measured, *_findings(run), *parts]
    sections += [*_fine_tuned(run), *_probes(run), *_made(run)]
    title = f"{run.name} · {run.kind} · {run.objective}"
    return Page(title, run.status, key_sentence(run, scores or _suite_scores(run)), typed, sections)


def _suite_scores(run: Run) -> Sequence[Score]:
    try:
        return read_report(run.folder).report.scores if run.kind in PARTED else ()
    except DataError:
        return ()


def _measured(run: Run, lines: Sequence[Mapping[str, Any]], scores: Report) -> Iterator[Section]:
    if scores.scores or scores.notes:
        yield Section("Scores", scores)
    plots = curves_of(run, lines)
    if plots:
        pictures = [Picture(plot.title, "svg", curves_svg(plot)) for plot in plots]
        yield Section("Curves", Report(), pictures)
    elif run.kind not in PARTED:
        yield Section(
            "Curves", Report(notes=["nothing was measured yet: metrics.jsonl has no losses"])
        )
    samples = samples_of(lines)
    if samples is not None:
        yield Section("Samples", Report(tables=[samples]))


def _made(run: Run) -> Iterator[Section]:
    """With what, and on what machine."""
    above = ("command", "baselines: ")  # where these stand already
    rows = [row for row in readable_facts(run) if not row[0].startswith(above)]
    environment = [row for row in rows if row[0] in ENVIRONMENT]
    yield Section(
        "Facts",
        Report(
            tables=[Table("", ("what", "value"), [row for row in rows if row not in environment])]
        ),
    )
    settings, problem = differing_settings(run), unreadable_settings(run)
    notes = [f"the settings cannot be read: {problem}"] if problem else []
    yield Section("Settings", Report(tables=[] if settings is None else [settings], notes=notes))
    if environment:
        yield Section("Environment", Report(tables=[Table("", ("what", "value"), environment)]))


def _findings(run: Run) -> Iterator[Section]:
    """What the run itself has written beside its scores: what it is beside others, confusions, the
    table of a suite.
    """
    if (run.folder / STUDY / REPORT).is_file():
        section = saved_section("Beside other starts", run.folder / STUDY, with_scores=False)
        yield replace(section, report=_without(section.report, _own_findings(run)))
    if (run.folder / REPORT).is_file():
        yield saved_section("Findings", run.folder, with_scores=run.kind == "suite")
    elif run.kind in PARTED:
        done = f"{run.facts.get('step', 0)} of {run.facts.get('total_steps', '?')} runs are done"
        yield Section("Findings", Report(notes=[f"there is no table yet: {done}"]))


def _parts(run: Run) -> Iterator[Section]:
    """The runs of a comparison in the order in which they began, and the losses of pretraining."""
    parts = list(reversed(runs_in(run.folder)))
    rows = [
        (part.name, part.kind, part.facts.get("step"), part.facts.get("seconds"), part.status)
        for part in parts
    ]
    columns = ("run", "kind", "steps", "seconds", "status")
    if rows:
        yield Section("Runs", Report(tables=[Table("", columns, rows)]))
    pictures = [
        Picture(plot.title, "svg", curves_svg(plot))
        for part in parts
        if part.kind == "pretrain"
        for plot in curves_of(part, read_metrics(part.folder))[:1]
    ]
    if pictures:
        yield Section("Curves of pretraining", Report(), pictures)


def _own_findings(run: Run) -> Report:
    try:
        return read_report(run.folder).report
    except DataError:
        return Report()


def _without(report: Report, other: Report) -> Report:
    """Without the tables, passages and notes that the other has too."""
    return replace(
        report,
        tables=_beyond(report.tables, other.tables),
        passages=_beyond(report.passages, other.passages),
        notes=_beyond(report.notes, other.notes),
    )


def _beyond(own: Sequence[T], others: Sequence[T]) -> list[T]:
    return [each for each in own if each not in others]


def _probes(run: Run) -> Iterator[Section]:
    """Everything that was asked of the model."""
    for path in sorted((run.folder / PROBES).glob(f"*/{REPORT}")):
        name = path.parent.name.replace("-", " ")
        yield saved_section(f"Probe: {name}", path.parent, with_scores=True)


def saved_section(title: str, folder: Path, with_scores: bool) -> Section:
    """The report that lies in a folder, with its pictures."""
    try:
        saved = read_report(folder)
    except DataError as error:
        return Section(title, Report(notes=[f"{error.message}: {error.hint}"]))
    found = saved.report
    report = Report(
        found.title,
        found.scores if with_scores else (),
        found.tables,
        passages=found.passages,
        notes=found.notes,
    )
    return Section(title, report, list(_pictures(saved)), saved.caption)


def _pictures(saved: SavedReport) -> Iterator[Picture]:
    """Each as the smaller of its files; but only SVG surely has Chinese labels, also where no font
    was at hand when it was drawn.
    """
    for picture in saved.pictures:
        files = {form: _content(saved.folder / f"{picture.name}.{form}") for form in ("svg", "png")}
        there = {form: content for form, content in files.items() if content}
        if max(there.get("svg", b"").decode(errors="replace"), default="") >= FIRST_OF_CJK:
            there = {"svg": there["svg"]}
        form = min(there, key=lambda form: len(there[form]), default="")
        yield Picture(picture.title, form, there.get(form, b""), str(saved.folder / picture.name))


def _content(path: Path) -> bytes:
    try:
        return plainfiles.read_bytes(path)
    except OSError:
        return b""


def _fine_tuned(run: Run) -> Iterator[Section]:
    """The runs that began with a checkpoint of this one, in the folder where it lies."""
    here = run.folder.resolve()
    children = [other for other in runs_in(here.parent) if _came_from(other, here)]
    rows = []
    for child in reversed(children):
        scores, problems = scores_of(child, read_metrics(child.folder))
        who = (child.name, child.objective, str(child.facts.get("start", "")))
        for score in scores:
            interval = "" if score.interval is None else "{:.4g} to {:.4g}".format(*score.interval)
            beside = ", ".join(f"{name} {value:.4g}" for name, value in score.baselines.items())
            value = f"{score.value:.4g} {score.unit}".strip()
            rows.append((*who, score.name, value, interval, score.count or None, beside))
        if not scores:
            rows.append((*who, problems[0] if problems else child.status, "", "", None, ""))
    columns = ("run", "task", "start", "score", "value", "95 % interval", "n", "compared with")
    if rows:
        yield Section("Fine-tuned from it", Report(tables=[Table("", columns, rows)]))


def _came_from(other: Run, folder: Path) -> bool:
    parent = other.facts.get("parent")
    return (
        isinstance(parent, str)
        and Path(parent).is_relative_to(folder)
        and other.folder.resolve() != folder
    )
