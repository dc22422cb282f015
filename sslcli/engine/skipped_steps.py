"""Updates that were skipped for non-finite gradients, read without waiting for the device."""

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

LATE_STEPS = 2  # steps that a GPU may be behind before the host reads the first of them


class SkippedSteps:
    """Whether the gradient of each step was finite; a GPU's answer is read some steps later."""

    def __init__(self, device: torch.device) -> None:
        self.on_gpu = device.type == "cuda"
        self._pending: deque[tuple[int, Tensor, torch.cuda.Event | None]] = deque()

    def add(self, step: int, finite: Tensor) -> None:
        """Add a step; `finite` is a scalar bool on the device."""
        if not self.on_gpu:
            self._pending.append((step, finite, None))
            return
        copied = torch.empty((), dtype=torch.bool, pin_memory=True).copy_(finite, non_blocking=True)
        event = torch.cuda.Event()
        event.record()
        self._pending.append((step, copied, event))

    def read(self, all_of_them: bool = False) -> Iterator[tuple[int, bool]]:
        """Yield (step, finite) of the steps that are due, in order; each once."""
        while len(self._pending) > (0 if all_of_them or not self.on_gpu else LATE_STEPS):
            step, finite, event = self._pending.popleft()
            if event is not None:
                event.synchronize()
            yield step, bool(finite)
