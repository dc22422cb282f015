"""Which contexts and choices a language model reads together.

Letters: C choices, P prompts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ROWS_TOGETHER = 8_192  # of keys and values, those of a context once for each of its choices

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class EncodedPrompt:
    """A context and its choices as tokens; `contexts` are one for each choice, the same but where
    one is cut shorter for a long choice.

    `merged`: choices whose first token the tokenizer would have merged with the context. `cut`:
    whether tokens are missing on the left. `source`: what an encoder reads, for a decoder that
    reads its memory and a context that is none of the prompt's; empty without an encoder.
    """

    contexts: Sequence[Tokens]
    choices: Sequence[Tokens]
    merged: int
    cut: bool
    source: Tokens = ()


@dataclass(frozen=True)
class ScoringJob:
    """Contexts that go on behind one prefix (empty for none), the choices of each, and the place of
    each choice in the answer.
    """

    prefix: Tokens
    contexts: Sequence[Tokens]
    choices: Sequence[Sequence[Tokens]]
    places: Sequence[Sequence[tuple[int, int, int]]]
    source: Tokens = ()

    @property
    def rows(self) -> int:
        """Rows of keys and values that are held at most."""
        return (
            len(self.source)
            + sum(
                (len(self.prefix) + len(context)) * len(own)
                for context, own in zip(self.contexts, self.choices, strict=True)
            )
            + sum(len(tokens) for own in self.choices for tokens in own)
        )


def jobs_of(groups: Sequence[Sequence[EncodedPrompt]]) -> Iterator[ScoringJob]:
    """A job for each group, or several where they would hold too many rows."""
    for number, group in enumerate(groups):
        if group[0].source:
            yield from _jobs_of_sources(number, group)
            continue
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


def _jobs_of_sources(number: int, group: Sequence[EncodedPrompt]) -> Iterator[ScoringJob]:
    """A job for each prompt that is an encoder's."""
    for prompt, encoded in enumerate(group):
        places = [(number, prompt, choice) for choice in range(len(encoded.choices))]
        context = encoded.contexts[0]
        yield ScoringJob((), [context], [encoded.choices], [places], encoded.source)


def _rows(contexts: Sequence[Tokens], asked: dict[Tokens, list]) -> int:
    return sum(len(context) * len(asked[context]) for context in contexts)


def _job(same: int, contexts: Sequence[Tokens], asked: dict[Tokens, list]) -> ScoringJob:
    choices = [[tokens for tokens, _ in asked[context]] for context in contexts]
    places = [[place for _, place in asked[context]] for context in contexts]
    return ScoringJob(contexts[0][:same], [context[same:] for context in contexts], choices, places)


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


def batches_of(jobs: Sequence[ScoringJob]) -> Iterator[list[ScoringJob]]:
    """Jobs of like length together, as many as hold the rows; with a prefix, or without."""
    order = sorted(jobs, key=lambda job: (bool(job.prefix), job.rows))
    batch: list[ScoringJob] = []
    for job in order:
        is_full = sum(other.rows for other in batch) + job.rows > ROWS_TOGETHER
        if batch and (is_full or bool(batch[0].prefix) != bool(job.prefix)):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch
