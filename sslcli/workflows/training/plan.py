"""Length and cost of a run, and the lines about them before it starts."""

import math
from typing import Any

import numpy as np

from sslcli.engine.learner import Learner
from sslcli.engine.plan import Plan
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.process_group import ProcessGroup
from sslcli.engine.schedule import warmup_steps
from sslcli.engine.settings import TrainingSettings
from sslcli.reports import amount
from sslcli.workflows.training.disk_space import disk_space

FEWEST_STEPS_BETWEEN = 20  # two evaluations, where nothing else was said

ALONE = " · one process, so that nothing is sharded (--gpus N)"


def plan_for(training: TrainingSettings, lengths: np.ndarray) -> Plan:
    """Steps from `max_steps` or `epochs`. An epoch has as many as its last, shorter batches make;
    with batches in tokens, whose number differs from epoch to epoch, the tokens over the batch,
    rounded up. `lengths` [n] of the training samples.
    """
    size = int(lengths.sum()) if training.batch_unit == "tokens" else len(lengths)
    steps = training.max_steps or max(
        1, math.ceil((training.epochs or 1.0) * math.ceil(size / training.batch_size))
    )
    eval_every = training.eval_every or max(steps // 10, min(steps, FEWEST_STEPS_BETWEEN))
    save_every = training.save_every or eval_every
    return Plan(
        steps,
        training.log_every,
        eval_every,
        save_every,
        training.milestones,
        training.seed,
        training.patience,
    )


def how_it_is_trained(
    settings: Any,
    learner: Learner,
    plan: Plan,
    hardware: Hardware,
    process_group: ProcessGroup,
) -> dict[str, str]:
    """The lines about optimizer, device and disk, from the settings that all runs have."""
    optimizer, schedule = settings.optimizer, settings.schedule
    space = disk_space(learner, optimizer, plan, settings.training.keep)
    return {
        "optimizer": f"{optimizer.name} · lr {optimizer.rate:g} {schedule.name} "
        f"· warm-up {amount(warmup_steps(schedule, plan.total_steps), 'step')}"
        f" · weight decay {optimizer.weight_decay:g} · clip {optimizer.clip:g}",
        "device": hardware.describe()
        + (
            f" · {process_group.size} processes, {settings.hardware.parallel}"
            if process_group.size > 1
            else ALONE * (settings.hardware.parallel != "ddp")
        ),
        "disk": space.describe(),
    }


def hardware_warnings(hardware: Hardware) -> list[str]:
    """Warn of bf16 on a CPU that emulates it."""
    emulated = (
        "this CPU has no instructions for bf16 and works around "
        "it: --precision fp32 is several times faster here"
    )
    return [emulated] if hardware.emulates_bf16() else []
