"""The training loop."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sslcli.data.rng import Rng
from sslcli.engine.checkpoints.checkpoint import Checkpoints, Progress
from sslcli.engine.evaluator import Evaluation, Evaluator, Illustrate
from sslcli.engine.events import Evaluated, Noted, Observer, Sampled, Saved, Skipped, Stepped
from sslcli.engine.gradients import backward
from sslcli.engine.loader import Loader, StepBatch
from sslcli.engine.memory import is_out_of_memory, split_finer
from sslcli.engine.metric_sums import MetricSums
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.plan import Plan
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.process_group import ALONE, ProcessGroup
from sslcli.engine.processes.replicas import Replica
from sslcli.engine.schedule import rate_factor, share_done
from sslcli.engine.settings import ScheduleSettings
from sslcli.engine.skipped_steps import SkippedSteps
from sslcli.engine.stopping import REASONS, Reason, Stopper, Stopping
from sslcli.errors import Diverged

MOST_SKIPPED_IN_A_ROW = 10
# Before the first update no rate is to blame.
_WRONG_START = "the weights that it begins with are damaged, or too large: choose another --model"


@dataclass(frozen=True)
class TrainingResult:
    """Why training ended, and its progress."""

    reason: Literal["done"] | Reason
    progress: Progress


class Trainer:
    """Loads batches, computes the loss, updates, and reports events; it is given everything it
    needs.

    Each of several processes runs this loop; they agree at the beginning of every step, and every
    decision (to stop, to save, which loss is best) is the same on all of them.
    """

    def __init__(
        self,
        replica: Replica,
        optimizer: Optimizer,
        loader: Loader,
        evaluator: Evaluator,
        *,
        schedule: ScheduleSettings,
        plan: Plan,
        hardware: Hardware,
        checkpoints: Checkpoints,
        stopper: Stopper,
        observe: Observer,
        illustrate: Illustrate,
        process_group: ProcessGroup = ALONE,
    ) -> None:
        self.replica, self.optimizer, self.loader, self.evaluator = (
            replica,
            optimizer,
            loader,
            evaluator,
        )
        self.learner = replica.learner
        self.schedule, self.plan, self.hardware, self.checkpoints = (
            schedule,
            plan,
            hardware,
            checkpoints,
        )
        self.stopper, self.observe, self.illustrate, self.process_group = (
            stopper,
            observe,
            illustrate,
            process_group,
        )
        self.skipped_steps, self.followers = SkippedSteps(hardware.device), self.learner.followers()
        # for which one must know how the step ended
        self.acts_after_steps = self.learner.learnable.overrides("after_step")

    def run(self, progress: Progress) -> TrainingResult:
        """Train from `progress` to the end of the plan, or until a stop; progress is saved
        either way.
        """
        self.progress = progress
        self.sums = MetricSums.restore(progress.tally, counted=self.process_group.leads)
        self.tokens, self.since, self.busy_seconds = 0, time.monotonic(), 0.0
        self.loader.shrink(progress.micro_batch_size)
        self.learner.train()
        if progress.step == 0 and progress.evaluated_step < 0:
            self._keep_milestone()
        self.work = self.loader.ahead(progress.position, progress.step, self.plan.total_steps)
        try:
            reason = self._until_the_end()
        except Exception:
            # what is in flight is good; only a second Ctrl-C does not wait for it
            self.checkpoints.wait()
            raise
        finally:
            self.work.close()
        self._tell_of(self.checkpoints.wait())
        return TrainingResult(reason, progress)

    def _until_the_end(self) -> Literal["done"] | Reason:
        progress = self.progress
        try:
            while True:
                self._evaluate_and_save()
                if progress.step >= self.plan.total_steps:
                    return "done"
                if self._has_lost_patience():
                    if progress.saved_step != progress.step:
                        self._save()
                    return "done"
                self._take_step()
                self._tell_of(self.checkpoints.finished())
        except Stopping as stop:
            self.optimizer.zero()  # a step that was begun is replayed whole by the resume
            self._count_skipped(all_of_them=True)
            if progress.saved_step != progress.step:
                self._save()
            return stop.reason

    def _is_final(self) -> bool:
        """Tell whether no more steps come, in this start or in any other."""
        return self.progress.step >= self.plan.total_steps or self._is_out_of_patience()

    def _is_out_of_patience(self) -> bool:
        patience = self.plan.patience
        return patience is not None and self.progress.worse_in_row >= patience

    def _has_lost_patience(self) -> bool:
        if not self._is_out_of_patience():
            return False
        self.observe(
            Noted(
                f"ended at step {self.progress.step}: no better "
                f"evaluation {self.plan.patience} times in a row"
            )
        )
        return True

    def _take_step(self) -> None:
        began = time.monotonic()
        progress, step = self.progress, self.progress.step
        work = self._agreed(next(self.work))
        sums, state = None, {}
        try:
            sums, state = backward(
                self.replica,
                work,
                self.hardware,
                self.process_group,
                (self.plan.seed, step),
                self._poll,
            )
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # outside of the handler, whose traceback would keep the graph of the step in memory
        if sums is None:
            return self._split_finer(work)
        self.optimizer.drop_idle_gradients(step)
        norm = self.optimizer.norm()
        finite = torch.isfinite(norm)
        self.optimizer.step(rate_factor(self.schedule, step, self.plan.total_steps), norm)
        done = share_done(step, self.plan.total_steps)
        self.followers.update(done, finite)
        if self.acts_after_steps and finite:
            self.learner.after_step(state, Rng(self.plan.seed, step, "after_step", done))
        self.optimizer.zero()
        self.sums.merge(sums, finite)
        self.skipped_steps.add(step, finite)
        progress.step, progress.position = step + 1, work.position
        logs = progress.step % self.plan.log_every == 0 or progress.step == self.plan.total_steps
        self._count_skipped(all_of_them=logs)
        self.tokens += work.tokens
        self.busy_seconds += time.monotonic() - began
        if logs:
            self._log(norm)
        if progress.step & (progress.step - 1) == 0:
            self._keep_milestone()

    def _agreed(self, work: StepBatch) -> StepBatch:
        """Return this rank's batch with the counts of all ranks; raise Stopping on all if one
        must stop.
        """
        if self.process_group.size == 1:
            self.stopper.poll()
            return work
        wanted = self.stopper.wanted()
        rows = self.process_group.gather(
            [0 if wanted is None else 1 + REASONS.index(wanted), *work.row()]
        )
        if asked := int(rows[:, 0].max()):
            raise Stopping(REASONS[asked - 1])
        return work.shared(rows[:, 1:])

    def _poll(self) -> None:
        """Poll in a single process; several processes stop between steps only, where they agree."""
        if self.process_group.size == 1:
            self.stopper.poll()

    def _split_finer(self, work: StepBatch) -> None:
        """Repeat the step in smaller micro-batches. Raises RunError if they cannot be smaller."""
        self.optimizer.zero()
        smaller = self.progress.micro_batch_size = split_finer(self.loader, work.batches)
        self.observe(
            Noted(
                f"out of memory at step {self.progress.step}: micro-batches "
                f"of {smaller} from now on, the batch stays as it is"
            )
        )
        self.work.close()
        self.work = self.loader.ahead(
            self.progress.position, self.progress.step, self.plan.total_steps
        )

    def _count_skipped(self, all_of_them: bool = False) -> None:
        """Count skipped updates as soon as they are known. Raises Diverged after too many in a
        row.
        """
        progress = self.progress
        for step, finite in self.skipped_steps.read(all_of_them):
            progress.skipped_in_row = 0 if finite else progress.skipped_in_row + 1
            if not finite:
                progress.skipped += 1
                self.observe(Skipped(step, progress.skipped_in_row))
            if progress.skipped_in_row >= MOST_SKIPPED_IN_A_ROW:
                raise self._diverged(
                    f"the gradient was not finite {MOST_SKIPPED_IN_A_ROW} "
                    f"steps in a row, up to step {step}"
                )

    def _diverged(self, message: str) -> Diverged:
        """Return the error, with what there is to go on from: a resume would meet the same
        numbers.
        """
        self.checkpoints.wait()
        saved = self.checkpoints.newest_name()
        if saved is None:
            hint = (
                "start again with a lower --lr and --overwrite"
                if self.progress.step
                else _WRONG_START
            )
            return Diverged(f"{message}; no checkpoint was saved", hint)
        return Diverged(
            f"{message}; what was saved before is kept, up to {saved}",
            (
                "start again with a lower --lr, or from those weights: "
                f"--model {self.checkpoints.folder.parent} --lr 1e-4"
            ),
        )

    def _refuse_useless_end(self) -> None:
        """Raise Diverged if a run ends in a long row of skipped updates, else report how many."""
        skipped, total = self.progress.skipped_in_row, self.progress.step
        if 2 * skipped >= total:
            raise self._diverged(
                "the gradient was not finite in the last "
                f"{skipped} of the {total} steps of this run"
            )
        which = "update was" if skipped == 1 else f"{skipped} updates were"
        self.observe(
            Noted(
                f"the last {which} not applied: the weights at "
                f"the end are those of step {total - skipped}"
            )
        )

    def _log(self, norm: Tensor) -> None:
        loss, terms, metrics = self.sums.over(self.process_group).read()
        self._count_seconds()
        rate = self.optimizer.settings.rate * rate_factor(
            self.schedule, self.progress.step - 1, self.plan.total_steps
        )
        speed = self.tokens / max(self.busy_seconds, 1e-9)
        self.observe(
            Stepped(
                self.progress.step,
                loss,
                terms,
                metrics,
                rate,
                float(norm),
                speed,
                self.progress.seconds,
            )
        )
        self.sums, self.tokens, self.busy_seconds = MetricSums(), 0, 0.0

    def _count_seconds(self) -> None:
        now = time.monotonic()
        self.progress.seconds += now - self.since
        self.since = now

    def _evaluate_and_save(self) -> None:
        """Evaluate and save when due; both are repeated after a resume if a stop came before
        them.
        """
        progress, plan = self.progress, self.plan
        at_end = progress.step == plan.total_steps
        evaluates = (
            progress.step % plan.eval_every == 0 or at_end
        ) and progress.evaluated_step != progress.step
        due = progress.step > 0 and (progress.step % plan.save_every == 0 or at_end)
        if evaluates or due:
            self._count_skipped(all_of_them=True)
        if progress.skipped_in_row and not at_end:
            return  # a checkpoint from here would push out one from before the loss went wrong
        if progress.skipped_in_row and (evaluates or progress.saved_step != progress.step):
            self._refuse_useless_end()
        improved = evaluates and self._evaluate()
        if (due or (improved and progress.step > 0)) and (
            evaluates or progress.saved_step != progress.step
        ):
            # also over a checkpoint that a stop left here before it was evaluated: it does not know
            # the best
            self._save()

    def _evaluate(self) -> bool:
        self.learner.eval()
        try:
            found = self.evaluator(self.replica, self._agreed)
            with torch.no_grad(), self.hardware.autocast(), self.replica.whole():
                examples = self.illustrate(self.learner)
        finally:
            self.learner.train()
        progress = self.progress
        if not math.isfinite(found.loss) and found.terms:
            raise self._diverged(
                f"the held-out loss at step {progress.step} is not a finite number"
            )
        if progress.step == 0:
            progress.start_cost = found.cost if math.isfinite(found.cost) else None
        best = progress.step > 0 and math.isfinite(found.cost) and _is_better(found, progress)
        if best:
            progress.best_cost, progress.best_loss, progress.best_step = (
                found.cost,
                found.loss,
                progress.step,
            )
        progress.worse_in_row = 0 if best or progress.step == 0 else progress.worse_in_row + 1
        progress.evaluated_step = progress.step
        self.observe(
            Evaluated(
                progress.step,
                found.loss,
                found.terms,
                found.metrics,
                best,
                found.counts,
                found.languages,
            )
        )
        if examples:
            self.observe(Sampled(progress.step, examples))
        return best

    def _save(self) -> None:
        self._count_seconds()
        self.progress.tally, self.progress.saved_step = (
            self.sums.over(self.process_group).dump(),
            self.progress.step,
        )
        self.checkpoints.save(self.learner, self.optimizer, self.progress, self._is_final())

    def _keep_milestone(self) -> None:
        if self.plan.milestones:
            self.checkpoints.save_milestone(self.learner, self.progress.step)

    def _tell_of(self, saved: Iterable[Saved]) -> None:
        for event in saved:
            self.observe(event)


def _is_better(found: Evaluation, progress: Progress) -> bool:
    """Tell whether an evaluation is the best so far; of equal costs, the lower loss is better."""
    if progress.best_cost is None or progress.best_loss is None:
        return True
    return (found.cost, found.loss) < (progress.best_cost, progress.best_loss)
