"""ModernBERT (Warner et al. 2024): rotary positions, gated layers, sliding-window attention.

Its config.json is written in two ways: layer_types and rope_parameters, or (before 2026)
global_attn_every_n_layers and two numbers for the rotary bases. Both are read, and both are
written. Its task heads transform the row first, without tanh, which the heads here cannot hold:
they are not exported.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sslcli.api import (
    ACTIVATIONS_OF_CONFIGS,
    ConfigField,
    ConfigReader,
    Family,
    Key,
    ModelError,
    TransformerSettings,
    class_name,
    has_plain_heads,
    has_shape,
    layer_pattern,
    read_fields,
    rotary_base,
    write_fields,
)

FULL, WINDOWED = "full_attention", "sliding_attention"
SHAPE: Mapping[str, Any] = {
    "architecture": "encoder",
    "feedforward": "gated",
    "norm": "layer",
    "norm_place": "pre",
    "norm_embeddings": True,
    "norm_first": False,
    "biases": "none",
    "positions": "rotary",
    "segments": 0,
    "shared_layers": False,
}
FIELDS = (
    ConfigField("vocabulary", "vocab_size"),
    ConfigField("width", "hidden_size"),
    ConfigField("depth", "num_hidden_layers"),
    ConfigField("heads", "num_attention_heads"),
    ConfigField("feedforward_width", "intermediate_size"),
    ConfigField("activation", "hidden_activation", "gelu", ACTIVATIONS_OF_CONFIGS),
    ConfigField("norm_epsilon", "norm_eps", 1e-5),
    ConfigField("longest_tokens", "max_position_embeddings"),
    ConfigField("tied", "tie_word_embeddings", True, {True: True, False: False}),
    ConfigField("dropout", "mlp_dropout", 0.0),
    ConfigField("initial_deviation", "initializer_range", 0.02),
)
LAYER, OURS = "model.layers.{i}", "backbone.blocks.{i}"


class ModernBert(Family):
    """ModernBERT's `config.json` and tensor names, read and written."""

    summary = "ModernBERT"

    def reads(self, config: Mapping[str, Any]) -> bool:
        return config.get("model_type") == "modernbert"

    def settings(self, config: Mapping[str, Any]) -> TransformerSettings:
        reader = ConfigReader(config)
        reader.only(
            norm_bias=False,
            attention_bias=False,
            mlp_bias=False,
            classifier_bias=False,
            decoder_bias=True,
        )
        fields = read_fields(reader, FIELDS)
        reader.only(classifier_activation=config.get("hidden_activation", "gelu"))
        every = _global_every(reader, fields["depth"])
        bases = reader.group("rope_parameters")
        fields |= {
            "rotary_base": _base(reader, bases, FULL, "global_rope_theta", 160_000.0),
            "global_every": every,
        }
        if every != 1:
            fields["window_tokens"] = reader.count("local_attention", 128)
            fields["rotary_base_local"] = _base(
                reader, bases, WINDOWED, "local_rope_theta", 10_000.0
            )
        return TransformerSettings(**SHAPE, **fields)

    def notes(self, config: Mapping[str, Any]) -> Sequence[str]:
        return ConfigReader(config).ignored("attention_dropout", "embedding_dropout")

    def config(
        self, settings: TransformerSettings, heads: Collection[str]
    ) -> Mapping[str, Any] | None:
        fits = (
            has_shape(settings, SHAPE)
            and has_plain_heads(settings)
            and settings.features_of_embedding == settings.width
        )
        every = 1 if settings.window_tokens is None else settings.global_every
        if not fits or not every:
            return None
        local_base = settings.rotary_base_local or settings.rotary_base
        types = [
            FULL if settings.window_of(layer) is None else WINDOWED
            for layer in range(settings.depth)
        ]
        return {
            "model_type": "modernbert",
            "architectures": [class_name("ModernBert", heads, "ForMaskedLM", answers=())],
            **write_fields(settings, FIELDS),
            "classifier_activation": write_fields(settings, FIELDS)["hidden_activation"],
            "layer_types": types,
            "global_attn_every_n_layers": every,
            "local_attention": settings.window_tokens or 128,
            "rope_parameters": {
                FULL: {"rope_type": "default", "rope_theta": settings.rotary_base},
                WINDOWED: {"rope_type": "default", "rope_theta": local_base},
            },
            "global_rope_theta": settings.rotary_base,
            "local_rope_theta": local_base,
            "attention_dropout": 0.0,
            "embedding_dropout": settings.dropout,
            **dict.fromkeys(("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"), False),
            "decoder_bias": True,
        }

    def keys(self, settings: TransformerSettings) -> Sequence[Key]:
        projections = tuple(f"{OURS}.attention.{name}.weight" for name in ("query", "key", "value"))
        return [
            Key("model.embeddings.tok_embeddings.weight", ("backbone.inputs.token.weight",)),
            Key("model.embeddings.norm.weight", ("backbone.inputs.norm.weight",)),
            Key(f"{LAYER}.attn_norm.weight", (f"{OURS}.attention_norm.weight",)),
            Key(f"{LAYER}.attn.Wqkv.weight", projections),
            Key(f"{LAYER}.attn.Wo.weight", (f"{OURS}.attention.output.weight",)),
            Key(f"{LAYER}.mlp_norm.weight", (f"{OURS}.feedforward_norm.weight",)),
            # The first half is the one that is activated, which they call the input.
            Key(
                f"{LAYER}.mlp.Wi.weight",
                (f"{OURS}.feedforward.gate.weight", f"{OURS}.feedforward.up.weight"),
            ),
            Key(f"{LAYER}.mlp.Wo.weight", (f"{OURS}.feedforward.down.weight",)),
            Key("model.final_norm.weight", ("backbone.norm.weight",)),
            Key("head.dense.weight", ("head.dense.weight",)),
            Key("head.norm.weight", ("head.norm.weight",)),
            Key("decoder.weight", ("head.weight",)),
            Key("decoder.bias", ("head.bias",)),
        ]


def _global_every(reader: ConfigReader, depth: int) -> int:
    types = reader.given("layer_types")
    if types is None:
        return reader.count("global_attn_every_n_layers", 3)
    known = (
        isinstance(types, list)
        and len(types) == depth
        and all(name in (FULL, WINDOWED) for name in types)
    )
    every = layer_pattern([name == WINDOWED for name in types]) if known else None
    if every is None:
        raise ModelError(
            (
                f"config.json: layer_types {types!r:.60} are not {depth} "
                "layers of which every so many see everything, from the first"
            ),
            "only such models load",
        )
    return every


def _base(
    reader: ConfigReader, bases: Mapping[str, Any], kind: str, older: str, default: float
) -> float:
    parameters = bases.get(kind)
    theta = rotary_base(parameters, "rope_parameters") if isinstance(parameters, Mapping) else None
    return ConfigReader({older: reader.number(older, default) if theta is None else theta}).number(
        older
    )
