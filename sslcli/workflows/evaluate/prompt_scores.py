"""Log-probabilities of choices behind prompts, as texts: what a model reads of them, how much of it
is cut off, and which contexts are read together.

Tokens are those of lm-evaluation-harness: context and choice are encoded as one text, and what
follows as many tokens as the context alone has is the choice. Letters: C choices, P prompts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sslcli.core.choices import score_choices
from sslcli.core.heads import LanguageModelHead
from sslcli.core.transformer import Transformer
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.engine.precision import Hardware
from sslcli.errors import DataError, ModelError
from sslcli.models.finite import watched
from sslcli.models.loading import load_pretrained

ROWS_TOGETHER = 8_192  # of keys and values, those of a context once for each of its choices

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class EncodedPrompt:
    """A context and its choices as tokens; `contexts` are one for each choice, the same but where
    one is cut shorter for a long choice.

    `merged`: choices whose first token the tokenizer would have merged with the context. `cut`:
    whether tokens are missing on the left.
    """

    contexts: Sequence[Tokens]
    choices: Sequence[Tokens]
    merged: int
    cut: bool


@dataclass(frozen=True)
class LanguageModel:
    """A decoder that tells how likely texts are."""

    backbone: Transformer
    head: LanguageModelHead
    tokenizer: Tokenizer
    hardware: Hardware
    notes: Sequence[str] = ()

    @classmethod
    def load(cls, reference: str, hardware: Hardware) -> "LanguageModel":
        """Load the model of a reference. Raises ModelError where it is no decoder with a head."""
        pretrained = load_pretrained(reference)
        architecture = pretrained.settings.architecture
        if not pretrained.settings.causal or pretrained.settings.has_memory:
            problem = f"{reference} is of the kind {architecture.replace('_', '-')}"
            raise ModelError(
                f"{problem}, and prompts are for a decoder",
                "ssl pretrain --objective clm makes one",
            )
        backbone, head = pretrained.network()
        if head is None:
            hint = "name a model that predicts the next token"
            raise ModelError(f"{reference} has no language-model head", hint)
        for module in (backbone, head):
            module.to(hardware.device)
            watched(module)
        return cls(backbone, head, pretrained.tokenizer(), hardware, pretrained.notes)

    def encoded(self, context: str, choices: Sequence[str]) -> EncodedPrompt:
        """Return the tokens of a context and of its choices.

        The spaces that end a context belong to the choice, as most tokenizers have them. What is
        longer than the model's sequences loses its beginning. Raises DataError for a choice without
        a token of its own, or longer than a sequence.
        """
        bare = context.rstrip()
        begins = tuple(self.tokenizer.template.prompt.tokens[0])
        own = (*begins, *self._ids(bare)) or self._start()
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

    def scores(self, groups: Sequence[Sequence[EncodedPrompt]]) -> np.ndarray:
        """Log-probabilities [groups, P, C] of the choices of groups of P prompts each, in nats.

        What all prompts of a group begin with is read once. Raises RunError for logits that are no
        numbers.
        """
        jobs = list(_jobs(groups))
        found = np.zeros((len(groups), len(groups[0]), len(groups[0][0].choices)))
        for together in _batches(jobs):
            self._score(together, found)
        return found

    def _score(self, jobs: Sequence["_Job"], found: np.ndarray) -> None:
        contexts = [context for job in jobs for context in job.contexts]
        choices = [tokens for job in jobs for tokens in job.choices]
        prefixes = [job.prefix for job in jobs] if jobs[0].prefix else []
        prefix_of = [number for number, job in enumerate(jobs) for _ in job.contexts]
        with self.hardware.autocast():
            scored = score_choices(
                self.backbone,
                self.head,
                [torch.tensor(context) for context in contexts],
                [[torch.tensor(tokens) for tokens in own] for own in choices],
                prefixes=[torch.tensor(prefix) for prefix in prefixes],
                prefix_of=prefix_of if prefixes else (),
            )
        places = [places for job in jobs for places in job.places]
        for own, there in zip(scored, places, strict=True):
            for one, place in zip(own, there, strict=True):
                found[place] = one.log_probability

    def _ids(self, text: str) -> Sequence[int]:
        return self.tokenizer.encode(text).tolist()

    def _start(self) -> Tokens:
        """What stands before a text that begins with its choice."""
        if self.tokenizer.end is None:
            hint = "write something before {label}"
            raise DataError("a prompt is empty, and this tokenizer has no end token", hint)
        return (self.tokenizer.end,)


@dataclass(frozen=True)
class _Job:
    """Contexts that go on behind one prefix (empty for none), the choices of each, and the place of
    each choice in the answer.
    """

    prefix: Tokens
    contexts: Sequence[Tokens]
    choices: Sequence[Sequence[Tokens]]
    places: Sequence[Sequence[tuple[int, int, int]]]

    @property
    def rows(self) -> int:
        """Rows of keys and values that are held at most."""
        return sum(
            (len(self.prefix) + len(context)) * len(own)
            for context, own in zip(self.contexts, self.choices, strict=True)
        ) + sum(len(tokens) for own in self.choices for tokens in own)


def _jobs(groups: Sequence[Sequence[EncodedPrompt]]) -> Iterator[_Job]:
    """A job for each group, or several where they would hold too many rows."""
    for number, group in enumerate(groups):
        asked: dict[Tokens, list[tuple[Tokens, tuple[int, int, int]]]] = {}
        for prompt, encoded in enumerate(group):
            pairs = zip(encoded.contexts, encoded.choices, strict=True)
            for choice, (context, tokens) in enumerate(pairs):
                asked.setdefault(context, []).append((tokens, (number, prompt, choice)))
        same = _common(list(asked))
        pending: list[Tokens] = []
        for context in asked:
            if pending and _rows([*pending, context], asked) > ROWS_TOGETHER:
                yield _job(same, pending, asked)
                pending = []
            pending.append(context)
        yield _job(same, pending, asked)


def _rows(contexts: Sequence[Tokens], asked: dict[Tokens, list]) -> int:
    return sum(len(context) * len(asked[context]) for context in contexts)


def _job(same: int, contexts: Sequence[Tokens], asked: dict[Tokens, list]) -> _Job:
    choices = [[tokens for tokens, _ in asked[context]] for context in contexts]
    places = [[place for _, place in asked[context]] for context in contexts]
    return _Job(contexts[0][:same], [context[same:] for context in contexts], choices, places)


def _common(contexts: Sequence[Tokens]) -> int:
    """Tokens that all contexts begin with, so that each keeps one of its own."""
    most = min(map(len, contexts)) - 1
    first = contexts[0]
    return next(
        (
            place
            for place in range(most)
            if any(other[place] != first[place] for other in contexts[1:])
        ),
        most,
    )


def _batches(jobs: Sequence[_Job]) -> Iterator[list[_Job]]:
    """Jobs of like length together, as many as hold the rows; with a prefix, or without."""
    order = sorted(jobs, key=lambda job: (bool(job.prefix), job.rows))
    batch: list[_Job] = []
    for job in order:
        is_full = sum(other.rows for other in batch) + job.rows > ROWS_TOGETHER
        if batch and (is_full or bool(batch[0].prefix) != bool(job.prefix)):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch
