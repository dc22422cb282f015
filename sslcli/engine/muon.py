"""torch's Muon, batched over matrices of one shape: a small model's step waits for kernel calls.

Letters: S matrices of one shape, A rows, B columns.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor

from sslcli.engine.precision import emulates_bf16

# of a stack, which is copied; larger matrices come one by one and gain nothing
MOST_NUMBERS = 1 << 22


class StackedMuon(torch.optim.Muon):
    """torch.optim.Muon, with its state and settings; only its products are batched."""

    # the wrapper imports torch._dynamo
    add_param_group = unwrap(torch.optim.Optimizer.add_param_group)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Update all matrices that have a gradient."""
        for group in self.param_groups:
            for matrices in _stacks(group["params"]):
                self._move(matrices, group)

    def _move(self, matrices: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        momenta = [
            self._momentum(matrix, gradient)
            for matrix, gradient in zip(matrices, gradients, strict=True)
        ]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        update_SAB = torch.stack(momenta)
        if group["nesterov"]:
            update_SAB = torch.stack(gradients).lerp_(update_SAB, group["momentum"])
        update_SAB = _orthogonal(update_SAB, group).to(matrices[0].dtype)
        rate = group["lr"] * 0.2 * max(update_SAB.shape[1:]) ** 0.5  # as "match_rms_adamw" has it
        torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(matrices, update_SAB.unbind(), alpha=-rate)

    def _momentum(self, matrix: Tensor, gradient: Tensor) -> Tensor:
        state = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        return state["momentum_buffer"]


def _stacks(parameters: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Yield parameters with a gradient, in lists of one shape with at most MOST_NUMBERS
    together.
    """
    by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
    for parameter in parameters:
        if parameter.grad is not None:
            by_shape[parameter.shape].append(parameter)
    for shape, alike in by_shape.items():
        size = max(1, MOST_NUMBERS // shape.numel())
        yield from (alike[start : start + size] for start in range(0, len(alike), size))


def _orthogonal(update_SAB: Tensor, group: dict[str, Any]) -> Tensor:
    """Run the Newton-Schulz iteration, step by step as torch does for one matrix.

    In bf16, as there, except on a CPU that has to emulate it: float32 is many times as fast.
    """
    a, b, c = group["ns_coefficients"]
    turns = update_SAB.shape[1] > update_SAB.shape[2]
    x_SAB = update_SAB.mT if turns else update_SAB
    x_SAB = x_SAB.float() if emulates_bf16(x_SAB.device) else x_SAB.bfloat16()
    x_SAB = x_SAB / x_SAB.norm(dim=(1, 2), keepdim=True).clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram_SAA = x_SAB @ x_SAB.mT
        change_SAA = torch.baddbmm(gram_SAA, gram_SAA, gram_SAA, beta=b, alpha=c)
        x_SAB = torch.baddbmm(x_SAB, change_SAA, x_SAB, beta=a)
    return x_SAB.mT if turns else x_SAB
