"""The parts of `disentangle`: what hears the style, what makes frames of codes in a style, and who
guesses the speaker from codes.

Letters: B recordings, T frames of all of them end to end, C codes of all of them, M mel bands, K
numbers of a code, S of a style, D width, V speakers.
"""

from typing import Any

from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import gelu

from sslcli.api import Packing
from sslplugins.objectives.disentangle.clips import Clips, Pools

AROUND = 2  # rows on both sides that a layer sees
HEARD_EVERY = 4  # frames, one of which a style is heard in
ADVERSARY_WIDTH = 128
AROUND_CODES = 4  # codes on both sides that the adversary sees


class _Reversal(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (gradient,) = grad_outputs
        return -ctx.weight * gradient, None


def reversed_gradient(x: Tensor, weight: float) -> Tensor:
    """The same numbers, whose gradient is `-weight` times what comes back (Ganin and Lempitsky
    2015, arXiv 1409.7495, equation 10).
    """
    return _Reversal.apply(x, weight)


class Convolution(nn.Module):
    """Each row out of its neighbours: [T, D] -> [T, E]; 0 stands beyond a sequence's ends."""

    def __init__(self, features: int, to: int) -> None:
        super().__init__()
        self.weigh = nn.Linear((2 * AROUND + 1) * features, to)

    def forward(self, x_TD: Tensor, clips: Clips) -> Tensor:
        """[T, D] -> [T, E]."""
        return self.weigh(clips.neighbours(x_TD, AROUND))


class StyleEncoder(nn.Module):
    """Frames [T, M] -> styles [B, S]: the mean over time of what is heard in them, with no norm,
    which would take it away. Every HEARD_EVERY-th frame is heard, with its neighbours.
    """

    def __init__(self, bands: int, width: int, style: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(bands, width), Convolution(width, width)
        self.tell = nn.Linear(width, style)

    def forward(self, frames_TM: Tensor, packing: Packing) -> Tensor:
        """[T, M] -> [B, S]."""
        pools = Pools.of(packing, HEARD_EVERY)
        around = pools.firsts(pools.rows.neighbours(frames_TM, AROUND))
        heard_CD = gelu(self.second(gelu(self.first.weigh(around)), pools.codes))
        return self.tell(pools.codes.means(heard_CD))


class StyledLayer(nn.Module):
    """A convolution whose result is normed within a recording, then scaled and shifted by its style
    (AdaIN; Huang and Belongie 2017, arXiv 1703.06868, equation 8), and added.
    """

    def __init__(self, width: int, style: int) -> None:
        super().__init__()
        self.convolution = Convolution(width, width)
        self.scale_and_shift = nn.Linear(style, 2 * width)

    def forward(self, x_TD: Tensor, style_BS: Tensor, clips: Clips) -> Tensor:
        """[T, D] -> [T, D]."""
        normed_TD = clips.normed(self.convolution(x_TD, clips))
        return x_TD + gelu(adapted(normed_TD, self.scale_and_shift(style_BS), clips))


def adapted(normed_TD: Tensor, told_BE: Tensor, clips: Clips) -> Tensor:
    """Scale by 1 plus the first half of what is told of each recording [B, 2 D], and shift by the
    other half.
    """
    scale_TD, shift_TD = clips.spread(told_BE.to(normed_TD.dtype)).chunk(2, dim=1)
    return normed_TD * (1 + scale_TD) + shift_TD


class StyledDecoder(nn.Module):
    """Codes [C, K] and styles [B, S] -> frames [T, M]: layers at the pace of codes, then as many at
    that of frames.
    """

    def __init__(
        self, code: int, style: int, width: int, depth: int, bands: int, every: int
    ) -> None:
        super().__init__()
        self.enter = nn.Linear(code, width)
        self.slow = nn.ModuleList(StyledLayer(width, style) for _ in range(depth))
        self.unfold = nn.Linear(width, every * width)
        self.fast = nn.ModuleList(StyledLayer(width, style) for _ in range(depth))
        self.tell = nn.Linear(width, bands)

    def forward(self, code_CK: Tensor, style_BS: Tensor, pools: Pools) -> Tensor:
        """[C, K], [B, S] -> [T, M]."""
        x_CD = self.enter(code_CK)
        for layer in self.slow:
            x_CD = layer(x_CD, style_BS, pools.codes)
        x_TD = pools.unfolded(self.unfold(x_CD))
        for layer in self.fast:
            x_TD = layer(x_TD, style_BS, pools.rows)
        return self.tell(x_TD)


class Adversary(nn.Module):
    """Codes [C, K] -> how likely each speaker is [C, V], out of each code with AROUND_CODES on both
    sides.
    """

    def __init__(self, code: int, speakers: int) -> None:
        super().__init__()
        self.hidden = nn.Linear((2 * AROUND_CODES + 1) * code, ADVERSARY_WIDTH)
        self.deeper = nn.Linear(ADVERSARY_WIDTH, ADVERSARY_WIDTH)
        self.tell = nn.Linear(ADVERSARY_WIDTH, speakers)

    def forward(self, code_CK: Tensor, codes: Clips) -> Tensor:
        """[C, K] -> [C, V], before the softmax."""
        around = codes.neighbours(code_CK, AROUND_CODES)
        return self.tell(gelu(self.deeper(gelu(self.hidden(around)))))
