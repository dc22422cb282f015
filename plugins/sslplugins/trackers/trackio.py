"""trackio of Hugging Face: a database on this machine, or a Space (TRACKIO_SPACE_ID)."""

import importlib
from collections.abc import Mapping
from typing import Any

from sslcli.api import Config, TrackedRun, Tracker, setting


class TrackIo(Tracker["TrackIo.Options"]):
    """Logs to a project of trackio, whose runs have names."""

    class Options(Config):
        project: str = setting("ssl", "project that runs belong to", min_length=1)

    summary = "trackio's database on this machine: trackio show"
    package = "trackio"
    install = 'pip install "sslcli[trackio]"'

    def begin(self, run: TrackedRun) -> str:
        """A run is found again by its name."""
        self.trackio: Any = importlib.import_module("trackio")
        self.trackio.init(
            project=self.options.project,
            name=run.id or run.name,
            config=dict(run.settings),
            resume="allow" if run.id else "never",
        )
        return run.id or run.name

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """All figures of a step together."""
        self.trackio.log(dict(figures), step=step)

    def end(self, reason: str) -> None:
        """Write what is left."""
        self.trackio.finish()
