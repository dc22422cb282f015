"""Rotary positions: queries and keys are rotated, so that their product depends on the distance
only; and the fixed positions of patches.

Letters: T rows, H heads, K features per head, L patches of an image, E width of the embeddings, Q
frequencies.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from sslcli.grid import Grid

BASE = 10_000.0  # of the wavelengths of fixed positions


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

    def of_rows(self, rows_N: Tensor) -> Self:
        """The rotations of these rows alone."""
        parts = (self.cosine_T1K, self.sine_T1K)
        return type(self)(*(part.index_select(0, rows_N) for part in parts))

    def turn(self, x_THK: Tensor) -> Tensor:
        """Rotate queries or keys; same shape and dtype."""
        first, second = x_THK.chunk(2, dim=-1)
        turned_THK = torch.cat([-second, first], dim=-1)
        return x_THK * self.cosine_T1K.to(x_THK.dtype) + turned_THK * self.sine_T1K.to(x_THK.dtype)


class FixedPositions(nn.Module):
    """Sines and cosines of where a patch lies, which training leaves alone (He et al. 2022, "MAE").

    The first half of the features tells the column and the second the row, each by sines, then
    cosines, of frequencies from 1 down to 1 / BASE; `spare` rows of zeros stand before position 0.
    The table is state: a model that was trained with another one keeps it.
    """

    def __init__(self, grid: Grid, spare: int, features: int) -> None:
        super().__init__()
        self.grid, self.spare = grid, spare
        self.weight: Tensor
        self.register_buffer("weight", torch.empty(grid.rows + spare, features))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Fill the table anew, except on the meta device."""
        if not self.weight.is_meta:
            table = sincos_table(self.grid, self.spare, self.weight.shape[1])
            self.weight.copy_(torch.from_numpy(table))

    def forward(self, positions_T: Tensor) -> Tensor:
        """[T, E]"""
        return embedding(positions_T, self.weight)


def sincos_table(grid: Grid, spare: int, features: int) -> np.ndarray:
    """float32 [spare + L, E]"""
    down, across = grid.patches
    rate_Q = BASE ** -(np.arange(features // 4) / (features // 4))
    row_LQ = np.repeat(np.arange(down), across)[:, None] * rate_Q
    column_LQ = np.tile(np.arange(across), down)[:, None] * rate_Q
    parts = [wave(angles) for angles in (column_LQ, row_LQ) for wave in (np.sin, np.cos)]
    table_LE = np.concatenate(parts, axis=1)
    return np.concatenate([np.zeros((spare, features)), table_LE]).astype(np.float32)
