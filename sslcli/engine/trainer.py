"""The one training loop."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sslcli.contracts import Loss, Views
from sslcli.core.inputs import to_device
from sslcli.data.draws import Draws, mix
from sslcli.engine.checkpoint import Checkpoints, Progress
from sslcli.engine.events import Evaluated, Observer, Sampled, Saved, Skipped, Stepped
from sslcli.engine.learner import Learner
from sslcli.engine.loading import Loader, Work
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.precision import Hardware
from sslcli.engine.schedule import rate_factor
from sslcli.engine.settings import ScheduleSettings
from sslcli.engine.stopping import Reason, Stopper, Stopping
from sslcli.engine.tally import Tally
from sslcli.errors import RunError

MOST_SKIPPED_IN_A_ROW = 10
Illustrate = Callable[[Learner], Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Plan:
    """How far and how often, all in steps."""

    total_steps: int
    log_every: int
    eval_every: int
    save_every: int
    milestones: bool
    seed: int


@dataclass(frozen=True)
class Outcome:
    reason: Literal["done"] | Reason
    progress: Progress


class Trainer:
    """Draws work, forms the loss, updates, and tells the observer; everything it needs is given to it."""

    def __init__(
        self,
        learner: Learner,
        optimizer: Optimizer,
        loader: Loader,
        evaluation: Loader,
        *,
        schedule: ScheduleSettings,
        plan: Plan,
        hardware: Hardware,
        checkpoints: Checkpoints,
        stopper: Stopper,
        observe: Observer,
        illustrate: Illustrate,
    ) -> None:
        self.learner, self.optimizer, self.loader, self.evaluation = learner, optimizer, loader, evaluation
        self.schedule, self.plan, self.hardware, self.checkpoints = schedule, plan, hardware, checkpoints
        self.stopper, self.observe, self.illustrate = stopper, observe, illustrate

    def run(self, progress: Progress) -> Outcome:
        """From `progress` to the end of the plan, or until someone asks to stop; what was done is saved either way."""
        self.progress, self.tally = progress, Tally.restore(progress.tally)
        self.tokens, self.since = 0, time.monotonic()
        self.learner.train()
        if progress.step == 0 and progress.evaluated_step < 0:
            self._keep_milestone()
        work = self.loader.steps(progress.position)
        try:
            while True:
                self._evaluate_and_save()
                if progress.step >= self.plan.total_steps:
                    return Outcome("done", progress)
                self._take_step(work)
        except Stopping as stop:
            self.optimizer.zero()  # a step that was begun is replayed whole by the resume
            if progress.saved_step != progress.step:
                self._save()
            return Outcome(stop.reason, progress)

    def _take_step(self, work: Iterator[Work]) -> None:
        self.stopper.poll()
        progress, step = self.progress, self.progress.step
        current = next(work)
        tally, state = self._backward(current, step)
        self.optimizer.drop_idle_gradients(step)
        norm = self.optimizer.clip()
        if torch.isfinite(norm):
            self.optimizer.step(rate_factor(self.schedule, step, self.plan.total_steps))
            with torch.no_grad():
                self.learner.learnable.after_step(self.learner.backbone, state, Draws(self.plan.seed, step, "after_step"))
            self.tally.merge(tally)
            progress.skipped_in_row = 0
        else:
            self._skip(step)
        self.optimizer.zero()
        progress.step, progress.position = step + 1, current.position
        self.tokens += current.tokens
        if progress.step % self.plan.log_every == 0 or progress.step == self.plan.total_steps:
            self._log(norm)
        if progress.step & (progress.step - 1) == 0:
            self._keep_milestone()

    def _backward(self, work: Work, step: int) -> tuple[Tally, dict[str, Tensor]]:
        """Gradients of the sum over k of sums[k] / counts[k], where counts are of the whole global batch."""
        tally, state = Tally(), {}
        for index, views in enumerate(work.views):
            self.stopper.poll()
            torch.manual_seed(int(mix(self.plan.seed, step, index)) >> 1)  # for dropout alone
            loss = accumulate_gradients(self.learner, views, work.counts, self.hardware)
            tally.add(loss, views.counts)
            for name, value in loss.state.items():
                state[name] = state[name] + value.detach() if name in state else value.detach()
        return tally, state

    def _skip(self, step: int) -> None:
        self.progress.skipped += 1
        self.progress.skipped_in_row += 1
        self.observe(Skipped(step, self.progress.skipped_in_row))
        if self.progress.skipped_in_row >= MOST_SKIPPED_IN_A_ROW:
            raise RunError(
                f"the gradient was not finite {MOST_SKIPPED_IN_A_ROW} steps in a row, up to step {step}",
                "start again with a lower --lr, or from the weights of a checkpoint: --model RUN --lr 1e-4",
            )

    def _log(self, norm: Tensor) -> None:
        loss, terms, metrics = self.tally.read()
        now = time.monotonic()
        seconds, self.since = now - self.since, now
        self.progress.seconds += seconds
        rate = self.optimizer.settings.rate * rate_factor(self.schedule, self.progress.step - 1, self.plan.total_steps)
        self.observe(
            Stepped(self.progress.step, loss, terms, metrics, rate, float(norm), self.tokens / max(seconds, 1e-9), self.progress.seconds)
        )
        self.tally, self.tokens = Tally(), 0

    def _evaluate_and_save(self) -> None:
        """Both are tried again after a resume where a stop came between them and their step."""
        progress, plan = self.progress, self.plan
        at_end = progress.step == plan.total_steps
        if progress.skipped_in_row:
            return  # a checkpoint from here would push out one from before the loss went wrong
        evaluates = (progress.step % plan.eval_every == 0 or at_end) and progress.evaluated_step != progress.step
        improved = evaluates and self._evaluate()
        due = progress.step > 0 and (progress.step % plan.save_every == 0 or at_end or improved)
        if due and (evaluates or progress.saved_step != progress.step):
            self._save()  # also over a checkpoint that a stop left here before it was evaluated: it does not know the best

    def _evaluate(self) -> bool:
        tally = Tally()
        self.learner.eval()
        try:
            with torch.no_grad(), self.hardware.autocast():
                for views in one_pass(self.evaluation):
                    self.stopper.poll()
                    tally.add(self.learner(to_device(views, self.hardware.device)), views.counts)
                examples = self.illustrate(self.learner)
        finally:
            self.learner.train()
        loss, terms, metrics = tally.read()
        progress = self.progress
        if not math.isfinite(loss) and terms:
            raise RunError(
                f"the held-out loss at step {progress.step} is not a finite number",
                "the checkpoints before it are kept; start again with a lower --lr, or from their weights: --model RUN --lr 1e-4",
            )
        best = progress.step > 0 and math.isfinite(loss) and (progress.best_loss is None or loss < progress.best_loss)
        if best:
            progress.best_loss, progress.best_step = loss, progress.step
        progress.evaluated_step = progress.step
        self.observe(Evaluated(progress.step, loss, terms, metrics, best, tally.counts()))
        if examples:
            self.observe(Sampled(progress.step, examples))
        return best

    def _save(self) -> None:
        self.progress.tally, self.progress.saved_step = self.tally.dump(), self.progress.step
        self.observe(Saved(self.progress.step, self.checkpoints.save(self.learner, self.optimizer, self.progress), "checkpoint"))

    def _keep_milestone(self) -> None:
        if self.plan.milestones:
            step = self.progress.step
            self.observe(Saved(step, self.checkpoints.save_milestone(self.learner, step), "milestone"))


def accumulate_gradients(learner: Learner, views: Views, counts: Mapping[str, int], hardware: Hardware) -> Loss:
    """Add one micro-batch's share of the gradients; `counts` are those of the whole global batch."""
    with hardware.autocast():
        loss = learner(to_device(views, hardware.device))
    total = sum(value.float() / counts[term] for term, value in loss.sums.items() if counts[term])
    if isinstance(total, Tensor):
        total.backward()
    return loss


def one_pass(loader: Loader) -> Iterator[Views]:
    """All views of a loader's data, once."""
    for work in loader.steps(0):
        yield from work.views
        if work.position >= len(loader.sampler):
            return
