"""BART (Lewis et al. 2020) and mBART (Liu et al. 2020): encoder-decoders with learned positions.

BART norms after each residual sum, mBART before it, with a final norm in each half. Both halves
share the token matrix; each has positions and a norm of its embeddings of its own.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

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

CLASSES = {"bart": "Bart", "mbart": "MBart"}
# what the computation of each kind is, whatever else its config says
NORM_PLACES: Mapping[str, Any] = {"bart": "post", "mbart": "pre"}
SHAPE: Mapping[str, Any] = {
    "architecture": "encoder_decoder",
    "feedforward": "plain",
    "norm": "layer",
    "norm_embeddings": True,
    "norm_first": True,
    "norm_epsilon": 1e-5,  # of torch's LayerNorm; no config names it
    "biases": "all",
    "positions": "learned",
    "position_offset": 2,
    "window_tokens": None,
    "segments": 0,
    "row_features": 0,
    "shared_layers": False,
    "embedding_width": None,
}
YES_OR_NO = {True: True, False: False}
FIELDS = (
    ConfigField("vocabulary", "vocab_size"),
    ConfigField("width", "d_model"),
    ConfigField("depth", "encoder_layers"),
    ConfigField("heads", "encoder_attention_heads"),
    ConfigField("feedforward_width", "encoder_ffn_dim"),
    ConfigField("activation", "activation_function", "gelu", ACTIVATIONS_OF_CONFIGS),
    ConfigField("longest_tokens", "max_position_embeddings", 1024),
    ConfigField("tied", "tie_word_embeddings", True, YES_OR_NO),
    ConfigField("scale_embeddings", "scale_embedding", False, YES_OR_NO),
    ConfigField("dropout", "dropout", 0.1),
    ConfigField("initial_deviation", "init_std", 0.02),
)
OF_DECODER = {
    "depth": "decoder_layers",
    "heads": "decoder_attention_heads",
    "feedforward_width": "decoder_ffn_dim",
}
LEFT_OUT = (
    "attention_dropout",
    "activation_dropout",
    "classifier_dropout",
    "encoder_layerdrop",
    "decoder_layerdrop",
)
HALVES = {"encoder": "backbone", "decoder": "backbone.decoder"}
ATTENTION = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "output"}
BLOCK = {
    **{f"self_attn.{theirs}": f"attention.{ours}" for theirs, ours in ATTENTION.items()},
    "self_attn_layer_norm": "attention_norm",
    "fc1": "feedforward.up",
    "fc2": "feedforward.down",
    "final_layer_norm": "feedforward_norm",
}
READING = {
    **{f"encoder_attn.{theirs}": f"memory_attention.{ours}" for theirs, ours in ATTENTION.items()},
    "encoder_attn_layer_norm": "memory_norm",
}


ANSWERS = {
    "classification_head.dense": "sequence.pooler",
    "classification_head.out_proj": "sequence.classifier",
    "qa_outputs": "spans.classifier",
}


class Bart(Family):
    """`config.json` and tensor names of BART and mBART, read and written."""

    summary = "BART, mBART"

    def reads(self, config: Mapping[str, Any]) -> bool:
        return config.get("model_type") in CLASSES

    def settings(self, config: Mapping[str, Any]) -> TransformerSettings:
        reader = ConfigReader(config)
        norms_before = config["model_type"] == "mbart"
        reader.only(
            is_encoder_decoder=True,
            is_decoder=False,
            normalize_before=norms_before,
            add_final_layer_norm=norms_before,
            normalize_embedding=True,
            static_position_embeddings=False,
        )
        fields = read_fields(reader, FIELDS)
        own: dict[str, Any] = {
            f"decoder_{ours}": reader.count(theirs, fields[ours])
            for ours, theirs in OF_DECODER.items()
        }
        differing: dict[str, Any] = {
            name: value
            for name, value in own.items()
            if value != fields[name.removeprefix("decoder_")]
        }
        place = NORM_PLACES[config["model_type"]]
        return TransformerSettings(**SHAPE, **fields, **differing, norm_place=place)

    def notes(self, config: Mapping[str, Any]) -> Sequence[str]:
        return ConfigReader(config).ignored(*LEFT_OUT)

    def config(
        self, settings: TransformerSettings, heads: Collection[str]
    ) -> Mapping[str, Any] | None:
        if not has_shape(settings, SHAPE) or not has_plain_heads(settings):
            return None
        decoder = settings.of_decoder()
        if not has_plain_heads(decoder):
            return None
        kind = next(kind for kind, place in NORM_PLACES.items() if place == settings.norm_place)
        # of sequences theirs reads the last </s>, which in mBART is not the last token
        answers: Sequence[Literal["sequence", "spans"]] = (
            ("sequence", "spans") if kind == "bart" else ("spans",)
        )
        return {
            "model_type": kind,
            "architectures": [
                class_name(CLASSES[kind], heads, "ForConditionalGeneration", answers=answers)
            ],
            "is_encoder_decoder": True,
            **write_fields(settings, FIELDS),
            **{theirs: getattr(decoder, ours) for ours, theirs in OF_DECODER.items()},
            **dict.fromkeys(LEFT_OUT, 0.0),
        }

    def keys(self, settings: TransformerSettings) -> Sequence[Key]:
        matrix = ("backbone.inputs.token.weight",)
        copies = [f"model.{half}.embed_tokens.weight" for half in HALVES]
        return [
            Key("model.shared.weight", matrix),
            # without a tied head transformers ties nothing, and asks for all three
            *(Key(name, matrix, is_copy=True, written=not settings.tied) for name in copies),
            *(key for half, ours in HALVES.items() for key in _keys_of_half(half, ours)),
            Key("lm_head.weight", ("head.weight",)),
            Key("final_logits_bias", ("head.bias",), leading=1),
            *(
                Key(f"{theirs}.{part}", (f"{ours}.{part}",))
                for theirs, ours in ANSWERS.items()
                if not ours.startswith("sequence") or settings.norm_place == "post"
                for part in ("weight", "bias")
            ),
        ]


def _keys_of_half(half: str, ours: str) -> list[Key]:
    parts = BLOCK | (READING if half == "decoder" else {})
    modules = {
        f"model.{half}.layernorm_embedding": f"{ours}.inputs.norm",
        f"model.{half}.layer_norm": f"{ours}.norm",
        **{
            f"model.{half}.layers.{{i}}.{theirs}": f"{ours}.blocks.{{i}}.{own}"
            for theirs, own in parts.items()
        },
    }
    positions = Key(f"model.{half}.embed_positions.weight", (f"{ours}.inputs.position.weight",))
    return [
        positions,
        *(
            Key(f"{theirs}.{part}", (f"{own}.{part}",))
            for theirs, own in modules.items()
            for part in ("weight", "bias")
        ),
    ]
