"""A report as files: every plot, matrix, scatter and gallery as PNG and SVG with its numbers beside
it as CSV; tables as CSV; recordings as WAV; all as JSON.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sslcli.progress import working
from sslcli.reporting.csv_files import write_csv
from sslcli.reporting.fonts import HOW_TO_GET_ONE
from sslcli.reporting.media import wav_of
from sslcli.reporting.plots import Picture, drawn, is_all_drawable
from sslcli.reporting.saved_reports import REPORT, saved_together, write_report
from sslcli.reports import (
    Gallery,
    Matrix,
    Plot,
    Report,
    Scatter,
    Score,
    Sound,
    panels,
    panels_title,
    sheets_of,
)

LONGEST_NAME = 60  # characters, of which some have three bytes


@dataclass(frozen=True)
class Sheet:
    """Numbers as CSV, with the picture of them where there is one."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    picture: Picture | None = None


T = TypeVar("T", Sheet, Sound)


def save_report(report: Report, folder: Path, caption: str) -> list[Path]:
    """The files that were written into the folder, which is made; those of a report that lay there
    are gone.

    They come together: whoever reads meanwhile, or after a kill, finds the report before, or none,
    and never parts of two.

    `caption`: model, seed and command, written below every picture. Raises RunError where it cannot
    be written.
    """
    pictures, sounds, files, taken = [], [], [], {Path(REPORT).stem}
    with saved_together(folder) as aside:
        for name, sheet in _named(_sheets(report), taken):
            write_csv(aside / f"{name}.csv", sheet.columns, sheet.rows)
            files.append(f"{name}.csv")
            if sheet.picture is not None:
                working(f"drawing {sheet.title}")
                for form, content in drawn(sheet.picture, caption).items():
                    (aside / f"{name}.{form}").write_bytes(content)
                    files.append(f"{name}.{form}")
                pictures.append({"title": sheet.title, "name": name})
        for name, sound in _named(report.sounds, taken):
            (aside / f"{name}.wav").write_bytes(wav_of(sound))
            files.append(f"{name}.wav")
            sounds.append({"title": sound.title, "name": name})
        more = {"caption": caption, "pictures": pictures, "sounds": sounds}
        write_report(report, aside, more, files)
    return [folder / REPORT, *(folder / name for name in files)]


def font_notes(report: Report) -> list[str]:
    """Return one sentence if this machine has no font for some label, else nothing."""
    if all(
        is_all_drawable(sheet.picture) for sheet in _sheets(report) if sheet.picture is not None
    ):
        return []
    return [
        "PNG pictures show labels that no font here has as #ROW of their CSV, and titles without "
        f"such letters: {HOW_TO_GET_ONE} (SVG and HTML show all as it is)"
    ]


def file_name(title: str) -> str:
    """A title as the name of a file: words of letters and digits of any script, joined by
    dashes.
    """
    return "-".join(re.findall(r"\w+", title.lower()))[:LONGEST_NAME].strip("-") or "report"


def _named(sheets: Iterable[T], taken: set[str]) -> Iterator[tuple[str, T]]:
    """Each with a name of its own, also where titles or what the names keep of them are the
    same. `taken`: the names that there are, to which these are added.
    """
    for sheet in sheets:
        yield free_name(sheet.title, taken), sheet


def free_name(title: str, taken: set[str]) -> str:
    """The name of a file for a title that is none of `taken`, to which it is added."""
    stem = name = file_name(title)
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return name


def _sheets(report: Report) -> Iterator[Sheet]:
    if report.scores:
        yield _scores(report.scores)
    for table in (*report.tables, *report.sheets):
        yield Sheet(table.title or "table", table.columns, table.rows)
    if report.curves:
        yield _plots([Plot("curves", "x", "y", report.curves)])
    for alike in panels(report.plots):
        yield _plots(alike)
    for alike in sheets_of(report.matrices):
        if len(alike) == 1:
            yield Sheet(alike[0].title, ("", *alike[0].columns), _rows(alike[0]), alike[0])
        else:
            rows = [(matrix.title, *row) for matrix in alike for row in _rows(matrix)]
            between = "and" if len(alike) == 2 else "to"
            title = f"{alike[0].title} {between} {alike[-1].title}"
            yield Sheet(title, ("matrix", "", *alike[0].columns), rows, alike)
    for scatter in report.scatters:
        yield Sheet(
            scatter.title, ("label", "group", "x", "y", "linked to rows"), _points(scatter), scatter
        )
    for gallery in report.galleries:
        yield Sheet(gallery.title, ("row", "column", "pixels"), _pixels(gallery), gallery)


def _pixels(gallery: Gallery) -> list[tuple[Any, ...]]:
    """Each image with its numbers from 0 to 255, row by row, in one cell."""
    return [
        (name, gallery.columns[place] if gallery.columns else place + 1, _numbers(image))
        for name, images in zip(gallery.rows, gallery.images, strict=True)
        for place, image in enumerate(images)
        if image
    ]


def _numbers(image: str) -> str:
    return " ".join(map(str, bytes.fromhex(image)))


def _scores(scores: Sequence[Score]) -> Sheet:
    baselines = list(dict.fromkeys(name for score in scores for name in score.baselines))
    rows = []
    for score in scores:
        compared = [score.baselines.get(name, "") for name in baselines]
        rows.append(
            (
                score.name,
                score.value,
                score.unit,
                *(score.interval or ("", "")),
                score.count or "",
                score.better,
                *compared,
            )
        )
    return Sheet(
        "scores", ("score", "value", "unit", "low", "high", "count", "better", *baselines), rows
    )


def _plots(plots: Sequence[Plot]) -> Sheet:
    """Of several, whose curves are of different things, every row begins with the title of its
    panel.
    """
    rows = [
        (
            plot.title,
            curve.title,
            x,
            y,
            *((curve.lows[place], curve.highs[place]) if len(curve.lows) else ("", "")),
        )
        for plot in plots
        for curve in plot.curves
        for place, (x, y) in enumerate(zip(curve.xs, curve.ys, strict=True))
    ]
    first = plots[0]
    if len(plots) == 1:
        return Sheet(
            first.title,
            ("curve", first.x, first.y, "low", "high"),
            [row[1:] for row in rows],
            first,
        )
    return Sheet(
        panels_title(plots),
        ("panel", "curve", first.x, "value", "low", "high"),
        rows,
        plots,
    )


def _rows(matrix: Matrix) -> list[tuple[Any, ...]]:
    return [(label, *row) for label, row in zip(matrix.rows, matrix.values, strict=True)]


def _points(scatter: Scatter) -> list[tuple[Any, ...]]:
    """Rows are counted from 1, as a picture without a font for the labels does."""
    linked: Mapping[int, list[int]] = {number: [] for number in range(len(scatter.xs))}
    for one, other in scatter.links:
        linked[one].append(other + 1)
        linked[other].append(one + 1)
    points = zip(scatter.labels, scatter.groups, scatter.xs, scatter.ys, strict=True)
    return [(*point, " ".join(map(str, linked[number]))) for number, point in enumerate(points)]
