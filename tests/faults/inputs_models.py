"""A tiny sound model directory of any family, for others to damage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sslcli import registry
from sslcli.core.presets import preset
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.models.hf_directory import write_directory
from sslcli.models.weights import Pretrained, expected_shapes, part_of

TEXTS = ["The cat sees the dog in the garden.", "苹果很好吃。", "one two three [x]"] * 5
SIZES = {"width": 8, "depth": 1, "heads": 2, "feedforward_width": 16, "longest_tokens": 16}
LLAMA = {
    "norm": "rms", "norm_place": "pre", "norm_epsilon": 1e-6, "biases": "none",
    "feedforward": "gated", "positions": "rotary",
    "activation": "silu", "dropout": 0.0, "tied": False,
}  # fmt: skip
# Family -> preset, architecture, and how its shape differs.
FAMILIES: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "bert": ("tiny", "encoder", {}),
    "gpt2": ("tiny", "decoder", {}),
    "modernbert": ("modern", "encoder", {}),
    "llama": ("tiny", "decoder", LLAMA),
    "bart": ("bart-tiny", "encoder_decoder", {"decoder_depth": 2}),
}


def tiny_tokenizer(kind: str = "wordpiece", size: int = 80) -> Tokenizer:
    cls = registry.load("tokenizers", kind)
    return Tokenizer(cls(cls.Options()).train(TEXTS, size))


def write_tiny_model(folder: Path, family: str = "bert", **shape: Any) -> None:
    """One narrow layer with its head and a tokenizer; some 15 kB. `shape`: what else it has."""
    name, architecture, differences = FAMILIES[family]
    tokenizer = tiny_tokenizer()
    settings = preset(name, architecture, tokenizer.size, **{**SIZES, **differences, **shape})
    generator = torch.Generator().manual_seed(1)
    shapes = {
        name: shape
        for name, shape in expected_shapes(settings).items()
        if name != "head.weight" or not settings.tied
    }
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_directory(
        Pretrained(settings, folder, part_of(tensors, "backbone."), part_of(tensors, "head.")),
        folder,
        tokenizer,
    )
