"""Any text to any text by an encoder-decoder: translation, summaries, answers to questions.

The decoder is trained as in Sutskever et al. 2014: it reads the target moved one to the right,
behind its start token, and predicts the target as the tokenizer encloses it. The language-model
head of the pretrained model is kept (Lewis et al. 2020, "BART", section 4).

Letters: B samples, T tokens of all sources end to end, S of all targets, N of those that have a
loss, D width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor

from sslcli.api import (
    LARGEST_POWER,
    Batch,
    BeamRules,
    Context,
    Count,
    DataError,
    EarlyStopping,
    Encoded,
    Example,
    Hidden,
    Inputs,
    LanguageModelHead,
    Loss,
    ModelBatch,
    Prediction,
    Ratio,
    Rng,
    Sample,
    Task,
    Tokenizer,
    TokenRules,
    Transformer,
    UsageError,
    beam_search,
    generate_tokens,
    setting,
)
from sslplugins.tasks.rewrite.pairs_of_texts import FLAGS
from sslplugins.tasks.rewrite.prompts import RewritesInPrompts
from sslplugins.tasks.rewrite.reading import PairOptions, ReadsPairs
from sslplugins.tasks.rewrite.scorer import RewriteScorer, first_of

_PORTION = 1_000  # examples that are cut into tokens together
MOST_TARGET_TOKENS = 256  # where nobody says it: one long target must not slow every evaluation


def _too_few(least: int, most: int) -> str:
    return f"at least {least} tokens (--min-length) are more than the {most} at most (--max-length)"


@dataclass(frozen=True)
class RewriteBatch(ModelBatch):
    """`inputs` are the sources, `decoder_inputs` the targets moved one to the right.

    `rows_N`: rows of the decoder that have a target, `targets_N`: which; none of examples without
    one.
    """

    rows_N: Tensor
    targets_N: Tensor


class Rewrite(
    RewritesInPrompts, ReadsPairs["Rewrite.Options"], Task[RewriteBatch, "Rewrite.Options"]
):
    """A new text for every text, from pairs of source and target."""

    class Options(PairOptions):
        target_tokens: Count | None = setting(
            None,
            "most tokens of a target, special ones included, in training and when it is written;"
            f" those of the longest in training, {MOST_TARGET_TOKENS} at most, when not given",
            "--max-length",
            gt=1,
        )
        least_tokens: Count = setting(
            0, "least tokens of what is written, special ones included", "--min-length"
        )
        beams: Count = setting(
            1,
            "texts that are followed at once, of which the most likely is written; 1: the most"
            " likely token at every step",
            "--beams",
            gt=0,
        )
        length_penalty: float = setting(
            1.0,
            "with several beams, the power of its length that a text's log-probability is divided"
            " by; above 0 favours longer ones",
            "--length-penalty",
            ge=-LARGEST_POWER,
            le=LARGEST_POWER,
        )
        early_stopping: EarlyStopping = setting(
            "no",
            "with several beams, yes: end when as many texts have ended; no: when none is likely to"
            " be better; never: when none can",
            "--early-stopping",
        )
        label_smoothing: float = setting(
            0.1,
            "share of a target's probability that all tokens get alike in training; 0: none",
            "--label-smoothing",
            trains=True,
            ge=0,
            lt=1,
        )

        @model_validator(mode="after")
        def _least_and_most(self) -> Self:
            if self.target_tokens is not None and self.least_tokens > self.target_tokens:
                raise ValueError(_too_few(self.least_tokens, self.target_tokens))
            return self

    summary = "a new text for every text: translation, summaries, answers (encoder-decoders)"
    architectures = frozenset({"encoder_decoder"})
    special_tokens = frozenset({"sep"})
    writes = True
    label_streams = frozenset({"target"})
    scorer = RewriteScorer

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.tokenizer = context.needed_tokenizer()
        self.single = self.tokenizer.template.single
        self.separator = context.special_token("sep")
        self.refuse_no_room(self.single.room)
        self.head = LanguageModelHead(context.architecture)
        BeamRules(options.beams, 1).refuse_beyond(int(self.tokenizer.known.sum()))
        self.tokenizer.refuse_strange_generation()
        longest = context.architecture.longest_tokens
        if options.target_tokens is not None and options.target_tokens > longest:
            raise UsageError(
                f"targets of {options.target_tokens} tokens are longer than the {longest} positions"
                " of the model",
                f"use --max-length {longest} or less",
            )

    @property
    def target_tokens(self) -> int:
        """The most tokens of a target, special ones included; never more than positions."""
        longest = self.context.architecture.longest_tokens
        return min(self.options.target_tokens or MOST_TARGET_TOKENS, longest)

    @property
    def start(self) -> int:
        """What the decoder begins with, which an export names too."""
        return self.tokenizer.start_of_decoder()

    @classmethod
    def resolve_options(
        cls, options: Options, examples: Sequence[Example], tokenizer: Tokenizer | None
    ) -> Options:
        """Take the length of the longest training target as the longest that is written."""
        if options.target_tokens is not None:
            return options
        targets = [first_of(example.gold) for example in examples if example.gold is not None]
        if not targets:
            raise DataError(
                "no training example has a target", f"say which column holds it: {FLAGS}"
            )
        assert tokenizer is not None, "this task reads text"
        longest = max(map(len, tokenizer.encode_batch(targets)))
        most = max(2, min(longest + tokenizer.template.single.room, MOST_TARGET_TOKENS))
        if options.least_tokens > most:
            raise UsageError(
                _too_few(options.least_tokens, most), "give --max-length too, or less --min-length"
            )
        return options.model_copy(update={"target_tokens": most})

    def encode(self, examples: Sequence[Example], training: bool) -> Iterator[Encoded]:
        for start in range(0, len(examples), _PORTION):
            portion = examples[start : start + _PORTION]
            sources = self.tokenizer.encode_batch([example.data for example in portion])
            targets = self.tokenizer.encode_batch(
                ["" if example.gold is None else first_of(example.gold) for example in portion]
            )
            for example, source, target in zip(portion, sources, targets, strict=True):
                yield self._encoded(example, source, target)

    def _encoded(self, example: Example, source: np.ndarray, target: np.ndarray) -> Encoded:
        room = self.single.room
        most_source, most_target = self.sequence_tokens - room, max(self.target_tokens - room, 0)
        tokens, segments = self.single.build(source[:most_source])
        written = self.single.around(target[:most_target])
        if not len(written):  # a template without special tokens, and no target
            written = np.asarray([self.separator], dtype=np.int64)
        lost = [
            f"{len(own) - most:,} of {len(own):,} tokens of its {name} are cut off ({flag})"
            for name, own, most, flag in (
                ("source", source, most_source, "--seq-len"),
                ("target", target, most_target, "--max-length"),
            )
            if len(own) > most
        ]
        sample = Sample(
            tokens,
            segments=segments,
            fields={"labelled": int(example.gold is not None)},
            streams={"target": Sample(written)},
        )
        cut = {"source": self.sequence_tokens} if len(source) > most_source else {}
        return Encoded([sample], len(source) + room, " and ".join(lost), cut=cut)

    def collate(self, batch: Batch, rng: Rng) -> RewriteBatch:
        target = batch["target"]
        rows_N = np.flatnonzero(np.repeat(batch.fields["labelled"] > 0, target.lengths))
        return RewriteBatch(
            Inputs.of(batch),
            {"target": len(rows_N)},
            decoder_inputs=Inputs.of(target).shifted(self.start),
            rows_N=torch.from_numpy(rows_N),
            targets_N=torch.from_numpy(target.ids[rows_N]),
        )

    def forward(self, backbone: Transformer, batch: RewriteBatch) -> Loss:
        return self._loss(backbone, batch, backbone.encode(batch.inputs))

    def _loss(self, backbone: Transformer, batch: RewriteBatch, memory: Hidden) -> Loss:
        """Cross-entropy of the targets, with label smoothing in training alone."""
        assert batch.decoder_inputs is not None, "collate gives what the decoder reads"
        hidden = backbone.decode(batch.decoder_inputs, memory)
        smoothing = self.options.label_smoothing if self.training else 0.0
        rows_ND = hidden.last_TD.index_select(0, batch.rows_N)
        loss = self.head.loss(rows_ND, batch.targets_N, backbone, smoothing)
        count = batch.counts["target"]
        return Loss(
            {"target": loss.smoothed_sum},
            {
                "token accuracy": Ratio(loss.correct, count),
                "perplexity": Ratio(loss.nll_sum.detach(), count, exponential=True),
            },
        )

    def predict(self, backbone: Transformer, batch: RewriteBatch) -> Sequence[str]:
        return self._written(backbone, backbone.encode(batch.inputs))

    def examine(self, backbone: Transformer, batch: RewriteBatch) -> tuple[Loss, Sequence[str]]:
        memory = backbone.encode(batch.inputs)
        return self._loss(backbone, batch, memory), self._written(backbone, memory)

    def _written(self, backbone: Transformer, memory: Hidden) -> list[str]:
        """What the decoder writes behind each memory: its most likely text, as far as it is
        searched.
        """
        options, forced = self.options, self._said("forced_bos_token_id")
        stops = self.tokenizer.stops or {self.separator}
        begun = [self.start, *([] if forced is None or options.beams > 1 else [forced])]
        prompts = [torch.tensor(begun)] * len(memory.packing)
        most, least = max(self.target_tokens - len(begun), 1), options.least_tokens
        known_V = torch.from_numpy(self.tokenizer.known)
        last = self._said("forced_eos_token_id")
        if options.beams == 1:
            written = generate_tokens(
                backbone,
                self.head,
                prompts,
                new_tokens=most,
                stops=stops,
                rules=TokenRules(least_tokens=least, forced_last=last),
                known_V=known_V,
                memory=memory,
            )
            return [self._text(tokens) for tokens in written]
        rules = BeamRules(
            options.beams,
            most,
            options.length_penalty,
            options.early_stopping,
            TokenRules(least_tokens=least, forced_first=forced, forced_last=last),
        )
        found = beam_search(
            backbone, self.head, prompts, rules, stops=stops, known_V=known_V, memory=memory
        )
        return [self._text(own[0].tokens) for own in found]

    def _said(self, name: str) -> int | None:
        """A token that the tokenizer's directory names for generation."""
        said = self.tokenizer.generating.get(name)
        return said if isinstance(said, int) else None

    def _text(self, tokens_S: Tensor) -> str:
        tokens = tokens_S.cpu().numpy()
        return self.tokenizer.decode(tokens[~self.tokenizer.specials[tokens]]).strip()

    def merge(self, example: Example, encoded: Encoded, parts: Sequence[Any]) -> Prediction:
        (text,) = parts
        return Prediction(text, details={"source": example.data})
