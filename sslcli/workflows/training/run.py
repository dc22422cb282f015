"""One start of a run, whatever it trains: from a prepared job to a result and a complete folder."""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeVar

from sslcli.asides import clear_away, refuse_unwritable
from sslcli.config import write_yaml
from sslcli.contracts.loss import ModelBatch
from sslcli.core.arithmetic import parameters
from sslcli.core.inputs import to_device
from sslcli.datasets.cache import Say
from sslcli.engine.checkpoints.checkpoint import Checkpoints, Progress
from sslcli.engine.events import Event, Finished, Noted, Observer, Started
from sslcli.engine.memory import told_in_words
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.precision import Hardware, choose_hardware
from sslcli.engine.processes.process_group import ALONE, ProcessGroup, joined_processes
from sslcli.engine.processes.rank import is_restart, known_rank_and_size, launch_name, restart_of
from sslcli.engine.processes.replicas import replica_of
from sslcli.engine.stopping import REASONS, Reason, Stopper, Stopping, with_more_time
from sslcli.engine.trainer import Trainer, TrainingResult
from sslcli.errors import (
    ConfigError,
    DataError,
    Diverged,
    ModelError,
    PluginError,
    RunError,
    UsageError,
)
from sslcli.folders import remove, write_atomically
from sslcli.reporting.saved_reports import files_of
from sslcli.reports import Report
from sslcli.runs.catalogue import FACTS_FILE, OWN_FILES, asked_folder, read_facts, runs_folder
from sslcli.runs.command_line import command_line
from sslcli.runs.interrupting import stopping_at_once
from sslcli.runs.run_folder import (
    Recorder,
    environment,
    locked,
    new_run_folder,
    now,
    refuse_occupied,
    write_facts,
)
from sslcli.runs.starts import computing, what_differs, with_this_start
from sslcli.settings import FinetuneSettings, PretrainSettings
from sslcli.workflows.training.identity import begun_with, identity, known_tokenizer
from sslcli.workflows.training.job import Job, prepared_job
from sslcli.workflows.training.plan import plan_for
from sslcli.workflows.training.resume import (
    Resume,
    newest_checkpoint,
    refuse_other_data,
    refuse_strange,
)
from sslcli.workflows.training.tracking import Tracking, tracked_run

COMPUTED = "computed"
S = TypeVar("S", PretrainSettings, FinetuneSettings)


@dataclass(frozen=True)
class RunResult:
    """`first_step`: where this start began."""

    folder: Path
    outcome: TrainingResult
    report: Report
    first_step: int = 0

    def more_time(self, most_seconds: float | None) -> str:
        """Flags behind --resume: empty, unless the same time limit would never make a step."""
        outcome = self.outcome
        if (
            most_seconds is None
            or outcome.reason != "out of time"
            or outcome.progress.step > self.first_step
        ):
            return ""
        return f" {with_more_time(most_seconds)}"


def run_job(
    settings: S,
    prepare: Callable[[S, Resume | None, Say], Job],
    name: str,
    *,
    resume: Resume | None = None,
    overwrite: bool = False,
    observe: Observer,
    stopper: Stopper | None = None,
) -> RunResult:
    """Train to the end of the plan or until asked to stop; `resume` is a run to go on with.

    `prepare` is given the settings, the run that goes on, and what to call for whatever takes its
    time; `name` begins the name of a new folder. How it ended is in the outcome; a stop is not an
    error here. `stopper` is for a caller with signals of its own.
    """
    with ExitStack() as stack:
        stack.enter_context(told_in_words())
        stopper = stack.enter_context(stopper or Stopper(settings.training.max_time))
        hardware = choose_hardware(settings.hardware)
        job, failure = None, None
        try:
            asked = asked_folder(settings.run.name, settings.run.folder)
            if known_rank_and_size()[0] == 0:  # now, and not when the data is prepared
                if resume is None and asked is not None:
                    refuse_occupied(asked, overwrite)
                refuse_unwritable(resume.folder if resume else asked or runs_folder())
            job = prepared_job(
                lambda say: prepare(settings, resume, say),
                settings.training.max_time,
                stopper,
                observe,
            )
        except (ConfigError, DataError, ModelError, PluginError, RunError, UsageError) as error:
            failure = error
        process_group = stack.enter_context(
            joined_processes(hardware.device, settings.hardware.timeout)
        )
        process_group.refuse_failures(failure)
        assert job is not None, "every rank has raised the failure of any"
        process_group.refuse_differences(
            json.dumps([identity(job), version("sslcli")]),
            "let all machines share SSLCLI_CACHE_DIR, or give --tokenizer-from",
        )

        def claim() -> str:
            if resume is None:
                folder = new_run_folder(settings.run.name, settings.run.folder, name, overwrite)
            else:
                folder = resume.folder
            stack.enter_context(locked(folder))
            return str(folder)

        folder = Path(process_group.once(claim))
        return _Run(job, hardware, folder, resume is not None, stopper, observe, process_group).go()


class _Run:
    """One start of a run: from settings to result; `go` lists the steps."""

    def __init__(
        self,
        job: Job,
        hardware: Hardware,
        folder: Path,
        resuming: bool,
        stopper: Stopper,
        observe: Observer,
        process_group: ProcessGroup,
    ) -> None:
        self.job, self.hardware, self.settings, self.process_group = (
            job,
            hardware,
            job.settings,
            process_group,
        )
        self.folder, self.resuming, self.stopper, self.observe = folder, resuming, stopper, observe
        self.plan = plan_for(job.settings.training, job.lengths)
        # FSDP moves one block after the other, sharded: a GPU need not hold the whole model.
        sharded = process_group.size > 1 and self.settings.hardware.parallel == "fsdp"
        self.learner = job.learner if sharded else job.learner.to(hardware.device)
        belongs = identity(job)
        if resuming:
            known_as = None if job.tokenizer is None else known_tokenizer(folder, job.tokenizer)
            belongs = identity(job, begun_with(folder), known_as)
        self.checkpoints = Checkpoints(folder, self.settings.training.keep, belongs, process_group)
        self.tracking = Tracking()

    def go(self) -> RunResult:
        found = json.loads(self.process_group.once(self._folder_made_ready))
        progress = self._learner_made_ready(found["checkpoint"])
        settings = self.settings
        self.computing = computing(
            self.hardware, settings.hardware, settings.training.micro_batch_size, self.process_group
        )
        changes = what_differs(read_facts(self.folder).get(COMPUTED), progress.step, self.computing)
        tell, facts = self._recording(progress)
        if self.process_group.leads:
            self._introduce(tell, progress, [*found["notes"], *changes])
        with self._failures_recorded(facts, progress):
            return self._to_the_end(tell, facts, progress)

    def _to_the_end(
        self, tell: Observer, facts: Mapping[str, Any], progress: Progress
    ) -> RunResult:
        first_step = progress.step
        outcome = self._trainer(tell).run(progress)
        if progress.is_behind_start:
            kept = (
                f"of the checkpoints, which begin after it, step {progress.best_step} is the best"
            )
            tell(Noted(f"no evaluation was better than that of step 0: {kept}"))
        tell(
            Finished(
                progress.step,
                outcome.reason,
                progress.best_step,
                progress.best_loss,
                progress.seconds,
            )
        )
        report, reason = Report(), outcome.reason
        if self.process_group.leads:
            try:
                with stopping_at_once():
                    report = self._conclude(facts, outcome)
            except Stopping as stop:  # all is trained; a resume concludes
                reason = stop.reason
            self._write_end(facts, progress, reason)
        # A rank that ended before would make torchrun and srun end the one that still writes.
        said = self.process_group.told(reason, self.process_group.patient)
        agreed: Literal["done"] | Reason = next(
            (known for known in REASONS if known == said), "done"
        )
        return RunResult(self.folder, TrainingResult(agreed, progress), report, first_step)

    @contextmanager
    def _failures_recorded(self, facts: Mapping[str, Any], progress: Progress) -> Generator[None]:
        """A run that ends in an error says so in its folder, as far as the disk lets it."""
        try:
            yield
        except Exception as error:
            if self.process_group.leads:
                with suppress(OSError, RunError):
                    how = "diverged" if isinstance(error, Diverged) else "failed"
                    self._write_end(facts, progress, getattr(error, "message", repr(error)), how)
            self.tracking.end("failed")
            # which all meet; rank 0 has to have said it before another one ends
            if isinstance(error, Diverged):
                self.process_group.told("", self.process_group.patient)
            raise

    def _introduce(self, tell: Observer, progress: Progress, found: Sequence[str]) -> None:
        header = self.job.header(self.plan, self.hardware, self.process_group)
        tell(Started(self.folder, header, progress.step, self.plan.total_steps))
        lost = (
            [f"a process was lost, and all are started again: {restart_of()}"]
            if is_restart()
            else []
        )
        for note in (*lost, *self.job.notes, *found, *self.job.warnings(self.plan, self.hardware)):
            tell(Noted(note))

    def _folder_made_ready(self) -> str:
        """For rank 0 alone; which checkpoint to go on from, and what is to be said, as JSON for the
        others.
        """
        path, notes = None, []
        try:
            for folder in (self.folder, self.checkpoints.folder, self.checkpoints.milestone_folder):
                clear_away(folder, ours=True)
            if self.resuming:
                refuse_other_data(read_facts(self.folder), self.checkpoints.facts, self.job)
                path, notes = newest_checkpoint(self.checkpoints)
                if path is not None:
                    refuse_strange(path, self.checkpoints.facts)
            else:
                self._clear()
        except OSError as error:
            raise RunError(
                f"cannot write in {self.folder}: {error.strerror}",
                "check the free space and the permissions of the disk",
            ) from error
        return json.dumps({"checkpoint": None if path is None else str(path), "notes": notes})

    def _clear(self) -> None:
        """Nothing of a run that was there before, and the first files of this one.

        A kill in between leaves a run that died, and may be replaced: run.json is written first and
        config.yaml, with which there is something to resume, last.
        """
        names = ("config.yaml", *files_of(self.folder), *OWN_FILES)
        write_facts(self.folder, self._first_facts())
        for name in names:
            if name != FACTS_FILE:
                remove(self.folder / name)
        if self.job.tokenizer is not None:
            self.job.tokenizer.save_with_generation(self.folder / "tokenizer")
        write_atomically(self.folder / "config.yaml", write_yaml(self.settings))

    def _learner_made_ready(self, checkpoint: str | None) -> Progress:
        """What changes parameters comes before they are sharded, and the optimizer holds them as
        they are then.
        """
        if checkpoint is None:
            self.learner.begin(self._first_batch, self.process_group)
        if self.hardware.compile:
            for block in (
                block for stack in self.learner.backbone.stacks for block in stack.blocks
            ):
                block.compile(dynamic=True)
        self.replica = replica_of(
            self.learner, self.process_group, self.hardware, self.settings.hardware
        )
        self.optimizer = Optimizer(
            self.learner.trained_parameters(),
            self.learner.groups(),
            self.settings.optimizer,
            self.process_group,
        )
        return (
            Progress()
            if checkpoint is None
            else self.checkpoints.load(Path(checkpoint), self.learner, self.optimizer)
        )

    def _first_batch(self) -> ModelBatch:
        """All samples of the first global batch in one piece, the same on every rank."""
        work = next(self.job.loader(None, ALONE, False).steps(0, 0, self.plan.total_steps))
        return to_device(work.batches[0], next(self.learner.parameters()).device)

    def _recording(self, progress: Progress) -> tuple[Observer, dict[str, Any]]:
        """Where events go: into the folder and to the caller, of rank 0 alone. And the facts of
        this start.
        """
        if not self.process_group.leads:
            return lambda event: None, {}
        facts = self._facts(progress)
        write_facts(self.folder, facts)
        record = Recorder(self.folder, progress)

        def tell(event: Event) -> None:
            record(event)
            self.observe(event)

        self.tracking = tracked_run(
            self.job.kind, self.job.settings, self.folder, progress.step, facts, tell
        )
        return self.tracking, facts

    def _trainer(self, tell: Observer) -> Trainer:
        on_gpu = self.hardware.device.type == "cuda"
        return Trainer(
            self.replica,
            self.optimizer,
            self.job.loader(self.settings.training.micro_batch_size, self.process_group, on_gpu),
            self.job.evaluator(self.hardware, self.process_group),
            schedule=self.settings.schedule,
            plan=self.plan,
            hardware=self.hardware,
            checkpoints=self.checkpoints,
            stopper=self.stopper,
            observe=tell,
            illustrate=self.job.illustrate(),
            process_group=self.process_group,
        )

    def _first_facts(self) -> dict[str, Any]:
        return {
            "kind": self.job.kind,
            "objective": self.job.name,
            "command": command_line(),
            "started": now(),
            "status": "running",
            "launch": launch_name(),
        }

    def _facts(self, progress: Progress) -> dict[str, Any]:
        before = read_facts(self.folder)
        return {
            **before,
            COMPUTED: with_this_start(before.get(COMPUTED), progress.step, self.computing),
            **environment(),
            **self._first_facts(),
            "data": self.job.fingerprint,
            "files": self.job.files(),
            "tokenizer": self.checkpoints.facts["tokenizer"],
            "parameters": parameters(self.learner.backbone.settings),
            "total_steps": self.plan.total_steps,
            "processes": self.process_group.size,
            "parent": self.settings.model.source,
            **self.job.facts(),
        }

    def _conclude(self, facts: Mapping[str, Any], outcome: TrainingResult) -> Report:
        self._write_end(
            facts, outcome.progress, outcome.reason if outcome.reason != "done" else "concluding"
        )
        return self.job.conclude(self.folder, self.hardware, outcome.reason == "done")

    def _write_end(
        self, facts: Mapping[str, Any], progress: Progress, reason: str, status: str | None = None
    ) -> None:
        status = status or {"done": "done", "concluding": "running"}.get(reason, "stopped")
        saved = {"saved": self.checkpoints.newest_name(), "skipped": progress.skipped}
        ended = {"status": status, "reason": reason, "step": progress.step, "ended": now(), **saved}
        best = {
            "best_step": progress.best_step,
            "best_loss": progress.best_loss,
            "seconds": progress.seconds,
        }
        write_facts(self.folder, {**facts, **ended, **best})
