"""Llama, Mistral and Qwen2 (Touvron et al. 2023): decoders with rotary positions.

All have RMSNorm, gated feed-forward layers and grouped key-value heads; Mistral adds a sliding
window, Qwen2 biases of queries, keys and values.
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
    has_shape,
    layer_pattern,
    read_fields,
    rotary_base,
    write_fields,
)

ACTIVATIONS = {"gelu_pytorch_tanh": "gelu_tanh", **ACTIVATIONS_OF_CONFIGS}  # which is written
CLASSES = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2"}
MISTRAL_WINDOW = 4096  # where its config is silent; null means that there is none
SHAPE: Mapping[str, Any] = {
    "architecture": "decoder",
    "feedforward": "gated",
    "norm": "rms",
    "norm_place": "pre",
    "norm_embeddings": False,
    "norm_first": True,
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
    ConfigField("activation", "hidden_act", "silu", ACTIVATIONS),
    ConfigField("norm_epsilon", "rms_norm_eps", 1e-6),
    ConfigField("longest_tokens", "max_position_embeddings"),
    ConfigField("tied", "tie_word_embeddings", False, {True: True, False: False}),
    ConfigField("initial_deviation", "initializer_range", 0.02),
)
LAYER, OURS = "model.layers.{i}", "backbone.blocks.{i}"
MODULES = {
    "model.embed_tokens": "backbone.inputs.token",
    f"{LAYER}.input_layernorm": f"{OURS}.attention_norm",
    f"{LAYER}.self_attn.q_proj": f"{OURS}.attention.query",
    f"{LAYER}.self_attn.k_proj": f"{OURS}.attention.key",
    f"{LAYER}.self_attn.v_proj": f"{OURS}.attention.value",
    f"{LAYER}.self_attn.o_proj": f"{OURS}.attention.output",
    f"{LAYER}.post_attention_layernorm": f"{OURS}.feedforward_norm",
    f"{LAYER}.mlp.gate_proj": f"{OURS}.feedforward.gate",
    f"{LAYER}.mlp.up_proj": f"{OURS}.feedforward.up",
    f"{LAYER}.mlp.down_proj": f"{OURS}.feedforward.down",
    "model.norm": "backbone.norm",
    "lm_head": "head",
    "score": "tokens.classifier",  # of sequences theirs reads the last token
}


class Llama(Family):
    """`config.json` and tensor names of Llama, Mistral and Qwen2, read and written."""

    summary = "Llama, Mistral, Qwen2, SmolLM2"

    def reads(self, config: Mapping[str, Any]) -> bool:
        return config.get("model_type") in CLASSES

    def settings(self, config: Mapping[str, Any]) -> TransformerSettings:
        reader = ConfigReader(config)
        has_biases = config["model_type"] == "qwen2"
        if config["model_type"] == "llama":
            has_biases = reader.choice("attention_bias", {True: True, False: False}, False)
            reader.only(mlp_bias=False)
        else:
            reader.only(attention_bias=False, mlp_bias=False)
        fields = read_fields(reader, FIELDS)
        window = _window_tokens(reader, fields["depth"])
        return TransformerSettings(
            **SHAPE,
            **fields,
            biases="query_key_value" if has_biases else "none",
            key_value_heads=reader.count("num_key_value_heads", fields["heads"]),
            head_width=reader.count("head_dim", max(fields["width"] // fields["heads"], 1)),
            rotary_base=_base(reader),
            window_tokens=window,
            global_every=1 if window is None else 0,
        )

    def notes(self, config: Mapping[str, Any]) -> Sequence[str]:
        return ConfigReader(config).ignored("attention_dropout")

    def config(
        self, settings: TransformerSettings, heads: Collection[str]
    ) -> Mapping[str, Any] | None:
        windowed = settings.window_tokens is not None
        if (
            not has_shape(settings, SHAPE)
            or settings.biases == "all"
            or (windowed and settings.global_every)
        ):
            return None
        if settings.rotary_base_local not in (None, settings.rotary_base):
            return None
        kind = (
            "qwen2" if settings.biases == "query_key_value" else "mistral" if windowed else "llama"
        )
        return self._config(kind, settings, heads)

    def alternatives(
        self, settings: TransformerSettings, heads: Collection[str]
    ) -> Sequence[Mapping[str, Any]]:
        """Return Llama with attention biases, which holds Qwen2's and a zero bias of the output."""
        if settings.biases != "query_key_value" or settings.window_tokens is not None:
            return ()
        return [{**self._config("llama", settings, heads), "attention_bias": True}]

    def zeros(self, config: Mapping[str, Any], settings: TransformerSettings) -> Mapping[str, int]:
        has_output_bias = config["model_type"] == "llama" and config.get("attention_bias")
        return {f"{LAYER}.self_attn.o_proj.bias": settings.width} if has_output_bias else {}

    def _config(
        self, kind: str, settings: TransformerSettings, heads: Collection[str]
    ) -> dict[str, Any]:
        windowed = settings.window_tokens is not None
        sliding = {"sliding_window": settings.window_tokens} if windowed else {}
        if kind == "qwen2":
            sliding |= {
                "use_sliding_window": windowed,
                "max_window_layers": 0 if windowed else settings.depth,
            }
        return {
            "model_type": kind,
            "architectures": [class_name(CLASSES[kind], heads, "ForCausalLM", answers=("tokens",))],
            **write_fields(settings, FIELDS),
            "num_key_value_heads": settings.key_value_heads or settings.heads,
            "head_dim": settings.features_per_head,
            "rope_parameters": {"rope_type": "default", "rope_theta": settings.rotary_base},
            "rope_theta": settings.rotary_base,
            "attention_dropout": 0.0,
            **sliding,
        }

    def keys(self, settings: TransformerSettings) -> Sequence[Key]:
        return [
            Key(f"{theirs}.{part}", (f"{ours}.{part}",))
            for theirs, ours in MODULES.items()
            for part in ("weight", "bias")
        ]


def _base(reader: ConfigReader) -> float:
    """From rope_parameters, or from rope_theta beside rope_scaling, as it was written before
    2026.
    """
    bases = [rotary_base(reader.group(name), name) for name in ("rope_parameters", "rope_scaling")]
    theta = next((base for base in [*bases, reader.given("rope_theta")] if base is not None), None)
    return ConfigReader({"rope_theta": theta}).number("rope_theta", 10_000.0)


def _window_tokens(reader: ConfigReader, depth: int) -> int | None:
    """Width of the window where all layers have one, None where none has. Raises ModelError for a
    mixture.
    """
    kind = reader.given("model_type")
    if kind == "llama" or (kind == "qwen2" and not reader.given("use_sliding_window")):
        return None
    if kind == "mistral":
        return (
            reader.count("sliding_window", MISTRAL_WINDOW)
            if reader.values.get("sliding_window", MISTRAL_WINDOW)
            else None
        )
    types = reader.given("layer_types")
    if types is None:
        first = reader.number("max_window_layers", 28.0)
        types = [
            "sliding_attention" if layer >= first else "full_attention" for layer in range(depth)
        ]
    every = (
        layer_pattern([name == "sliding_attention" for name in types])
        if isinstance(types, list)
        else None
    )
    if every not in (0, 1) or len(types) != depth:
        raise ModelError(
            "config.json: some layers see a window and others everything",
            "decoders load where all layers are alike",
        )
    return reader.count("sliding_window", 4096) if every == 0 else None
