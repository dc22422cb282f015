"""Attention maps, which no forward pass keeps: recomputed from a block's input.

Letters: T rows of all sequences end to end, t rows of one of them, D width, H query heads, G key
heads, K features per head.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from sslcli.core.attention import attention_probabilities
from sslcli.core.inputs import Inputs, to_device
from sslcli.core.transformer import Transformer
from sslcli.errors import UsageError


@torch.no_grad()
def attention_maps(
    backbone: Transformer, inputs: Inputs, layers: Collection[int]
) -> dict[int, list[Tensor]]:
    """Return, by layer and sequence, float32 [H, t, t]: the weight that a query (first t) gives a
    key.

    Layer 1 is the first. Raises UsageError if a layer does not exist, DataError as the backbone
    does.
    """
    depth = backbone.settings.depth
    if missing := sorted(layer for layer in layers if not 1 <= layer <= depth):
        raise UsageError(
            f"layer {missing[0]} has no attention",
            f"this model has layers 1 to {depth} with attention in them",
        )
    inputs = to_device(inputs, next(backbone.parameters()).device)
    kept = backbone(inputs, keep={layer - 1 for layer in layers}).kept
    return {layer: _maps(backbone, inputs, layer, kept[layer - 1]) for layer in layers}


def _maps(backbone: Transformer, inputs: Inputs, layer: int, x_TD: Tensor) -> list[Tensor]:
    block, window_tokens = backbone.block_of(layer), backbone.settings.window_of(layer - 1)
    a_TD = block.attention_norm(x_TD) if block.norms_before else x_TD
    q_THK, k_TGK, _ = block.attention.project(
        a_TD, backbone.rotaries(inputs.positions_T).get(window_tokens is not None)
    )
    lengths = inputs.packing.lengths
    return [
        attention_probabilities(q, k, causal=block.attention.causal, window_tokens=window_tokens)
        for q, k in zip(q_THK.split(lengths), k_TGK.split(lengths), strict=True)
    ]
