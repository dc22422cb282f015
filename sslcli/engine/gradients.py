"""Forward and backward pass of one global batch."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from sslcli.contracts.loss import Loss, ModelBatch
from sslcli.core.inputs import to_device
from sslcli.data.rng import mix
from sslcli.engine.loader import StepBatch
from sslcli.engine.metric_sums import MetricSums
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.gather import gathering
from sslcli.engine.processes.process_group import ProcessGroup
from sslcli.engine.processes.replicas import Replica
from sslcli.engine.step_state import StepState


def accumulate_gradients(
    replica: Replica,
    batch: ModelBatch,
    counts: Mapping[str, int],
    hardware: Hardware,
    counted: bool = True,
) -> Loss:
    """Add one micro-batch's share of the gradients, or zeros if it is not counted.

    `counts` are those of the global batch.
    """
    with hardware.autocast():
        loss = replica(to_device(batch, hardware.device))
    # A term without any target takes part with a gradient of zero: whether it takes part must not
    # depend on the rank.
    total = sum(value.float() / max(counts[term], 1) for term, value in loss.sums.items())
    if isinstance(total, Tensor):
        (total * (replica.gradient_factor * counted)).backward()
    return loss


def seed_dropout(device: torch.device, seed: int) -> None:
    """Do what torch.manual_seed does for the CPU and this device; that one notes a call, with a
    traceback, for every other kind of device too, which takes longer than a small step.
    """
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def backward(
    replica: Replica,
    work: StepBatch,
    hardware: Hardware,
    process_group: ProcessGroup,
    keys: tuple[int, int],
    poll: Callable[[], None],
) -> tuple[MetricSums, dict[str, Tensor]]:
    """Compute gradients of the sum over k of sums[k] / counts[k], counts being of the whole global
    batch.

    Returns the metric sums of this rank, and the learnable's state over all ranks. `keys` (the seed
    and the step) and the number of the micro-batch seed dropout. `poll` is called between
    micro-batches.
    """
    sums, state = MetricSums(), StepState()
    for index, batch in enumerate(work.batches):
        poll()
        place = index * process_group.size + process_group.rank
        seed_dropout(hardware.device, int(mix(*keys, place)) >> 1)
        counted = index < work.counted
        with replica.reducing(index == len(work.batches) - 1), gathering(process_group, counted):
            loss = accumulate_gradients(replica, batch, work.counts, hardware, counted)
        sums.add(loss, batch.counts, counted)
        state.add(loss.state, counted)
    return sums, state.over(process_group)
