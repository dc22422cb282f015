"""The networks that shorten documents and restore them, and what codes and documents cost them.

Letters: B documents, T tokens of all of them end to end, t of one, K tokens of a code at most, R
rows that tell a token of a code, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from sslcli.api import (
    Config,
    Context,
    Hidden,
    Inputs,
    LanguageModelHead,
    ModelBatch,
    Objective,
    Transformer,
    UsageError,
    evaluating,
    generate_tokens,
    setting,
)
from sslplugins.objectives.shortening.codes import Told, Vocabulary, enclosed, write_codes
from sslplugins.objectives.shortening.texts import ShortTexts


class ShorteningOptions(Config):
    """The options of `text-autoencoder`."""

    code_tokens: int = setting(20, "tokens of a code at most", "--code-tokens", gt=0)
    readability: float = setting(
        0.1,
        "weight of what a code costs the language model, beside what its document costs",
        "--readability",
        ge=0,
    )
    pretraining: float = setting(
        0.6,
        "share of the training in which the writer learns to write one sentence of the"
        " document, whichever",
        ge=0,
        lt=1,
    )


@dataclass(frozen=True)
class ShorteningBatch(ModelBatch):
    """`inputs` are the documents. `spoken`: short texts, `sentences`: one of each document, both
    without special tokens. `uniforms_BK` choose the tokens of sampled codes, `chance_T` the random
    words, and `beside_B` which of WITHOUT_LEARNING each document is also restored from.
    """

    spoken: Inputs
    sentences: Inputs
    uniforms_BK: Tensor
    chance_T: Tensor
    beside_B: tuple[int, ...]


class Shortening(Objective[ShorteningBatch, ShorteningOptions]):
    """The writer is the backbone; restorer and language model are networks of the objective, of the
    same width.
    """

    Options = ShorteningOptions
    architectures = frozenset({"encoder_decoder"})
    special_tokens = frozenset({"sep"})

    def __init__(self, options: ShorteningOptions, context: Context) -> None:
        super().__init__(options, context)
        shape, self.tokenizer = context.architecture, context.needed_tokenizer()
        if options.code_tokens >= shape.longest_tokens:
            raise UsageError(
                f"a code of {options.code_tokens} tokens is too long for {shape.longest_tokens} "
                "positions",
                "use a smaller --code-tokens",
            )
        self.stop = context.special_token("sep")
        self.before, self.after = self.tokenizer.template.single.tokens
        allowed_V = self.tokenizer.known & ~self.tokenizer.specials
        allowed_V[self.stop] = True
        start = self.tokenizer.start_of_decoder()
        self.vocabulary = Vocabulary(torch.from_numpy(allowed_V), start, self.stop)
        self.short = ShortTexts(options.code_tokens)
        self.head = LanguageModelHead(shape)
        self.restorer, self.restorer_head = Transformer(shape), LanguageModelHead(shape)
        of_codes = shape.of_decoder().model_copy(update={"architecture": "decoder"})
        self.language, self.language_head = Transformer(of_codes), LanguageModelHead(of_codes)

    @torch.no_grad()
    def _cost_B(self, read_B: Tensor, restoring_B: Tensor, batch: ShorteningBatch) -> Tensor:
        """Nats a token of the document, for the document and its code; without a gradient."""
        tokens_B = batch.inputs.packing.starts_B1.diff()
        return (restoring_B + self.options.readability * read_B) / tokens_B

    @torch.no_grad()
    def memory_of(self, backbone: Transformer, inputs: Inputs) -> Hidden:
        """What documents are for a writer that only chooses."""
        with evaluating(backbone):
            return backbone.encode(inputs)

    @torch.no_grad()
    def codes_of(
        self, backbone: Transformer, memory: Hidden, uniforms_BK: Tensor | None = None
    ) -> list[Tensor]:
        """The code of each document, int64 [t]: sampled, or greedy without uniform numbers."""
        with evaluating(backbone, self.head):
            most = self.options.code_tokens
            return write_codes(backbone, self.head, memory, self.vocabulary, most, uniforms_BK)

    def _writing_B(
        self, backbone: Transformer, batch: ShorteningBatch, codes: Sequence[Tensor]
    ) -> Tensor:
        """What codes cost the writer [B]."""
        told = Told.of(codes, self.vocabulary, self.options.code_tokens)
        hidden = backbone.decode(told.inputs, backbone.encode(batch.inputs))
        nats_R = told.nats_R(self.head(hidden.last_TD, backbone), self.vocabulary)
        return told.sums_B(nats_R, len(codes))

    def _spoken_B(self, codes: Sequence[Tensor]) -> Tensor:
        """What codes cost the language model [B]."""
        told = Told.of(codes, self.vocabulary, self.options.code_tokens)
        rows_RD = self.language(told.inputs).last_TD
        nats_R = told.nats_R(self.language_head(rows_RD, self.language), self.vocabulary)
        return told.sums_B(nats_R, len(codes))

    @torch.no_grad()
    def _read_B(self, codes: Sequence[Tensor]) -> Tensor:
        """The same of codes of documents [B], which never train it."""
        return self._spoken_B(codes)

    def _restoring_B(self, codes: Sequence[Tensor], batch: ShorteningBatch) -> Tensor:
        """What documents cost, given their codes [B]."""
        memory = self.restorer.encode(enclosed(codes, self.before, self.after))
        read = batch.inputs.shifted(self.vocabulary.start)
        rows_TD = self.restorer.decode(read, memory).last_TD
        logits_TV = self.restorer_head(rows_TD, self.restorer).float()
        nats_T = cross_entropy(logits_TV, batch.inputs.ids_T, reduction="none")
        return torch.stack([own_t.sum() for own_t in nats_T.split(batch.inputs.packing.lengths)])

    def _documents(self, batch: ShorteningBatch) -> tuple[list[Tensor], list[Tensor]]:
        """Tokens [t] of each document without those around, and their random numbers."""
        lengths, first, last = batch.inputs.packing.lengths, len(self.before), len(self.after)
        parts = batch.inputs.ids_T, batch.chance_T
        tokens, chances = (
            [own_t[first : len(own_t) - last] for own_t in each_T.split(lengths)]
            for each_T in parts
        )
        return tokens, chances

    def _restored(self, codes: Sequence[Tensor], tokens: int) -> list[Tensor]:
        """What the restorer makes of codes, greedily, of at most so many tokens."""
        memory = self.restorer.encode(enclosed(codes, self.before, self.after))
        start = codes[0].new_full((1,), self.vocabulary.start)
        return generate_tokens(
            self.restorer,
            self.restorer_head,
            [start] * len(codes),
            new_tokens=min(tokens, self.context.architecture.longest_tokens - 1),
            stops={self.stop},
            known_V=torch.from_numpy(self.tokenizer.known),
            memory=memory,
        )


def sequences(inputs: Inputs) -> list[Tensor]:
    """The tokens of each sequence, int64 [t]."""
    return list(inputs.ids_T.split(inputs.packing.lengths))


def told_tokens(lengths: Sequence[int], most: int) -> int:
    """How many tokens of codes are told, with that which ends a code."""
    return sum(min(length + 1, most) for length in lengths)
