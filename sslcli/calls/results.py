"""What calls from Python give back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sslcli.deferred import Deferred
from sslcli.reports import Report
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import RUN_FILE, read_metrics
from sslcli.settings import FinetuneSettings, PretrainSettings
from sslcli.workflows.compare.compare_settings import CompareSettings

_resume = Deferred("sslcli.workflows.training.resume")  # with it torch is loaded


@dataclass(frozen=True)
class FinishedRun:
    """A run that came to its end, or to that of its time (`reason`: "done" or "out of time").

    `report`: what it reached, as the command shows it; empty of a study or a suite that was out of
    time. `step`: of a suite or a comparison, how many of its runs are done. `runs`: of a study, a
    suite or a comparison, the folders of all its runs that began; of one run its own.
    """

    folder: Path
    reason: str
    step: int
    report: Report
    runs: tuple[Path, ...] = ()

    @cached_property
    def settings(self) -> PretrainSettings | FinetuneSettings | CompareSettings:
        """All settings of the run, complete: they replay it."""
        said = read_layer(self.folder / RUN_FILE).values
        kind = CompareSettings if "objectives" in said else PretrainSettings
        return _resume.saved_settings(FinetuneSettings if "task" in said else kind, self.folder)

    @cached_property
    def metrics(self) -> Sequence[Mapping[str, Any]]:
        """The lines of metrics.jsonl: losses and metrics of training ("train") and held out
        ("eval").
        """
        return [line for line in read_metrics(self.folder) if line["split"] in ("train", "eval")]


@dataclass(frozen=True)
class Answers(Sequence[Mapping[str, Any]]):
    """The answers to examples, in their order, each as a line of `ssl predict`; `notes`: what is to
    be known of them.
    """

    lines: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index: Any) -> Any:
        return self.lines[index]
