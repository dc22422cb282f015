"""Shuffled-word detection: some tokens of a text change places, and every token is told in place or
moved.

Yamaguchi et al. 2021, "Frustratingly simple pretraining alternatives to masked language modeling"
(arXiv 2109.01819), section 2.1. No token is hidden and the head has one output, so a step costs
less than with masks.

Letters: T tokens of all samples end to end, N tokens that were moved about, D width.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from sslcli.api import (
    Batch,
    Config,
    Context,
    Hidden,
    Inputs,
    Loss,
    ModelBatch,
    Ratio,
    Readout,
    Report,
    Rng,
    Transformer,
    passages_of,
    setting,
)


@dataclass(frozen=True)
class ShuffledBatch(ModelBatch):
    """Inputs with some tokens in one another's places; `moved_T` float, 1 where another token
    stands now.

    Special tokens never move and are not asked about: `asked_T` is 0 for them.
    """

    moved_T: Tensor
    asked_T: Tensor


class ShuffledWords(Readout[ShuffledBatch]):
    class Options(Config):
        shuffle_rate: float = setting(0.15, "share of the tokens that change places", gt=0, le=1)

    summary = "tell which words were shuffled"
    architectures = frozenset({"encoder"})
    corrupts = True

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.tokenizer = context.tokenizer
        self.verdict = nn.Linear(context.architecture.width, 1)

    def collate(self, batch: Batch, rng: Rng) -> ShuffledBatch:
        special_T = self.tokenizer.specials[batch.tokens]
        chance_T = rng.uniform("chosen", batch.sample_of, batch.positions)
        places_N = np.flatnonzero((chance_T < self.options.shuffle_rate) & ~special_T)
        owner_N = np.repeat(np.arange(len(batch)), batch.lengths)[places_N]
        key_N = rng.uniform("order", batch.sample_of[places_N], batch.positions[places_N])
        tokens_T = batch.tokens.copy()
        tokens_T[places_N] = batch.tokens[places_N[np.lexsort((key_N, owner_N))]]
        return ShuffledBatch(
            Inputs.of(batch, tokens_T),
            {"shuffle": int((~special_T).sum())},
            torch.from_numpy((tokens_T != batch.tokens).astype(np.float32)),
            torch.from_numpy((~special_T).astype(np.float32)),
        )

    def read(self, hidden: Hidden, batch: ShuffledBatch, backbone: Transformer) -> Loss:
        logits_T = self.verdict(hidden.last_TD).squeeze(1).float()
        loss = binary_cross_entropy_with_logits(
            logits_T, batch.moved_T, weight=batch.asked_T, reduction="sum"
        )
        right_T = ((logits_T > 0) == (batch.moved_T > 0)) * batch.asked_T
        return Loss(
            {"shuffle": loss},
            {
                "accuracy": Ratio(right_T.sum(), batch.counts["shuffle"]),
                "found": Ratio((right_T * batch.moved_T).sum(), batch.moved_T.sum()),
            },
        )

    def show(self, batch: ShuffledBatch) -> Report:
        moved = np.flatnonzero(batch.moved_T.numpy()).tolist()
        passages = passages_of(
            batch.inputs.tokens_T.numpy(),
            batch.inputs.packing.lengths,
            self.tokenizer,
            roles=dict.fromkeys(moved, "corrupted"),
        )
        return Report("words that stand in another's place are to be found", passages=passages)
