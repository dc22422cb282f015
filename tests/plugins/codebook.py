"""Every word is told from one of a few codes (as VQ-VAE, arXiv 1711.00937).

The codes are moving averages of what chose them (its appendix A.1); they begin as k-means of the
first batch, and a code that hardly anything chooses begins anew at a row of the batch.

Letters: T tokens of all samples end to end, K codes, D width.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, one_hot

from sslcli.api import (
    Batch,
    Config,
    Context,
    Inputs,
    LanguageModelHead,
    Loss,
    ModelBatch,
    Objective,
    Ratio,
    Report,
    Rng,
    SampledRows,
    Transformer,
    passages_of,
    setting,
)


@dataclass(frozen=True)
class CodedBatch(ModelBatch):
    """`order_T` is where each row stands among those that dead codes begin anew at."""

    order_T: Tensor


class Codebook(Objective[CodedBatch]):
    class Options(Config):
        codes: int = setting(8, "number of codes", gt=1)
        decay: float = setting(0.8, "share of itself that a code keeps at each step", gt=0, lt=1)
        fewest: float = setting(0.5, "rows that have to choose a code, or it begins anew", ge=0)

    summary = "tell every word from one of a few codes"
    architectures = frozenset({"encoder"})

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        width = context.architecture.width
        self.tokenizer = context.tokenizer
        self.project = nn.Linear(width, width)
        self.head = LanguageModelHead(context.architecture)
        self.register_buffer("rows_K", torch.ones(options.codes))
        self.register_buffer("sums_KD", torch.zeros(options.codes, width))

    def begin(self, backbone: Transformer, first_batch: Callable[[], CodedBatch]) -> None:
        views = first_batch()
        rows_TD = self._rows(backbone, views)
        codes_KD = rows_TD[views.order_T.argsort()[: self.options.codes]]
        for _ in range(5):
            chosen_TK = self._chosen(rows_TD, codes_KD)
            codes_KD = (chosen_TK.T @ rows_TD + codes_KD) / (chosen_TK.sum(dim=0)[:, None] + 1)
        self.sums_KD.copy_(codes_KD)

    def collate(self, batch: Batch, rng: Rng) -> CodedBatch:
        order_T = torch.from_numpy(rng.uniform("order", batch.sample_of, batch.positions))
        return CodedBatch(
            Inputs.of(batch), {"word": len(batch.tokens), "commitment": len(batch.tokens)}, order_T
        )

    def forward(self, backbone: Transformer, views: CodedBatch) -> Loss:
        rows_TD, codes_KD = self._rows(backbone, views), self.sums_KD / self.rows_K[:, None]
        chosen_TK = self._chosen(rows_TD.detach(), codes_KD)
        coded_TD = chosen_TK @ codes_KD
        told = self.head.loss(
            rows_TD + (coded_TD - rows_TD).detach(), views.inputs.tokens_T, backbone
        )
        apart = 0.25 * (rows_TD - coded_TD).square().mean(dim=1).sum()
        state = {
            "rows": chosen_TK.sum(dim=0),
            "sums": chosen_TK.T @ rows_TD.detach(),
            "fresh": SampledRows(rows_TD, views.order_T, self.options.codes),
        }
        return Loss(
            {"word": told.nll_sum, "commitment": apart},
            {"accuracy": Ratio(told.correct, views.counts["word"])},
            state,
        )

    def _rows(self, backbone: Transformer, views: CodedBatch) -> Tensor:
        rows_TD = self.project(backbone(views.inputs).last_TD)
        return layer_norm(rows_TD, rows_TD.shape[1:])

    def _chosen(self, rows_TD: Tensor, codes_KD: Tensor) -> Tensor:
        """[T, K]: 1 at the nearest code of each row."""
        return one_hot(torch.cdist(rows_TD, codes_KD).argmin(dim=1), len(codes_KD)).to(
            rows_TD.dtype
        )

    def after_step(self, backbone: Transformer, state: Mapping[str, Tensor], rng: Rng) -> None:
        self.rows_K.lerp_(state["rows"], 1 - self.options.decay)
        self.sums_KD.lerp_(state["sums"], 1 - self.options.decay)
        fresh_KD = state["fresh"]
        dead_K = (self.rows_K < self.options.fewest)[: len(fresh_KD)]
        self.rows_K[: len(fresh_KD)][dead_K] = 1.0
        self.sums_KD[: len(fresh_KD)][dead_K] = fresh_KD[dead_K]

    def show(self, views: CodedBatch) -> Report:
        passages = passages_of(
            views.inputs.tokens_T.numpy(), views.inputs.packing.lengths, self.tokenizer
        )
        return Report("what is coded", passages=passages)
