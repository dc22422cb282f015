"""`ssl report`: write everything known of a run as one HTML page."""

from pathlib import Path

from sslcli.asides import output_file
from sslcli.cli.options import Command, Given
from sslcli.cli.page import rendered
from sslcli.cli.screen import Screen
from sslcli.cli.tongues import tongue_of
from sslcli.folders import written
from sslcli.reports import amount
from sslcli.runs.catalogue import Run
from sslcli.runs.references import LATEST, find_run, unfinished_state
from sslcli.workflows.report.page import Page, page_of
from sslcli.workflows.tour.chapters import Tongue

FILE = "report.html"


def report_action(command: Command, given: Given, screen: Screen) -> int:
    """Write the HTML page of a run and print its path, sections and size."""
    reference = given.get("run", LATEST)
    found = find_run(reference)
    if reference.startswith(LATEST):
        state = unfinished_state(found)
        screen.say(f"run    {found.folder} (the newest{f'; it {state}' if state else ''})")
    path = Path(given["out"]) if "out" in given else found.folder / FILE
    page, size = write_page(found, path, tongue_of(given))
    if screen.json:
        screen.document({"run": str(found.folder), "file": str(path), "bytes": size})
    elif screen.quiet:
        screen.line(str(path))
    else:
        screen.line(f"{path} · {amount(len(page.sections), 'section')} · {size / 1e6:.2f} MB")
    return 0


def write_page(run: Run, path: Path, tongue: Tongue = "en") -> tuple[Page, int]:
    """Write the page of a run in a language; returns it, and its size in bytes."""
    place = output_file(path)
    page = page_of(run)
    text = rendered(page, tongue)
    with written(place) as file:
        file.write(text)
    return page, len(text.encode())
