"""How the next token is chosen from the scores of all.

Letters: B rows, V vocabulary.
"""

import sys
from dataclasses import dataclass

import torch
from torch import Tensor

from sslcli.errors import UsageError


@dataclass(frozen=True)
class Sampling:
    """From which tokens one is drawn, in this order of the rules.

    `temperature`: 0 takes the likeliest token. `top_k` keeps the k likeliest, and what is as likely
    as the last of them (Fan et al. 2018). `top_p` keeps the smallest set of tokens with this much
    probability (Holtzman et al. 2020, "nucleus"), `min_p` those with at least this share of the
    likeliest one's (Nguyen et al. 2024), `typical_p` the smallest set with this much probability of
    the tokens whose surprise is nearest to the entropy (Meister et al. 2022). Each counts what the
    ones before it have left, and leaves at least one token.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0

    def check(self) -> None:
        """Raise UsageError for what cannot be sampled with."""
        if (
            not 0 <= self.temperature < torch.inf
            or (self.top_k is not None and self.top_k < 1)
            or not 0 < self.top_p <= 1
            or not 0 <= self.min_p <= 1
            or not 0 < self.typical_p <= 1
        ):
            raise UsageError(
                f"temperature {self.temperature}, top_k {self.top_k}, top_p {self.top_p}, "
                f"min_p {self.min_p} and typical_p {self.typical_p} cannot be sampled with",
                "temperature is finite and 0 or more, top_k is 1 or more, min_p is from 0 to 1, "
                "top_p and typical_p are above 0 and at most 1",
            )


PLAIN = Sampling()


def choose(logits_BV: Tensor, uniforms_B: Tensor, sampling: Sampling) -> Tensor:
    """Sample one token per row [B], by inverting the distribution function over tokens by
    likelihood; `uniforms_B` in [0, 1).

    A logit of -inf is never chosen, unless a row has no other. A small temperature approaches the
    likeliest token, a large one the uniform distribution over finite logits.
    """
    device = logits_BV.device
    # On the host: a running sum of floats has no deterministic kernel on CUDA, and one token needs
    # no speed. The quotient by a small temperature has no bound: it is taken in float64, from the
    # largest down.
    ordered_BV, tokens_BV = logits_BV.cpu().double().sort(dim=-1, descending=True, stable=True)
    coldest = max(sampling.temperature, sys.float_info.min)  # nearer to 0 may be flushed to it
    scaled_BV = (ordered_BV - ordered_BV[:, :1]) / coldest
    if sampling.top_k is not None and sampling.top_k < scaled_BV.shape[1]:
        last_B1 = ordered_BV[:, sampling.top_k - 1 : sampling.top_k]
        scaled_BV = scaled_BV.masked_fill(ordered_BV < last_B1, -torch.inf)
    probabilities_BV = _narrowed(scaled_BV.float().softmax(dim=-1), sampling)
    reached_BV = probabilities_BV.cumsum(dim=-1)
    passed_B = (reached_BV <= uniforms_B.cpu()[:, None] * reached_BV[:, -1:]).sum(dim=-1)
    # rounding must not carry a draw beyond what was kept
    places_V = torch.arange(probabilities_BV.shape[1])
    last_B = ((probabilities_BV > 0) * places_V).amax(dim=-1)
    return tokens_BV.gather(1, torch.minimum(passed_B, last_B)[:, None]).squeeze(1).to(device)


def _narrowed(probabilities_BV: Tensor, sampling: Sampling) -> Tensor:
    """Probabilities, in order from the largest, with 0 for what top_p, min_p and typical_p leave
    out.
    """
    if sampling.top_p < 1:
        before_BV = probabilities_BV.cumsum(dim=-1) - probabilities_BV
        probabilities_BV = _only(probabilities_BV, before_BV < sampling.top_p)
    if sampling.min_p > 0:
        kept_BV = probabilities_BV >= sampling.min_p * probabilities_BV[:, :1]
        probabilities_BV = _only(probabilities_BV, kept_BV)
    if sampling.typical_p < 1:
        total_B1 = probabilities_BV.sum(dim=-1, keepdim=True)
        log_BV = (probabilities_BV / total_B1).log()
        entropy_B1 = -(log_BV.exp() * log_BV).nansum(dim=-1, keepdim=True)
        far_BV, order_BV = (-log_BV - entropy_B1).abs().sort(dim=-1, stable=True)
        share_BV = (probabilities_BV / total_B1).gather(1, order_BV)
        before_BV = share_BV.cumsum(dim=-1) - share_BV
        kept_BV = torch.zeros_like(probabilities_BV, dtype=torch.bool)
        kept_BV.scatter_(1, order_BV, (before_BV < sampling.typical_p) & far_BV.isfinite())
        kept_BV.scatter_(1, order_BV[:, :1], True)
        probabilities_BV = probabilities_BV * kept_BV
    return probabilities_BV


def _only(probabilities_BV: Tensor, kept_BV: Tensor) -> Tensor:
    """What is kept, and the likeliest, which a float32 may fail to see."""
    kept_BV[:, 0] = True
    return probabilities_BV * kept_BV
