"""Weights & Biases; WANDB_MODE=offline keeps all in the run folder until `wandb sync`."""

import importlib
from collections.abc import Mapping
from typing import Any

from sslcli.api import Config, TrackedRun, Tracker, setting

STEP = "step"


class WeightsAndBiases(Tracker["WeightsAndBiases.Options"]):
    """Logs to a project of Weights & Biases."""

    class Options(Config):
        project: str = setting("ssl", "project that runs belong to", min_length=1)
        entity: str | None = setting(None, "user or team; the account's own when not given")

    summary = "Weights & Biases, which sends figures over a network"
    package = "wandb"
    install = "pip install wandb"

    def begin(self, run: TrackedRun) -> str:
        """Figures have a step of their own: its counter never goes back, and a resume may."""
        wandb = importlib.import_module("wandb")
        self.run: Any = wandb.init(
            project=self.options.project,
            entity=self.options.entity,
            name=run.name,
            id=run.id or None,
            resume="allow" if run.id else None,
            dir=str(run.folder),
            config=dict(run.settings),
            job_type=run.kind,
        )
        self.run.define_metric(STEP)
        self.run.define_metric("*", step_metric=STEP)
        return str(self.run.id)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """All figures of a step together."""
        self.run.log({STEP: step, **figures})

    def end(self, reason: str) -> None:
        """Send what is left; a run that failed is marked so."""
        self.run.finish(exit_code=int(reason == "failed"))
