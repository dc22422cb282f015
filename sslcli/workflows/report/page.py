"""`ssl report`: all that is known of a run as sections of one page, out of its folder as it is:
half-written, damaged or done.
"""

import shlex
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from sslcli import plainfiles
from sslcli.errors import DataError
from sslcli.reporting.saved_reports import REPORT, STUDY, SavedFile, SavedReport, read_report
from sslcli.reports import Report, Score, Table, panels, panels_title
from sslcli.runs.catalogue import (
    GENERATED,
    SAMPLES,
    Run,
    read_metrics,
    runs_in,
    unreadable_settings,
)
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
SHOWN_OF_HASH = 16  # characters
ENVIRONMENT = ("python", "platform", "host", "packages", "device")


@dataclass(frozen=True)
class Picture:
    """A picture of the page, or a recording. `form`: "svg", "png" or "wav"; `place`: path of the
    file without that.
    """

    title: str
    form: str
    content: bytes
    place: str


@dataclass(frozen=True)
class Section:
    """A part of the page: a report with its plots and galleries, the pictures of the rest of it,
    and its recordings. `printed`: lines of a terminal; `is_inner`: whether it belongs to the
    section before, and stands in no list of contents.
    """

    title: str
    report: Report
    pictures: Sequence[Picture] = ()
    sounds: Sequence[Picture] = ()
    caption: str = ""
    printed: Sequence[str] = ()
    is_inner: bool = False


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
    sections += [*_fine_tuned(run), *_saved(run), *_made(run)]
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
        yield Section("Curves", Report(plots=plots))
    elif run.kind not in PARTED:
        yield Section(
            "Curves", Report(notes=["nothing was measured yet: metrics.jsonl has no losses"])
        )
    if (run.folder / SAMPLES / REPORT).is_file():  # of what a line of text shows little
        yield saved_section("Samples", run.folder / SAMPLES, with_scores=False)
    elif (samples := samples_of(lines)) is not None:
        yield Section("Samples", Report(tables=[samples]))


def _made(run: Run) -> Iterator[Section]:
    """With what, and on what machine."""
    above = ("command", "baselines: ")  # where these stand already
    rows = [
        (name, _in_short(name, value), *rest)
        for name, value, *rest in readable_facts(run)
        if not name.startswith(above)
    ]
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


def _in_short(name: str, value: str) -> str:
    """A time to the second, and the beginning of a fingerprint; `ssl runs show` has all of it."""
    if name.endswith("fingerprint"):
        return value if len(value) <= SHOWN_OF_HASH else f"{value[:SHOWN_OF_HASH]}…"
    if name not in ("started", "ended"):
        return value
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if time.tzinfo else value


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
    plots = [
        plot
        for part in parts
        if part.kind == "pretrain"
        for plot in curves_of(part, read_metrics(part.folder))[:1]
    ]
    if plots:
        yield Section("Curves of pretraining", Report(plots=plots))


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


def _saved(run: Run) -> Iterator[Section]:
    """Everything that was asked of the model, and that it made."""
    for folder, what in ((PROBES, "Probe"), (GENERATED, "Generated")):
        for path in sorted((run.folder / folder).glob(f"*/{REPORT}")):
            name = path.parent.name.replace("-", " ")
            section = saved_section(f"{what}: {name}", path.parent, with_scores=True)
            if folder == GENERATED and (title := section.report.title):
                report = replace(section.report, title="")
                section = replace(section, title=f"{what}: {title}", report=report)
            yield section


def saved_section(title: str, folder: Path, with_scores: bool) -> Section:
    """The report that lies in a folder, with its pictures and recordings."""
    try:
        saved = read_report(folder)
    except DataError as error:
        return Section(title, Report(notes=[f"{error.message}: {error.hint}"]))
    report = saved.report if with_scores else replace(saved.report, scores=())
    return Section(
        title,
        report,
        list(_pictures(saved)),
        [_sound(folder, sound) for sound in saved.sounds],
        saved.caption,
    )


def _sound(folder: Path, sound: SavedFile) -> Picture:
    """A recording, with how long it is, which a player rounds to seconds."""
    content = _content(folder / f"{sound.name}.wav")
    try:
        with wave.open(BytesIO(content)) as file:
            title = f"{sound.title}, {file.getnframes() / file.getframerate():.2f} s"
    except (wave.Error, EOFError, ZeroDivisionError):
        title = sound.title
    return Picture(title, "wav", content, str(folder / sound.name))


def _pictures(saved: SavedReport) -> Iterator[Picture]:
    """Those that the page does not draw itself, each as the smaller of its files; but only SVG
    surely has Chinese labels, also where no font was at hand when it was drawn.
    """
    report = saved.report
    own = {panels_title(alike) for alike in panels(report.plots)}
    own |= {gallery.title for gallery in report.galleries}
    for picture in saved.pictures:
        if picture.title in own:
            continue
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
