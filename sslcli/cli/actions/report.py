"""`ssl report`: what the workflow gathered, as a file."""

from pathlib import Path

from sslcli.cli.options import Command, Given
from sslcli.cli.page import rendered
from sslcli.cli.screen import Screen
from sslcli.errors import UsageError
from sslcli.folders import write_atomically
from sslcli.workflows.reporting import page_of
from sslcli.workflows.runs import LATEST, find_run

FILE = "report.html"


def run(command: Command, given: Given, screen: Screen) -> int:
    found = find_run(given.get("run", LATEST))
    path = Path(given["out"]) if "out" in given else found.folder / FILE
    if path.is_dir():
        raise UsageError(f"{path} is a folder", f"name a file: --out {path / FILE}")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", "make it first, or choose another --out")
    page = page_of(found)
    text = rendered(page)
    write_atomically(path, text)
    if screen.json:
        screen.document({"run": str(found.folder), "file": str(path), "bytes": len(text.encode())})
    elif screen.quiet:
        screen.line(str(path))
    else:
        screen.line(f"{path} · {len(page.sections)} sections · {len(text.encode()) / 1e6:.2f} MB")
    return 0
