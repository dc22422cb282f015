"""ALBERT (Lan et al. 2020): shared layer weights, and embeddings narrower than the model.

Holds the language-model head and, for models trained on sentence order, pooler and classifier.
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
    read_fields,
    write_fields,
)

SHAPE: Mapping[str, Any] = {
    "architecture": "encoder",
    "feedforward": "plain",
    "norm": "layer",
    "norm_place": "post",
    "norm_embeddings": True,
    "biases": "all",
    "positions": "learned",
    "position_offset": 0,
    "window_tokens": None,
    "shared_layers": True,
}
FIELDS = (
    ConfigField("vocabulary", "vocab_size"),
    ConfigField("features_of_embedding", "embedding_size", 128),
    ConfigField("width", "hidden_size"),
    ConfigField("depth", "num_hidden_layers"),
    ConfigField("heads", "num_attention_heads"),
    ConfigField("feedforward_width", "intermediate_size"),
    ConfigField("activation", "hidden_act", "gelu_new", ACTIVATIONS_OF_CONFIGS),
    ConfigField("norm_epsilon", "layer_norm_eps", 1e-12),
    ConfigField("longest_tokens", "max_position_embeddings"),
    ConfigField("segments", "type_vocab_size", 2),
    ConfigField("tied", "tie_word_embeddings", True, {True: True, False: False}),
    ConfigField("dropout", "hidden_dropout_prob", 0.0),
    ConfigField("initial_deviation", "initializer_range", 0.02),
)
LAYER, OURS = "albert.encoder.albert_layer_groups.0.albert_layers.0", "backbone.blocks.0"
MODULES = {
    "albert.embeddings.word_embeddings": "backbone.inputs.token",
    "albert.embeddings.position_embeddings": "backbone.inputs.position",
    "albert.embeddings.token_type_embeddings": "backbone.inputs.segment",
    "albert.embeddings.LayerNorm": "backbone.inputs.norm",
    "albert.encoder.embedding_hidden_mapping_in": "backbone.inputs.project",
    f"{LAYER}.attention.query": f"{OURS}.attention.query",
    f"{LAYER}.attention.key": f"{OURS}.attention.key",
    f"{LAYER}.attention.value": f"{OURS}.attention.value",
    f"{LAYER}.attention.dense": f"{OURS}.attention.output",
    f"{LAYER}.attention.LayerNorm": f"{OURS}.attention_norm",
    f"{LAYER}.ffn": f"{OURS}.feedforward.up",
    f"{LAYER}.ffn_output": f"{OURS}.feedforward.down",
    f"{LAYER}.full_layer_layer_norm": f"{OURS}.feedforward_norm",
    "albert.pooler": "pooler",
    "predictions.dense": "head.dense",
    "predictions.LayerNorm": "head.norm",
    "predictions.decoder": "head",
    "sop_classifier.classifier": "classifier",
}
ANSWERS = {
    "sequence.pooler": "albert.pooler",
    "sequence.classifier": "classifier",
    "tokens.classifier": "classifier",
    "spans.classifier": "qa_outputs",
}


class Albert(Family):
    """ALBERT's `config.json` and tensor names, read and written."""

    summary = "ALBERT"

    def reads(self, config: Mapping[str, Any]) -> bool:
        return config.get("model_type") == "albert"

    def settings(self, config: Mapping[str, Any]) -> TransformerSettings:
        reader = ConfigReader(config)
        reader.only(num_hidden_groups=1, inner_group_num=1, position_embedding_type="absolute")
        fields = read_fields(reader, FIELDS)
        embedding_width = fields.pop("features_of_embedding")
        if fields["width"] == embedding_width:
            raise ModelError(
                (
                    "config.json: embedding_size and hidden_size are both "
                    f"{embedding_width}, and the projection between them has no place"
                ),
                "ALBERT loads where its embeddings are narrower than the model",
            )
        return TransformerSettings(**SHAPE, **fields, embedding_width=embedding_width)

    def notes(self, config: Mapping[str, Any]) -> Sequence[str]:
        return ConfigReader(config).ignored("attention_probs_dropout_prob")

    def config(
        self, settings: TransformerSettings, heads: Collection[str]
    ) -> Mapping[str, Any] | None:
        fits = (
            has_shape(settings, SHAPE)
            and has_plain_heads(settings)
            and settings.features_of_embedding != settings.width
        )
        if not fits or not settings.segments:
            return None
        return {
            "model_type": "albert",
            "architectures": [
                class_name(
                    "Albert", heads, "ForPreTraining" if "classifier" in heads else "ForMaskedLM"
                )
            ],
            **write_fields(settings, FIELDS),
            "num_hidden_groups": 1,
            "inner_group_num": 1,
            "position_embedding_type": "absolute",
            "attention_probs_dropout_prob": 0.0,
        }

    def keys(self, settings: TransformerSettings) -> Sequence[Key]:
        modules = [*MODULES.items(), *((theirs, ours) for ours, theirs in ANSWERS.items())]
        keys = [
            Key(f"{theirs}.{part}", (f"{ours}.{part}",))
            for theirs, ours in modules
            for part in ("weight", "bias")
        ]
        # another name of the decoder's bias, which counts
        return [*keys, Key("predictions.bias", ("head.bias",))]
