"""The check of the line of `ssl tour`, before anything is run."""

from collections.abc import Sequence
from pathlib import Path

from sslcli.cli.options import Command, Given
from sslcli.cli.tongues import tongue_of
from sslcli.errors import UsageError
from sslcli.workflows.tour.chapters import chapters


def check_tour_line(command: Command, given: Given) -> None:
    """Refuse chapters and languages that there are not."""
    tongue_of(given)
    chosen_chapters(given)
    folder = given.get("out")
    if folder is not None and not folder.strip():
        raise UsageError("--out is empty", "name the folder of the tour")
    if folder is not None and Path(folder).exists() and not Path(folder).is_dir():
        raise UsageError(f"{folder} is a file, not a folder", "choose another --out")


def chosen_chapters(given: Given) -> Sequence[int]:
    """The numbers of the chapters that are asked for; all where none is."""
    numbers = [chapter.number for chapter in chapters("en")]
    asked = given.get("chapter") or numbers
    for each in asked:
        if not (str(each).isascii() and str(each).isdecimal()) or int(each) not in numbers:
            raise UsageError(
                f"there is no chapter {each}",
                f"there are {numbers[0]} to {numbers[-1]}: ssl tour --list",
            )
    return sorted({int(each) for each in asked})
