"""Signs that a network has begun to say the same of everything.

Letters: M vectors, D width.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import normalize

from sslcli.contracts.loss import Ratio
from sslcli.core.inputs import in_double


def at_least_float32(x: Tensor) -> Tensor:
    """The same numbers, of bfloat16 and float16 in float32: sums of many lose too much in them."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


@torch.no_grad()
def collapse_signals(x_MD: Tensor, weight: int) -> Mapping[str, Ratio]:
    """Three metrics of the vectors of a batch, which count as much as `weight` samples do.

    `cosine`: the mean of all pairs, 1 where all point one way. `deviation`: of the directions' mean
    feature, times the square root of D; about 1 where they fill their space, 0 where all are alike
    (Chen and He 2021, "SimSiam", figure 2). `effective_rank`: exp of the entropy of the shares that
    the principal components have of the variance (Roy and Vetterli 2007), at most D, 1 at least.
    """
    x_MD = at_least_float32(x_MD)
    count, width = x_MD.shape
    if count < 2:
        return {name: Ratio(0.0, 0) for name in ("cosine", "deviation", "effective_rank")}
    toward_MD = normalize(x_MD, dim=1)
    cosine = (toward_MD.sum(dim=0).square().sum() - toward_MD.square().sum()) / (
        count * (count - 1)
    )
    deviation = toward_MD.std(dim=0, correction=0).mean() * width**0.5
    centred_MD = x_MD - x_MD.mean(dim=0)
    small = centred_MD.T @ centred_MD if width <= count else centred_MD @ centred_MD.T
    shares = torch.linalg.eigvalsh(in_double(small)).clamp(min=0)
    shares = shares / shares.sum().clamp(min=1e-30)
    rank = torch.special.entr(shares).sum().exp()
    found = {"cosine": cosine, "deviation": deviation, "effective_rank": rank}
    return {name: Ratio(value * weight, weight) for name, value in found.items()}
