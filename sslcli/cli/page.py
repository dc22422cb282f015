"""The page of `ssl report`: one self-contained HTML file of bounded size."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from rich.cells import cell_len

from sslcli.cli.drawing import number
from sslcli.cli.page_words import PageWords
from sslcli.cli.tables import SHORT, VALUE, are_numbers, scores_table
from sslcli.reporting.media import png_of
from sslcli.reporting.svg_curves import curves_svg, looks_of
from sslcli.reports import Gallery, Table, filled, printable
from sslcli.workflows.report.page import Page
from sslcli.workflows.tour.chapters import Tongue

MOST_BYTES = 2_900_000
ROWS = (500, 100, 20, 5)  # of each table: fewer where the page becomes too large
PICTURES_SHARE = 0.5  # of the page at least is left to pictures, as long as tables can be cut
TYPES = {"svg": "image/svg+xml", "png": "image/png", "wav": "audio/wav"}
BETWEEN = 1  # letters of space that a column has
LONGEST_TEXT = 4_000  # characters of one cell or note
SMALLEST_IMAGE = 48  # pixels of the page's height: smaller images are shown larger
NAME = 12  # a first column with so many letters is not narrowed to its longest word
SCORE = "score"  # heading of the first column of a table of scores
OURS = ("what", "layer", "")  # of first columns whose cells are words of ours, and not of the data
# where a browser would break a line inside of a word
_BREAKABLE = re.compile(r"\S*[-/?&=…–—]\S*")
_BROKEN = re.compile(r"(\s+)")


@dataclass(frozen=True)
class Medium:
    """Something of a page that is left out where it makes it too large. `shown`: what the template
    has of it: a link, an SVG, or the links of a gallery's rows.
    """

    key: int
    title: str
    shown: Any
    size: int


def rendered(page: Page, language: Tongue = "en") -> str:
    """Render the page as HTML, as far as its words are known in a language.

    Tables are cut, and the largest pictures and recordings left out with a note, where it would
    exceed MOST_BYTES.
    """
    text, words = "", PageWords.of(language)
    for most_rows in ROWS:
        text = _rendered(page, {}, most_rows, words)
        if len(text.encode()) <= MOST_BYTES * PICTURES_SHARE:
            break
    shown = _fitting(page, words, MOST_BYTES - len(text.encode()))
    return _rendered(page, shown, most_rows, words)


def _fitting(page: Page, words: PageWords, left_bytes: int) -> dict[int, Any]:
    """Return the smallest media, by the identity of what they are of."""
    chosen = {}
    for medium in sorted(_media(page, words), key=lambda medium: (medium.size, medium.title)):
        left_bytes -= medium.size
        if left_bytes < 0:
            break
        chosen[medium.key] = medium.shown
    return chosen


def _media(page: Page, words: PageWords) -> Iterator[Medium]:
    for section in page.sections:
        for plot in section.report.plots:
            svg = curves_svg(plot, words)
            yield Medium(id(plot), plot.title, Markup(svg), len(svg.encode()))
        for gallery in section.report.galleries:
            yield _grid(gallery)
        for picture in (*section.pictures, *section.sounds):
            if picture.content:
                link = _link(picture.form, picture.content)
                yield Medium(id(picture), picture.title, link, len(link))


def _grid(gallery: Gallery) -> Medium:
    rows = [
        [_link("png", png_of(gallery, image)) if image else "" for image in images]
        for images in gallery.images
    ]
    size = sum(len(link) + 100 for links in rows for link in links)
    return Medium(id(gallery), gallery.title, rows, size)


def _link(form: str, content: bytes) -> Markup:
    """A data URL for <img> or <audio>, which run no script in a file."""
    return Markup(f"data:{TYPES[form]};base64,{base64.b64encode(content).decode()}")


def _rendered(page: Page, shown: Mapping[int, Any], most_rows: int, words: PageWords) -> str:
    environment = Environment(
        loader=PackageLoader("sslcli.cli", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
    )
    script = _template("curves.js")
    helpers: dict[str, Any] = {
        "number": number,
        "filled": filled,
        "SHORT": SHORT,
        "classes": _classes,
        "letters": _letters,
        "scores_table": scores_table,
        "looks_of": looks_of,
        "unbroken": unbroken,
        "with_unit": partial(_with_unit, words),
        "SCORE": SCORE,
        "OURS": OURS,
        "times": lambda gallery: max(1, -(-SMALLEST_IMAGE // max(gallery.size[0], 1))),
        "words": words,
        "foreign": lambda text: Markup(' lang="en"') if words.is_foreign(text) else "",
        "style": Markup(_template("page.css")),
        "script": Markup(script),
        "policy": _policy(f"\n{script}"),
        "most_rows": most_rows,
    }
    environment.globals.update(helpers)
    environment.filters["shown"] = lambda each: shown.get(id(each))
    return environment.get_template("report.html").render(page=page)


def _template(name: str) -> str:
    return (files("sslcli.cli") / "templates" / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """What a browser is to load and run: nothing but what stands on the page, and of scripts only
    this one, whatever a name in the run says.
    """
    told = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{told}'"
    )


def _plain(value: Any) -> Any:
    """Escape text; names, labels and samples may hold anything, bidirectional marks included."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return printable(value[:LONGEST_TEXT])


def unbroken(text: str) -> Markup:
    """Text whose words are not broken at dashes and slashes, as those of commands and paths."""
    parts = _BROKEN.split(printable(text[:LONGEST_TEXT]))
    return Markup("").join(
        Markup('<span class="word">{}</span>').format(part)
        if _BREAKABLE.fullmatch(part)
        else escape(part)
        for part in parts
    )


def _with_unit(words: PageWords, text: str) -> Markup:
    value, _, unit = printable(text).partition(" ")
    return (
        Markup('{} <span class="unit">{}</span>').format(value, words(unit))
        if unit
        else escape(value)
    )


def _letters(table: Table, most_rows: int) -> int:
    """How wide a table is when all that can be wrapped is: on paper its letters shrink to fit."""
    total = 0
    for heading, *cells in zip(table.columns, *table.rows[:most_rows], strict=True):
        texts = [number(cell) for cell in cells]
        words = max(
            (cell_len(word) for text in (heading, *texts) for word in text.split()), default=0
        )
        longest = max(map(cell_len, texts), default=0)
        total += BETWEEN + max(words, longest if are_numbers(texts) else min(longest, SHORT))
    return total


def _classes(table: Table) -> list[str]:
    """Return the CSS class of each column: numbers right-aligned; only long texts wrap."""
    found = []
    for place, heading in enumerate(table.columns):
        cells = [number(row[place]) for row in table.rows]
        if heading == VALUE and SCORE in table.columns:
            found.append("number value")
        elif are_numbers(cells):
            found.append("number")
        else:
            found.append("text" if max(map(len, cells), default=0) > SHORT else "")
        if not place and max(map(len, cells), default=0) >= NAME:
            found[0] += " name"
    return found
