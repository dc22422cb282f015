"""An encoder-decoder that tells a sentence backwards, some of whose words the encoder does not see.

Letters: T tokens of all sources end to end, S of all targets, N tokens to be predicted, D width.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sslcli.api import (
    Batch,
    Config,
    Context,
    Corpus,
    Inputs,
    LanguageModelHead,
    Loss,
    ModelBatch,
    Objective,
    Ratio,
    Report,
    Rng,
    Sample,
    SampleRng,
    Transformer,
    passages_of,
    setting,
)


@dataclass(frozen=True)
class SourceAndTarget(ModelBatch):
    """`inputs` are what the encoder reads, `told` what the decoder does: each target without its
    last token.
    """

    told: Inputs
    targets_N: Tensor


class Reversal(Objective[SourceAndTarget]):
    class Options(Config):
        drop_rate: float = setting(0.1, "share of the source's words that are left out", ge=0, lt=1)

    summary = "tell a sentence backwards"
    architectures = frozenset({"encoder_decoder"})

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.tokenizer = context.tokenizer
        self.head = LanguageModelHead(context.architecture)

    def sample(self, corpus: Corpus, row: np.ndarray, rng: SampleRng) -> Sample:
        source = super().sample(corpus, row, rng)
        backwards = np.concatenate([source.tokens[:1], source.tokens[-2:0:-1], source.tokens[-1:]])
        return replace(source, streams={"target": Sample(backwards)})

    def collate(self, batch: Batch, rng: Rng) -> SourceAndTarget:
        seen_T = rng.uniform("drop", batch.sample_of, batch.positions) >= self.options.drop_rate
        source = batch.subset(seen_T | self.tokenizer.specials[batch.tokens], renumber=True)
        target, ends = batch["target"], np.zeros(batch["target"].starts[-1] + 1, dtype=bool)
        ends[target.starts] = True  # a sample begins where the one before has ended
        targets_N = target.tokens[~ends[:-1]]
        told = Inputs.of(target.subset(~ends[1:]))
        return SourceAndTarget(
            Inputs.of(source), {"reversal": len(targets_N)}, told, torch.from_numpy(targets_N)
        )

    def forward(self, backbone: Transformer, views: SourceAndTarget) -> Loss:
        hidden = backbone.decode(views.told, backbone.encode(views.inputs))
        loss = self.head.loss(hidden.last_TD, views.targets_N, backbone)
        return Loss(
            {"reversal": loss.nll_sum}, {"accuracy": Ratio(loss.correct, views.counts["reversal"])}
        )

    def show(self, views: SourceAndTarget) -> Report:
        both = [
            passages_of(each.tokens_T.numpy(), each.packing.lengths, self.tokenizer)
            for each in (views.inputs, views.told)
        ]
        return Report(
            "sources and targets",
            passages=[passage for pair in zip(*both, strict=True) for passage in pair],
        )
