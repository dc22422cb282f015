"""A decoder behind prompts, as texts: how likely it takes choices to be, and what it writes.

Tokens are those of lm-evaluation-harness: context and choice are encoded as one text, and what
follows as many tokens as the context alone has is the choice. Letters: C choices, P prompts.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sslcli.core.choices import score_choices
from sslcli.core.generation import Continuation, Writer, evaluating
from sslcli.core.heads import LanguageModelHead
from sslcli.core.inputs import Inputs
from sslcli.core.transformer import Transformer
from sslcli.data.text.chats import Chat
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.cache import Say
from sslcli.engine.precision import Hardware
from sslcli.errors import DataError, ModelError, UsageError
from sslcli.models.finite import watched
from sslcli.models.loading import load_pretrained
from sslcli.reports import amount
from sslcli.workflows.evaluate.prompt_jobs import (
    ROWS_TOGETHER,
    EncodedPrompt,
    ScoringJob,
    Tokens,
    batches_of,
    jobs_of,
)

TOGETHER = 64  # prompts that are answered at once, at most
_TAIL = 16  # tokens of a prompt that are decoded with an answer: what stands between both is told


@dataclass(frozen=True)
class WrittenText:
    """`text`: what was written. `is_whole`: whether it came to its end before the most tokens.
    `cut`: whether the prompt lost its beginning.
    """

    text: str
    is_whole: bool
    cut: bool


@dataclass(frozen=True)
class LanguageModel:
    """A decoder that tells how likely texts are, or an encoder-decoder whose encoder reads the
    prompts.
    """

    backbone: Transformer
    head: LanguageModelHead
    tokenizer: Tokenizer
    hardware: Hardware
    notes: Sequence[str] = ()
    chat: Chat | None = None

    @classmethod
    def load(cls, reference: str, hardware: Hardware, *, chats: bool = False) -> "LanguageModel":
        """Load the model of a reference; one that `chats` reads prompts as what a user says.

        Raises ModelError where it is an encoder, has no head, or cannot chat.
        """
        pretrained = load_pretrained(reference)
        settings = pretrained.settings
        if not (settings.causal or settings.has_memory):
            raise ModelError(
                f"{reference} is an encoder, and prompts are for a decoder",
                "ssl pretrain --objective clm makes one",
            )
        if chats and settings.has_memory:
            problem = f"{reference} is an encoder-decoder, and conversations are for a decoder"
            raise ModelError(problem, "leave --chat out, or name a decoder")
        tokenizer = pretrained.tokenizer()
        chat = Chat.of(tokenizer) if chats else None
        notes = [*pretrained.notes, *(chat.template.notes if chat is not None else ())]
        backbone, head = pretrained.network()
        if head is None:
            hint = "name a model that predicts the next token"
            raise ModelError(f"{reference} has no language-model head", hint)
        for module in (backbone, head):
            module.to(hardware.device)
            watched(module)
        return cls(backbone, head, tokenizer, hardware, notes, chat)

    def as_read(self, prompts: Sequence[str]) -> list[str]:
        """Return the contexts that are read for prompts: the same, or each as what a user says, up
        to where the answer begins. Raises DataError where the chat template refuses one.
        """
        if self.chat is None:
            return list(prompts)
        return self.chat.written([prompt.rstrip() for prompt in prompts])

    def encoded(self, context: str, choices: Sequence[str]) -> EncodedPrompt:
        """Return the tokens of a context and of its choices.

        The spaces that end a context belong to the choice, as most tokenizers have them. What is
        longer than the model's sequences loses its beginning. Raises DataError for a choice without
        a token of its own, or longer than a sequence.
        """
        if self.backbone.settings.has_memory:
            return self._encoded_apart(context, choices)
        bare = context.rstrip()
        begins = self._begins
        own = self.context_tokens(bare)
        longest = self.backbone.settings.longest_tokens
        contexts, found, merged = [], [], 0
        for choice in choices:
            whole = (*begins, *self._ids(bare + context[len(bare) :] + choice))
            is_bare = not bare and not begins  # then the start stands alone before the choice
            tokens = whole if is_bare else whole[len(own) :]
            if not tokens or len(tokens) > longest:
                what = "no token of its own" if not tokens else f"more than {longest} tokens"
                hint = "let the template have a space or a line before {label}, or another word"
                raise DataError(f"the choice '{choice:.40}' has {what} behind a prompt", hint)
            merged += not is_bare and whole[: len(own)] != own
            contexts.append(own[-(longest + 1 - len(tokens)) :])
            found.append(tokens)
        return EncodedPrompt(contexts, found, merged, any(len(cut) < len(own) for cut in contexts))

    def _encoded_apart(self, context: str, choices: Sequence[str]) -> EncodedPrompt:
        """The prompt is the source of the encoder, and a choice the target of the decoder, which
        begins as all its targets do. Choices are cut into tokens alone.
        """
        template, longest = self.tokenizer.template.single, self.backbone.settings.longest_tokens
        own = np.asarray(self._ids(context.rstrip()), dtype=np.int64)
        kept = own[max(len(own) + template.room - longest, 0) :]
        begun = (self.tokenizer.start_of_decoder(), *template.tokens[0])
        found = [tuple(self._ids(choice)) for choice in choices]
        for choice, tokens in zip(choices, found, strict=True):
            if not tokens or len(begun) + len(tokens) - 1 > longest:
                what = "no token" if not tokens else f"more than {longest} tokens"
                raise DataError(f"the choice '{choice:.40}' has {what}", "give it another word")
        source = tuple(template.around(kept).tolist())
        return EncodedPrompt([begun] * len(found), found, 0, len(kept) < len(own), source)

    def context_tokens(self, context: str) -> Tokens:
        """Return the tokens of a context, with those that begin a text. Raises DataError where
        there is none.
        """
        if self.chat is None:
            return text_tokens(self.tokenizer, context)
        return tuple(self._ids(context)) or _start(self.tokenizer)

    def scores(self, groups: Sequence[Sequence[EncodedPrompt]]) -> np.ndarray:
        """Log-probabilities [groups, P, C] of the choices of groups of P prompts each, in nats.

        What all prompts of a group begin with is read once. Raises RunError for logits that are no
        numbers.
        """
        jobs = list(jobs_of(groups))
        found = np.zeros((len(groups), len(groups[0]), len(groups[0][0].choices)))
        for together in batches_of(jobs):
            self._score(together, found)
        return found

    def _score(self, jobs: Sequence[ScoringJob], found: np.ndarray) -> None:
        contexts = [context for job in jobs for context in job.contexts]
        choices = [tokens for job in jobs for tokens in job.choices]
        prefixes = [job.prefix for job in jobs] if jobs[0].prefix else []
        prefix_of = [number for number, job in enumerate(jobs) for _ in job.contexts]
        sources = [torch.tensor(job.source) for job in jobs if job.source]
        device = self.backbone.embedding.device
        with torch.no_grad(), evaluating(self.backbone), self.hardware.autocast():
            memory = self.backbone.encode(Inputs.pack(sources, device=device)) if sources else None
            scored = score_choices(
                self.backbone,
                self.head,
                [torch.tensor(context) for context in contexts],
                [[torch.tensor(tokens) for tokens in own] for own in choices],
                prefixes=[torch.tensor(prefix) for prefix in prefixes],
                prefix_of=prefix_of if prefixes else (),
                memory=memory,
            )
        places = [places for job in jobs for places in job.places]
        for own, there in zip(scored, places, strict=True):
            for one, place in zip(own, there, strict=True):
                found[place] = one.log_probability

    @property
    def stops(self) -> Collection[int]:
        """The ids that end an answer."""
        return self.tokenizer.stops if self.chat is None else self.chat.ends

    @property
    def _begins(self) -> Tokens:
        """A chat template writes these itself."""
        return tuple(self.tokenizer.template.prompt.tokens[0]) if self.chat is None else ()

    def _ids(self, text: str) -> Sequence[int]:
        if self.chat is not None:
            return self.tokenizer.encode_rendered([text])[0].tolist()
        return self.tokenizer.encode(text).tolist()


def written_behind(
    model: LanguageModel, prompts: Sequence[str], most_new: int, is_over: Callable[[str], bool]
) -> list[WrittenText]:
    """Write behind every prompt until `is_over`, the model ends, or there are so many tokens.

    What is longer than the model's sequences loses its beginning. Raises DataError for a prompt
    without a token, UsageError where a sequence has no room for so many new ones.
    """
    longest = model.backbone.settings.longest_tokens
    whole = [model.context_tokens(context) for context in model.as_read(prompts)]
    kept = [cut_for_answer(tokens, longest, most_new) for tokens in whole]
    found: dict[int, WrittenText] = {}
    for places in _batches([len(tokens) + most_new for tokens in kept]):
        texts = [Continuation(place, kept[place], most_new) for place in places]
        _grow(model, texts, is_over)
        for own in texts:
            text, cut = _decoded(model.tokenizer, own), kept[own.number] != whole[own.number]
            is_whole = own.ended != "length" or is_over(text)
            found[own.number] = WrittenText(text, is_whole, cut)
    return [found[place] for place in range(len(prompts))]


def cut_for_answer(tokens: Tokens, longest: int, most_new: int) -> Tokens:
    """The tokens of a prompt, without its beginning where sequences of the `longest` length have no
    room for it and so many new ones. Raises UsageError where they have room for no prompt.
    """
    if most_new >= longest:
        raise UsageError(
            f"answers of {most_new:,} tokens leave no room for a prompt: the model's sequences "
            f"have {longest:,}",
            "ask for shorter answers",
        )
    return tokens[-(longest - most_new) :]


def cut_prompts(
    prompts: Sequence[Tokens | np.ndarray], longest: int, most_new: int, say: Say
) -> list[np.ndarray]:
    """The tokens of prompts, int64 [T], as far as they leave room for so many new ones in sequences
    of the `longest` length; `say` is told how many lost their beginning. Raises UsageError where
    there is no room for any.
    """
    kept = [cut_for_answer((*tokens,), longest, most_new) for tokens in prompts]
    if cut := sum(len(own) < len(whole) for own, whole in zip(kept, prompts, strict=True)):
        say(
            f"note: {cut:,} of {amount(len(prompts), 'prompt')} are longer than the model's "
            f"sequences ({longest:,} tokens, {most_new:,} of them new) and lost their beginning"
        )
    return [np.asarray(tokens, dtype=np.int64) for tokens in kept]


def text_tokens(tokenizer: Tokenizer, context: str) -> Tokens:
    """The tokens of a context that is no conversation, with those that begin a text. Raises
    DataError where there is none.
    """
    begins = tuple(tokenizer.template.prompt.tokens[0])
    return (*begins, *tokenizer.encode(context).tolist()) or _start(tokenizer)


def _start(tokenizer: Tokenizer) -> Tokens:
    """What stands before a text that begins with its choice."""
    if tokenizer.end is None:
        hint = "write something before {label}"
        raise DataError("a prompt is empty, and this tokenizer has no end token", hint)
    return (tokenizer.end,)


def _grow(
    model: LanguageModel, texts: Sequence[Continuation], is_over: Callable[[str], bool]
) -> None:
    known_V = torch.from_numpy(model.tokenizer.known)
    writer = Writer(model.backbone, model.head, stops=model.stops, known_V=known_V)
    with model.hardware.autocast():
        for grown in writer.write(texts):
            for text in grown:
                if not text.ended and is_over(_decoded(model.tokenizer, text)):
                    text.ended = "halted"


def _decoded(tokenizer: Tokenizer, text: Continuation) -> str:
    """The new text, with the blank before it if the tokenizer writes one."""
    before, new = list(text.prompt[-_TAIL:]), text.tokens
    return _plain(tokenizer, [*before, *new])[len(_plain(tokenizer, before)) :]


def _plain(tokenizer: Tokenizer, tokens: Sequence[int]) -> str:
    tokens_T = np.asarray(tokens, dtype=np.int64)
    return tokenizer.decode(tokens_T[~tokenizer.specials[tokens_T]])


def _batches(rows: Sequence[int]) -> Iterator[list[int]]:
    """Places of prompts of like length together, as many as hold the rows of keys and values."""
    batch: list[int] = []
    for place in sorted(range(len(rows)), key=rows.__getitem__):
        is_full = sum(rows[other] for other in batch) + rows[place] > ROWS_TOGETHER
        if batch and (is_full or len(batch) == TOGETHER):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
