"""`ssl pretrain`: labels made from raw data, the training loop, and a complete run folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sslcli.contracts.abilities import Concludes
from sslcli.data.batches import collate
from sslcli.data.rng import Rng
from sslcli.datasets.cache import Say
from sslcli.datasets.data_files import file_facts
from sslcli.engine.composite import unit_of, with_ability
from sslcli.engine.evaluator import Evaluator, Illustrate, held_out_loss
from sslcli.engine.events import Observer
from sslcli.engine.loader import Loader
from sslcli.engine.plan import Plan
from sslcli.engine.precision import Hardware, choose_hardware
from sslcli.engine.processes.process_group import ProcessGroup
from sslcli.engine.stopping import Stopper
from sslcli.reporting.report_files import save_report
from sslcli.reporting.run_plots import loss_curve
from sslcli.reports import Report, Score
from sslcli.runs.catalogue import SAMPLES, read_metrics
from sslcli.runs.facts import title_of
from sslcli.runs.held_out import held_out_scores
from sslcli.settings import PretrainSettings
from sslcli.workflows.generate.generate import illustrations
from sslcli.workflows.pretrain.baselines import PretrainingBaselines, baselines_of
from sslcli.workflows.pretrain.header import header, remarks_on_data, warnings
from sslcli.workflows.pretrain.prepare import Prepared, prepare
from sslcli.workflows.pretrain.restored import RestoredSamples, restored_samples
from sslcli.workflows.pretrain.samples import samples_report
from sslcli.workflows.training.plan import plan_for
from sslcli.workflows.training.resume import Resume
from sslcli.workflows.training.run import RunResult, run_job
from sslcli.workflows.training.trial import foretold


def pretrain(
    settings: PretrainSettings,
    *,
    resume: Resume | None = None,
    overwrite: bool = False,
    observe: Observer,
    stopper: Stopper | None = None,
) -> RunResult:
    """Train to the end of the plan or until asked to stop, as `run_job` does. `settings` are
    resolved (see `resolve_pretraining`).
    """
    return run_job(
        settings,
        Pretraining.of,
        settings.objective,
        resume=resume,
        overwrite=overwrite,
        observe=observe,
        stopper=stopper,
    )


def dry_run_pretrain(settings: PretrainSettings) -> tuple[Mapping[str, str], Report]:
    """The header, and what the run will take in time, memory and disk, from three real steps.
    Writes no run folder.
    """
    hardware, job = choose_hardware(settings.hardware), Pretraining(prepare(settings))
    plan = plan_for(settings.training, job.lengths)
    return foretold(job, plan, hardware, warnings(job.prepared, plan, hardware))


def show_batch(settings: PretrainSettings, count: int = 4) -> Report:
    """The first training samples, in words: what was corrupted, and what is to be predicted."""
    prepared = prepare(settings)
    loader, rng = prepared.loader(None), Rng(settings.training.seed, 0, progress=0.0)
    first = next(loader.sampler.batches(0))
    keys = first.keys[:count]
    samples = [
        prepared.train.sample(int(number), rng.sample(int(key)))
        for number, key in zip(first.numbers, keys, strict=False)
    ]
    shown = prepared.collator.show(prepared.collator.collate(collate(keys, samples), rng))
    return replace(shown, notes=[*shown.notes, *remarks_on_data(prepared)])


class Pretraining:
    """The job of a self-supervised run."""

    kind = "pretrain"

    def __init__(self, prepared: Prepared) -> None:
        self.prepared, self.settings, self.name = (
            prepared,
            prepared.settings,
            prepared.settings.objective,
        )
        self.tokenizer, self.learner, self.collator = (
            prepared.tokenizer,
            prepared.learner,
            prepared.collator,
        )
        self.fingerprint, self.notes = prepared.fingerprint, prepared.notes
        self.restored: RestoredSamples | None = None
        self.sharded = False  # rank 0 alone cannot call the learner

    @classmethod
    def of(cls, settings: PretrainSettings, resume: Resume | None, say: Say) -> "Pretraining":
        """Load data, tokenizer and model of a run."""
        return cls(prepare(settings, resume, say))

    @property
    def lengths(self) -> np.ndarray:
        """Lengths of the training samples [n], in tokens."""
        return self.prepared.train.lengths

    @cached_property
    def baselines(self) -> PretrainingBaselines:
        """Counted when they are first shown: by rank 0 alone."""
        return baselines_of(self.prepared)

    def loader(
        self, micro_batch_size: int | None, process_group: ProcessGroup, pinned: bool
    ) -> Loader:
        """Return the training loader."""
        return self.prepared.loader(micro_batch_size, process_group, pinned)

    def evaluator(self, hardware: Hardware, process_group: ProcessGroup) -> Evaluator:
        """Return the evaluator of the held-out loss."""
        self.sharded = process_group.size > 1 and self.settings.hardware.parallel == "fsdp"
        return held_out_loss(self.prepared.evaluation_loaders(process_group), hardware)

    def illustrate(self) -> Illustrate:
        """Return the function that makes examples at each evaluation."""
        if (asked := illustrations(self.prepared)) is not None:
            return asked
        self.restored = restored_samples(self.prepared)
        return self.restored or (lambda learner: ())

    def header(
        self, plan: Plan, hardware: Hardware, process_group: ProcessGroup
    ) -> Mapping[str, str]:
        """Return title -> line of what is trained, for the start."""
        return header(self.prepared, plan, hardware, process_group)

    def warnings(self, plan: Plan, hardware: Hardware) -> Sequence[str]:
        """Return warnings about the plan, the data and the baselines."""
        return [*warnings(self.prepared, plan, hardware), *self.baselines.whole.notes]

    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """Return facts about the data files, so that a resume sees changes."""
        return file_facts(self.settings.data)

    def facts(self) -> Mapping[str, Any]:
        """Return the n-gram baselines and the unit of the loss for run.json."""
        return {
            "baselines": self.baselines.facts(),
            **({} if self.collator.loss_unit == "nats" else {"loss_unit": self.collator.loss_unit}),
        }

    def conclude(self, folder: Path, hardware: Hardware, done: bool) -> Report:
        """Plot the loss curve, and return the last evaluation, each metric beside its baselines."""
        lines = read_metrics(folder)
        if self.settings.run.plot:
            title, found = title_of(folder, self.name, self.settings.data.train), self.baselines
            path = folder / "plots" / "loss.png"
            own = self.collator.loss_unit
            unit = "nats per target" if own == "nats" else own
            loss_curve(lines, found.term, found.whole.losses, title, path, found.loss_metric, unit)
        last = next((line for line in reversed(lines) if line["split"] == "eval"), None)
        if last is None:
            return Report(notes=["nothing was evaluated"])
        unit = partial(unit_of, self.collator)
        scores = held_out_scores(last, {"baselines": self.baselines.facts()}, unit)
        scores += self._restored_scores(hardware) if done else self._known_scores
        if self.settings.run.plot:
            self._show_samples(folder, last["step"])
        notes = list(self._conclusions(last))
        return Report(f"held-out data at step {last['step']}", scores=scores, notes=notes)

    def _show_samples(self, folder: Path, step: int) -> None:
        """Pictures and recordings of the last evaluation's samples, where they are such."""
        if self.restored is None:
            return
        data = self.settings.data.train
        title = title_of(folder, f"held-out samples at step {step}", data)
        report = samples_report(self.restored.found, self.restored.shape, title)
        if report is not None:
            save_report(report, folder / SAMPLES, "")

    @property
    def _known_scores(self) -> Sequence[Score]:
        return () if self.restored is None else self.restored.scores

    def _restored_scores(self, hardware: Hardware) -> Sequence[Score]:
        """Those of the last evaluation; where that was before a resume, of its weights once more,
        with which a run ends.
        """
        if self.restored is not None and not self._known_scores and not self.sharded:
            self.learner.eval()
            with torch.no_grad(), hardware.autocast():
                self.restored(self.learner)
            self.learner.train()
        return self._known_scores

    def _conclusions(self, figures: Mapping[str, Any]) -> Iterator[str]:
        """What the parts that can say so say of their metrics over all held-out data."""
        for name, part in with_ability(self.collator, Concludes):
            term = name or self.settings.objective
            if (loss := figures["terms"].get(term)) is not None:
                before = f"{name}." if name else ""
                metrics = {
                    metric.removeprefix(before): value
                    for metric, value in figures["metrics"].items()
                    if metric.startswith(before)
                }
                yield from part.conclusions(loss, metrics)
