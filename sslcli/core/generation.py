"""Autoregressive generation from a decoder, or from an encoder-decoder that reads a memory.

Letters: B sequences, T rows of all of them end to end, V vocabulary, S steps, D width, N rows.
"""

import sys
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from typing import TypedDict

import torch
from torch import Tensor, nn

from sslcli.core.cache import Cache
from sslcli.core.heads import LanguageModelHead
from sslcli.core.inputs import Hidden, Inputs
from sslcli.core.transformer import Transformer
from sslcli.errors import DataError, RunError, UsageError


class Choice(TypedDict):
    """How `choose` chooses."""

    temperature: float
    top_k: int | None
    top_p: float


@torch.no_grad()
def generate_tokens(
    backbone: Transformer,
    head: LanguageModelHead,
    prompts: Sequence[Tensor],
    *,
    new_tokens: int,
    uniforms_SB: Tensor | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    stops: Collection[int] = (),
    least_tokens: int = 0,
    known_V: Tensor | None = None,
    memory: Hidden | None = None,
) -> list[Tensor]:
    """Generate up to `new_tokens` tokens after each prompt (int64 [length], at least one token).

    An encoder-decoder needs a `memory`, what `encode` gives for as many sequences as there are
    prompts; these are what its decoder has read so far. The first of `stops` and what follows it
    are cut off; none comes before there are `least_tokens`, the prompt among them. The choice is a
    pure function of weights, prompts and `uniforms_SB` (float in [0, 1), one per step and prompt);
    without them, or at temperature 0, it is the most likely token. Dropout is off meanwhile.
    `known_V`: bool, the ids that have a token; only these are chosen, never the spare rows of an
    embedding that is padded to a multiple of 64, say. Raises UsageError for invalid settings,
    DataError for invalid prompts, RunError if the model's logits are not finite.
    """
    _check(backbone, prompts, new_tokens, temperature, top_k, top_p, memory)
    if not prompts or new_tokens == 0:
        return [prompt.new_empty(0) for prompt in prompts]
    device = backbone.embedding.device
    cache = Cache(max(len(prompt) for prompt in prompts) + new_tokens)
    lengths_B = torch.tensor([len(prompt) for prompt in prompts], device=device)
    inputs = Inputs.pack(prompts, device=device)
    chosen: list[Tensor] = []
    ends = torch.tensor(sorted(stops), dtype=torch.int64, device=device)
    ended_B = torch.zeros(len(prompts), dtype=torch.bool, device=device)
    with evaluating(backbone, head):
        for step in range(new_tokens):
            hidden = (
                backbone(inputs, cache=cache)
                if memory is None
                else backbone.decode(inputs, memory, cache=cache)
            )
            last_BD = hidden.last_TD.index_select(0, hidden.packing.starts_B1[1:] - 1)
            logits_BV = only_known(head(last_BD, backbone).to(torch.float32), known_V)
            refuse_no_numbers(logits_BV)
            _put_off(logits_BV, ends, lengths_B + step < least_tokens)
            if uniforms_SB is None or temperature == 0:
                tokens_B = logits_BV.argmax(dim=-1)
            else:
                how: Choice = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
                tokens_B = choose(logits_BV, uniforms_SB[step].to(device), **how)
            chosen.append(tokens_B)
            if stops:
                ended_B |= torch.isin(tokens_B, ends)
                if ended_B.all():
                    break
            inputs = Inputs.pack(
                tokens_B[:, None], positions=(lengths_B + step)[:, None], device=device
            )
    return [_before(row, ends) for row in torch.stack(chosen, dim=1)]


def choose(
    logits_BV: Tensor, uniforms_B: Tensor, *, temperature: float, top_k: int | None, top_p: float
) -> Tensor:
    """Sample one token per row [B], by inverting the distribution function over tokens by
    likelihood.

    `top_k` keeps the k likeliest (Fan et al. 2018); `top_p` is nucleus sampling, the smallest set
    of tokens with this much probability (Holtzman et al. 2020), after top_k if both are given, and
    never less than one token. A logit of -inf is never chosen, unless a row has no other. A small
    `temperature` approaches the likeliest token, a large one the uniform distribution over finite
    logits.
    """
    device = logits_BV.device
    # On the host: a running sum of floats has no deterministic kernel on CUDA, and one token needs
    # no speed. The quotient by a small temperature has no bound: it is taken in float64, from the
    # largest down.
    ordered_BV, tokens_BV = logits_BV.to("cpu", torch.float64).sort(
        dim=-1, descending=True, stable=True
    )
    if top_k is not None:
        ordered_BV, tokens_BV = ordered_BV[:, :top_k], tokens_BV[:, :top_k]
    coldest = max(temperature, sys.float_info.min)  # what is nearer to 0 may be flushed to it
    probabilities_BV = ((ordered_BV - ordered_BV[:, :1]) / coldest).float().softmax(dim=-1)
    if top_p < 1:
        before_BV = probabilities_BV.cumsum(dim=-1) - probabilities_BV
        kept_BV = before_BV < top_p
        kept_BV[:, 0] = True  # also where `top_p` is too small for a float32
        probabilities_BV = probabilities_BV * kept_BV
    reached_BV = probabilities_BV.cumsum(dim=-1)
    passed_B = (reached_BV <= uniforms_B.cpu()[:, None] * reached_BV[:, -1:]).sum(dim=-1)
    # rounding must not carry a draw beyond what was kept
    last_B = (probabilities_BV > 0).sum(dim=-1) - 1
    return tokens_BV.gather(1, torch.minimum(passed_B, last_B)[:, None]).squeeze(1).to(device)


def _put_off(logits_BV: Tensor, ends: Tensor, too_early_B: Tensor) -> None:
    """Set to -inf the logits of the ends where it is too early for one."""
    if len(ends):
        logits_BV[:, ends] = logits_BV[:, ends].masked_fill(too_early_B[:, None], -torch.inf)


def only_known(logits_NV: Tensor, known_V: Tensor | None) -> Tensor:
    """Set to -inf the logits of ids without a token: those beyond `known_V`, and those it marks
    False.
    """
    if known_V is None:
        return logits_NV
    known = torch.zeros(logits_NV.shape[1], dtype=torch.bool)
    known[: len(known_V)] = known_V
    return (
        logits_NV if known.all() else logits_NV.masked_fill(~known.to(logits_NV.device), -torch.inf)
    )


def refuse_no_numbers(logits_BV: Tensor) -> None:
    """Raise RunError where a row of logits has no finite number."""
    if not logits_BV.amax(dim=-1).isfinite().all():
        raise RunError(
            "the model's scores of the next token are no finite numbers",
            "its weights are damaged, or too large for its precision",
        )


def _check(
    backbone: Transformer,
    prompts: Sequence[Tensor],
    new_tokens: int,
    temperature: float,
    top_k: int | None,
    top_p: float,
    memory: Hidden | None,
) -> None:
    settings = backbone.settings
    assert settings.has_memory == (memory is not None), "a decoder reads a memory or has none"
    assert memory is None or len(memory.packing) == len(prompts), "each prompt has its memory"
    if not (settings.causal or settings.has_memory):
        raise UsageError(
            "an encoder cannot generate from left to right",
            "fill its blanks, or use a model trained with clm",
        )
    if (
        new_tokens < 0
        or not 0 <= temperature < torch.inf
        or (top_k is not None and top_k < 1)
        or not 0 < top_p <= 1
    ):
        raise UsageError(
            (
                f"new_tokens {new_tokens}, temperature {temperature}, "
                f"top_k {top_k} and top_p {top_p} cannot be sampled with"
            ),
            (
                "new_tokens and temperature are finite and 0 or more, "
                "top_k is 1 or more, top_p is above 0 and at most 1"
            ),
        )
    if any(len(prompt) == 0 for prompt in prompts):
        raise DataError("a prompt has no token", "give every prompt some text")
    longest = max((len(prompt) for prompt in prompts), default=0) + new_tokens
    if settings.positions == "learned" and longest > settings.longest_tokens:
        raise UsageError(
            (
                f"prompt and new tokens are {longest} tokens, and this "
                f"model has positions for {settings.longest_tokens}"
            ),
            (
                f"ask for at most {max(0, settings.longest_tokens - longest + new_tokens)} "
                "new tokens, or shorten the prompt"
            ),
        )


def _before(tokens_S: Tensor, stops: Tensor) -> Tensor:
    """Return the tokens before the first of `stops`, all if there is none."""
    ended_S = torch.isin(tokens_S, stops).cumsum(dim=0) > 0
    return tokens_S[~ended_S]


@contextmanager
def evaluating(*modules: nn.Module) -> Generator[None]:
    """Dropout off; each module's own mode is restored after."""
    modes = [module.training for module in modules]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.train(mode)
