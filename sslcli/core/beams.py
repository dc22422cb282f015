"""Beam search behind a memory, by the rules of transformers' generate (v5).

Letters: B memories, K beams of each, C candidates that are kept of all continuations, V vocabulary,
S tokens, those of the prompt among them; D width.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sslcli.core.cache import Cache
from sslcli.core.generation import evaluating, only_known, refuse_no_numbers
from sslcli.core.heads import LanguageModelHead
from sslcli.core.inputs import Hidden, Inputs
from sslcli.core.packing import Packing
from sslcli.core.transformer import Transformer
from sslcli.errors import UsageError

NEVER = -1e9  # a score that no real one is below
EarlyStopping = Literal["no", "yes", "never"]


@dataclass(frozen=True)
class BeamRules:
    """How beams are searched.

    `new_tokens`: most of them behind the prompt, the end among them. The score of a finished text
    is the sum of its log-probabilities over (its new tokens ** `length_penalty`). `early_stopping`:
    stop when there are K finished ones (yes); when the best running sum over the present length to
    the power is no better than the worst of them (no); or over the longest possible length (never).
    Nothing ends before there are `least_tokens`, the prompt among them. `forced_first` and
    `forced_last` are the tokens behind a prompt of one token, and at the very end; they cost
    nothing.
    """

    beams: int
    new_tokens: int
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = "no"
    least_tokens: int = 0
    forced_first: int | None = None
    forced_last: int | None = None


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
    def begun(cls, prompt_BS: Tensor, beams: int, length: int, first_score: float) -> "_Beams":
        """The prompt K times, of which the first alone counts."""
        tokens = prompt_BS.new_full((len(prompt_BS), beams, length), -1)
        tokens[:, :, : prompt_BS.shape[1]] = prompt_BS[:, None]
        scores = torch.full((len(prompt_BS), beams), NEVER, device=prompt_BS.device)
        scores[:, 0] = first_score
        return cls(tokens, scores, torch.zeros_like(scores, dtype=torch.bool))

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
    memory: Hidden,
    known_V: Tensor | None = None,
) -> list[list[Beam]]:
    """Return at most `rules.beams` finished texts of each memory, the best first.

    `prompts`: what the decoder of each has read so far, all of one length, as `generate_tokens`
    takes them; `stops`, `known_V` as there. Log-probabilities are float32, of all ids that have a
    token. Raises UsageError for rules that cannot be, RunError if the logits are not finite.
    """
    assert len(prompts) == len(memory.packing), "each prompt has its memory"
    assert len({len(prompt) for prompt in prompts}) == 1, "all prompts have one length"
    device, begun = backbone.embedding.device, len(prompts[0])
    _refuse(rules, backbone, begun)
    search = _Search(rules, torch.stack(list(prompts)).to(device), stops)
    cache = Cache(begun + rules.new_tokens)
    several = _repeated(memory, rules.beams)
    inputs = Inputs.pack(search.running.tokens_BKS[:, :, :begun].flatten(0, 1), device=device)
    with evaluating(backbone, head):
        while True:
            hidden = backbone.decode(inputs, several, cache=cache)
            last_BD = hidden.last_TD.index_select(0, hidden.packing.starts_B1[1:] - 1)
            logits = only_known(head(last_BD, backbone).to(torch.float32), known_V)
            refuse_no_numbers(logits)
            parents = search.step(logits.log_softmax(dim=-1))
            if search.is_over():
                return search.results()
            cache.reorder(parents)
            newest = search.running.tokens_BKS[:, :, search.length - 1].flatten()[:, None]
            positions = torch.full_like(newest, search.length - 1)
            inputs = Inputs.pack(newest, positions=positions, device=device)


class _Search:
    """Running and finished beams, and one step of them."""

    def __init__(self, rules: BeamRules, prompt_BS: Tensor, stops: Collection[int]) -> None:
        self.rules, self.begun = rules, prompt_BS.shape[1]
        self.length, self.longest = self.begun, self.begun + rules.new_tokens
        self.stops = torch.tensor(sorted(stops), dtype=torch.int64, device=prompt_BS.device)
        self.running = _Beams.begun(prompt_BS, rules.beams, self.longest, 0.0)
        self.finished = _Beams.begun(prompt_BS, rules.beams, self.longest, NEVER)
        self.may_improve_B1 = torch.ones(
            len(prompt_BS), 1, dtype=torch.bool, device=prompt_BS.device
        )
        self.ended_BC = torch.zeros_like(self.running.finished_BK)

    def step(self, log_probabilities_RV: Tensor) -> Tensor:
        """Add a token to every running beam, of rows R = B * K; return the row that each goes on
        from [R].
        """
        beams = self.rules.beams
        changed_RV = self._ruled(log_probabilities_RV)
        sums_BKV = changed_RV.unflatten(0, (-1, beams)) + self.running.scores_BK[:, :, None]
        kept = max(2, 1 + len(self.stops)) * beams
        scores_BC, places_BC = sums_BKV.flatten(1).topk(kept)
        parents_BC = places_BC // sums_BKV.shape[2]
        tokens_BC = places_BC % sums_BKV.shape[2]
        whole = parents_BC[:, :, None].expand(-1, -1, self.longest)
        texts_BCS = self.running.tokens_BKS.gather(1, whole)
        texts_BCS[:, :, self.length] = tokens_BC
        self.length += 1
        self.ended_BC = torch.isin(tokens_BC, self.stops) | (self.length == self.longest)
        going_on = scores_BC + self.ended_BC.float() * NEVER
        self.running, chosen = _Beams(texts_BCS, going_on, self.ended_BC).best(beams)
        self._finish(texts_BCS, scores_BC)
        self._see_whether_it_may_improve()
        rows_B1 = torch.arange(len(parents_BC), device=parents_BC.device)[:, None] * beams
        return (parents_BC.gather(1, chosen) + rows_B1).flatten()

    def _ruled(self, log_probabilities_RV: Tensor) -> Tensor:
        """Log-probabilities under the rules for the first, the last and too early ends."""
        rules, forced = self.rules, None
        if self.length < rules.least_tokens:
            log_probabilities_RV[:, self.stops] = -torch.inf
        if self.length == 1:
            forced = rules.forced_first
        if self.length == self.longest - 1 and rules.forced_last is not None:
            forced = rules.forced_last
        if forced is None:
            return log_probabilities_RV
        alone_RV = torch.full_like(log_probabilities_RV, -torch.inf)
        alone_RV[:, forced] = 0
        return alone_RV

    def _finish(self, texts_BCS: Tensor, scores_BC: Tensor) -> None:
        """Take the candidates that ended among the first K, unless a row is done."""
        rules = self.rules
        ended_BC = self.ended_BC.clone()
        ended_BC[:, rules.beams :] = False
        scores_BC = scores_BC / (self.length - self.begun) ** rules.length_penalty
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
        size = (self.longest if far else self.length) - self.begun
        best_B1 = self.running.scores_BK[:, :1] / size**rules.length_penalty
        worst_BK = torch.where(
            finished.finished_BK, finished.scores_BK.amin(dim=1, keepdim=True), NEVER
        )
        self.may_improve_B1 &= (best_B1 > worst_BK).any(dim=1, keepdim=True)

    def is_over(self) -> bool:
        """Whether no row can gain anything by another step."""
        is_full = bool(self.finished.finished_BK.all())
        if is_full and self.rules.early_stopping == "yes":
            return True
        return not self.may_improve_B1.any() or bool(self.ended_BC.all())

    def results(self) -> list[list[Beam]]:
        """The finished texts of each memory, the best first."""
        every = self.finished
        lists = zip(every.tokens_BKS, every.scores_BK.tolist(), every.finished_BK, strict=True)
        found = []
        for tokens_KS, scores, finished_K in lists:
            own = [
                Beam(self._before_the_end(tokens_S), score)
                for tokens_S, score, is_done in zip(tokens_KS, scores, finished_K, strict=True)
                if is_done
            ]
            found.append(own)
        return found

    def _before_the_end(self, tokens_S: Tensor) -> Tensor:
        new = tokens_S[self.begun :]
        ends = (torch.isin(new, self.stops) | (new < 0)).cumsum(dim=0) > 0
        return new[~ends].cpu()


def _repeated(memory: Hidden, times: int) -> Hidden:
    """Each sequence of a memory so many times, one behind the other."""
    starts, lengths = memory.packing.starts_B1.tolist(), memory.packing.lengths
    parts = [
        torch.arange(start, start + length, device=memory.last_TD.device)
        for start, length in zip(starts, lengths, strict=False)
        for _ in range(times)
    ]
    packing = Packing.of([length for length in lengths for _ in range(times)])
    starts_B1 = packing.starts_B1.to(memory.last_TD.device)
    rows_TD = memory.last_TD.index_select(0, torch.cat(parts))
    return Hidden(rows_TD, Packing(starts_B1, packing.lengths))


def _refuse(rules: BeamRules, backbone: Transformer, begun: int) -> None:
    settings = backbone.settings
    if rules.beams < 1 or rules.new_tokens < 1:
        raise UsageError(
            f"{rules.beams} beams of {rules.new_tokens} tokens cannot be searched",
            "one of each is the least",
        )
    if settings.positions == "learned" and begun + rules.new_tokens > settings.longest_tokens:
        raise UsageError(
            f"prompt and new tokens are {begun + rules.new_tokens} tokens, and this model has "
            f"positions for {settings.longest_tokens}",
            f"ask for at most {max(0, settings.longest_tokens - begun)} new tokens",
        )
