"""Codebooks: K learnt vectors, of which the nearest is taken.

Letters: N vectors, W numbers of one, K codes.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, layer_norm, one_hot

from sslcli.api import Rng, SampledRows
from sslplugins.objectives.vq.quantizers import Chance, Quantized, Quantizer, distance, past

EPSILON = 1e-5  # of Laplace smoothing
LAST_SHARE = 0.05  # of the training, in which no code begins anew: it would never settle
FIRST_SHARE = 0.2  # of what a code would have if all were chosen alike, when it begins


def nearest(z_NW: Tensor, codes_KW: Tensor) -> Tensor:
    """The number [N] of the nearest code; of equally near ones the first."""
    return (codes_KW.square().sum(dim=1) - 2 * z_NW @ codes_KW.T).argmin(dim=1)


class Codebook(Quantizer):
    """A vector, scaled to mean 0 and deviation 1, becomes the nearest of K vectors."""

    def codebook(self) -> Tensor:
        """All codes [K, W]."""
        raise NotImplementedError

    def of_ids(self, ids_N: Tensor) -> Tensor:
        return embedding(ids_N, self.codebook())

    def scaled(self, z_NW: Tensor) -> Tensor:
        """So that no code is out of reach of all vectors."""
        return layer_norm(z_NW, (self.width,))


class MovingCodebook(Codebook):
    """Each code is the moving average of what chose it (van den Oord et al. 2017, "VQ-VAE",
    appendix A.1), smoothed as by Laplace; no gradient, decay or clipping touches it.

    A code that hardly anything chooses begins anew at a vector of the batch (Dhariwal et al. 2020,
    "Jukebox", section 3.1): where its moving count is below the share `fewest` of what all would
    have if they were chosen alike.
    """

    def __init__(self, size: int, width: int, decay: float, fewest: float) -> None:
        super().__init__(size, width)
        self.decay, self.fewest = decay, fewest
        # with less it would be gone at the next step, with more for long take the place of another
        self.first = min(1.0, max(FIRST_SHARE, 2 * fewest))
        self.register_buffer("counts_K", torch.ones(size))
        self.register_buffer("sums_KW", torch.zeros(size, width))

    def codebook(self) -> Tensor:
        total = self.counts_K.sum()
        smooth_K = (self.counts_K + EPSILON) / (total + self.size * EPSILON) * total
        return self.sums_KW / smooth_K[:, None]

    def begin(self, z_NW: Tensor, order_N: Tensor) -> None:
        """At random vectors of the first batch; codes that are left over begin with a later one."""
        rows_NW = self.scaled(z_NW)[order_N.argsort()]
        some = min(self.size, len(rows_NW))
        self.counts_K.zero_()
        self.counts_K[:some] = self.first * len(rows_NW) / self.size
        self.sums_KW[:some] = rows_NW[:some] * self.counts_K[:some, None]

    def forward(self, z_NW: Tensor, chance: Chance | None, progress: float) -> Quantized:
        scaled_NW, codes_KW = self.scaled(z_NW), self.codebook()
        ids_N = nearest(scaled_NW.detach(), codes_KW)
        code_NW = codes_KW[ids_N]
        state = {}
        if chance is not None:
            chosen_NK = one_hot(ids_N, self.size).to(scaled_NW.dtype)
            state = {
                "counts": chosen_NK.sum(dim=0),
                "sums": chosen_NK.T @ scaled_NW.detach(),
                "fresh": SampledRows(scaled_NW, chance.order_N, self.size),
            }
        losses = {"commitment": distance(scaled_NW, code_NW)}
        return Quantized(past(scaled_NW, code_NW), ids_N, losses, state)

    def after_step(self, state: Mapping[str, Tensor], progress: float) -> None:
        self.counts_K.lerp_(state["counts"].to(self.counts_K), 1 - self.decay)
        self.sums_KW.lerp_(state["sums"].to(self.sums_KW), 1 - self.decay)
        if progress > 1 - LAST_SHARE:
            return
        uniform = self.counts_K.sum() / self.size
        dead_M = (self.counts_K < self.fewest * uniform).nonzero()[:, 0][: len(state["fresh"])]
        self.counts_K[dead_M] = self.first * uniform
        self.sums_KW[dead_M] = (
            state["fresh"][: len(dead_M)].to(self.sums_KW) * self.counts_K[dead_M, None]
        )


class LinearCodebook(Codebook):
    """The codes are random vectors times one learnt matrix (Zhu et al. 2024, "SimVQ", arXiv
    2411.02038): all move together, so none dies, and nothing but gradients is needed.
    """

    terms = ("commitment", "codebook")

    def __init__(self, size: int, width: int) -> None:
        super().__init__(size, width)
        self.turn_WW = nn.Parameter(torch.eye(width))
        self.register_buffer("random_KW", torch.zeros(size, width))

    def codebook(self) -> Tensor:
        return self.random_KW @ self.turn_WW

    def begin(self, z_NW: Tensor, order_N: Tensor) -> None:
        """At normal numbers, the same for every seed; the matrix leaves them as they are."""
        codes_K1, places_W = np.arange(self.size)[:, None], np.arange(self.width)
        radius_KW, turn_KW = (
            Rng(0, 0, "codebook").uniform(name, codes_K1, places_W) for name in ("radius", "turn")
        )
        normal_KW = np.sqrt(-2 * np.log1p(-radius_KW)) * np.cos(2 * np.pi * turn_KW)
        self.random_KW.copy_(torch.from_numpy(normal_KW))

    def forward(self, z_NW: Tensor, chance: Chance | None, progress: float) -> Quantized:
        scaled_NW, codes_KW = self.scaled(z_NW), self.codebook()
        ids_N = nearest(scaled_NW.detach(), codes_KW.detach())
        code_NW = embedding(ids_N, codes_KW)
        losses = {
            "commitment": distance(scaled_NW, code_NW),
            "codebook": distance(code_NW, scaled_NW),
        }
        return Quantized(past(scaled_NW, code_NW), ids_N, losses)
