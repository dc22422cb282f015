"""Checks that hold for all learnables, objectives and tasks alike.

A check is a function of a LearnableBench; it raises CheckError where something does not hold.
"""

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from sslcli.conformance.bench import LearnableBench
from sslcli.conformance.plugin_class import demand
from sslcli.conformance.trees import copied, equal, global_generators, tree_leaves
from sslcli.contracts.loss import Histogram, Loss, ModelBatch, Moments, Ratio
from sslcli.data.rng import Rng
from sslcli.engine.learner import Learner
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.processes.process_group import ALONE
from sslcli.engine.schedule import share_done
from sslcli.engine.settings import OptimizerSettings
from sslcli.engine.step_state import StepState
from sslcli.errors import CheckError

TOLERANCE = 2e-4  # relative, of sums in float32 whose order differs
EIGHT = range(8)
EXAMPLES, MOST_STEPS, LEARNT = 32, 200, 0.3


def pure_batches(bench: LearnableBench) -> None:
    """collate on the meta-device collator is a pure function of batch and rng, without side
    effects.
    """
    batch, rng = bench.batch(EIGHT), Rng(0, 0)
    before, generators = copied(batch), global_generators()
    try:
        first, second = bench.collator().collate(batch, rng), bench.collator().collate(batch, rng)
    except RuntimeError as error:  # torch's word for a value that is asked for on the meta device
        problem = f"collate fails on the loader's collator, which has no weights: {error}"
        raise CheckError(problem, "read parameters and buffers in forward") from error
    demand(
        equal(batch, before), "collate writes into its batch", "copy an array before changing it"
    )
    demand(equal(generators, global_generators()), "collate uses a global generator", "use `rng`")
    demand(
        equal(first, second),
        "collate gives different batches from call to call",
        "use `rng`, which is keyed by sample and purpose",
    )
    demand(
        equal(first, bench.learner().learnable.collate(batch, rng)), "collate depends on parameters"
    )
    demand(
        not any(leaf.is_meta for leaf in tree_leaves(first) if isinstance(leaf, Tensor)),
        "collate gives tensors without values",
    )


def counts(bench: LearnableBench) -> None:
    """Every summed term has its count, a whole number of 0 or more, known before forward."""
    batch = bench.collate(EIGHT)
    loss = bench.learner()(batch)
    demand(
        set(loss.sums) == set(batch.counts),
        f"sums are {set(loss.sums)} and counts {set(batch.counts)}",
        "name them alike",
    )
    for term, count in batch.counts.items():
        demand(
            isinstance(count, int) and count >= 0,
            f"the count of '{term}' is {count!r}",
            "count with Python's int",
        )
    for term, value in loss.sums.items():
        demand(
            value.ndim == 0 and value.dtype.is_floating_point,
            f"the sum of '{term}' is not one floating-point number",
        )


def forward(bench: LearnableBench) -> None:
    """forward is deterministic and finite, and writes nothing."""
    learner, batch, generators = bench.learner(), bench.collate(EIGHT), global_generators()
    state, given = copied(learner.state_dict()), copied(batch)
    first, second = learner(batch), learner(batch)
    demand(
        equal(first.sums, second.sums),
        "two forward passes of the same batch differ",
        "read random numbers that collate has sampled",
    )
    demand(
        equal(generators, global_generators()),
        "forward uses a global generator",
        "read uniform numbers that collate has sampled",
    )
    demand(
        equal(state, learner.state_dict()),
        "forward changes parameters or buffers",
        "do that in after_step",
    )
    demand(equal(given, batch), "forward writes into its batch")
    finite = {
        **first.sums,
        **{
            f"{name} {part}": value
            for name, metric in first.metrics.items()
            for part, value in _parts(metric).items()
        },
    }
    demand(
        all(bool(torch.isfinite(value).all()) for value in finite.values()), f"not finite: {finite}"
    )


def gradients(bench: LearnableBench) -> None:
    """Gradients reach every layer of the backbone and every trained parameter on top of it."""
    learner, batch = bench.learner(), bench.collate(range(EXAMPLES))
    bench.total(learner(batch), batch).backward()
    without = [
        name
        for name, value in learner.learnable.named_parameters()
        if value.requires_grad and value.grad is None
    ]
    demand(
        not without,
        f"no gradient reaches {', '.join(without)}",
        "use it in forward, or set requires_grad to False",
    )
    single = [name for name, value in learner.learnable.named_parameters() if not value.ndim]
    demand(
        not single,
        f"{', '.join(single)} has no dimension, and FSDP shards no such parameter",
        "make it one of a single number: torch.zeros(1)",
    )
    blocks = [block for stack in learner.backbone.stacks for block in stack.blocks]
    for layer, block in enumerate(blocks, start=1):
        reached = any(
            value.grad is not None and bool(value.grad.abs().max() > 0)
            for value in block.parameters()
        )
        demand(
            reached,
            f"no gradient reaches layer {layer} of the backbone",
            "read the backbone's hidden states in the loss",
        )


def groups(bench: LearnableBench) -> None:
    """Every group matches a parameter."""
    learner = bench.learner()
    names = [name for name, _ in learner.named_parameters()]
    for group in learner.learnable.groups():
        found = any(fnmatchcase(name, group.match) for name in names)
        demand(
            found,
            f"group '{group.match}' matches no parameter",
            'names begin with "backbone." or "learnable."',
        )


def micro_batches(bench: LearnableBench) -> None:
    """One batch equals the sum of its micro-batches: losses, counts, metrics and gradients."""
    if bench.collator().couples:
        return
    whole = _measured(bench, [EIGHT])
    for parts in ([range(4), range(4, 8)], [[index] for index in EIGHT]):
        demand_close(
            whole, _measured(bench, parts), f"one batch differs from {len(parts)} micro-batches"
        )


def order(bench: LearnableBench) -> None:
    """The order of the samples in a batch changes nothing."""
    demand_close(
        _measured(bench, [EIGHT]),
        _measured(bench, [range(7, -1, -1)]),
        "the samples' order changes the loss",
    )


def state(bench: LearnableBench) -> None:
    """All state is in state_dict: after some steps, a fresh instance that loads it gives the same
    loss.
    """
    learner, batch = bench.learner(), bench.collate(EIGHT)
    train(bench, learner, batch, steps=3)
    fresh = bench.learner(seed=1)
    fresh.load_state_dict(copied(learner.state_dict()))
    learner.eval()
    fresh.eval()
    same = equal(learner(batch).sums, fresh(batch).sums)
    demand(
        same,
        "a fresh instance with the same state_dict gives another loss",
        "keep state in parameters and buffers",
    )


def learning(bench: LearnableBench) -> None:
    """The loss on a batch of 32 examples falls clearly in training."""
    learnt(bench)


def learnt(bench: LearnableBench) -> Learner:
    """Train until the loss has fallen by the share LEARNT. Raises CheckError where it does not."""
    learner, batch = bench.learner(), bench.collate(range(EXAMPLES))
    losses = train(bench, learner, batch, steps=MOST_STEPS, fall=LEARNT)
    message = (
        f"the loss of {EXAMPLES} examples went from {losses[0]:.3f} "
        f"to {losses[-1]:.3f} in {len(losses) - 1} steps"
    )
    demand(
        _has_fallen(losses, LEARNT),
        message,
        "check the targets, and that gradients have the right sign",
    )
    return learner


def train(
    bench: LearnableBench, learner: Learner, batch: ModelBatch, steps: int, fall: float = math.inf
) -> list[float]:
    """Return the losses before each step and after the last.

    Ends early once the loss has fallen by the share `fall`.
    """
    optimizer = Optimizer(
        learner.trained_parameters(),
        learner.groups(),
        OptimizerSettings(rate=3e-3, weight_decay=0.0),
    )
    losses, followers = list[float](), learner.followers()
    for step in range(steps + 1):
        loss = learner(batch)
        total = bench.total(loss, batch)
        losses.append(total.item())
        if step == steps or _has_fallen(losses, fall):
            break
        total.backward()
        optimizer.drop_idle_gradients(step)
        norm, state = optimizer.norm(), StepState()
        optimizer.step(1.0, norm)
        followers.update(share_done(step, steps), torch.isfinite(norm))
        state.add(loss.state)
        learner.after_step(state.over(ALONE), Rng(0, step))
        optimizer.zero()
    return losses


def _has_fallen(losses: list[float], share: float) -> bool:
    return losses[-1] <= losses[0] - share * abs(losses[0])


def _measured(bench: LearnableBench, parts: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """Return everything that must add up, over micro-batches of these samples."""
    learner = bench.learner()
    found, state = dict[str, Tensor](), StepState()

    def add(name: str, value: Tensor | float) -> None:
        found[name] = found.get(name, 0) + torch.as_tensor(value).detach().double()

    every = [bench.collate(part) for part in parts]
    counts = {term: sum(batch.counts[term] for batch in every) for term in every[0].counts}
    for batch in every:
        loss: Loss = learner(batch)
        sum(
            (value / max(counts[term], 1) for term, value in loss.sums.items()), torch.zeros(())
        ).backward()
        state.add(loss.state)
        for name, value in loss.sums.items():
            add(f"sum {name}", value)
        for name, metric in loss.metrics.items():
            for part, value in _parts(metric).items():
                add(f"{part} of metric {name}", value)
    found.update({f"state {name}": value.double() for name, value in state.over(ALONE).items()})
    found.update({f"count {term}": torch.tensor(float(count)) for term, count in counts.items()})
    found.update(
        {
            f"gradient of {name}": value.grad.double()
            for name, value in learner.named_parameters()
            if value.grad is not None
        }
    )
    return found


def _parts(metric: Ratio | Histogram | Moments) -> dict[str, Tensor]:
    """What of a metric adds up."""
    if isinstance(metric, Histogram):
        return {"counts": metric.counts}
    if isinstance(metric, Moments):
        return {"columns": metric.columns_G3}
    return {"sum": torch.as_tensor(metric.sum), "count": torch.as_tensor(metric.count)}


def demand_close(first: Mapping[str, Tensor], second: Mapping[str, Tensor], message: str) -> None:
    """Demand equal names and, within TOLERANCE, equal values.

    Gradients are compared relative to the largest gradient, other tensors relative to their own
    largest value, at least 1. Raises CheckError naming the first tensor that differs.
    """
    demand(
        set(first) == set(second),
        f"{message}: {', '.join(sorted(set(first) ^ set(second)))} is not in both",
    )
    largest = max(
        [float(v.abs().max()) for k, v in first.items() if k.startswith("gradient")], default=1.0
    )
    for name, value in first.items():
        scale = largest if name.startswith("gradient") else max(1.0, float(value.abs().max()))
        difference = float((value - second[name]).abs().max())
        demand(
            difference <= TOLERANCE * scale,
            f"{message}: {name} differs by {difference:.2g}",
            "sum over targets, never average",
        )
