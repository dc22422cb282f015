"""Short texts as codes: written token by token, and scored.

Letters: B documents, K tokens of a code at most, N tokens of all sequences end to end, R rows that
tell one, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from sslcli.api import Cache, Hidden, Inputs, LanguageModelHead, Transformer


@dataclass(frozen=True)
class Vocabulary:
    """Which tokens a code may consist of, and what stands around one.

    `allowed_V` bool, on the device of the logits: ordinary tokens and `stop`, which ends a code.
    `start` is what a decoder reads first.
    """

    allowed_V: Tensor
    start: int
    stop: int


@torch.no_grad()
def write_codes(
    backbone: Transformer,
    head: LanguageModelHead,
    memory: Hidden,
    vocabulary: Vocabulary,
    tokens: int,
    uniforms_BK: Tensor | None = None,
) -> list[Tensor]:
    """Write a code of at least one and at most `tokens` tokens for each sequence of a memory.

    The token is the one that a uniform number falls to, or the likeliest one where there are none.
    It always takes `tokens` passes, whatever is written: on every rank as many.
    """
    device = memory.last_TD.device
    last_B = torch.full((len(memory.packing),), vocabulary.start, device=device)
    cache, written, ended_B = Cache(), [], torch.zeros_like(last_B, dtype=torch.bool)
    for place in range(tokens):
        reads = Inputs.pack(
            last_B[:, None], positions=torch.full((len(last_B), 1), place), device=device
        )
        hidden = backbone.decode(reads, memory, cache=cache)
        logits_BV = _among(head(hidden.last_TD, backbone).float(), vocabulary, place == 0)
        if uniforms_BK is None:
            last_B = logits_BV.argmax(dim=-1)
        else:
            last_B = _fallen_to(logits_BV.softmax(dim=-1), uniforms_BK[:, place])
        ended_B = ended_B | (last_B == vocabulary.stop)
        written.append(torch.where(ended_B, vocabulary.stop, last_B))
    codes_BK = torch.stack(written, dim=1)
    lengths = (codes_BK != vocabulary.stop).sum(dim=1).tolist()
    return [code_K[:length] for code_K, length in zip(codes_BK, lengths, strict=True)]


def _fallen_to(probability_BV: Tensor, uniforms_B: Tensor) -> Tensor:
    """The token of each row in whose share of [0, 1) the number lies, int64 [B].

    On the host: a running sum of floats has no deterministic kernel on CUDA.
    """
    ends_BV = probability_BV.cpu().double().cumsum(dim=-1)
    drawn_B1 = uniforms_B.cpu().double()[:, None] * ends_BV[:, -1:]
    found_B = torch.searchsorted(ends_BV, drawn_B1, right=True)[:, 0]
    # rounding must not carry a draw beyond what is likely at all
    places_V = torch.arange(ends_BV.shape[1])
    last_B = ((ends_BV.diff(dim=1, prepend=torch.zeros(len(ends_BV), 1)) > 0) * places_V).amax(
        dim=1
    )
    return torch.minimum(found_B, last_B).to(probability_BV.device)


def _among(logits_NV: Tensor, vocabulary: Vocabulary, is_first: bool) -> Tensor:
    """The logits of what may be written; a code does not stop before its first token."""
    allowed_V = vocabulary.allowed_V.to(logits_NV.device)
    if is_first:
        allowed_V = allowed_V.clone()
        allowed_V[vocabulary.stop] = False
    spare = logits_NV.shape[1] - len(allowed_V)
    if spare:
        allowed_V = torch.cat([allowed_V, allowed_V.new_zeros(spare)])
    return logits_NV.masked_fill(~allowed_V, -torch.inf)


@dataclass(frozen=True)
class Told:
    """Codes as a decoder that tells them is trained on them: `inputs` is what it reads, and its
    rows tell `targets_R`, of code `of_R` each; `is_first_R`: the first token of a code.

    A code of K tokens is full: that it stops is no choice, and has no row.
    """

    inputs: Inputs
    targets_R: Tensor
    is_first_R: Tensor
    of_R: Tensor

    @classmethod
    def of(cls, codes: Sequence[Tensor], vocabulary: Vocabulary, most: int) -> "Told":
        """`codes`: int64 [t] each, of at least one token."""
        device = codes[0].device
        stop = torch.tensor([vocabulary.stop], device=device)
        start = torch.tensor([vocabulary.start], device=device)
        reads = [torch.cat([start, code])[:most] for code in codes]
        targets = [torch.cat([code, stop])[:most] for code in codes]
        inputs = Inputs.pack(reads, device=device)
        lengths = torch.tensor([len(target) for target in targets], device=device)
        of_R = torch.arange(len(codes), device=device).repeat_interleave(lengths)
        return cls(
            inputs,
            torch.cat(targets),
            inputs.positions_T == 0,
            of_R,
        )

    def nats_R(self, logits_RV: Tensor, vocabulary: Vocabulary) -> Tensor:
        """What each token costs, float32, among what may be written at its place."""
        anywhere_RV = _among(logits_RV.float(), vocabulary, False)
        is_stop_V = torch.zeros(anywhere_RV.shape[1], dtype=torch.bool, device=anywhere_RV.device)
        is_stop_V[vocabulary.stop] = True
        scores_RV = anywhere_RV.masked_fill(self.is_first_R[:, None] & is_stop_V, -torch.inf)
        return cross_entropy(scores_RV, self.targets_R, reduction="none")

    def sums_B(self, nats_R: Tensor, count: int) -> Tensor:
        """The sum of each code [B]."""
        return nats_R.new_zeros(count).index_add(0, self.of_R, nats_R)


def enclosed(codes: Sequence[Tensor], before: Sequence[int], after: Sequence[int]) -> Inputs:
    """Codes as an encoder reads them, with the special tokens around a text; a code may be
    empty.
    """
    device = codes[0].device
    first, last = (
        torch.tensor(list(own), dtype=torch.int64, device=device) for own in (before, after)
    )
    return Inputs.pack([torch.cat([first, code, last]) for code in codes], device=device)
