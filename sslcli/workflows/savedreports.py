"""Reports and scores as JSON beside what they are about: written by evaluations, suites and probes, read by `ssl report`.

report.json has all of a report, and with pictures `caption`, `pictures` (title and name, for NAME.svg, NAME.png and NAME.csv
beside it) and `files`, the names of all of them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sslcli import plainfiles
from sslcli.errors import DataError
from sslcli.folders import write_atomically
from sslcli.reports import Passage, Report, Score, Table, finite

REPORT, SCORES = "report.json", "scores.json"
STUDY = "study"  # the folder of the report that several runs have together, in the first of them
_DAMAGED = "make it again, or remove it"
_UNREADABLE = (OSError, ValueError, TypeError, KeyError, AttributeError, ValidationError, RecursionError)


@dataclass(frozen=True)
class SavedPicture:
    title: str
    name: str


@dataclass(frozen=True)
class SavedReport:
    """A report without the numbers of its pictures, which are in their files."""

    folder: Path
    report: Report
    caption: str = ""
    pictures: Sequence[SavedPicture] = ()


@dataclass(frozen=True)
class _Shown:
    """What of report.json is read back."""

    title: str = ""
    scores: Sequence[Score] = ()
    tables: Sequence[Table] = ()
    passages: Sequence[Passage] = ()
    notes: Sequence[str] = ()
    caption: str = ""
    pictures: Sequence[SavedPicture] = ()


def write_report(report: Report, folder: Path, more: Mapping[str, Any] | None = None) -> Path:
    """Raises RunError where the disk refuses."""
    path = folder / REPORT
    write_atomically(path, json.dumps(finite({**asdict(report), **(more or {})}), ensure_ascii=False, indent=1))
    return path


def write_scores(scores: Sequence[Score], folder: Path) -> None:
    """Raises RunError where the disk refuses."""
    write_atomically(folder / SCORES, json.dumps([asdict(score) for score in scores], indent=1))


def read_report(folder: Path) -> SavedReport:
    """Raises DataError where there is none that can be read."""
    path = folder / REPORT
    try:
        saved = plainfiles.read_json(path)
        shown = TypeAdapter(_Shown).validate_python({**saved, "scores": _with_nan(saved.get("scores", []))})
    except _UNREADABLE as error:
        raise DataError(f"{path} is damaged", _DAMAGED) from error
    if any(Path(picture.name).name != picture.name for picture in shown.pictures):
        raise DataError(f"{path} names a picture in another folder", _DAMAGED)
    report = Report(shown.title, shown.scores, shown.tables, passages=shown.passages, notes=shown.notes)
    return SavedReport(folder, report, shown.caption, shown.pictures)


def caption_of(folder: Path) -> str | None:
    """Of the report that lies there; None where there is none that can be read."""
    try:
        return read_report(folder).caption
    except DataError:
        return None


def read_scores(folder: Path) -> list[Score]:
    """Raises DataError where there are none that can be read."""
    path = folder / SCORES
    try:
        return TypeAdapter(list[Score]).validate_python(_with_nan(plainfiles.read_json(path)))
    except _UNREADABLE as error:
        raise DataError(f"{path} is damaged", _DAMAGED) from error


def _with_nan(scores: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers that JSON had no word for."""
    found = []
    for score in scores:
        numbers = {name: math.nan if value is None else value for name, value in score.get("baselines", {}).items()}
        ends = score.get("interval")
        interval = None if ends is None else tuple(math.nan if end is None else end for end in ends)
        found.append({**score, "value": math.nan if score["value"] is None else score["value"], "baselines": numbers, "interval": interval})
    return found
