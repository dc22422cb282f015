"""The page of `ssl report`: one self-contained HTML file of bounded size."""

import base64
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sslcli.cli.drawing import number
from sslcli.cli.tables import SHORT, VALUE, are_numbers, scores_table
from sslcli.reports import Table, filled, printable
from sslcli.workflows.report.page import Page, Picture

MOST_BYTES = 2_900_000
ROWS = (500, 100, 20, 5)  # of each table: fewer where the page becomes too large
PICTURES_SHARE = 0.5  # of the page at least is left to pictures, as long as tables can be cut
TYPES = {"svg": "image/svg+xml", "png": "image/png"}
LONGEST_TEXT = 4_000  # characters of one cell or note


def rendered(page: Page) -> str:
    """Render the page as HTML.

    Tables are cut, and the largest pictures left out with a note, where it would exceed MOST_BYTES.
    """
    text = ""
    for most_rows in ROWS:
        text = _rendered(page, {}, most_rows)
        if len(text.encode()) <= MOST_BYTES * PICTURES_SHARE:
            break
    return _rendered(page, _fitting(page, MOST_BYTES - len(text.encode())), most_rows)


def _fitting(page: Page, left_bytes: int) -> dict[Picture, str]:
    """Return the smallest pictures as data URLs for <img>, which runs no script in a file."""
    chosen = {}
    pictures = {
        picture for section in page.sections for picture in section.pictures if picture.content
    }
    for picture in sorted(pictures, key=lambda picture: (len(picture.content), picture.title)):
        link = f"data:{TYPES[picture.form]};base64,{base64.b64encode(picture.content).decode()}"
        left_bytes -= len(link)
        if left_bytes < 0:
            break
        chosen[picture] = link
    return chosen


def _rendered(page: Page, shown: Mapping[Picture, str], most_rows: int) -> str:
    environment = Environment(
        loader=PackageLoader("sslcli.cli", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
    )
    helpers: dict[str, Any] = {
        "number": number,
        "filled": filled,
        "SHORT": SHORT,
        "classes": _classes,
        "scores_table": scores_table,
    }
    environment.globals.update(helpers)
    return environment.get_template("report.html").render(
        page=page, shown=shown, most_rows=most_rows
    )


def _plain(value: Any) -> Any:
    """Escape text; names, labels and samples may hold anything, bidirectional marks included."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return value if value.startswith("data:image/") else printable(value[:LONGEST_TEXT])


def _classes(table: Table) -> list[str]:
    """Return the CSS class of each column: numbers right-aligned; only long texts wrap."""
    found = []
    for place, heading in enumerate(table.columns):
        cells = [number(row[place]) for row in table.rows]
        if are_numbers(cells):
            found.append("number value" if heading == VALUE else "number")
        else:
            found.append("text" if max(map(len, cells), default=0) > SHORT else "")
    return found
