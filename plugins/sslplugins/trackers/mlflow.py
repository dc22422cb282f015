"""MLflow; MLFLOW_TRACKING_URI says where it keeps runs."""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sslcli.api import Config, TrackedRun, Tracker, setting

MOST_PARAMETERS = 100  # that one call takes
LONGEST = 500  # letters of a value
_STRANGE = re.compile(r"[^\w./ -]", re.ASCII)
STATES = {"done": "FINISHED", "failed": "FAILED"}


class MlFlow(Tracker["MlFlow.Options"]):
    """Logs to an experiment of MLflow."""

    class Options(Config):
        experiment: str = setting("ssl", "experiment that runs belong to", min_length=1)

    summary = "MLflow, on this machine or a server (MLFLOW_TRACKING_URI)"
    package = "mlflow"
    install = "pip install mlflow"

    def begin(self, run: TrackedRun) -> str:
        """Settings are its parameters, which never change after they were logged."""
        self.mlflow: Any = importlib.import_module("mlflow")
        if run.id:
            return str(self.mlflow.start_run(run_id=run.id).info.run_id)
        self.mlflow.set_experiment(self.options.experiment)
        started = self.mlflow.start_run(run_name=run.name, tags={"kind": run.kind})
        settings = dict(_flat(run.settings))
        for start in range(0, len(settings), MOST_PARAMETERS):
            part = list(settings.items())[start : start + MOST_PARAMETERS]
            self.mlflow.log_params(dict(part))
        return str(started.info.run_id)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """All figures of a step together, under names that MLflow takes."""
        named = {_STRANGE.sub("_", name): value for name, value in figures.items()}
        self.mlflow.log_metrics(named, step=step)

    def end(self, reason: str) -> None:
        """Close the run with the state that MLflow has for it."""
        self.mlflow.end_run(status=STATES.get(reason, "KILLED"))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """{"a": {"b": 1}} -> ("a.b", "1")."""
    for key, value in values.items():
        name = _STRANGE.sub("_", f"{prefix}{key}")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, str(value)[:LONGEST]
