"""What a text may go on with: rules on the scores of the next token, in transformers' order (v5).

Letters: B rows, V vocabulary, S tokens of the longest text.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sslcli.errors import RunError, UsageError


@dataclass(frozen=True)
class TokenRules:
    """What holds for the next token of a text, of which its prompt is a part.

    `repetition_penalty`: a token that the text has scores so many times as badly (Keskar et al.
    2019; for an encoder-decoder the text is what its decoder has read). `no_repeat`: no n-gram of
    so many tokens comes twice; 0 for none. Nothing ends before there are `least_tokens`, the prompt
    among them, nor before there are `least_new_tokens` behind it. `forced_first` and `forced_last`
    are the tokens behind a prompt of one token, and at the very end.
    """

    repetition_penalty: float = 1.0
    no_repeat: int = 0
    least_tokens: int = 0
    least_new_tokens: int = 0
    forced_first: int | None = None
    forced_last: int | None = None

    def check(self) -> None:
        """Raise UsageError for rules that cannot be."""
        if not 0 < self.repetition_penalty < torch.inf or self.no_repeat < 0:
            raise UsageError(
                f"a repetition penalty of {self.repetition_penalty} and n-grams of "
                f"{self.no_repeat} tokens are no rules",
                "the penalty is above 0 (1: none), and n-grams have 1 or more tokens (0: no rule)",
            )


NO_RULES = TokenRules()


@dataclass(frozen=True)
class Written:
    """A text so far: its tokens, how many of them are the prompt, and how many may be added."""

    tokens: Sequence[int]
    prompt: int
    most_new: int

    @property
    def new(self) -> int:
        """Tokens behind the prompt."""
        return len(self.tokens) - self.prompt


def ruled(
    scores_BV: Tensor, texts: Sequence[Written], rules: TokenRules, stops: Collection[int]
) -> Tensor:
    """Scores [B, V] under the rules: logits, or log-probabilities where beams are searched."""
    if rules.repetition_penalty != 1:
        scores_BV = _penalized(scores_BV, texts, rules.repetition_penalty)
    if rules.no_repeat:
        banned = [_repeats(text.tokens, rules.no_repeat) for text in texts]
        rows = [row for row, tokens in enumerate(banned) for _ in tokens]
        if rows:
            scores_BV = scores_BV.clone()
            scores_BV[rows, [token for tokens in banned for token in tokens]] = -torch.inf
    if ends := sorted(stops):
        early = [
            len(text.tokens) < rules.least_tokens or text.new < rules.least_new_tokens
            for text in texts
        ]
        if any(early):
            scores_BV = scores_BV.clone()
            too_early_B1 = torch.tensor(early, device=scores_BV.device)[:, None]
            scores_BV[:, ends] = scores_BV[:, ends].masked_fill(too_early_B1, -torch.inf)
    for row, text in enumerate(texts):
        forced = rules.forced_first if len(text.tokens) == 1 else None
        if text.new == text.most_new - 1 and rules.forced_last is not None:
            forced = rules.forced_last
        if forced is not None:
            scores_BV = scores_BV.clone()
            scores_BV[row] = -torch.inf
            scores_BV[row, forced] = 0.0
    return scores_BV


def _penalized(scores_BV: Tensor, texts: Sequence[Written], penalty: float) -> Tensor:
    longest = max(len(text.tokens) for text in texts)
    # a repeated token gets the same score again
    padded = [[*text.tokens, *[text.tokens[0]] * (longest - len(text.tokens))] for text in texts]
    tokens_BS = torch.tensor(padded, device=scores_BV.device)
    own_BS = scores_BV.gather(1, tokens_BS)
    own_BS = torch.where(own_BS < 0, own_BS * penalty, own_BS / penalty)
    return scores_BV.scatter(1, tokens_BS, own_BS)


def _repeats(tokens: Sequence[int], size: int) -> set[int]:
    """What would make the last n-gram one that the text has."""
    if len(tokens) + 1 < size:
        return set()
    before = tuple(tokens[len(tokens) - size + 1 :])
    return {
        tokens[start + size - 1]
        for start in range(len(tokens) - size + 1)
        if tuple(tokens[start : start + size - 1]) == before
    }


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


def refuse_no_way_on(scores_BV: Tensor) -> None:
    """Raise UsageError where rules leave a row no token: the first one would be taken unsaid."""
    if (scores_BV.amax(dim=-1) == -torch.inf).any():
        raise UsageError(
            "the rules leave a text no token to go on with",
            "let longer n-grams repeat, let texts end earlier, or ask for fewer new tokens",
        )
