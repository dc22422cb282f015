"""Progress of a run: header, growing table and live line on a terminal; else lines or JSON."""

import os
import signal
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any

from rich.cells import cell_len
from rich.live import Live
from rich.text import Text

from sslcli.cli.drawing import number, sparkline
from sslcli.cli.screen import Screen
from sslcli.engine.events import (
    Evaluated,
    Event,
    Finished,
    Noted,
    Observer,
    Sampled,
    Saved,
    Skipped,
    Started,
    Stepped,
)
from sslcli.progress import duration
from sslcli.reports import LINE_WIDTH, printable, printable_lines
from sslcli.runs.held_out import measured, metric_words
from sslcli.runs.run_folder import describe

INDENT = "  "
BETWEEN = " · "
BAR_WIDTH, LEAST_BAR = 24, 8
COLUMN_WIDTH = 12
SAVED, SPEED, TRAIN = "saved", "tokens/s", "train loss"
KEPT = ("step", "eval loss")  # columns that a terminal of any width shows
MARGIN = " " * 2 * COLUMN_WIDTH + "eval loss of "


@contextmanager
def watching(screen: Screen, title: str) -> Generator[Observer]:
    """Return the observer that suits the streams."""
    if screen.json:
        yield json_observer(screen)
    elif screen.quiet:
        yield lambda event: None
    elif screen.live:
        with Live(console=screen.err, refresh_per_second=4, transient=True) as live:
            yield TerminalProgress(live, title)
    else:
        yield lambda event: print_plain(screen, event)


def json_observer(screen: Screen) -> Observer:
    """Return an observer that prints JSON lines; the run stops once nobody reads them."""
    is_read = True

    def print_document(event: Event) -> None:
        nonlocal is_read
        try:
            if is_read:
                screen.document(event_document(event))
        except BrokenPipeError:
            is_read = False
            os.kill(os.getpid(), signal.SIGTERM)  # so the run saves first, on all ranks

    return print_document


def event_document(event: Event) -> dict[str, Any]:
    """Convert an event to {"event": "stepped", "step": 500, ...}."""
    return {"event": type(event).__name__.lower(), **asdict(event)}


def print_plain(screen: Screen, event: Event) -> None:
    """Print an event as one line without control characters, for files and batch systems."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(event, Started):
        screen.say("\n".join(header_lines(event)))
    elif isinstance(event, Sampled):
        for given, made in event.examples:
            screen.say(f"{stamp}     {printable(given)} -> {printable(made)}")
    elif not (isinstance(event, Saved) and event.kind == "milestone"):
        screen.say(f"{stamp} {describe(event)}")


def header_lines(started: Started) -> list[str]:
    """Return the run folder and the facts of a run that starts, aligned, one line each; a longer
    one goes on below itself, after one of its parts.
    """
    width = max((len(title) for title in started.facts), default=0)
    folder = [f"  {'run':<{width}}  {started.folder}"] if started.folder is not None else []
    lines = [
        f"  {title if not number else '':<{width}}  {part}"
        for title, fact in started.facts.items()
        for number, part in enumerate(_parts(fact, LINE_WIDTH - width - 4))
    ]
    return [*folder, *lines]


def _parts(fact: str, width: int) -> list[str]:
    """A fact in lines, parted where a dot stands between two things."""
    first, *others = fact.split(BETWEEN)
    found = [first]
    for part in others:
        if len(found[-1]) + len(BETWEEN) + len(part) > width:
            found.append(part)
        else:
            found[-1] += BETWEEN + part
    return found


class TerminalProgress:
    """A live line below the finished rows.

    A row, and the examples under it, wait for the checkpoint of their step, which is written
    meanwhile, to show its tick.
    """

    def __init__(self, live: Live, title: str) -> None:
        self.live, self.title = live, title
        self.total, self.first = 1, 0
        self.losses: list[float] = []
        self.last: Stepped | None = None
        self.widths: dict[str, int] = {}
        self.row: dict[str, str] | None = None
        self.row_step, self.saved = -1, ""
        self.by_language: list[Text] = []
        self.examples: list[Text] = []

    def __call__(self, event: Event) -> None:
        if self.row is not None and isinstance(event, Evaluated | Skipped | Noted | Finished):
            self._print_row()
        match event:
            case Started():
                self._start(event)
            case Stepped():
                self.last = event
                self.losses.append(event.loss)
                self.live.update(self._line(event))
            case Evaluated():
                self._prepare_row(event)
            case Saved():
                self._note_saved(event)
            case Sampled():
                self.examples = [
                    Text.assemble(
                        "    ", printable(given), ("  →  ", "dim"), (printable(made), "green")
                    )
                    for given, made in event.examples
                ]
            case Skipped():
                self._print(Text(f"    {describe(event)}", style="yellow"))
            case Noted():
                self._print(Text(f"    {printable_lines(event.text)}", style="dim"))
            case Finished():
                self.live.update(Text(""))

    def _print(self, text: Text) -> None:
        self.live.console.print(text)

    def _start(self, event: Started) -> None:
        self.first, self.total = event.first_step, max(event.total_steps, 1)
        self._print(Text(self.title, style="bold"))
        for line in header_lines(event):
            self._print(Text(printable(line)))
        self._print(Text(""))

    def _prepare_row(self, event: Evaluated) -> None:
        cells = {"step": str(event.step), TRAIN: "", "eval loss": number(event.loss)}
        for name, value in event.metrics.items():
            shown, unit = measured(name, value, loss_unit="")
            cells[metric_words(name)] = f"{number(shown)} {unit}".rstrip()
        cells[SPEED] = ""
        if self.last is not None:
            cells |= {TRAIN: number(self.last.loss), SPEED: f"{self.last.tokens_per_second:,.0f}"}
        if not self.widths:
            self.widths = _fitting(list(cells), self.live.console.width)
            head = "".join(name.rjust(width) for name, width in self.widths.items())
            self._print(Text(f"{head}  {SAVED}", style="bold"))
        self.row, self.saved = cells, "best" if event.best else ""
        self.row_step = event.step
        self.by_language = [Text(line, style="dim") for line in self._losses(event)]

    def _losses(self, event: Evaluated) -> list[str]:
        """Print the loss of each language below the row."""
        spoken = event.languages.items()
        losses = "  ".join(f"{printable(name)} {number(figures.loss)}" for name, figures in spoken)
        width = min(LINE_WIDTH, self.live.console.width)
        margins = {"initial_indent": MARGIN, "subsequent_indent": MARGIN}
        return wrap(losses, width, break_long_words=False, **margins)

    def _note_saved(self, event: Saved) -> None:
        if self.row is not None and event.kind == "checkpoint" and event.step == self.row_step:
            self.saved = f"✓ {self.saved}".rstrip()
            self._print_row()

    def _print_row(self) -> None:
        row = self.row or {}
        cells = "".join(row.get(name, "").rjust(width) for name, width in self.widths.items())
        self._print(Text.assemble(cells, (f"  {self.saved}", "green")))
        for below in (*self.by_language, *self.examples):
            self._print(below)
        self.row, self.by_language, self.examples = None, [], []

    def _line(self, event: Stepped) -> Text:
        """Build the live line; it drops its last parts and shortens its bar to fit."""
        left = event.seconds / max(event.step, 1) * (self.total - event.step)
        parts = [
            f" {event.step}/{self.total}  loss {event.loss:.3f}",
            f"  {duration(left)} left",
            f"  {event.tokens_per_second:,.0f} tokens/s",
            f"  lr {event.rate:.1e}",
            f"  {sparkline(self.losses, 12)}",
        ]
        room = self.live.console.width - 1 - len(INDENT)
        while len(parts) > 1 and sum(map(len, parts)) + LEAST_BAR > room:
            parts.pop()
        bar = max(min(BAR_WIDTH, room - sum(map(len, parts))), 0)
        done = min(bar, event.step * bar // self.total)
        return Text.assemble(INDENT, ("━" * done, "cyan"), ("━" * (bar - done), "dim"), *parts)


def _fitting(names: Sequence[str], room: int) -> dict[str, int]:
    """Return columns with widths; optional ones are dropped until they fit, metrics last."""
    widths = {name: max(COLUMN_WIDTH, cell_len(name) + 2) for name in names}
    metrics = [name for name in names if name not in (SPEED, TRAIN, *KEPT)]
    for name in (SPEED, TRAIN, *reversed(metrics)):
        if sum(widths.values()) + len(f"  ✓ {SAVED}") <= room:
            break
        del widths[name]
    return widths
