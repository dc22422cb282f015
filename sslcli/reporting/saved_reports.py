"""Reports and scores as JSON beside what they are about: written by evaluations, suites and probes,
read by `ssl report`.

report.json has all of a report, and with pictures `caption` and `pictures` (title and name, for
NAME.svg, NAME.png and NAME.csv beside it); `sounds` are title and name, too, for NAME.wav. `files`
names the files that were written with it, `hashes` has their BLAKE2b hashes: it is written after
them, so where it lies, all of them lie, and a file with another hash is of something else.
"""

import json
import math
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sslcli import plainfiles
from sslcli.errors import DataError, RunError
from sslcli.folders import hash_file, put_together, write_atomically
from sslcli.reports import Gallery, Passage, Plot, Report, Score, Table, finite

REPORT, SCORES = "report.json", "scores.json"
LANGUAGES = "languages"  # the folder in a run for answers in languages that nothing was trained in
STUDY = "study"  # the folder of the report that several runs have together, in the first of them
_HEXADECIMAL = re.compile("[0-9a-fA-F]+")
_DAMAGED = "make it again, or remove it"
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    ValidationError,
    RecursionError,
)


@dataclass(frozen=True)
class SavedFile:
    """Title of a picture or a recording, and the name of its files without suffix."""

    title: str
    name: str


@dataclass(frozen=True)
class SavedReport:
    """A report without the numbers of its matrices, points and recordings, which are in their
    files.
    """

    folder: Path
    report: Report
    caption: str = ""
    pictures: Sequence[SavedFile] = ()
    sounds: Sequence[SavedFile] = ()


@dataclass(frozen=True)
class _Shown:
    """What of report.json is read back."""

    title: str = ""
    scores: Sequence[Score] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    passages: Sequence[Passage] = ()
    notes: Sequence[str] = ()
    galleries: Sequence[Gallery] = ()
    caption: str = ""
    pictures: Sequence[SavedFile] = ()
    sounds: Sequence[SavedFile] = ()


@contextmanager
def saved_together(folder: Path, marks: Sequence[str] = (REPORT,)) -> Generator[Path]:
    """Yield a folder for a report and its files; on success they replace those in `folder`.

    Other files in `folder` stay. `marks` as for `put_together`. Raises RunError if the disk
    refuses.
    """
    with put_together(folder, marks, files_of(folder)) as aside:
        yield aside


def write_report(
    report: Report, folder: Path, more: Mapping[str, Any] | None = None, files: Sequence[str] = ()
) -> Path:
    """`files`: names of what belongs to it and was written into the folder before. Raises RunError
    where the disk refuses.
    """
    path = folder / REPORT
    hashes = {name: hash_file(folder / name) for name in files}
    own = asdict(replace(report, sounds=()))  # their samples are in their files
    whole = {**own, **(more or {}), "files": list(files), "hashes": hashes}
    write_atomically(path, json.dumps(finite(whole), ensure_ascii=False, indent=1))
    return path


def files_of(folder: Path) -> set[str]:
    """Return the unchanged files that a saved report wrote; never any outside of the folder.

    Raises RunError if they cannot be read.
    """
    try:
        saved = plainfiles.read_whole_json(folder / REPORT)
        names = {
            name for name in saved["files"] if isinstance(name, str) and name == Path(name).name
        }
        hashes = saved.get("hashes")
        return {name for name in names if _is_own(folder / name, name, hashes)}
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return set()
    except OSError as error:  # then nobody knows what would be left of it
        problem = f"cannot read what lies in {folder}: {plainfiles.reason(error)}"
        raise RunError(
            problem, "check the disk and the permissions, or choose another folder"
        ) from error


def _is_own(path: Path, name: str, hashes: Any) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if not isinstance(hashes, dict):  # of a report that was written before there were any
        return re.fullmatch(r"[\w-]+\.(csv|png|svg)", name) is not None
    return hashes.get(name) == hash_file(path)


def write_scores(scores: Sequence[Score], folder: Path) -> None:
    """Raises RunError where the disk refuses."""
    write_atomically(folder / SCORES, json.dumps([asdict(score) for score in scores], indent=1))


def read_report(folder: Path) -> SavedReport:
    """Raises DataError where there is none that can be read."""
    path = folder / REPORT
    try:
        saved = plainfiles.read_whole_json(path)
        shown = TypeAdapter(_Shown).validate_python(
            {
                **saved,
                "scores": _with_nan(saved.get("scores", [])),
                "plots": [_plot_with_nan(plot) for plot in saved.get("plots", [])],
            }
        )
    except _UNREADABLE as error:
        raise DataError(f"{path} is damaged", _DAMAGED) from error
    if not _is_whole(shown):
        raise DataError(f"{path} is damaged", _DAMAGED)
    if any(Path(file.name).name != file.name for file in (*shown.pictures, *shown.sounds)):
        raise DataError(f"{path} names a picture in another folder", _DAMAGED)
    names = [f"{picture.name}.{form}" for picture in shown.pictures for form in ("svg", "png")]
    names += [f"{sound.name}.wav" for sound in shown.sounds]
    _refuse_mixture(folder, saved.get("hashes"), names)
    report = Report(
        shown.title,
        shown.scores,
        shown.tables,
        plots=shown.plots,
        passages=shown.passages,
        notes=shown.notes,
        galleries=shown.galleries,
    )
    return SavedReport(folder, report, shown.caption, shown.pictures, shown.sounds)


def _is_whole(shown: _Shown) -> bool:
    """Return whether curves have a value for every x, tables a column, and galleries a name for
    every row and images of their size: a page draws all of them.
    """
    curves = [curve for plot in shown.plots for curve in plot.curves]
    return (
        all(len(curve.xs) == len(curve.ys) for curve in curves)
        and all(
            len(bound) in (0, len(curve.xs))
            for curve in curves
            for bound in (curve.lows, curve.highs)
        )
        and all(len(curve.lows) == len(curve.highs) for curve in curves)
        and all(table.columns for table in shown.tables)
        and all(map(_is_whole_gallery, shown.galleries))
    )


def _is_whole_gallery(gallery: Gallery) -> bool:
    if len(gallery.size) != 3 or min(gallery.size) < 1 or len(gallery.rows) != len(gallery.images):
        return False
    digits = 2 * math.prod(gallery.size)
    images = [image for row in gallery.images for image in row if image]
    return all(len(image) == digits and _HEXADECIMAL.fullmatch(image) for image in images)


def _refuse_mixture(folder: Path, hashes: Any, names: Sequence[str]) -> None:
    """Raises DataError where a file is not the one that was written with the report."""
    for name in names:
        path = folder / name
        if (
            isinstance(hashes, dict)
            and name in hashes
            and path.is_file()
            and hash_file(path) != hashes[name]
        ):
            raise DataError(
                f"{path} is of something else than {folder / REPORT} beside it", _DAMAGED
            )


def caption_of(folder: Path) -> str | None:
    """Return the caption of a saved report; None if there is none that can be read."""
    try:
        return read_report(folder).caption
    except DataError:
        return None


def own_folder(folder: Path, caption: str) -> Path:
    """The folder, or one beside it, that holds no answer to another question: only the same command
    replaces what it wrote.
    """
    names = chain([folder], (folder.with_name(f"{folder.name}-{number}") for number in count(2)))
    return next(each for each in names if caption_of(each) in (None, caption))


def read_scores(folder: Path) -> list[Score]:
    """Raises DataError where there are none that can be read."""
    path = folder / SCORES
    try:
        return TypeAdapter(list[Score]).validate_python(_with_nan(plainfiles.read_whole_json(path)))
    except _UNREADABLE as error:
        raise DataError(f"{path} is damaged", _DAMAGED) from error


def _plot_with_nan(plot: dict[str, Any]) -> dict[str, Any]:
    """As `_with_nan` of a plot's curves."""
    curves = [
        {
            name: [math.nan if each is None else each for each in part]
            if name in ("xs", "ys", "lows", "highs")
            else part
            for name, part in curve.items()
        }
        for curve in plot["curves"]
    ]
    return {**plot, "curves": curves}


def _with_nan(scores: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers that JSON had no word for."""
    found = []
    for score in scores:
        numbers = {
            name: math.nan if value is None else value
            for name, value in score.get("baselines", {}).items()
        }
        ends = score.get("interval")
        interval = None if ends is None else tuple(math.nan if end is None else end for end in ends)
        found.append(
            {
                **score,
                "value": math.nan if score["value"] is None else score["value"],
                "baselines": numbers,
                "interval": interval,
            }
        )
    return found
