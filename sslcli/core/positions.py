"""Rotary positions: queries and keys are rotated, so that their product depends on the distance
only.

Letters: T rows, H heads, K features per head.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rotary:
    """Cosines and sines of every row's angles, [T, 1, K], the same for all heads.

    Su et al. 2021, "RoFormer", equation 34; feature k turns together with feature k + K/2, as in
    Llama's and ModernBERT's weights, not with its neighbour as in the paper.
    """

    cosine_T1K: Tensor
    sine_T1K: Tensor

    @classmethod
    def of(cls, positions_T: Tensor, features: int, base: float) -> Self:
        """Compute the rotations for these positions, in float32: bfloat16 cannot tell 257 from 258.

        The frequencies are computed each time, not kept in a buffer, which a model built on the
        meta device would lose.
        """
        exponents = (
            torch.arange(0, features, 2, dtype=torch.float32, device=positions_T.device) / features
        )
        angles = positions_T.to(torch.float32).unsqueeze(1) / base**exponents
        angles_T1K = torch.cat([angles, angles], dim=1).unsqueeze(1)
        return cls(angles_T1K.cos(), angles_T1K.sin())

    def turn(self, x_THK: Tensor) -> Tensor:
        """Rotate queries or keys; same shape and dtype."""
        first, second = x_THK.chunk(2, dim=-1)
        turned_THK = torch.cat([-second, first], dim=-1)
        return x_THK * self.cosine_T1K.to(x_THK.dtype) + turned_THK * self.sine_T1K.to(x_THK.dtype)
