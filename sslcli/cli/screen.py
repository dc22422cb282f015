"""Terminal output: results on stdout, all else on stderr; with --json one JSON document."""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from sslcli.cli.charts import WIDEST, drawn_matrices, drawn_plot, drawn_scatter
from sslcli.cli.drawing import drawn_curve, drawn_passage
from sslcli.cli.drawn_images import drawn_gallery
from sslcli.cli.excerpts import near_marks
from sslcli.cli.tables import BETTER, VALUE, TerminalTable, scores_table
from sslcli.reports import LINE_WIDTH, Report, finite, folded, printable, printable_lines

WIDTH_OFF_TERMINAL = 200
SAID_SECONDS = 10.0  # between two lines of what is done, off a terminal


class Screen:
    """The two streams of a command; stderr also shows what is being done, until the next output."""

    def __init__(
        self, *, json: bool = False, quiet: bool = False, verbose: bool = False, color: bool = True
    ) -> None:
        self.json, self.quiet, self.verbose = json, quiet, verbose
        self.out, self.err = _console(sys.stdout, color), _console(sys.stderr, color)
        self._printed_at: float | None = None  # when `working` last wrote a line off a terminal
        self._is_wiped = True

    @property
    def live(self) -> bool:
        """True where a line on stderr can be redrawn."""
        return (
            self.err.is_terminal
            and not self.err.is_dumb_terminal
            and not self.json
            and not self.quiet
        )

    def document(self, values: Mapping[str, Any]) -> None:
        """Print one line of JSON on stdout."""
        print(
            json.dumps({"schema": "sslcli/1", **finite(values)}, ensure_ascii=False, default=str),
            flush=True,
        )

    def working(self, text: str) -> None:
        """Show what is being done: a line that changes on a terminal, else a line now and then."""
        if self.quiet or self.json:
            return
        if self.live:
            line = Text(f"{printable(text)} ...", style="dim")
            line.truncate(self.err.width - 1, overflow="ellipsis")
            self.wipe()
            self.err.print(line, end="")
            self.err.file.flush()
            self._is_wiped = False
            return
        now = time.monotonic()
        if self._printed_at is None or now - self._printed_at >= SAID_SECONDS:
            self._printed_at = now
            self.say(f"{text} ...")

    def wipe(self) -> None:
        """Erase the line of `working`."""
        if not self._is_wiped:
            self.err.file.write("\r\x1b[2K")
            self.err.file.flush()
            self._is_wiped = True

    def say(self, text: str) -> None:
        """Print a remark on stderr."""
        self.wipe()
        if not self.quiet:
            self.err.print(Text(_folded(printable_lines(text), self.err)), soft_wrap=True)

    def line(self, text: str = "") -> None:
        """Print one line of the result on stdout."""
        self.wipe()
        self.out.print(Text(printable_lines(text)), soft_wrap=True)

    def piece(self, text: str) -> None:
        """Print a part of a line of the result on stdout, at once."""
        self.wipe()
        self.out.print(Text(text), end="", soft_wrap=True)
        self.out.file.flush()

    def report(self, report: Report) -> None:
        """Print a report on stdout, drawn or as JSON."""
        self.wipe()
        if self.json:
            self.document(asdict(report))
            return
        if report.title:
            self.out.print(Text(printable(report.title), style="bold"))
        if report.scores:
            self.out.print(TerminalTable(scores_table(report.scores), [VALUE], [BETTER]))
        for table in report.tables:
            self.out.print(TerminalTable(table))
        width = min(self.out.width - 1, WIDEST)
        for chart in (
            *(drawn_curve(curve, width) for curve in report.curves),
            *(drawn_plot(plot, width) for plot in report.plots),
            *drawn_matrices(report.matrices, width),
            *(drawn_scatter(scatter, width) for scatter in report.scatters),
            *(drawn_gallery(gallery, width) for gallery in report.galleries),
        ):
            self.out.print(chart, soft_wrap=True)
        for passage in report.passages:
            self.out.print(drawn_passage(near_marks(passage)), soft_wrap=True)
        for note in report.notes:
            self.line(_folded(note, self.out))


def _folded(text: str, console: Console) -> str:
    """On a terminal; off it a sentence is one line, which can be searched for."""
    return folded(text, min(console.width, LINE_WIDTH)) if console.is_terminal else text


def _console(stream: Any, color: bool) -> Console:
    """Build a console.

    rich follows NO_COLOR, FORCE_COLOR and TERM by itself; off a terminal nothing is cut at 80
    columns.
    """
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDTH_OFF_TERMINAL
    return Console(
        file=stream,
        width=width,
        highlight=False,
        markup=False,
        emoji=False,
        no_color=None if color else True,
    )
