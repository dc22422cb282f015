"""Predicted disk use of a run, from the shape of its model and the steps of its plan."""

from dataclasses import dataclass
from itertools import islice

from torch import Tensor

from sslcli.engine.checkpoints.checkpoint import RESUMABLE
from sslcli.engine.learner import Learner
from sslcli.engine.optimizer import state_bytes
from sslcli.engine.plan import Plan
from sslcli.engine.settings import OptimizerSettings
from sslcli.reports import mebibytes


@dataclass(frozen=True)
class DiskSpace:
    """The weights and the state of the optimizer, in bytes, of a run at its end and at most before.

    `checkpoints` and `milestones` are those at the end; one of the same step lies there once.
    """

    end_bytes: int
    most_bytes: int
    checkpoints: int
    milestones: int

    def describe(self) -> str:
        """Return the sizes as a line."""
        most = mebibytes(self.most_bytes)
        return f"{mebibytes(self.end_bytes)} at the end, at most {most} before"


def disk_space(learner: Learner, optimizer: OptimizerSettings, plan: Plan, keep: int) -> DiskSpace:
    """The best counts as one more than the newest that are kept, unless there are no more.

    While a checkpoint is written the one that it will push out is still there. Frozen weights
    lie on the disk once.
    """
    backbone, head = (_bytes(part.state_dict()) for part in (learner.backbone, learner.learnable))
    trained = learner.trained_parameters()
    is_fixed = not any(name.startswith("backbone.") for name in trained)
    once, each = (backbone, head) if is_fixed else (0, backbone + head)
    saved, milestones = _newest_saved(plan, keep + 2), _milestones(plan)
    stay = len({*saved[:keep], *milestones}) + (len(saved) > keep)
    # A file is written before it is found to be there already, one save at a time.
    before = len({*saved, *milestones}) + any(step in milestones for step in saved)
    states = min(len(saved), RESUMABLE + 1)  # of a run at its end none is left
    most = once + each * before + state_bytes(trained, optimizer) * states
    return DiskSpace(once + each * stay, most, min(len(saved), keep + 1), len(milestones))


def _newest_saved(plan: Plan, count: int) -> list[int]:
    """The steps of the newest checkpoints, the newest first, where every evaluation is better."""
    total = plan.total_steps
    due = (step for step in range(total, 0, -1) if _is_saved(step, plan))
    return list(islice(due, count))


def _is_saved(step: int, plan: Plan) -> bool:
    return step == plan.total_steps or step % plan.save_every == 0 or step % plan.eval_every == 0


def _milestones(plan: Plan) -> list[int]:
    if not plan.milestones:
        return []
    return [0, *(1 << power for power in range(plan.total_steps.bit_length()))]


def _bytes(state: dict[str, Tensor]) -> int:
    return sum(value.numel() * value.element_size() for value in state.values())
