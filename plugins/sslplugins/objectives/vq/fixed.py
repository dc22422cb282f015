"""Codes without a codebook: numbers rounded to levels, bits, and classes.

Letters: N vectors, W numbers of one, K codes.
"""

from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, one_hot

from sslcli.api import Histogram
from sslplugins.objectives.vq.quantizers import Chance, Quantized, Quantizer, distance, past

EPSILON = 1e-3  # how far the outermost level is from its bound
MOST_COUNTED = 4_096  # codes; of more a held-out set meets few
MOMENTUM = 0.9  # of the shares of classes
RAREST = 1e-3  # added to the share of a class, in units of that of all alike


class FiniteScalars(Quantizer):
    """Each number is rounded to one of few levels (Mentzer et al. 2023, "FSQ", arXiv 2309.15505);
    without any loss of its own nearly all codes are used.
    """

    terms = ()

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__(prod(levels), len(levels))
        self.register_buffer("levels_W", torch.tensor(levels), persistent=False)
        steps = [prod(levels[:place]) for place in range(len(levels))]
        self.register_buffer("steps_W", torch.tensor(steps), persistent=False)

    def bounded(self, z_NW: Tensor) -> Tensor:
        """Between the outermost levels, for an even number of levels half a step aside (the
        paper's appendix A.1).
        """
        half_W = (self.levels_W - 1) * (1 + EPSILON) / 2
        offset_W = torch.where(self.levels_W % 2 == 0, 0.5, 0.0)
        return (z_NW + (offset_W / half_W).atanh()).tanh() * half_W - offset_W

    def forward(self, z_NW: Tensor, chance: Chance | None, progress: float) -> Quantized:
        bounded_NW = self.bounded(z_NW)
        level_NW = bounded_NW.round()
        half_W = self.levels_W // 2
        ids_N = ((level_NW + half_W).long() * self.steps_W).sum(dim=1)
        return Quantized(past(bounded_NW, level_NW) / half_W, ids_N, {})

    def of_ids(self, ids_N: Tensor) -> Tensor:
        half_W = self.levels_W // 2
        return ((ids_N[:, None] // self.steps_W) % self.levels_W - half_W) / half_W

    def histogram(self, ids_N: Tensor) -> dict[str, Histogram]:
        return {} if self.size > MOST_COUNTED else super().histogram(ids_N)


class Bits(Quantizer):
    """The sign of each number (Yu et al. 2023, "MAGVIT-v2", arXiv 2310.05737, "lookup-free"); the
    numbers are held near to -1 and 1.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size, size.bit_length() - 1)
        self.register_buffer("steps_W", 2 ** torch.arange(self.width), persistent=False)

    def forward(self, z_NW: Tensor, chance: Chance | None, progress: float) -> Quantized:
        is_set_NW = z_NW > 0
        sign_NW = torch.where(is_set_NW, 1.0, -1.0).to(z_NW.dtype)
        ids_N = (is_set_NW * self.steps_W).sum(dim=1)
        return Quantized(past(z_NW, sign_NW), ids_N, {"commitment": distance(z_NW, sign_NW)})

    def of_ids(self, ids_N: Tensor) -> Tensor:
        return ((ids_N[:, None] // self.steps_W) % 2 * 2 - 1).float()

    def histogram(self, ids_N: Tensor) -> dict[str, Histogram]:
        """The entropy of a bit, at best 1, and as long as there are few of them the codes."""
        set_W = (ids_N[:, None] // self.steps_W % 2).sum(dim=0)
        bits = Histogram(torch.stack([len(ids_N) - set_W, set_W], dim=1), ("entropy",))
        return {"bits": bits} | ({} if self.size > MOST_COUNTED else super().histogram(ids_N))


class Classes(Quantizer):
    """The largest of K numbers, as a vector of one 1 (Jang et al. 2016 and Maddison et al. 2016,
    "Gumbel softmax"): the forward pass sees the choice, the backward pass a softmax.

    What is chosen is blurred by Gumbel noise, which fades over the training while the temperature
    falls from 1 to 1/2: at the end, and wherever the model is used, the choice is the one that the
    decoder has learnt from. The numbers are scaled to mean 0 and deviation 1, and the logarithm of
    each class's share of the choices, a moving average, is taken off them (as Menon et al. 2020,
    "logit adjustment"): a class that is hardly chosen comes within reach again.
    """

    terms = ()
    samples_choices = True

    def __init__(self, size: int) -> None:
        super().__init__(size, size)
        self.register_buffer("shares_K", torch.full((size,), 1 / size))

    def forward(self, z_NW: Tensor, chance: Chance | None, progress: float) -> Quantized:
        rarity_K = -(self.shares_K * self.size + RAREST).log()
        told_NK = layer_norm(z_NW, (self.size,)) + rarity_K
        if chance is not None and chance.uniform_NK is not None and progress < 1:
            uniform_NK = chance.uniform_NK.to(z_NW.dtype).clamp(1e-12, 1 - 1e-7)
            told_NK = told_NK - (1 - progress) * (-uniform_NK.log()).log()
        soft_NK = (told_NK / (1 - progress / 2)).softmax(dim=1)
        ids_N = told_NK.argmax(dim=1)
        hard_NK = one_hot(ids_N, self.size).to(z_NW.dtype)
        state = {} if chance is None else {"chosen": hard_NK.sum(dim=0)}
        return Quantized(past(soft_NK, hard_NK), ids_N, {}, state)

    def of_ids(self, ids_N: Tensor) -> Tensor:
        return one_hot(ids_N, self.size).float()

    def after_step(self, state: Mapping[str, Tensor], progress: float) -> None:
        shares_K = (state["chosen"] / state["chosen"].sum()).to(self.shares_K)
        self.shares_K.lerp_(shares_K, 1 - MOMENTUM)
