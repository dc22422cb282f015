"""Beam search, by the rules of transformers' generate (v5).

Letters: B texts, K beams of each, C candidates that are kept of all continuations, V vocabulary,
S new tokens, D width, R rows, of K beams of each text.
"""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from sslcli.core.cache import Cache
from sslcli.core.generation import evaluating, refuse_too_long
from sslcli.core.heads import LanguageModelHead
from sslcli.core.inputs import Hidden, Inputs
from sslcli.core.rules import NO_RULES, TokenRules, Written, only_known, refuse_no_numbers, ruled
from sslcli.core.transformer import Transformer
from sslcli.core.weight_layouts import PASSES_THAT_PAY, laid_out
from sslcli.errors import DataError, UsageError

NEVER = -1e37  # a score that no real one is below, in float32
LARGEST_POWER = 10  # of its length that a score is divided by
LARGEST_DIVISOR = 1e31  # and what comes of that: scores times it are above NEVER
EarlyStopping = Literal["no", "yes", "never"]


@dataclass(frozen=True)
class BeamRules:
    """How beams are searched.

    `new_tokens`: most of them behind the prompt, the end among them. The score of a finished text
    is the sum of its log-probabilities over (its new tokens ** `length_penalty`). `early_stopping`:
    stop when there are K finished ones (yes); when the best running sum over the present length to
    the power is no better than the worst of them (no); or over the longest possible length (never).
    `rules` change log-probabilities; a token that they force costs nothing.
    """

    beams: int
    new_tokens: int
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = "no"
    rules: TokenRules = NO_RULES

    def refuse_beyond(self, tokens: int) -> None:
        """Raise UsageError where there are more beams than tokens to write."""
        if self.beams > tokens:
            raise UsageError(
                f"{self.beams} beams are more than the {tokens} tokens that the model can write",
                f"use --beams {tokens} or fewer",
            )


@dataclass(frozen=True)
class Beam:
    """A finished text: its new tokens without the end (int64 on the host), and its score."""

    tokens: Tensor
    score: float


@dataclass
class _Beams:
    """K texts of each memory [B, K, S], their scores [B, K], and which of them are finished."""

    tokens_BKS: Tensor
    scores_BK: Tensor
    finished_BK: Tensor

    @classmethod
    def begun(
        cls, texts: int, beams: int, longest: int, first: float, device: torch.device
    ) -> Self:
        """Empty texts, of which the first alone counts."""
        tokens = torch.full((texts, beams, longest), -1, device=device)
        scores = torch.full((texts, beams), NEVER, device=device)
        scores[:, 0] = first
        return cls(tokens, scores, torch.zeros_like(scores, dtype=torch.bool))

    def only(self, texts: Tensor) -> Self:
        """Those of some of the texts."""
        return type(self)(self.tokens_BKS[texts], self.scores_BK[texts], self.finished_BK[texts])

    def best(self, count: int) -> tuple["_Beams", Tensor]:
        """The `count` of best score of each memory, in order, and which they are [B, count]."""
        chosen = self.scores_BK.topk(count)[1]
        whole = chosen[:, :, None].expand(-1, -1, self.tokens_BKS.shape[2])
        return (
            _Beams(
                self.tokens_BKS.gather(1, whole),
                self.scores_BK.gather(1, chosen),
                self.finished_BK.gather(1, chosen),
            ),
            chosen,
        )

    def joined(self, other: "_Beams") -> "_Beams":
        """Both, side by side."""
        return _Beams(
            torch.cat([self.tokens_BKS, other.tokens_BKS], dim=1),
            torch.cat([self.scores_BK, other.scores_BK], dim=1),
            torch.cat([self.finished_BK, other.finished_BK], dim=1),
        )


@torch.no_grad()
def beam_search(
    backbone: Transformer,
    head: LanguageModelHead,
    prompts: Sequence[Tensor],
    rules: BeamRules,
    *,
    stops: Collection[int],
    memory: Hidden | None = None,
    known_V: Tensor | None = None,
) -> list[list[Beam]]:
    """Return at most `rules.beams` finished texts of each prompt, the best first.

    `prompts`, `memory`, `stops`, `known_V` as `generate_tokens` takes them. Log-probabilities are
    float32, of all ids that have a token. The beams of a text share its memory, and texts that
    nothing can improve leave. Raises UsageError for rules that cannot be, DataError for invalid
    prompts, RunError if the logits are not finite.
    """
    _refuse(rules, backbone, prompts)
    assert backbone.settings.has_memory == (memory is not None), "a decoder reads a memory, or none"
    device = backbone.embedding.device
    search = _Search(rules, [prompt.tolist() for prompt in prompts], stops, device)
    cache, inputs = Cache(), Inputs.pack(prompts, device=device)
    together = len(prompts) * rules.beams
    with evaluating(backbone, head), ExitStack() as layout:
        while search.texts:
            if search.length == PASSES_THAT_PAY:
                left = rules.new_tokens - search.length
                layout.enter_context(laid_out(backbone, head, rows=together, passes=left))
            hidden = backbone.read_on(inputs, memory, cache)
            last_RD = hidden.last_TD.index_select(0, hidden.packing.starts_B1[1:] - 1)
            logits_RV = only_known(head(last_RD, backbone).to(torch.float32), known_V)
            refuse_no_numbers(logits_RV)
            rows = search.step(logits_RV.log_softmax(dim=-1))
            if len(rows):
                cache.keep(rows)
                newest_R1 = search.newest.flatten()[:, None]
                positions_R1 = torch.from_numpy(cache.lengths)[:, None].to(device)
                inputs = Inputs.pack(newest_R1, positions=positions_R1, device=device)
    return search.found


class _Search:
    """Running and finished beams, and one step of them.

    `texts`: the numbers of those that go on; what the others came to is in `found`.
    """

    def __init__(
        self,
        rules: BeamRules,
        prompts: Sequence[list[int]],
        stops: Collection[int],
        device: torch.device,
    ) -> None:
        self.rules, self.prompts, self.length = rules, prompts, 0
        self.stops = torch.tensor(sorted(stops), dtype=torch.int64, device=device)
        shape = (len(prompts), rules.beams, rules.new_tokens)
        self.running = _Beams.begun(*shape, 0.0, device)
        self.finished = _Beams.begun(*shape, NEVER, device)
        self.may_improve_B1 = torch.ones(len(prompts), 1, dtype=torch.bool, device=device)
        self.ended_BC = torch.zeros_like(self.running.finished_BK)
        self.texts = list(range(len(prompts)))
        self.found: list[list[Beam]] = [[] for _ in prompts]

    @property
    def newest(self) -> Tensor:
        """The last token of each running beam [B, K]."""
        return self.running.tokens_BKS[:, :, self.length - 1]

    def step(self, log_probabilities_RV: Tensor) -> np.ndarray:
        """Add a token to every running beam; return the row that each goes on from.

        At the first step there is one row a text, later one a beam.
        """
        beams, was_begun = self.rules.beams, self.length > 0
        rows_a_text = beams if was_begun else 1
        sums_BKV = log_probabilities_RV.unflatten(0, (-1, rows_a_text)).expand(-1, beams, -1)
        sums_BKV = self._ruled(sums_BKV) + self.running.scores_BK[:, :, None]
        kept = max(2, 1 + len(self.stops)) * beams
        scores_BC, places_BC = sums_BKV.flatten(1).topk(kept)
        parents_BC = places_BC // sums_BKV.shape[2]
        tokens_BC = places_BC % sums_BKV.shape[2]
        whole = parents_BC[:, :, None].expand(-1, -1, self.rules.new_tokens)
        texts_BCS = self.running.tokens_BKS.gather(1, whole)
        texts_BCS[:, :, self.length] = tokens_BC
        self.length += 1
        is_last = self.length == self.rules.new_tokens
        self.ended_BC = torch.isin(tokens_BC, self.stops) | is_last
        going_on = scores_BC + self.ended_BC.float() * NEVER
        self.running, chosen_BK = _Beams(texts_BCS, going_on, self.ended_BC).best(beams)
        self._finish(texts_BCS, scores_BC)
        self._see_whether_it_may_improve()
        first_B1 = torch.arange(len(parents_BC), device=parents_BC.device)[:, None] * rows_a_text
        from_BK = parents_BC.gather(1, chosen_BK) * was_begun + first_B1
        return from_BK[self._leave(is_last)].flatten().cpu().numpy()

    def _ruled(self, log_probabilities_BKV: Tensor) -> Tensor:
        if self.rules.rules == NO_RULES:
            return log_probabilities_BKV
        new_BKS = self.running.tokens_BKS[:, :, : self.length].tolist()
        texts = [
            Written(
                [*self.prompts[number], *tokens], len(self.prompts[number]), self.rules.new_tokens
            )
            for number, beams in zip(self.texts, new_BKS, strict=True)
            for tokens in beams
        ]
        changed_RV = ruled(
            log_probabilities_BKV.flatten(0, 1), texts, self.rules.rules, self.stops.tolist()
        )
        return changed_RV.unflatten(0, (-1, self.rules.beams))

    def _leave(self, is_last: bool) -> Tensor:
        """Note down what cannot gain anything by another step, and return which texts go on."""
        is_full_B = self.finished.finished_BK.all(dim=1)
        is_over_B = ~self.may_improve_B1[:, 0] | is_last
        if self.rules.early_stopping == "yes":
            is_over_B = is_over_B | is_full_B
        for place in is_over_B.nonzero()[:, 0].tolist():
            self.found[self.texts[place]] = self._result(place)
        goes_on_B = ~is_over_B
        self.texts = [n for n, goes in zip(self.texts, goes_on_B.tolist(), strict=True) if goes]
        self.running, self.finished = self.running.only(goes_on_B), self.finished.only(goes_on_B)
        self.may_improve_B1, self.ended_BC = (
            self.may_improve_B1[goes_on_B],
            self.ended_BC[goes_on_B],
        )
        return goes_on_B

    def _finish(self, texts_BCS: Tensor, scores_BC: Tensor) -> None:
        """Take the candidates that ended among the first K, unless a row is done."""
        rules = self.rules
        ended_BC = self.ended_BC.clone()
        ended_BC[:, rules.beams :] = False
        scores_BC = scores_BC / self.length**rules.length_penalty
        is_full_B1 = self.finished.finished_BK.all(dim=1, keepdim=True)
        if rules.early_stopping == "yes":
            scores_BC = scores_BC + is_full_B1.float() * NEVER
        scores_BC = scores_BC + (~self.may_improve_B1).float() * NEVER
        scores_BC = scores_BC + (~ended_BC).float() * NEVER
        every = self.finished.joined(_Beams(texts_BCS, scores_BC, ended_BC))
        self.finished, _ = every.best(rules.beams)

    def _see_whether_it_may_improve(self) -> None:
        """A row that cannot improve any more stays as it is for good."""
        rules, finished = self.rules, self.finished
        far = rules.early_stopping == "never" and rules.length_penalty > 0
        size = rules.new_tokens if far else self.length
        best_B1 = self.running.scores_BK[:, :1] / size**rules.length_penalty
        worst_BK = torch.where(
            finished.finished_BK, finished.scores_BK.amin(dim=1, keepdim=True), NEVER
        )
        self.may_improve_B1 &= (best_B1 > worst_BK).any(dim=1, keepdim=True)

    def _result(self, place: int) -> list[Beam]:
        """The finished texts of one, the best first."""
        every = self.finished
        parts = (every.tokens_BKS[place], every.scores_BK[place].tolist(), every.finished_BK[place])
        return [
            Beam(self._before_the_end(tokens_S), score)
            for tokens_S, score, is_done in zip(*parts, strict=True)
            if is_done
        ]

    def _before_the_end(self, tokens_S: Tensor) -> Tensor:
        ends = (torch.isin(tokens_S, self.stops) | (tokens_S < 0)).cumsum(dim=0) > 0
        return tokens_S[~ends].cpu()


def _refuse(rules: BeamRules, backbone: Transformer, prompts: Sequence[Tensor]) -> None:
    if rules.beams < 1 or rules.new_tokens < 1:
        raise UsageError(
            f"{rules.beams} beams of {rules.new_tokens} tokens cannot be searched",
            "one of each is the least",
        )
    power = abs(rules.length_penalty)
    if not power <= LARGEST_POWER or rules.new_tokens**power > LARGEST_DIVISOR:
        raise UsageError(
            f"a length penalty of {rules.length_penalty} is too far from 0 for texts of "
            f"{rules.new_tokens:,} tokens",
            "1 makes the score a mean, 0 leaves it a sum",
        )
    rules.rules.check()
    if any(len(prompt) == 0 for prompt in prompts):
        raise DataError("a prompt has no token", "give every prompt some text")
    refuse_too_long(backbone, max(map(len, prompts), default=0), rules.new_tokens)
