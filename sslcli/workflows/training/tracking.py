"""Trackers of a run: each has a thread and a queue, so that one that fails, or waits for a network,
neither stops the run nor holds it up.
"""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sslcli import registry
from sslcli.contracts.tracker import TrackedRun, Tracker
from sslcli.engine.events import Evaluated, Event, Finished, Noted, Observer, Stepped
from sslcli.errors import SslError
from sslcli.plugin_fitness import first_line_of
from sslcli.resolving import checked
from sslcli.runs.catalogue import FACTS_FILE
from sslcli.runs.run_folder import write_facts
from sslcli.settings import FinetuneSettings, PretrainSettings
from sslcli.streams import stdout_kept

FOLDER = "trackers"  # in that of the run
IDS = "trackers"  # in its facts: what each called the run
BEGIN_SECONDS, END_SECONDS = 60.0, 30.0
MOST_WAITING = 10_000  # figures that a tracker may be behind


class TrackerThread:
    """One tracker at work."""

    def __init__(self, name: str, make: Callable[[], Tracker]) -> None:
        self.name, self.id, self.failure = name, "", ""
        self._make, self._is_said = make, False
        self._waiting: queue.Queue[Callable[[Tracker], None]] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._work, daemon=True, name=f"tracker {name}")
        self._has_begun = threading.Event()

    def begin(self, run: TrackedRun) -> None:
        """Start, and wait until the tracker is open, or has failed, or takes too long."""

        def open_run(tracker: Tracker) -> None:
            run.folder.mkdir(parents=True, exist_ok=True)
            self.id = tracker.begin(run)
            self._has_begun.set()

        self._waiting.put(open_run)
        with stdout_kept():
            self._thread.start()
            if not self._has_begun.wait(BEGIN_SECONDS):
                self.failure = f"it did not begin within {BEGIN_SECONDS:.0f} seconds"

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Queue figures; what does not fit is a failure."""
        if self.failure:
            return
        try:
            self._waiting.put_nowait(lambda tracker: tracker.log(step, figures))
        except queue.Full:
            self.failure = f"it is {MOST_WAITING:,} figures behind"

    def end(self, reason: str) -> None:
        """Close the tracker once it took all figures, and wait for that for a while."""
        if self.failure or not self._thread.is_alive():
            return
        try:
            self._waiting.put_nowait(lambda tracker: self._close(tracker, reason))
        except queue.Full:
            self.failure = f"it is {MOST_WAITING:,} figures behind"
            return
        with stdout_kept():
            self._thread.join(END_SECONDS)
        if self._thread.is_alive():
            self.failure = f"it took no last figures within {END_SECONDS:.0f} seconds"

    def news(self) -> str:
        """Why it stopped, once; "" otherwise."""
        if not self.failure or self._is_said:
            return ""
        self._is_said = True
        return f"the tracker '{self.name}' stopped: {self.failure}; the run goes on without it"

    def _close(self, tracker: Tracker, reason: str) -> None:
        tracker.end(reason)
        raise StopIteration

    def _work(self) -> None:
        try:
            tracker = self._make()
            while not self.failure:
                self._waiting.get()(tracker)
        except StopIteration:
            pass
        except BaseException as error:  # whatever a stranger raises, SystemExit too
            said = error.message if isinstance(error, SslError) else first_line_of(error)
            self.failure = self.failure or said
        finally:
            self._has_begun.set()


@dataclass
class Tracking:
    """An observer that passes events on to that of the run, `observe`, and figures to trackers."""

    threads: Sequence[TrackerThread] = ()
    observe: Observer = field(default=lambda event: None)

    def __call__(self, event: Event) -> None:
        """Take an event; what a tracker says of its end goes to the observer, too."""
        self.observe(event)
        if isinstance(event, Finished):
            self.end(event.reason)
            return
        figures = figures_of(event) if self.threads else None
        if figures is not None:
            for thread in self.threads:
                thread.log(*figures)
            self.report()

    def end(self, reason: str) -> None:
        """Close all that are open."""
        for thread in self.threads:
            thread.end(reason)
        self.report()

    def report(self) -> None:
        """Say which trackers stopped since the last time."""
        for thread in self.threads:
            if news := thread.news():
                self.observe(Noted(news))


def tracked_run(
    kind: str,
    settings: PretrainSettings | FinetuneSettings,
    folder: Path,
    step: int,
    facts: dict[str, Any],
    observe: Observer,
) -> Tracking:
    """Begin the trackers of a run; its facts have what they call it, for a resume."""
    run = settings.run
    if not run.track:
        return Tracking((), observe)
    above = f"{folder.parent.name}/" if (folder.parent / FACTS_FILE).is_file() else ""
    dumped = settings.model_dump(mode="json")
    shown = TrackedRun(f"{above}{folder.name}", kind, folder, dumped, step, "")
    tracking, ids = tracked(run.track, run.track_options, shown, facts.get(IDS, {}), observe)
    facts[IDS] = ids
    write_facts(folder, facts)
    return tracking


def tracked(
    names: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    run: TrackedRun,
    known: Mapping[str, str],
    observe: Observer,
) -> tuple[Tracking, dict[str, str]]:
    """Begin trackers; return them, and what each calls the run. `run.folder`: that of the run;
    `known`: what they called it at its earlier starts.
    """
    threads, ids = [], dict(known)
    for name in dict.fromkeys(names):
        thread = TrackerThread(name, lambda name=name: tracker_of(name, options.get(name, {})))
        own = run.folder / FOLDER / name.rpartition(":")[2]
        thread.begin(replace(run, folder=own, id=known.get(name, "")))
        threads.append(thread)
        if thread.id:
            ids[name] = thread.id
    tracking = Tracking(threads, observe)
    tracking.report()
    return tracking, ids


def tracker_of(name: str, options: Mapping[str, Any]) -> Tracker:
    """A tracker with these options. Raises PluginError or ConfigError."""
    cls = registry.load("trackers", name)
    return cls(checked(cls.Options, options, f"run.track_options.{name}"))


def figures_of(event: Event) -> tuple[int, dict[str, float]] | None:
    """The step of an event and its figures by name, None where it has none."""
    if isinstance(event, Stepped):
        figures = {"loss": event.loss, **event.terms, **event.metrics}
        others = {
            "lr": event.rate,
            "gradient_norm": event.gradient_norm,
            "tokens_per_second": event.tokens_per_second,
        }
        return event.step, {**_named("train", figures), **others}
    if isinstance(event, Evaluated):
        found = _named("eval", {"loss": event.loss, **event.terms, **event.metrics})
        for language, part in event.languages.items():
            own = {"loss": part.loss, **part.terms, **part.metrics}
            found |= _named(f"eval/{language}", own)
        return event.step, found
    return None


def _named(part: str, figures: Mapping[str, float]) -> dict[str, float]:
    return {f"{part}/{name}": float(value) for name, value in figures.items() if value is not None}
