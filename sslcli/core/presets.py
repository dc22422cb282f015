"""Shapes with a name, without torch.

tiny  mini  small      any architecture: as BERT where encoder, as GPT-2 where decoder, as BART
                       where both, with so many layers in each half (sizes of Turc et al. 2019);
                       an encoder of images, or of tables, as ViT (Dosovitskiy et al. 2021),
                       which begins with larger weights: of width D with a deviation of
                       1 / sqrt(D), as MAE does
bert-base  bert-large  Devlin et al. 2019
gpt2                   Radford et al. 2019, the smallest
bart-base              Lewis et al. 2020; bart-tiny and bart-mini are tiny and mini by name
mbart-base             Liu et al. 2020, as wide and deep as bart-base
modern                 Warner et al. 2024, "ModernBERT", base
"""

from collections.abc import Mapping
from typing import Any

from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.errors import UsageError, choices

BERT: Mapping[str, Any] = {"architecture": "encoder", "segments": 2, "dropout": 0.1}
GPT2: Mapping[str, Any] = {
    "architecture": "decoder",
    "norm_place": "pre",
    "norm_epsilon": 1e-5,
    "norm_embeddings": False,
    "activation": "gelu_tanh",
    "dropout": 0.1,
}
MODERN: Mapping[str, Any] = {
    "architecture": "encoder",
    "norm_place": "pre",
    "norm_first": False,
    "norm_epsilon": 1e-5,
    "biases": "none",
    "feedforward": "gated",
    "feedforward_width": 1_152,
    "positions": "rotary",
    "rotary_base": 160_000.0,
    "rotary_base_local": 10_000.0,
    "window_tokens": 128,
    "global_every": 3,
    "longest_tokens": 8_192,
}
BART: Mapping[str, Any] = {
    "architecture": "encoder_decoder",
    "norm_epsilon": 1e-5,
    "position_offset": 2,
    "dropout": 0.1,
}
MBART: Mapping[str, Any] = {**BART, "norm_place": "pre", "scale_embeddings": True}
VIT: Mapping[str, Any] = {
    "architecture": "encoder",
    "norm_place": "pre",
    "norm_epsilon": 1e-6,
    "norm_embeddings": False,
}
# recordings are of any length, and where one begins says nothing
OF_SOUND: Mapping[str, Any] = {"positions": "rotary", "dropout": 0.0}
FAMILIES: Mapping[Architecture, Mapping[str, Any]] = {
    "encoder": BERT,
    "decoder": GPT2,
    "encoder_decoder": BART,
}


def _size(depth: int, width: int, heads: int) -> dict[str, Any]:
    return {"depth": depth, "width": width, "heads": heads, "feedforward_width": 4 * width}


# Small models are trained on little time, where dropping features only slows what they learn.
SIZES: Mapping[str, Mapping[str, Any]] = {
    "tiny": {**_size(2, 128, 2), "dropout": 0.0},
    "mini": {**_size(4, 256, 4), "dropout": 0.0},
    "small": {**_size(4, 512, 8), "dropout": 0.0},
}
MODELS: Mapping[str, Mapping[str, Any]] = {
    "bert-base": {**BERT, **_size(12, 768, 12)},
    "bert-large": {**BERT, **_size(24, 1024, 16)},
    "gpt2": {**GPT2, **_size(12, 768, 12), "longest_tokens": 1_024},
    "bart-tiny": {**BART, **SIZES["tiny"]},
    "bart-mini": {**BART, **SIZES["mini"]},
    "bart-base": {**BART, **_size(6, 768, 12), "longest_tokens": 1_024},
    "mbart-base": {**MBART, **_size(6, 768, 12), "longest_tokens": 1_024},
    "modern": {**_size(22, 768, 12), **MODERN},
}
NAMES: tuple[str, ...] = (*SIZES, *MODELS)


def _reads_rows(overrides: Mapping[str, Any]) -> bool:
    return any(overrides.get(name) is not None for name in ("grid", "frames", "table"))


def preset(
    name: str, architecture: Architecture, vocabulary: int, **overrides: Any
) -> TransformerSettings:
    """The settings called `name`, changed by `overrides`.

    Raises UsageError where there is no such name or it is a shape of the other architecture, and
    pydantic's ValidationError where the overrides do not fit.
    """
    if name in SIZES:
        family = FAMILIES[architecture]
        if architecture == "encoder" and _reads_rows(overrides):
            width = overrides.get("width", SIZES[name]["width"])
            family = {**VIT, "initial_deviation": round(float(width) ** -0.5, 4)}
        if overrides.get("frames") is not None:
            family = {**family, **OF_SOUND}
        shape: dict[str, Any] = {**family, **SIZES[name]}
    elif name in MODELS:
        shape = {**MODELS[name]}
    else:
        raise UsageError(
            f"there is no preset '{name}'",
            choices(name, NAMES),
        )
    if shape["architecture"] != architecture:
        fitting = [
            other
            for other in NAMES
            if MODELS.get(other, {}).get("architecture", architecture) == architecture
        ]
        raise UsageError(
            f"this needs {_a(architecture)}, and preset '{name}' is {_a(shape['architecture'])}",
            f"use {', '.join(fitting)}",
        )
    return TransformerSettings(**(shape | {"vocabulary": vocabulary} | overrides))


def _a(architecture: str) -> str:
    words = architecture.replace("_", "-")
    return f"{'an' if words[0] == 'e' else 'a'} {words}"
