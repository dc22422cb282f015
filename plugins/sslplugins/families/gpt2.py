"""GPT-2 (Radford et al. 2019): a decoder with learned positions and pre-norm.

Its files hold the transposed weight matrices.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sslcli.api import (
    ACTIVATIONS_OF_CONFIGS,
    ConfigField,
    ConfigReader,
    Family,
    Key,
    TransformerSettings,
    class_name,
    has_plain_heads,
    has_shape,
    read_fields,
    write_fields,
)

SHAPE: Mapping[str, Any] = {
    "architecture": "decoder",
    "feedforward": "plain",
    "norm": "layer",
    "norm_place": "pre",
    "norm_embeddings": False,
    "norm_first": True,
    "biases": "all",
    "positions": "learned",
    "position_offset": 0,
    "window_tokens": None,
    "segments": 0,
    "shared_layers": False,
}
FIELDS = (
    ConfigField("vocabulary", "vocab_size"),
    ConfigField("width", "n_embd"),
    ConfigField("depth", "n_layer"),
    ConfigField("heads", "n_head"),
    ConfigField("activation", "activation_function", "gelu_new", ACTIVATIONS_OF_CONFIGS),
    ConfigField("norm_epsilon", "layer_norm_epsilon", 1e-5),
    ConfigField("longest_tokens", "n_positions", 1024),
    ConfigField("tied", "tie_word_embeddings", True, {True: True, False: False}),
    ConfigField("dropout", "resid_pdrop", 0.1),
    ConfigField("initial_deviation", "initializer_range", 0.02),
)
LAYER, OURS = "transformer.h.{i}", "backbone.blocks.{i}"
TRANSPOSED = {
    f"{LAYER}.attn.c_attn": tuple(f"{OURS}.attention.{name}" for name in ("query", "key", "value")),
    f"{LAYER}.attn.c_proj": (f"{OURS}.attention.output",),
    f"{LAYER}.mlp.c_fc": (f"{OURS}.feedforward.up",),
    f"{LAYER}.mlp.c_proj": (f"{OURS}.feedforward.down",),
}
# of sequences theirs reads the last token
ANSWERS = {"tokens.classifier": "classifier", "spans.classifier": "qa_outputs"}
NORMS = {
    f"{LAYER}.ln_1": f"{OURS}.attention_norm",
    f"{LAYER}.ln_2": f"{OURS}.feedforward_norm",
    "transformer.ln_f": "backbone.norm",
}


class Gpt2(Family):
    """GPT-2's `config.json` and tensor names, read and written."""

    summary = "GPT-2"

    def reads(self, config: Mapping[str, Any]) -> bool:
        return config.get("model_type") == "gpt2"

    def settings(self, config: Mapping[str, Any]) -> TransformerSettings:
        reader = ConfigReader(config)
        reader.only(add_cross_attention=False, scale_attn_weights=True)
        reader.only(scale_attn_by_inverse_layer_idx=False, reorder_and_upcast_attn=False)
        fields = read_fields(reader, FIELDS)
        return TransformerSettings(
            **SHAPE, **fields, feedforward_width=reader.count("n_inner", 4 * fields["width"])
        )

    def notes(self, config: Mapping[str, Any]) -> Sequence[str]:
        reader = ConfigReader(config)
        embeddings, layers = reader.number("embd_pdrop", 0.1), reader.number("resid_pdrop", 0.1)
        different = (
            [f"embd_pdrop {embeddings} is ignored: resid_pdrop {layers} holds for embeddings too"]
            if embeddings != layers
            else []
        )
        return [*reader.ignored("attn_pdrop"), *different]

    def config(
        self, settings: TransformerSettings, heads: Collection[str]
    ) -> Mapping[str, Any] | None:
        if not has_shape(settings, SHAPE) or not has_plain_heads(settings):
            return None
        return {
            "model_type": "gpt2",
            "architectures": [
                class_name("GPT2", heads, "LMHeadModel", answers=("tokens", "spans"))
            ],
            **write_fields(settings, FIELDS),
            "n_inner": settings.feedforward_width,
            "embd_pdrop": settings.dropout,
            "attn_pdrop": 0.0,
        }

    def keys(self, settings: TransformerSettings) -> Sequence[Key]:
        return [
            Key("transformer.wte.weight", ("backbone.inputs.token.weight",)),
            Key("transformer.wpe.weight", ("backbone.inputs.position.weight",)),
            *(
                Key(
                    f"{theirs}.{part}",
                    tuple(f"{name}.{part}" for name in ours),
                    transposed=part == "weight",
                )
                for theirs, ours in TRANSPOSED.items()
                for part in ("weight", "bias")
            ),
            *(
                Key(f"{theirs}.{part}", (f"{ours}.{part}",))
                for theirs, ours in NORMS.items()
                for part in ("weight", "bias")
            ),
            *(
                Key(f"{theirs}.{part}", (f"{ours}.{part}",))
                for ours, theirs in ANSWERS.items()
                for part in ("weight", "bias")
            ),
            Key("lm_head.weight", ("head.weight",)),
        ]
