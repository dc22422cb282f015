"""Checks of what a learnable does before and between optimizer steps."""

import torch

from sslcli.conformance.bench import LearnableBench
from sslcli.conformance.learnables import EIGHT
from sslcli.conformance.plugin_class import demand
from sslcli.conformance.trees import copied, equal, global_generators
from sslcli.data.rng import Rng
from sslcli.engine.processes.process_group import ALONE
from sslcli.engine.step_state import StepState
from sslcli.errors import CheckError, PluginError

PROGRESS = (0.0, 0.5, 1.0)


def beginning(bench: LearnableBench) -> None:
    """begin gives the same values every time, and leaves backbone and all generators alone."""
    learner, again, before = bench.fresh(), bench.fresh(), bench.fresh()
    batch, generators = bench.first_batch(), global_generators()
    for each in (learner, again):
        each.begin(lambda: batch)
    same = equal(learner.learnable.state_dict(), again.learnable.state_dict())
    demand(
        same,
        "begin gives other values the second time",
        "let them follow from the first batch and the weights",
    )
    demand(equal(generators, global_generators()), "begin uses a global generator")
    demand(
        equal(before.backbone.state_dict(), learner.backbone.state_dict()),
        "begin changes the backbone",
        "keep to your own",
    )


def progress(bench: LearnableBench) -> None:
    """collate is pure and the loss is finite from the first step to the end of all schedules."""
    learner = bench.learner()
    for done in PROGRESS:
        batch = bench.collate(EIGHT, progress=done)
        demand(
            equal(batch, bench.collate(EIGHT, progress=done)),
            f"collate gives different batches at progress {done}",
        )
        first, second = learner(batch), learner(batch)
        demand(
            equal(first.sums, second.sums),
            f"two forward passes of the same batch differ at progress {done}",
        )
        finite = all(bool(torch.isfinite(value)) for value in first.sums.values())
        demand(
            finite,
            f"the loss is not finite at progress {done}",
            "a schedule reads progress from 0 to 1, both included",
        )


def followers(bench: LearnableBench) -> None:
    """Every follower matches parameters that have a leader, which an optimizer trains."""
    try:
        learner = bench.learner()
    except PluginError as error:
        raise CheckError(error.message, error.hint) from error
    trained = learner.trained_parameters()
    for name, (leader, _) in learner.leaders.items():
        demand(
            leader in trained,
            f"{name} follows {leader}, which nothing trains",
            "leave requires_grad of the leader as it is",
        )


def after_steps(bench: LearnableBench) -> None:
    """after_step changes buffers only, reproducibly, and takes random numbers from `rng` only."""
    learner, again, state = bench.learner(), bench.learner(), StepState()
    state.add(learner(bench.collate(EIGHT)).state)
    generators = global_generators()
    for each in (learner, again):
        try:
            each.after_step(copied(state.over(ALONE)), Rng(0, 0, "after_step"))
        except PluginError as error:
            raise CheckError(error.message, error.hint) from error
    demand(
        equal(learner.state_dict(), again.state_dict()),
        "after_step gives other values the second time",
        "use `rng`",
    )
    demand(
        equal(generators, global_generators()),
        "after_step uses a global generator",
        "use `rng`",
    )
