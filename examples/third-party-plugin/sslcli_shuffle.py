"""Shuffled-word detection: some tokens of a text change places, and every token is told in place or moved.

Yamaguchi et al. 2021, "Frustratingly simple pretraining alternatives to masked language modeling" (arXiv 2109.01819),
section 2.1. No token is hidden and the head has one output, so a step costs less than with masks.

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
    Draws,
    Frame,
    Hidden,
    Inputs,
    Loss,
    Ratio,
    Readout,
    Report,
    Transformer,
    Views,
    passages_of,
    setting,
)


@dataclass(frozen=True)
class ShuffledViews(Views):
    """Inputs with some tokens in one another's places; `moved_T` float, 1 where another token stands now.

    Special tokens never move and are not asked about: `asked_T` is 0 for them.
    """

    moved_T: Tensor
    asked_T: Tensor


class ShuffledWords(Readout[ShuffledViews]):
    class Options(Config):
        shuffle_rate: float = setting(0.15, "share of the tokens that change places", gt=0, le=1)

    summary = "tell which words were shuffled"
    needs = frozenset({"encoder"})
    corrupts = True

    def __init__(self, options: Options, frame: Frame) -> None:
        super().__init__(options, frame)
        self.tokenizer = frame.tokenizer
        self.verdict = nn.Linear(frame.architecture.width, 1)

    def views(self, batch: Batch, draws: Draws) -> ShuffledViews:
        special_T = self.tokenizer.specials[batch.tokens]
        chance_T = draws.uniform("chosen", batch.sample_of, batch.positions)
        places_N = np.flatnonzero((chance_T < self.options.shuffle_rate) & ~special_T)
        owner_N = np.repeat(np.arange(len(batch)), batch.lengths)[places_N]
        key_N = draws.uniform("order", batch.sample_of[places_N], batch.positions[places_N])
        tokens_T = batch.tokens.copy()
        tokens_T[places_N] = batch.tokens[places_N[np.lexsort((key_N, owner_N))]]
        return ShuffledViews(
            Inputs.of(batch, tokens_T),
            {"shuffle": int((~special_T).sum())},
            torch.from_numpy((tokens_T != batch.tokens).astype(np.float32)),
            torch.from_numpy((~special_T).astype(np.float32)),
        )

    def read(self, hidden: Hidden, views: ShuffledViews, backbone: Transformer) -> Loss:
        logits_T = self.verdict(hidden.last_TD).squeeze(1).float()
        loss = binary_cross_entropy_with_logits(logits_T, views.moved_T, weight=views.asked_T, reduction="sum")
        right_T = ((logits_T > 0) == (views.moved_T > 0)) * views.asked_T
        return Loss(
            {"shuffle": loss},
            {
                "accuracy": Ratio(right_T.sum(), views.counts["shuffle"]),
                "found": Ratio((right_T * views.moved_T).sum(), views.moved_T.sum()),
            },
        )

    def show(self, views: ShuffledViews) -> Report:
        moved = np.flatnonzero(views.moved_T.numpy()).tolist()
        passages = passages_of(
            views.inputs.tokens_T.numpy(), views.inputs.packing.lengths, self.tokenizer, roles=dict.fromkeys(moved, "corrupted")
        )
        return Report("words that stand in another's place are to be found", passages=passages)
