"""A student tells what its teacher thinks of words it cannot see (as data2vec, arXiv 2202.03555).

The teacher is a moving average of the student.

Letters: T tokens of all samples end to end, N hidden ones, D width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from sslcli.api import (
    Batch,
    Config,
    Context,
    Follower,
    Inputs,
    Loss,
    ModelBatch,
    Objective,
    Report,
    Rng,
    Transformer,
    passages_of,
    setting,
)


@dataclass(frozen=True)
class StudentBatch(ModelBatch):
    """`inputs` are what the student reads, `whole` what the teacher does."""

    whole: Inputs
    places_N: Tensor


class Student(Objective[StudentBatch]):
    class Options(Config):
        hide_rate: float = setting(
            0.3, "share of the tokens that the student does not see", gt=0, lt=1
        )

    summary = "tell what a teacher thinks of hidden words"
    special_tokens = frozenset({"mask"})
    loss_unit = "squared error"
    architectures = frozenset({"encoder"})

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.tokenizer = context.tokenizer
        self.teacher = Transformer(context.architecture)
        self.tell = nn.Linear(context.architecture.width, context.architecture.width)

    def followers(self) -> Sequence[Follower]:
        return [Follower("learnable.teacher.*", leader="backbone.*", momentum=(0.9, 1.0))]

    def collate(self, batch: Batch, rng: Rng) -> StudentBatch:
        hidden_T = rng.uniform("hidden", batch.sample_of, batch.positions) < self.options.hide_rate
        hidden_T &= ~self.tokenizer.specials[batch.tokens]
        places_N = np.flatnonzero(hidden_T)
        told = Inputs.of(batch, np.where(hidden_T, self.tokenizer.mask, batch.tokens))
        return StudentBatch(
            told, {"regression": len(places_N)}, Inputs.of(batch), torch.from_numpy(places_N)
        )

    def forward(self, backbone: Transformer, views: StudentBatch) -> Loss:
        with torch.no_grad():
            thought_ND = self.teacher(views.whole).last_TD.index_select(0, views.places_N)
            thought_ND = layer_norm(thought_ND, thought_ND.shape[1:])
        told_ND = self.tell(backbone(views.inputs).last_TD.index_select(0, views.places_N))
        return Loss({"regression": (told_ND - thought_ND).square().mean(dim=1).sum()})

    def show(self, views: StudentBatch) -> Report:
        passages = passages_of(
            views.inputs.tokens_T.numpy(), views.inputs.packing.lengths, self.tokenizer
        )
        return Report("what the student reads", passages=passages)
