"""Two networks of its own: a generator fills blanks, a critic tells its words from true ones (as
ELECTRA, arXiv 2003.10555).

The critic is a Transformer over the backbone's rows; the generator is trained at every other step,
the critic half as fast.

Letters: T tokens of all samples end to end, N targets, D width, V vocabulary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from sslcli.api import (
    Batch,
    Config,
    Context,
    Group,
    Inputs,
    LanguageModelHead,
    Loss,
    ModelBatch,
    Objective,
    Ratio,
    Report,
    Rng,
    Transformer,
    passages_of,
    setting,
)


@dataclass(frozen=True)
class RivalBatch(ModelBatch):
    places_N: Tensor
    targets_N: Tensor
    uniforms_N: Tensor


class Rivals(Objective[RivalBatch]):
    class Options(Config):
        blank_rate: float = setting(
            0.25, "share of the tokens that the generator fills in", gt=0, lt=1
        )

    summary = "a critic learns to find the words that a generator made up"
    special_tokens = frozenset({"mask"})
    architectures = frozenset({"encoder"})

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.tokenizer = context.tokenizer
        smaller = context.architecture.model_copy(update={"depth": 1})
        self.generator = Transformer(smaller)
        self.head = LanguageModelHead(smaller)
        self.critic = Transformer(smaller.model_copy(update={"vocabulary": 0}))
        self.verdict = nn.Linear(smaller.width, 1)
        self.register_buffer("generator_hits", torch.zeros(()))

    def collate(self, batch: Batch, rng: Rng) -> RivalBatch:
        candidate_T = ~self.tokenizer.specials[batch.tokens]
        blank_T = (
            rng.uniform("blank", batch.sample_of, batch.positions) < self.options.blank_rate
        ) & candidate_T
        places_N = np.flatnonzero(blank_T)
        uniforms_N = rng.uniform("filling", batch.sample_of[places_N], batch.positions[places_N])
        tokens_T = np.where(blank_T, self.tokenizer.mask, batch.tokens)
        return RivalBatch(
            Inputs.of(batch, tokens_T),
            {"generator": len(places_N), "critic": len(batch.tokens)},
            torch.from_numpy(places_N),
            torch.from_numpy(batch.tokens[places_N]),
            torch.from_numpy(uniforms_N),
        )

    def forward(self, backbone: Transformer, views: RivalBatch) -> Loss:
        hidden_ND = self.generator(views.inputs).last_TD.index_select(0, views.places_N)
        told = self.head.loss(hidden_ND, views.targets_N, self.generator)
        with torch.no_grad():
            reached_NV = self.head(hidden_ND, self.generator).double().softmax(dim=1).cumsum(dim=1)
            filled_N = (
                (reached_NV < views.uniforms_N[:, None])
                .sum(dim=1)
                .clamp(max=reached_NV.shape[1] - 1)
            )
        tokens_T = views.inputs.tokens_T.index_copy(0, views.places_N, filled_N)
        made_up_T = torch.zeros(len(tokens_T), device=tokens_T.device).index_copy(
            0, views.places_N, (filled_N != views.targets_N).float()
        )
        read = backbone(replace(views.inputs, tokens_T=tokens_T))
        judged = self.critic(replace(views.inputs, tokens_T=None, rows_TD=read.last_TD))
        logits_T = self.verdict(judged.last_TD).squeeze(1)
        found = ((logits_T > 0) == (made_up_T > 0)).sum()
        return Loss(
            {
                "generator": told.nll_sum,
                "critic": binary_cross_entropy_with_logits(logits_T, made_up_T, reduction="sum"),
            },
            {"accuracy": Ratio(found, views.counts["critic"])},
            {"hits": told.correct.float()},
        )

    def groups(self) -> Sequence[Group]:
        return [Group("learnable.generator.*", every=2), Group("learnable.critic.*", rate=0.5)]

    def after_step(self, backbone: Transformer, state: Mapping[str, Tensor], rng: Rng) -> None:
        self.generator_hits += state["hits"]

    def show(self, views: RivalBatch) -> Report:
        roles = dict.fromkeys(views.places_N.tolist(), "corrupted")
        passages = passages_of(
            views.inputs.tokens_T.numpy(), views.inputs.packing.lengths, self.tokenizer, roles=roles
        )
        return Report(
            "blanks for the generator; the critic sees what it fills in", passages=passages
        )
