"""A run as it goes: a header, a table that grows and a live line on a terminal; plain lines off it; JSON lines with --json."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any

from rich.live import Live
from rich.text import Text

from sslcli.cli.drawing import number, sparkline
from sslcli.cli.screen import Screen
from sslcli.engine.events import Evaluated, Event, Finished, Noted, Observer, Sampled, Saved, Skipped, Started, Stepped
from sslcli.reports import printable, printable_lines
from sslcli.workflows.planning import duration
from sslcli.workflows.runfolder import describe

BAR_WIDTH = 24
COLUMN_WIDTH = 12
LINE_WIDTH = 100
MARGIN = " " * 2 * COLUMN_WIDTH + "eval loss of "


@contextmanager
def watching(screen: Screen, title: str) -> Iterator[Observer]:
    """The observer that suits the streams."""
    if screen.json:
        yield lambda event: screen.document(event_document(event))
    elif screen.quiet:
        yield lambda event: None
    elif screen.live:
        with Live(console=screen.err, refresh_per_second=4, transient=True) as live:
            yield TerminalProgress(live, title)
    else:
        yield lambda event: print_plain(screen, event)


def event_document(event: Event) -> dict[str, Any]:
    """{"event": "stepped", "step": 500, ...}."""
    return {"event": type(event).__name__.lower(), **asdict(event)}


def print_plain(screen: Screen, event: Event) -> None:
    """One line without control characters, for files and batch systems."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(event, Started):
        screen.say("\n".join(header_lines(event)))
    elif isinstance(event, Sampled):
        for given, made in event.examples:
            screen.say(f"{stamp}     {printable(given)} -> {printable(made)}")
    elif not (isinstance(event, Saved) and event.kind == "milestone"):
        screen.say(f"{stamp} {describe(event)}")


def header_lines(started: Started) -> list[str]:
    width = max((len(title) for title in started.facts), default=0)
    folder = [f"  {'run':<{width}}  {started.folder}"] if started.folder is not None else []
    return [*folder, *(f"  {title:<{width}}  {fact}" for title, fact in started.facts.items())]


class TerminalProgress:
    """The line is redrawn below the rows that are done. A row, and the examples under it, wait for the checkpoint of their
    step, which is written meanwhile, to show its tick."""

    def __init__(self, live: Live, title: str) -> None:
        self.live, self.title = live, title
        self.total, self.first = 1, 0
        self.losses: list[float] = []
        self.last: Stepped | None = None
        self.columns: tuple[str, ...] | None = None
        self.row: list[str] | None = None
        self.row_step = -1
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
                    Text.assemble("    ", printable(given), ("  →  ", "dim"), (printable(made), "green")) for given, made in event.examples
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
        if self.columns is None:
            self.columns = tuple(event.metrics)
            head = ["step", "train loss", "eval loss", *self.columns, "tokens/s"]
            self._print(Text("".join(name[: COLUMN_WIDTH - 1].rjust(COLUMN_WIDTH) for name in head) + "  saved", style="bold"))
        train = number(self.last.loss) if self.last is not None else ""
        speed = f"{self.last.tokens_per_second:,.0f}" if self.last is not None else ""
        metrics = [number(event.metrics[name]) if name in event.metrics else "" for name in self.columns]
        self.row = [str(event.step), train, number(event.loss), *metrics, speed, "best" if event.best else ""]
        self.row_step = event.step
        losses = "  ".join(f"{printable(language)} {number(figures.loss)}" for language, figures in event.languages.items())
        self.by_language = [Text(line, style="dim") for line in wrap(losses, LINE_WIDTH, initial_indent=MARGIN, subsequent_indent=MARGIN)]

    def _note_saved(self, event: Saved) -> None:
        if self.row is not None and event.kind == "checkpoint" and event.step == self.row_step:
            self.row[-1] = f"✓ {self.row[-1]}".rstrip()
            self._print_row()

    def _print_row(self) -> None:
        *cells, saved = self.row or [""]
        self._print(Text.assemble("".join(cell.rjust(COLUMN_WIDTH) for cell in cells), ("  " + saved, "green")))
        for below in (*self.by_language, *self.examples):
            self._print(below)
        self.row, self.by_language, self.examples = None, [], []

    def _line(self, event: Stepped) -> Text:
        done = min(BAR_WIDTH, event.step * BAR_WIDTH // self.total)
        left = event.seconds / max(event.step, 1) * (self.total - event.step)
        return Text.assemble(
            "  ",
            ("━" * done, "cyan"),
            ("━" * (BAR_WIDTH - done), "dim"),
            f" {event.step}/{self.total}  loss {event.loss:.3f} {sparkline(self.losses, 12)}  lr {event.rate:.1e}"
            f"  {event.tokens_per_second:,.0f} tokens/s  {duration(left)} left",
        )
