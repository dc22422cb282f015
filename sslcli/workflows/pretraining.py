"""`ssl pretrain`: labels out of raw data, one loop, a run folder that says everything."""

import json
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from sslcli.config import write_yaml
from sslcli.core.arithmetic import parameters
from sslcli.data.batches import collate
from sslcli.data.draws import Draws
from sslcli.engine.checkpoint import Checkpoints, Progress
from sslcli.engine.events import Event, Finished, Noted, Observer, Started
from sslcli.engine.memory import told_in_words
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.place import is_restart, launch_name, restart_of
from sslcli.engine.precision import Hardware, choose_hardware
from sslcli.engine.replicas import replica_of
from sslcli.engine.stopping import Stopper, Stopping
from sslcli.engine.trainer import Outcome, Trainer
from sslcli.engine.world import World, joined
from sslcli.errors import ConfigError, DataError, Interrupted, ModelError, PluginError, Preempted, RunError, UsageError
from sslcli.folders import remove_unfinished, write_atomically
from sslcli.reports import Report, Score
from sslcli.workflows.baselines import Floors, floors_of
from sslcli.workflows.datafiles import file_facts
from sslcli.workflows.figures import loss_curve
from sslcli.workflows.generating import illustrations
from sslcli.workflows.planning import header, plan_for, prediction, try_steps, warnings
from sslcli.workflows.preparing import Prepared, prepare
from sslcli.workflows.resuming import continued_settings, identity, newest_whole, refuse_other_data, refuse_strange
from sslcli.workflows.runfolder import (
    Recorder,
    command_line,
    environment,
    locked,
    new_run_folder,
    now,
    write_facts,
)
from sslcli.workflows.runs import read_facts, read_metrics
from sslcli.workflows.settings import PretrainSettings

OWN_FILES = ("checkpoints", "milestones", "plots", "tokenizer", "best", "metrics.jsonl", "log.txt", "run.json", "config.yaml")


@dataclass(frozen=True)
class Result:
    folder: Path
    outcome: Outcome
    report: Report


def pretrain(
    settings: PretrainSettings, *, resume: Path | None = None, overwrite: bool = False, observe: Observer, stopper: Stopper | None = None
) -> Result:
    """Train to the end of the plan or until asked to stop; `resume` is the folder of a run to go on with.

    How it ended is in the outcome; a stop is not an error here. `stopper` is for a caller with signals of its own.
    """
    with ExitStack() as stack:
        stack.enter_context(told_in_words())
        stopper = stack.enter_context(stopper or Stopper(settings.training.max_time))
        if resume is not None:
            settings = continued_settings(resume, settings)
        hardware = choose_hardware(settings.hardware)
        prepared, failure = None, None
        try:
            prepared = _prepared(settings, resume, stopper, observe)
        except (ConfigError, DataError, ModelError, PluginError, UsageError) as error:
            failure = error
        world = stack.enter_context(joined(hardware.device, settings.hardware.timeout))
        world.refuse_failures(failure)
        world.refuse_differences(
            json.dumps([identity(prepared), version("sslcli")]), "let all machines share SSLCLI_CACHE_DIR, or give --tokenizer-from"
        )

        def claim() -> str:
            folder = resume or new_run_folder(settings.run.name, settings.run.folder, settings.objective, overwrite)
            stack.enter_context(locked(folder))
            return str(folder)

        folder = Path(world.once(claim))
        return _Run(prepared, hardware, folder, resume is not None, stopper, observe, world).go()


def _prepared(settings: PretrainSettings, resume: Path | None, stopper: Stopper, observe: Observer) -> Prepared:
    """Everything before the first step; whoever asks to stop meanwhile has lost nothing, and no run folder is made."""

    def say(sentence: str) -> None:
        stopper.poll()
        observe(Noted(sentence))

    try:
        return prepare(settings, resume and resume / "tokenizer", say)
    except Stopping as stop:
        kind = Interrupted if stop.reason == "interrupted" else Preempted
        raise kind(f"{stop.reason} while the data was prepared, before the first step", "the same command begins again") from stop


def dry_run(settings: PretrainSettings) -> tuple[Mapping[str, str], Report]:
    """The header, and what the run will take in time, memory and disk, from three real steps. Writes no run folder."""
    hardware, prepared = choose_hardware(settings.hardware), prepare(settings)
    plan = plan_for(prepared)
    return header(prepared, plan, hardware), prediction(prepared, plan, try_steps(prepared, hardware))


def show_batch(settings: PretrainSettings, count: int = 4) -> Report:
    """The first training samples, in words: what was corrupted, and what is to be predicted."""
    prepared = prepare(settings)
    loader, draws = prepared.loader(None), Draws(settings.training.seed, 0)
    numbers = next(loader.sampler.batches(0)).numbers[:count]
    samples = [prepared.train.sample(int(number), draws.sample(int(number))) for number in numbers]
    return prepared.twin.show(prepared.twin.views(collate(numbers, samples), draws))


class _Run:
    """One start of a run: from settings to outcome, in the order in which `go` reads."""

    def __init__(
        self, prepared: Prepared, hardware: Hardware, folder: Path, resuming: bool, stopper: Stopper, observe: Observer, world: World
    ) -> None:
        self.prepared, self.hardware, self.settings, self.world = prepared, hardware, prepared.settings, world
        self.folder, self.resuming, self.stopper, self.observe = folder, resuming, stopper, observe
        self.plan, self.floors = plan_for(self.prepared), floors_of(self.prepared) if world.leads else Floors()  # rank 0 alone shows them
        # FSDP moves one block after the other, sharded: a GPU need not hold the whole model.
        sharded = world.size > 1 and self.settings.hardware.parallel == "fsdp"
        self.learner = self.prepared.learner if sharded else self.prepared.learner.to(hardware.device)
        self.checkpoints = Checkpoints(folder, self.settings.training.keep, identity(self.prepared), world)

    def go(self) -> Result:
        found = json.loads(self.world.once(self._folder_made_ready))
        progress = self._learner_made_ready(found["checkpoint"])
        tell, facts = self._recording(progress)
        tell(Started(self.folder, header(self.prepared, self.plan, self.hardware, self.world), progress.step, self.plan.total_steps))
        lost = [f"a process was lost, and all are started again: {restart_of()}"] if is_restart() else []
        for note in (*lost, *self.prepared.notes, *found["notes"], *warnings(self.prepared, self.plan, self.hardware), *self.floors.notes):
            tell(Noted(note))
        outcome = self._trainer(tell).run(progress)
        tell(Finished(progress.step, outcome.reason, progress.best_step, progress.best_loss, progress.seconds))
        if self.world.leads:
            self._conclude(facts, outcome)
        self.world.gather([0.0])  # a rank that ended before would make torchrun and srun end the one that still writes
        return Result(self.folder, outcome, self._report() if self.world.leads else Report())

    def _folder_made_ready(self) -> str:
        """For rank 0 alone; which checkpoint to go on from, and what is to be said, as JSON for the others."""
        path, notes = None, []
        try:
            for folder in (self.folder, self.checkpoints.folder, self.checkpoints.milestone_folder):
                remove_unfinished(folder)
            if self.resuming:
                refuse_other_data(read_facts(self.folder), self.prepared)
                path, notes = newest_whole(self.checkpoints)
                if path is not None:
                    refuse_strange(path, self.checkpoints.facts)
            else:
                self._clear()
        except OSError as error:
            raise RunError(
                f"cannot write in {self.folder}: {error.strerror}", "check the free space and the permissions of the disk"
            ) from error
        return json.dumps({"checkpoint": None if path is None else str(path), "notes": notes})

    def _clear(self) -> None:
        """Nothing of a run that was there before, and the first files of this one."""
        for name in OWN_FILES:
            own = self.folder / name
            shutil.rmtree(own) if own.is_dir() and not own.is_symlink() else own.unlink(missing_ok=True)
        write_atomically(self.folder / "config.yaml", write_yaml(self.settings))
        self.prepared.tokenizer.save(self.folder / "tokenizer")

    def _learner_made_ready(self, checkpoint: str | None) -> Progress:
        """What changes parameters comes before they are sharded, and the optimizer holds them as they are then."""
        if checkpoint is None:
            with torch.no_grad():
                self.learner.learnable.begin(self.learner.backbone)
        if self.world.size > 1 and self.prepared.twin.couples:
            raise UsageError("the objective ties all samples of a batch together, so several processes cannot share it", "leave out --gpus")
        if self.hardware.compile:
            for block in self.learner.backbone.blocks:
                block.compile(dynamic=True)
        self.replica = replica_of(self.learner, self.world, self.hardware, self.settings.hardware)
        self.optimizer = Optimizer(self.learner.trained_parameters(), self.learner.groups(), self.settings.optimizer, self.world)
        return Progress() if checkpoint is None else self.checkpoints.load(Path(checkpoint), self.learner, self.optimizer)

    def _recording(self, progress: Progress) -> tuple[Observer, dict[str, Any]]:
        """Where events go: into the folder and to the caller, of rank 0 alone. And the facts of this start."""
        if not self.world.leads:
            return lambda event: None, {}
        facts = self._facts()
        write_facts(self.folder, facts)
        record = Recorder(self.folder, progress)

        def tell(event: Event) -> None:
            record(event)
            self.observe(event)

        return tell, facts

    def _trainer(self, tell: Observer) -> Trainer:
        on_gpu = self.hardware.device.type == "cuda"
        return Trainer(
            self.replica,
            self.optimizer,
            self.prepared.loader(self.settings.training.micro_batch_size, self.world, pinned=on_gpu),
            self.prepared.evaluation_loader(self.world),
            schedule=self.settings.schedule,
            plan=self.plan,
            hardware=self.hardware,
            checkpoints=self.checkpoints,
            stopper=self.stopper,
            observe=tell,
            illustrate=illustrations(self.prepared),
            world=self.world,
        )

    def _facts(self) -> dict[str, Any]:
        return {
            **read_facts(self.folder),
            **environment(),
            "kind": "pretrain",
            "objective": self.settings.objective,
            "command": command_line(),
            "started": now(),
            "status": "running",
            "data": self.prepared.fingerprint,
            "files": file_facts(self.settings.data),
            "tokenizer": self.prepared.tokenizer.hash,
            "parameters": parameters(self.learner.backbone.settings),
            "total_steps": self.plan.total_steps,
            "processes": self.world.size,
            "launch": launch_name(),
            "floors": self.floors.facts(),
            "parent": self.settings.model.source,
        }

    def _conclude(self, facts: Mapping[str, Any], outcome: Outcome) -> None:
        progress = outcome.progress
        status = "done" if outcome.reason == "done" else "stopped"
        ended = {"status": status, "reason": outcome.reason, "step": progress.step, "ended": now()}
        write_facts(
            self.folder, {**facts, **ended, "best_step": progress.best_step, "best_loss": progress.best_loss, "seconds": progress.seconds}
        )
        if self.settings.run.plot:
            picture = self.folder / "plots" / "loss.png"
            loss_curve(read_metrics(self.folder), self.floors.term, self.floors.losses, self.settings.objective, picture)

    def _report(self) -> Report:
        """The last evaluation, each figure beside its floors."""
        last = next((line for line in reversed(read_metrics(self.folder)) if line["split"] == "eval"), None)
        if last is None:
            return Report(notes=["nothing was evaluated"])
        counts = last.get("counts", {})
        terms = last["terms"]
        scores = [
            Score(
                f"held-out loss of {term}" if len(terms) > 1 else "held-out loss",
                value,
                "nats",
                higher_is_better=False,
                count=counts.get(term, 0),
                baselines=self.floors.losses if term == self.floors.term else {},
            )
            for term, value in terms.items()
        ]
        scores += [self._score(name, value, counts.get(name, 0)) for name, value in last["metrics"].items()]
        return Report(f"held-out data at step {last['step']}", scores=scores)

    def _score(self, name: str, value: float, count: int) -> Score:
        lower_is_better = name.endswith(("perplexity", "bits_per_byte"))
        baselines = self.floors.accuracies if name == self.floors.accuracy_metric else {}
        return Score(name, value, higher_is_better=not lower_is_better, count=count, baselines=baselines)
