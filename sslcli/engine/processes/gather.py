"""Rows of all ranks, for objectives whose loss ties samples together.

The loop says with `gathering` which ranks compute a loss together. Everywhere else each process
computes for itself, and `gather` returns its argument.

Letters: N rows of this rank, M of all ranks.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from sslcli.core.losses import differentiable_once
from sslcli.engine.processes.process_group import ALONE, ProcessGroup

_TOGETHER: ContextVar[tuple[ProcessGroup, bool]] = ContextVar("together", default=(ALONE, True))


@contextmanager
def gathering(process_group: ProcessGroup, counted: bool = True) -> Generator[None]:
    """Wrap a forward pass of all ranks; the rows of a rank that is not counted reach nobody."""
    before = _TOGETHER.set((process_group, counted))
    try:
        yield
    finally:
        _TOGETHER.reset(before)


def gather(x_N: Tensor) -> Tensor:
    """Return the rows [M, ...] of all ranks, in rank order, with gradient; in one process `x_N`.

    Ranks may have different numbers of rows [N, ...]. The gradient of a row is the sum over all
    ranks that read it, so each rank adds up the loss of its own rows alone, and all ranks together
    have the loss of one process. Every rank must call it equally often.
    """
    process_group, counted = _TOGETHER.get()
    if process_group.size == 1:
        return x_N
    counts = process_group.gather([len(x_N) * counted])[:, 0].astype(int).tolist()
    return _Gather.apply(x_N, counts, process_group)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, x_N: Tensor, counts: list[int], process_group: ProcessGroup
    ) -> Tensor:
        context.counts, context.process_group, context.own = counts, process_group, len(x_N)
        padded = x_N.new_zeros(max(counts), *x_N.shape[1:])
        padded[: counts[process_group.rank]] = x_N[: counts[process_group.rank]]
        every = process_group.stack(padded)
        return torch.cat([rows[:count] for rows, count in zip(every, counts, strict=True)])

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient_M,) = gradients
        counts, rank = ctx.counts, ctx.process_group.rank
        # A sum of many in bf16 would lose the small ones.
        exact = torch.promote_types(gradient_M.dtype, torch.float32)
        total_M = ctx.process_group.sum(gradient_M.to(exact, copy=True).contiguous())
        start = sum(counts[:rank])
        own = gradient_M.new_zeros(ctx.own, *gradient_M.shape[1:])
        own[: counts[rank]] = total_M[start : start + counts[rank]]
        return own, None, None
