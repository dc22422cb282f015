"""Autoregressive generation from a decoder, or from an encoder-decoder that reads a memory.

Sequences of all lengths begin together without padding, long prompts enter in chunks, and those
that end leave the batch.

Letters: B live sequences, T rows of a pass, of all of them end to end, V vocabulary, S steps, D
width, N rows whose next token is asked for.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from sslcli.core.cache import Cache
from sslcli.core.heads import LanguageModelHead
from sslcli.core.inputs import Hidden, Inputs
from sslcli.core.rules import (
    NO_RULES,
    TokenRules,
    Written,
    only_known,
    refuse_no_numbers,
    refuse_no_way_on,
    ruled,
)
from sslcli.core.sampling import PLAIN, Sampling, choose
from sslcli.core.transformer import Transformer
from sslcli.core.weight_layouts import PASSES_THAT_PAY, laid_out
from sslcli.errors import DataError, UsageError

CHUNK_TOKENS = 512  # of a prompt in one pass
LONGEST_NGRAM = 2  # that is looked up in what the text has said before


@dataclass
class Continuation:
    """What is written behind a prompt, so far.

    `log_probabilities`: the model's own of each new token, before any rule, temperature or choice;
    empty where they are not asked for. `ended`: "stop" for a stop token, which is not among the
    tokens, "length", or "halted" by whoever reads along; "" while it goes on. `begins`: the
    position of the prompt's first token.
    """

    number: int
    prompt: Sequence[int]
    most_new: int
    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    ended: str = ""
    begins: int = 0

    def written(self) -> Written:
        """The whole text, as rules read it."""
        return Written([*self.prompt, *self.tokens], len(self.prompt), self.most_new)

    def cut(self, tokens: int) -> None:
        """End it here, with so many of its new tokens, whatever else would have ended it."""
        del self.tokens[tokens:], self.log_probabilities[tokens:]
        self.ended = "halted"


@torch.no_grad()
def generate_tokens(
    backbone: Transformer,
    head: LanguageModelHead,
    prompts: Sequence[Tensor],
    *,
    new_tokens: int | Sequence[int],
    uniforms_SB: Tensor | None = None,
    sampling: Sampling = PLAIN,
    rules: TokenRules = NO_RULES,
    stops: Collection[int] = (),
    known_V: Tensor | None = None,
    memory: Hidden | None = None,
    lookup_tokens: int = 0,
    begins: Sequence[int] = (),
) -> list[Tensor]:
    """Generate up to `new_tokens` tokens after each prompt (int64 [length], at least one token).

    An encoder-decoder needs a `memory`, what `encode` gives for as many sequences as there are
    prompts; these are what its decoder has read so far. The first of `stops` and what follows it
    are cut off. The choice is a pure function of weights, prompts and `uniforms_SB` (float in
    [0, 1), one per step and prompt); without them, or at temperature 0, it is the most likely
    token. Dropout is off meanwhile. `known_V`: bool, the ids that have a token; only these are
    chosen, never the spare rows of an embedding that is padded to a multiple of 64, say.
    `lookup_tokens`: see `Writer`. `begins`: the position of each prompt's first token, 0 where not
    given. Raises UsageError for invalid settings, DataError for
    invalid prompts, RunError if the model's logits are not finite.
    """
    most = [new_tokens] * len(prompts) if isinstance(new_tokens, int) else list(new_tokens)
    texts = [
        Continuation(number, prompt.tolist(), limit, begins=first)
        for number, (prompt, limit, first) in enumerate(
            zip(prompts, most, begins or [0] * len(prompts), strict=True)
        )
    ]
    writer = Writer(backbone, head, sampling, rules, frozenset(stops), known_V, lookup_tokens)
    for _ in writer.write(texts, uniforms_SB=uniforms_SB, memory=memory):
        pass
    return [
        torch.tensor(text.tokens, dtype=torch.int64, device=prompt.device)
        for text, prompt in zip(texts, prompts, strict=True)
    ]


@dataclass(frozen=True)
class Writer:
    """A model that continues texts, and how it chooses.

    `lookup_tokens`: where the likeliest token is taken, so many tokens that stood behind the text's
    last two (or its last one) before are guessed, read in one pass, and kept as far as the model
    says the same (Saxena 2023, "prompt lookup decoding"); 0 for one token a pass.
    `tells_probabilities`: whether log-probabilities are kept.
    """

    backbone: Transformer
    head: LanguageModelHead
    sampling: Sampling = PLAIN
    rules: TokenRules = NO_RULES
    stops: Collection[int] = frozenset()
    known_V: Tensor | None = None
    lookup_tokens: int = 0
    tells_probabilities: bool = False

    @torch.no_grad()
    def write(
        self,
        texts: Sequence[Continuation],
        *,
        uniforms_SB: Tensor | None = None,
        memory: Hidden | None = None,
    ) -> Iterator[Sequence[Continuation]]:
        """Lengthen the texts, and yield those that got something at every pass.

        Whoever reads along may end one by setting `ended`, or by `cut`. As `generate_tokens` else.
        """
        self._check(texts, memory)
        live = [text for text in texts if text.most_new > 0]
        if not live:
            return
        cache, asks = Cache(), self._chooser(uniforms_SB)
        if len(live) < len(texts) and memory is not None:
            memory = memory.only([text.number for text in live])
        unread = {text.number: list(text.prompt) for text in live}
        rows, done = len(live) * (1 + self.lookup_tokens), 0
        with evaluating(self.backbone, self.head), ExitStack() as layout:
            while live:
                if done == PASSES_THAT_PAY:  # most texts end long before they must
                    left = max(text.most_new - len(text.tokens) for text in live)
                    layout.enter_context(laid_out(self.backbone, self.head, rows=rows, passes=left))
                done += 1
                grown = self._pass(live, unread, cache, memory, asks)
                yield grown
                live = self._staying(live, cache)

    def _pass(
        self,
        live: Sequence[Continuation],
        unread: dict[int, list[int]],
        cache: Cache,
        memory: Hidden | None,
        asks: Callable[[Tensor, Sequence[Continuation]], list[int]],
    ) -> list[Continuation]:
        """Read a chunk of every prompt that is not read, and a token or a guess of all others."""
        held = cache.lengths.tolist() or [0] * len(live)
        reads, guesses = list[list[int]](), list[list[int]]()
        for text in live:
            waiting = unread[text.number]
            guess = self._guess(text) if len(waiting) == 1 and text.tokens else []
            reads.append([*waiting[:CHUNK_TOKENS], *guess])
            guesses.append(guess)
            del waiting[:CHUNK_TOKENS]
        at = [text.begins + rows for text, rows in zip(live, held, strict=True)]
        inputs = _packed(reads, at, self.backbone.embedding.device)
        hidden = self.backbone.read_on(inputs, memory, cache)
        asked = [place for place, text in enumerate(live) if not unread[text.number]]
        too_many = self._written(live, asked, guesses, hidden, asks)
        if too_many.any():
            cache.shorten(too_many)
        for place in asked:
            unread[live[place].number] = live[place].tokens[-1:]
        return [live[place] for place in asked]

    def _written(
        self,
        live: Sequence[Continuation],
        asked: Sequence[int],
        guesses: Sequence[list[int]],
        hidden: Hidden,
        asks: Callable[[Tensor, Sequence[Continuation]], list[int]],
    ) -> np.ndarray:
        """Add tokens to those who ask: one, and more as far as its guess is right. Return the rows
        that were read in vain, of each.
        """
        ends, too_many = (
            np.cumsum((0, *hidden.packing.lengths)),
            np.zeros(len(live), dtype=np.int64),
        )
        going, turn = list(asked), 0
        while going:
            rows = [int(ends[place + 1]) - 1 - len(guesses[place]) + turn for place in going]
            rows_N = torch.tensor(rows, device=hidden.last_TD.device)
            logits_NV = self.head(hidden.last_TD.index_select(0, rows_N), self.backbone).float()
            tokens = asks(logits_NV, [live[place] for place in going])
            further = []
            for place, token in zip(going, tokens, strict=True):
                text, guess = live[place], guesses[place]
                self._add(text, token)
                is_right = turn < len(guess) and guess[turn] == token
                if is_right and not text.ended:
                    further.append(place)
                else:
                    too_many[place] = len(guess) - turn
            going, turn = further, turn + 1
        return too_many

    def _add(self, text: Continuation, token: int) -> None:
        if token in self.stops:
            text.ended = "stop"
            del text.log_probabilities[len(text.tokens) :]
            return
        text.tokens.append(token)
        if len(text.tokens) == text.most_new:
            text.ended = "length"

    def _staying(self, live: list[Continuation], cache: Cache) -> list[Continuation]:
        """Those that go on; the rest leave the cache."""
        staying = [place for place, text in enumerate(live) if not text.ended]
        if staying and len(staying) < len(live):
            cache.keep(staying)
        return [live[place] for place in staying]

    def _guess(self, text: Continuation) -> list[int]:
        most = min(self.lookup_tokens, text.most_new - len(text.tokens) - 1)
        return guess_from_prompt([*text.prompt, *text.tokens], most) if most > 0 else []

    def _chooser(
        self, uniforms_SB: Tensor | None
    ) -> Callable[[Tensor, Sequence[Continuation]], list[int]]:
        """What the next token is, of logits [N, V] and the texts that they belong to."""
        drawn_SB = None if uniforms_SB is None else uniforms_SB.cpu()

        def asks(logits_NV: Tensor, texts: Sequence[Continuation]) -> list[int]:
            logits_NV = only_known(logits_NV, self.known_V)
            refuse_no_numbers(logits_NV)
            scores_NV = logits_NV
            if self.rules != NO_RULES:
                written = [text.written() for text in texts]
                scores_NV = ruled(logits_NV, written, self.rules, self.stops)
                refuse_no_way_on(scores_NV)
            if drawn_SB is None or self.sampling.temperature == 0:
                tokens_N = scores_NV.argmax(dim=-1)
            else:
                uniforms_N = torch.stack([drawn_SB[len(t.tokens), t.number] for t in texts])
                tokens_N = choose(scores_NV, uniforms_N, self.sampling)
            if self.tells_probabilities:
                own_N = logits_NV.log_softmax(dim=-1).gather(1, tokens_N[:, None])[:, 0]
                for text, own in zip(texts, own_N.tolist(), strict=True):
                    text.log_probabilities.append(own)
            return tokens_N.tolist()

        return asks

    def _check(self, texts: Sequence[Continuation], memory: Hidden | None) -> None:
        settings = self.backbone.settings
        assert settings.has_memory == (memory is not None), "a decoder reads a memory or has none"
        assert memory is None or len(memory.packing) == len(texts), "each prompt has its memory"
        if not (settings.causal or settings.has_memory):
            raise UsageError(
                "an encoder cannot generate from left to right",
                "fill its blanks, or use a model trained with clm",
            )
        self.sampling.check()
        self.rules.check()
        if any(text.most_new < 0 for text in texts):
            raise UsageError("fewer than 0 new tokens cannot be generated", "ask for 0 or more")
        if any(len(text.prompt) == 0 for text in texts):
            raise DataError("a prompt has no token", "give every prompt some text")
        before = {text.number: text.begins + len(text.prompt) for text in texts}
        longest = max(texts, key=lambda text: before[text.number] + text.most_new, default=None)
        if longest is not None:
            refuse_too_long(self.backbone, before[longest.number], longest.most_new)


def guess_from_prompt(tokens: Sequence[int], most: int) -> list[int]:
    """Return at most `most` tokens that stand behind the first earlier place of the last two
    tokens, or of the last one where the two stand nowhere else.
    """
    for size in range(min(LONGEST_NGRAM, len(tokens) - 1), 0, -1):
        last = list(tokens[-size:])
        for start in range(len(tokens) - size):
            if list(tokens[start : start + size]) == last:
                return list(tokens[start + size : start + size + most])
    return []


def _packed(reads: Sequence[list[int]], begins: Sequence[int], device: torch.device) -> Inputs:
    """What each sequence reads next, and from which position."""
    if all(len(tokens) == 1 for tokens in reads):
        positions = torch.tensor(begins)[:, None]
        return Inputs.pack(torch.tensor(reads), positions=positions, device=device)
    places = zip(begins, reads, strict=True)
    return Inputs.pack(
        [torch.tensor(tokens) for tokens in reads],
        positions=[torch.arange(at, at + len(tokens)) for at, tokens in places],
        device=device,
    )


def refuse_too_long(backbone: Transformer, prompt: int, new: int) -> None:
    """Raise UsageError where a model has no positions for so many tokens."""
    settings, total = backbone.settings, prompt + new
    left = settings.longest_tokens - prompt
    if settings.positions == "learned" and total > settings.longest_tokens:
        raise UsageError(
            f"prompt and new tokens are {total} tokens, and this model has positions for "
            f"{settings.longest_tokens}",
            f"ask for at most {left} new tokens, or shorten the prompt"
            if left > 0
            else "shorten the prompt",
        )


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
