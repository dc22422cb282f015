"""Frames that are told from hidden states, whatever hides them.

Letters: T frames, N that are told, M mel bands, D width.
"""

from typing import Any

import torch
from torch import Tensor, nn

LEAST = 1e-3  # deviation of a band


class FrameTeller(nn.Module):
    """What `head` makes of hidden states, around the mean of each band and in its deviations: the
    head begins with numbers around 0.
    """

    mean_M: Tensor
    deviation_M: Tensor

    def __init__(self, head: nn.Module, bands: int) -> None:
        super().__init__()
        self.head = head
        self.register_buffer("mean_M", torch.zeros(bands))
        self.register_buffer("deviation_M", torch.ones(bands))

    def begin(self, rows_TM: Tensor) -> None:
        """Take means and deviations of these frames."""
        self.mean_M.copy_(rows_TM.mean(dim=0))
        self.deviation_M.copy_(rows_TM.std(dim=0).clamp(min=LEAST))

    def forward(self, hidden_ND: Tensor, *given: Any) -> Tensor:
        """[N, M], in float32 at least; `given`: what the head takes beside the hidden states."""
        return self.mean_M + self.deviation_M * in_full(self.head(hidden_ND, *given))


def in_full(x: Tensor) -> Tensor:
    """The same numbers in float32 at least, as errors and cosines are computed."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
