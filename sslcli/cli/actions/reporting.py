"""`ssl report`: write everything known of a run as one HTML page."""

from pathlib import Path

from sslcli.asides import output_file
from sslcli.cli.options import Command, Given
from sslcli.cli.page import rendered
from sslcli.cli.screen import Screen
from sslcli.folders import written
from sslcli.reports import amount
from sslcli.runs.references import LATEST, find_run, unfinished_state
from sslcli.workflows.report.page import page_of

FILE = "report.html"


def report_action(command: Command, given: Given, screen: Screen) -> int:
    """Write the HTML page of a run and print its path, sections and size."""
    reference = given.get("run", LATEST)
    found = find_run(reference)
    if reference.startswith(LATEST):
        state = unfinished_state(found)
        screen.say(f"run    {found.folder} (the newest{f'; it {state}' if state else ''})")
    path = Path(given["out"]) if "out" in given else found.folder / FILE
    place = output_file(path)
    page = page_of(found)
    text = rendered(page)
    with written(place) as file:
        file.write(text)
    if screen.json:
        screen.document({"run": str(found.folder), "file": str(path), "bytes": len(text.encode())})
    elif screen.quiet:
        screen.line(str(path))
    else:
        screen.line(
            f"{path} · {amount(len(page.sections), 'section')} · {len(text.encode()) / 1e6:.2f} MB"
        )
    return 0
