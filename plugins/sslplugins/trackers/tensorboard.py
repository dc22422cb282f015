"""TensorBoard: event files in the run's own folder, which `tensorboard --logdir runs` finds."""

import importlib
from collections.abc import Mapping
from typing import Any

import yaml

from sslcli.api import Config, TrackedRun, Tracker


class TensorBoard(Tracker[Config]):
    """Writes scalars, and the settings as a text."""

    summary = "event files in the run folder: tensorboard --logdir runs"
    package = "tensorboard"
    install = 'pip install "sslcli[tensorboard]"'

    def begin(self, run: TrackedRun) -> str:
        """A run that goes on has a file more, which hides what the one before had behind the
        step.
        """
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
        purged = {"purge_step": run.step + 1} if run.id else {}
        self.writer: Any = writer(str(run.folder), **purged)
        if not run.id:
            text = yaml.safe_dump(dict(run.settings), sort_keys=False, allow_unicode=True)
            self.writer.add_text("settings", f"```\n{text}```", run.step)
        return run.name

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """One scalar for each."""
        for name, value in figures.items():
            self.writer.add_scalar(name, value, step)

    def end(self, reason: str) -> None:
        """Write what is left."""
        self.writer.close()
