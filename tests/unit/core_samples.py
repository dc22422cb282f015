"""Small backbones and packed inputs for the tests of core."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sslcli.core.initialize import initialize
from sslcli.core.inputs import Inputs
from sslcli.core.packing import Packing
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer

VOCABULARY = 50
ENCODER = TransformerSettings(
    vocabulary=VOCABULARY,
    width=24,
    depth=3,
    heads=4,
    feedforward_width=40,
    segments=2,
    longest_tokens=64,
)
DECODER = TransformerSettings(
    **{
        **ENCODER.model_dump(),
        "architecture": "decoder",
        "norm_place": "pre",
        "norm_embeddings": False,
        "segments": 0,
    }
)
LLAMA = TransformerSettings(
    **{
        **DECODER.model_dump(),
        "positions": "rotary",
        "norm": "rms",
        "biases": "none",
        "feedforward": "gated",
        "key_value_heads": 2,
    }
)
MODERN = TransformerSettings(
    **{
        **ENCODER.model_dump(),
        "positions": "rotary",
        "norm_place": "pre",
        "norm_first": False,
        "biases": "none",
        "segments": 0,
    }
    | {
        "feedforward": "gated",
        "window_tokens": 6,
        "global_every": 3,
        "rotary_base": 160_000.0,
        "rotary_base_local": 100.0,
    }
)
SHARED = TransformerSettings(
    **{**ENCODER.model_dump(), "shared_layers": True, "embedding_width": 12}
)
EVERY_SHAPE = {
    "encoder": ENCODER,
    "decoder": DECODER,
    "llama": LLAMA,
    "modern": MODERN,
    "shared": SHARED,
}


def changed(settings: TransformerSettings, **fields) -> TransformerSettings:
    return TransformerSettings(**{**settings.model_dump(), **fields})


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(settings: TransformerSettings, seed: int = 0) -> Transformer:
    """Initial weights with a large deviation, so that every part of the network makes a difference;
    biases too.
    """
    backbone = Transformer(settings)
    initialize(backbone, seeded(seed))
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=seeded(seed + 1)) * 0.1)
    return backbone


def tokens_of(lengths: Sequence[int], seed: int = 0) -> list[Tensor]:
    generator = seeded(seed)
    return [torch.randint(0, VOCABULARY, (length,), generator=generator) for length in lengths]


def packed(sequences: Sequence[Tensor], segments: Sequence[Tensor] | None = None) -> Inputs:
    return Inputs(
        Packing.of([len(sequence) for sequence in sequences]),
        torch.cat([torch.arange(len(sequence)) for sequence in sequences]),
        tokens_T=torch.cat(list(sequences)),
        segments_T=None if segments is None else torch.cat(list(segments)),
    )
