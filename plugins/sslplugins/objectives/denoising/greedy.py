"""Greedy decoding behind a memory: the likeliest token at every step.

Letters: B sequences, V vocabulary, s tokens that a sequence has so far.
"""

from collections.abc import Collection, Sequence

import numpy as np
import torch

from sslcli.api import Hidden, Inputs, LanguageModelHead, Transformer


@torch.no_grad()
def greedy(
    backbone: Transformer,
    head: LanguageModelHead,
    memory: Hidden,
    first_B: Sequence[int],
    *,
    most_B: Sequence[int],
    stops_B: Sequence[Collection[int]],
    known: np.ndarray,
    position_B: Sequence[int] | None = None,
) -> list[np.ndarray]:
    """Up to `most_B` tokens behind the first one of each sequence, int64; it ends before any of its
    `stops_B`.

    `position_B`: where each sequence begins, at 0 where not given. `known` bool [V]: the ids that
    have a token.
    """
    positions = [0] * len(first_B) if position_B is None else position_B
    rows, device = [[token] for token in first_B], backbone.embedding.device
    known_V = torch.from_numpy(known).to(device)
    ended = [most <= 0 for most in most_B]
    while not all(ended):
        told = Inputs.pack(
            [np.asarray(row, dtype=np.int64) for row in rows],
            positions=[
                np.arange(len(row)) + start for row, start in zip(rows, positions, strict=True)
            ],
            device=device,
        )
        hidden = backbone.decode(told, memory)
        last_BD = hidden.last_TD.index_select(0, hidden.packing.starts_B1[1:] - 1)
        logits_BV = head(last_BD, backbone).float()[:, : len(known_V)]
        chosen_B = logits_BV.masked_fill(~known_V, -torch.inf).argmax(dim=-1).tolist()
        for number, token in enumerate(chosen_B):
            if not ended[number]:
                rows[number].append(token)
                ended[number] = token in stops_B[number] or len(rows[number]) > most_B[number]
    return [
        np.asarray(row[1:-1] if len(row) > 1 and row[-1] in stops else row[1:], dtype=np.int64)
        for row, stops in zip(rows, stops_B, strict=True)
    ]
