"""The learner as one process holds it: alone, replicated (DDP), or sharded (FSDP2).

Gradients are sums over the ranks, never means: the loss is divided by the counts of all ranks
already.
"""

import warnings
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.parallel import DistributedDataParallel

from sslcli.contracts.loss import Loss, ModelBatch
from sslcli.core.transformer import Block
from sslcli.deferred import Deferred
from sslcli.engine.learner import Learner
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.process_group import ProcessGroup
from sslcli.engine.settings import HardwareSettings

if TYPE_CHECKING:
    from torch.distributed.fsdp import FSDPModule

torch_mesh, torch_fsdp = (
    Deferred("torch.distributed.device_mesh"),
    Deferred("torch.distributed.fsdp"),
)


class Replica:
    """The learner in a single process, with nothing to reduce."""

    gradient_factor = 1.0  # what the loss is multiplied with before backward

    def __init__(self, learner: Learner) -> None:
        self.learner = learner

    def __call__(self, batch: ModelBatch) -> Loss:
        return self.learner(batch)

    def reducing(self, now: bool) -> AbstractContextManager:
        """Wrap forward and backward of a micro-batch; only the last one of a step reduces
        gradients.
        """
        return nullcontext()

    def whole(self) -> AbstractContextManager:
        """Make all parameters available outside of the learner's own forward."""
        return nullcontext()


class DataParallel(Replica):
    """torch's DistributedDataParallel: full copies; gradients are reduced while backward runs."""

    def __init__(self, learner: Learner, process_group: ProcessGroup, hardware: Hardware) -> None:
        super().__init__(learner)
        self.gradient_factor = float(process_group.size)  # DDP divides by it
        devices = [hardware.device] if hardware.device.type == "cuda" else None
        with warnings.catch_warnings():
            # torch 2.13 renames broadcast_buffers, which 2.12 has
            warnings.simplefilter("ignore", FutureWarning)
            # Looking for unused parameters serves learnables that leave some out of a step (a
            # critic at rest). It also keeps DDP from rearranging its buckets after the first step,
            # after which sums over more than two ranks would be rounded otherwise, and a resumed
            # run would not be equal to the bit.
            self._wrapped = DistributedDataParallel(
                learner,
                device_ids=devices,
                broadcast_buffers=False,
                gradient_as_bucket_view=True,
                find_unused_parameters=True,
            )

    def __call__(self, batch: ModelBatch) -> Loss:
        return self._wrapped(batch)

    def reducing(self, now: bool) -> AbstractContextManager:
        return nullcontext() if now else self._wrapped.no_sync()


class Sharded(Replica):
    """torch's FSDP2: each rank holds a shard of every parameter, gathered block by block.

    Embeddings, final norm and heads form the outermost group, which is whole for all of a forward,
    so a tied head can read the embedding.
    """

    def __init__(self, learner: Learner, process_group: ProcessGroup, hardware: Hardware) -> None:
        super().__init__(learner)
        mesh = torch_mesh.init_device_mesh(hardware.device.type, (process_group.size,))
        # Autocast would keep a copy of every gathered weight for backward; in its type they come
        # gathered, and are let go.
        policy = torch_fsdp.MixedPrecisionPolicy(
            param_dtype=hardware.autocast_type,
            reduce_dtype=torch.float32,
            cast_forward_inputs=False,
        )
        blocks = [module for module in learner.modules() if isinstance(module, Block)]
        linears = [part for block in blocks for part in block.sublayers()]  # norms stay in float32
        for module in [*linears, *blocks, learner]:
            torch_fsdp.fully_shard(
                module,
                mesh=mesh,
                mp_policy=policy if module in linears else torch_fsdp.MixedPrecisionPolicy(),
            )
            assert isinstance(module, torch_fsdp.FSDPModule)
            module.set_gradient_divide_factor(1.0)
            # gloo knows no other reduction than the plain sum
            module.set_force_sum_reduction_for_comms(True)

    @property
    def _sharded(self) -> "FSDPModule":
        """The learner, to whose class FSDP has added its own."""
        learner: Any = self.learner
        return learner

    def reducing(self, now: bool) -> AbstractContextManager:
        self._sharded.set_requires_gradient_sync(now)
        return nullcontext()

    @contextmanager
    def whole(self) -> Generator[None]:
        self._sharded.unshard()
        try:
            yield
        finally:
            self._sharded.reshard()


def replica_of(
    learner: Learner, process_group: ProcessGroup, hardware: Hardware, settings: HardwareSettings
) -> Replica:
    """Wrap the learner as `settings.parallel` says, if there is more than one process."""
    if process_group.size == 1:
        return Replica(learner)
    return (Sharded if settings.parallel == "fsdp" else DataParallel)(
        learner, process_group, hardware
    )
