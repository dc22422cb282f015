"""Two views of a sample are to find one another in the whole batch (as SimCSE, arXiv 2104.08821).

InfoNCE: of all second views of the global batch the one of the same sample is the most similar.

Letters: B samples of this rank, M of all ranks, D width.
"""

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import normalize

from sslcli.api import (
    Batch,
    Config,
    Context,
    Inputs,
    Loss,
    ModelBatch,
    Objective,
    Ratio,
    Report,
    Rng,
    Transformer,
    gather,
    passages_of,
    setting,
)


@dataclass(frozen=True)
class PairBatch(ModelBatch):
    """`inputs` are the first view of each sample, `second` the other."""

    second: Inputs


class TwoViews(Objective[PairBatch]):
    class Options(Config):
        hide_rate: float = setting(0.2, "share of the tokens that each view hides", gt=0, lt=1)
        temperature: float = setting(0.2, "what similarities are divided by", gt=0)

    summary = "find the other view of the same sample in the batch"
    special_tokens = frozenset({"mask"})
    architectures = frozenset({"encoder"})
    couples = True

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.tokenizer = context.tokenizer
        self.project = nn.Linear(context.architecture.width, context.architecture.width)

    def collate(self, batch: Batch, rng: Rng) -> PairBatch:
        return PairBatch(
            self._hidden("first", batch, rng),
            {"nce": 2 * len(batch)},
            self._hidden("second", batch, rng),
        )

    def _hidden(self, purpose: str, batch: Batch, rng: Rng) -> Inputs:
        hidden_T = rng.uniform(purpose, batch.sample_of, batch.positions) < self.options.hide_rate
        hidden_T &= ~self.tokenizer.specials[batch.tokens]
        return Inputs.of(batch, np.where(hidden_T, self.tokenizer.mask, batch.tokens))

    def forward(self, backbone: Transformer, views: PairBatch) -> Loss:
        first_BD, second_BD = (
            self._read(backbone, inputs) for inputs in (views.inputs, views.second)
        )
        similar_B = (first_BD * second_BD).sum(dim=1) / self.options.temperature
        total, found = -2 * similar_B.sum(), 0
        for own_BD, other_BD in ((first_BD, second_BD), (second_BD, first_BD)):
            logits_BM = own_BD @ gather(other_BD).T / self.options.temperature
            total = total + logits_BM.logsumexp(dim=1).sum()
            found += (similar_B >= logits_BM.max(dim=1).values - 1e-6).sum()
        return Loss({"nce": total}, {"accuracy": Ratio(found, views.counts["nce"])})

    def _read(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """[B, D] of length 1, from the first row of each sample."""
        first_BD = backbone(inputs).last_TD.index_select(0, inputs.packing.starts_B1[:-1])
        return normalize(self.project(first_BD), dim=1)

    def show(self, views: PairBatch) -> Report:
        both = [
            passages_of(each.tokens_T.numpy(), each.packing.lengths, self.tokenizer)
            for each in (views.inputs, views.second)
        ]
        return Report(
            "two views of each sample",
            passages=[passage for pair in zip(*both, strict=True) for passage in pair],
        )
