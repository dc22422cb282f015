"""Attention maps, which no forward pass keeps: recomputed from a block's input.

Letters: T rows of all sequences end to end, t rows of one of them, S and s those of a memory, D
width, H query heads, G key heads, K features per head.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from sslcli.core.attention import attention_probabilities
from sslcli.core.inputs import Hidden, Inputs, to_device
from sslcli.core.transformer import Stack, Transformer
from sslcli.errors import UsageError


@torch.no_grad()
def attention_maps(
    backbone: Transformer,
    inputs: Inputs,
    layers: Collection[int],
    *,
    memory: Hidden | None = None,
    to_memory: bool = False,
) -> dict[int, list[Tensor]]:
    """Return, by layer and sequence, float32 [H, t, t]: the weight that a query (first t) gives a
    key.

    With a `memory`, what `encode` gave, they are of the decoder, which reads `inputs`; `to_memory`
    asks for its attention to the s rows of the memory, [H, t, s]. Layer 1 is the first. Raises
    UsageError if a layer does not exist, DataError as the backbone does.
    """
    assert memory is not None or not to_memory, "there is no memory"
    stack = backbone if memory is None else backbone.decoder
    assert stack is not None, "only an encoder-decoder reads a memory"
    if missing := sorted(layer for layer in layers if not 1 <= layer <= stack.depth):
        raise UsageError(
            f"layer {missing[0]} has no attention",
            f"this model has layers 1 to {stack.depth} with attention in them",
        )
    inputs = to_device(inputs, next(backbone.parameters()).device)
    below = {layer - 1 for layer in layers}
    if memory is None:
        kept = backbone(inputs, keep=below).kept
    else:
        kept = backbone.decode(inputs, memory, keep=below).kept
    return {
        layer: (
            _maps(stack, inputs, layer, kept[layer - 1])
            if memory is None or not to_memory
            else _maps_to_memory(stack, inputs, layer, kept[layer - 1], memory)
        )
        for layer in layers
    }


def _maps(stack: Stack, inputs: Inputs, layer: int, x_TD: Tensor) -> list[Tensor]:
    block, window_tokens = stack.block_of(layer), stack.settings.window_of(layer - 1)
    a_TD = block.attention_norm(x_TD) if block.norms_before else x_TD
    q_THK, k_TGK, _ = block.attention.project(
        a_TD, stack.rotaries(inputs.positions_T).get(window_tokens is not None)
    )
    lengths = inputs.packing.lengths
    return [
        attention_probabilities(q, k, causal=block.attention.causal, window_tokens=window_tokens)
        for q, k in zip(q_THK.split(lengths), k_TGK.split(lengths), strict=True)
    ]


def _maps_to_memory(
    stack: Stack, inputs: Inputs, layer: int, x_TD: Tensor, memory: Hidden
) -> list[Tensor]:
    block, window_tokens = stack.block_of(layer), stack.settings.window_of(layer - 1)
    assert block.memory_attention is not None, "a decoder that reads a memory has it in each block"
    rotary = stack.rotaries(inputs.positions_T).get(window_tokens is not None)
    x_TD = block.attended(
        x_TD, inputs.packing, layer=layer - 1, rotary=rotary, window_tokens=window_tokens
    )
    attention = block.memory_attention
    q_THK = attention.query(block.asking_memory(x_TD)).unflatten(-1, (-1, attention.features))
    k_SGK, _ = attention.project_memory(memory.last_TD)
    rows = zip(
        q_THK.split(inputs.packing.lengths), k_SGK.split(memory.packing.lengths), strict=True
    )
    return [attention_probabilities(q, k, causal=False) for q, k in rows]
