"""Causal language modelling: every token is predicted from those before it.

Radford et al. 2018, "Improving language understanding by generative pre-training", section 3.1;
blocks of constant length out of the stream of all documents as in Radford et al. 2019, "GPT-2".

Letters: T tokens of all samples end to end, N targets, D width, S steps, B prompts.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sslcli.api import (
    Artifact,
    Batch,
    Context,
    DataError,
    Hidden,
    Inputs,
    LanguageModelHead,
    Loss,
    ModelBatch,
    Objective,
    Ratio,
    Readout,
    Report,
    Rng,
    Sample,
    Tokenizer,
    TokenTargets,
    Transformer,
    TransformerSettings,
    UsageError,
    passages_of,
)
from sslplugins.objectives.continuing import (
    NOT_CONTINUED,
    Continue,
    Continuer,
    completed,
)
from sslplugins.objectives.growing import Prompted
from sslplugins.objectives.sound.frames_ahead import AheadOptions, FramesAhead
from sslplugins.objectives.writing import not_followed

# of a sample that is continued while it learns, and what is added at most
PROMPT_TOKENS, NEW_TOKENS = 6, 24
READ_FIRST = 12  # tokens of each sample that --show-batch gives as read, before what follows


@dataclass(frozen=True)
class NextTokenBatch(ModelBatch):
    """Inputs and next-token targets of packed samples.

    `places_N`: positions in T that have a next token in their sample; `covered_bytes`: bytes of
    source text of all these next tokens.
    """

    places_N: Tensor
    targets_N: Tensor
    covered_bytes: float


class CausalLanguageModel(Readout[NextTokenBatch, AheadOptions]):
    """Next-token prediction with a decoder, over packed blocks of constant length.

    Metrics: accuracy, perplexity, and bits per byte of the covered text.
    """

    Options = AheadOptions
    Request = Continue
    generates = "what follows a text"
    request_example = '"Once upon a time" --new-tokens 60'
    summary = "predict the next token from those before it (GPT), or frames ahead (APC)"
    architectures = frozenset({"decoder"})
    modalities = frozenset({"text", "sound"})
    arranges = "blocks"
    reads_head = True

    @classmethod
    def of_shape(cls, architecture: TransformerSettings) -> type[Objective]:
        """Of a model of recordings it tells frames."""
        return FramesAhead if architecture.frames is not None else cls

    def __init__(self, options: AheadOptions, context: Context) -> None:
        super().__init__(options, context)
        if options.ahead is not None:
            raise UsageError(
                "--ahead tells frames of recordings, and this model reads text",
                "leave it out: of text the next token is told",
            )
        assert context.tokenizer is not None, "an objective that reads text is given a tokenizer"
        self.tokenizer = context.tokenizer
        self.head = LanguageModelHead(context.architecture)

    def collate(self, batch: Batch, rng: Rng) -> NextTokenBatch:
        has_next_T = np.ones(len(batch.ids), dtype=bool)
        has_next_T[batch.starts[1:] - 1] = False
        places_N = np.flatnonzero(has_next_T)
        # A sample's bytes cover its first token too, which nothing predicts: it takes its even
        # share of them away.
        covered_bytes = float((batch.fields["bytes"] * (1 - 1 / batch.lengths)).sum())
        return NextTokenBatch(
            Inputs.of(batch),
            {"clm": len(places_N)},
            torch.from_numpy(places_N),
            torch.from_numpy(batch.ids[places_N + 1]),
            covered_bytes,
        )

    def read(self, hidden: Hidden, batch: NextTokenBatch, backbone: Transformer) -> Loss:
        """Return the cross-entropy of the next tokens, summed over N targets, in nats."""
        hidden_ND = hidden.last_TD.index_select(0, batch.places_N)
        loss, count = self.head.loss(hidden_ND, batch.targets_N, backbone), batch.counts["clm"]
        nats = loss.nll_sum.detach()
        metrics = {
            "accuracy": Ratio(loss.correct, count),
            "perplexity": Ratio(nats, count, exponential=True),
            "bits_per_byte": Ratio(nats / math.log(2), batch.covered_bytes),
        }
        return Loss({"clm": loss.nll_sum}, metrics)

    def targets(self, batch: NextTokenBatch) -> TokenTargets:
        """Return the N targets with their left neighbours; no right neighbour is visible."""
        left_N = batch.inputs.ids_T.index_select(0, batch.places_N).numpy()
        return TokenTargets(batch.targets_N.numpy(), left_N, np.full_like(left_N, -1))

    def show(self, batch: NextTokenBatch) -> Report:
        lengths = batch.inputs.packing.lengths
        place_in_sample_T = batch.inputs.positions_T.numpy()
        roles = dict.fromkeys(np.flatnonzero(place_in_sample_T >= READ_FIRST).tolist(), "target")
        passages = passages_of(batch.inputs.ids_T.numpy(), lengths, self.tokenizer, roles=roles)
        return Report("every token is predicted from those before it", passages=passages)

    def illustrations(self, samples: Sequence[Sample]) -> Sequence[tuple[str, Continue]]:
        """Request continuations of each sample's beginning, as far as positions are left."""
        most = min(NEW_TOKENS, self.context.architecture.longest_tokens - 2 * PROMPT_TOKENS)
        own = (sample.tokens for sample in samples if sample.tokens is not None)
        plain = [tokens_T[~self.tokenizer.specials[tokens_T]] for tokens_T in own]
        texts = [
            self.tokenizer.decode(tokens_T[:PROMPT_TOKENS])
            for tokens_T in plain
            if len(tokens_T) >= 3
        ]
        return [(text, Continue(text=text, new_tokens=most)) for text in texts] if most > 0 else []

    def generate(self, backbone: Transformer, request: Continue, rng: Rng) -> Iterator[Artifact]:
        """Yield `count` continuations, each with its prompt in front; `details["prompt"]` is the
        prompt.
        """
        made = self.stream(backbone, [request], rng)
        return (each for each in made if isinstance(each, Artifact))

    def completed(self, request: Continue) -> tuple[Continue, Sequence[str]]:
        """The request with what the model's directory says of generation."""
        return completed(request, self.tokenizer.generating)

    def remarks_on_generation(self) -> Sequence[str]:
        """What the model's directory says of generation that is not done."""
        return not_followed(self.tokenizer.generating, NOT_CONTINUED)

    def stream(
        self, backbone: Transformer, requests: Sequence[Continue], rng: Rng
    ) -> Iterator[str | Artifact]:
        """Yield the continuations of all requests, which differ in their texts alone; those of one
        text in pieces before, where it is to be continued once.
        """
        prompts = [Prompted(request.text, self._prompt(request.text)) for request in requests]
        return Continuer(backbone, self.head, self.tokenizer).write(prompts, requests[0], rng)

    def go_on(
        self,
        backbone: Transformer,
        prompts: Sequence[tuple[str, np.ndarray]],
        request: Continue,
        rng: Rng,
        tokenizer: Tokenizer,
    ) -> Iterator[str | Artifact]:
        """Yield what is written behind prompts that are laid out in tokens already, as far as the
        model has positions.
        """
        shape = self.context.architecture
        learned = shape.positions == "learned"
        given = [
            Prompted(text, own, False, max(1, shape.longest_tokens - len(own)) if learned else None)
            for text, own in prompts
        ]
        return Continuer(backbone, self.head, tokenizer).write(given, request, rng)

    def _prompt(self, text: str) -> np.ndarray:
        """Tokenize a prompt, with the special tokens that begin a text.

        A prompt that spells them itself, as a chat template may, does not get them twice.
        """
        template, own = self.tokenizer.template.prompt, self.tokenizer.encode(text)
        begins = template.tokens[0]
        if begins and tuple(own[: len(begins)].tolist()) == begins:
            own = own[len(begins) :]
        prompt = template.around(own)
        if len(prompt):
            return prompt
        if self.tokenizer.end is None:
            raise DataError(
                "there is nothing to continue, and this tokenizer has no end token to begin after",
                "give it some --text",
            )
        return np.asarray([self.tokenizer.end], dtype=np.int64)
