"""How likely a language model takes each of several continuations of a context to be.

Letters: B contexts, C choices of all of them, R rows that predict a token of one, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sslcli.core.cache import Cache
from sslcli.core.generation import evaluating, refuse_too_long
from sslcli.core.heads import LanguageModelHead
from sslcli.core.inputs import Hidden, Inputs
from sslcli.core.rules import refuse_no_numbers
from sslcli.core.transformer import Transformer
from sslcli.errors import DataError


@dataclass(frozen=True)
class ChoiceScore:
    """The sum of the log-probabilities of a choice's tokens in nats, how many they are, and whether
    each was the likeliest one.
    """

    log_probability: float
    tokens: int
    is_likeliest: bool


@torch.no_grad()
def score_choices(
    backbone: Transformer,
    head: LanguageModelHead,
    contexts: Sequence[Tensor],
    choices: Sequence[Sequence[Tensor]],
    *,
    memory: Hidden | None = None,
    prefixes: Sequence[Tensor] = (),
    prefix_of: Sequence[int] = (),
) -> list[list[ChoiceScore]]:
    """Score every choice (int64 [length], at least one token) behind its context.

    A context is read once for all its choices, and a choice of one token costs no row of its own.
    With `prefixes` context i is what follows `prefixes[prefix_of[i]]`, which is read once for all
    contexts that begin with it. An encoder-decoder has a `memory`, one sequence a context (a
    prefix, where there are some), and a context is what its decoder has read. Log-probabilities are
    float32, over all rows of the vocabulary. Raises DataError for a prefix, a context or a choice
    without a token, UsageError where the model has no positions for all three, RunError if the
    logits are not finite.
    """
    texts = (*prefixes, *contexts, *(one for own in choices for one in own))
    if any(not len(tokens) for tokens in texts):
        raise DataError("a context or a choice has no token", "give every one some text")
    before = [len(prefixes[number]) for number in prefix_of] or [0] * len(contexts)
    for held, context, own in zip(before, contexts, choices, strict=True):
        # nothing reads the last token of a choice, which needs no position
        refuse_too_long(backbone, held + len(context), max(map(len, own), default=1) - 1)
    if not any(choices):
        return [[] for _ in contexts]
    device, cache = backbone.embedding.device, Cache()
    owner_C = [number for number, own in enumerate(choices) for _ in own]
    flat_C = [one.to(device) for own in choices for one in own]
    with evaluating(backbone, head):
        if prefixes:
            _read(backbone, prefixes, cache, memory)
            cache.keep(prefix_of)
        hidden = _read(backbone, contexts, cache, memory)
        last_BD = hidden.last_TD.index_select(0, hidden.packing.starts_B1[1:] - 1)
        first_C = torch.stack([one[0] for one in flat_C])
        own_C, best_C = _told(head, backbone, last_BD[torch.tensor(owner_C)], first_C)
        longer = [number for number, one in enumerate(flat_C) if len(one) > 1]
        if longer:
            cache.keep([owner_C[number] for number in longer])
            read = [flat_C[number][:-1] for number in longer]
            hidden = _read(backbone, read, cache, memory)
            wanted_R = torch.cat([flat_C[number][1:] for number in longer])
            own_R, best_R = _told(head, backbone, hidden.last_TD, wanted_R)
            sizes = [len(tokens) for tokens in read]
            rests = zip(longer, own_R.split(sizes), best_R.split(sizes), strict=True)
            for number, own_r, best_r in rests:
                own_C[number] += own_r.sum()
                best_C[number] &= best_r.all()
    scores = iter(zip(own_C.tolist(), map(len, flat_C), best_C.tolist(), strict=True))
    return [[ChoiceScore(*next(scores)) for _ in own] for own in choices]


def _read(
    backbone: Transformer, texts: Sequence[Tensor], cache: Cache, memory: Hidden | None
) -> Hidden:
    """Read tokens behind what the cache holds, of every sequence some."""
    held = cache.lengths.tolist() or [0] * len(texts)
    places = zip(held, texts, strict=True)
    positions = [torch.arange(at, at + len(tokens)) for at, tokens in places]
    inputs = Inputs.pack(texts, positions=positions, device=backbone.embedding.device)
    return backbone.read_on(inputs, memory, cache)


def _told(
    head: LanguageModelHead, backbone: Transformer, rows_RD: Tensor, wanted_R: Tensor
) -> tuple[Tensor, Tensor]:
    """The log-probability of each wanted token, and whether it is the likeliest, [R] each."""
    logits_RV = head(rows_RD, backbone).float()
    refuse_no_numbers(logits_RV)
    own_R = logits_RV.log_softmax(dim=-1).gather(1, wanted_R[:, None])[:, 0]
    return own_R, logits_RV.argmax(dim=-1) == wanted_R
