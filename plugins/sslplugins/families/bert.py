"""BERT (Devlin et al. 2019): learned positions, segments, post-norm.

Holds the language-model head and, for models trained on next-sentence prediction, pooler and
classifier.
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
    "architecture": "encoder",
    "feedforward": "plain",
    "norm": "layer",
    "norm_place": "post",
    "norm_embeddings": True,
    "biases": "all",
    "positions": "learned",
    "position_offset": 0,
    "window_tokens": None,
    "shared_layers": False,
}
FIELDS = (
    ConfigField("vocabulary", "vocab_size"),
    ConfigField("width", "hidden_size"),
    ConfigField("depth", "num_hidden_layers"),
    ConfigField("heads", "num_attention_heads"),
    ConfigField("feedforward_width", "intermediate_size"),
    ConfigField("activation", "hidden_act", "gelu", ACTIVATIONS_OF_CONFIGS),
    ConfigField("norm_epsilon", "layer_norm_eps", 1e-12),
    ConfigField("longest_tokens", "max_position_embeddings"),
    ConfigField("segments", "type_vocab_size", 2),
    ConfigField("tied", "tie_word_embeddings", True, {True: True, False: False}),
    ConfigField("dropout", "hidden_dropout_prob", 0.1),
    ConfigField("initial_deviation", "initializer_range", 0.02),
)
LAYER, OURS = "bert.encoder.layer.{i}", "backbone.blocks.{i}"
MODULES = {
    "bert.embeddings.word_embeddings": "backbone.inputs.token",
    "bert.embeddings.position_embeddings": "backbone.inputs.position",
    "bert.embeddings.token_type_embeddings": "backbone.inputs.segment",
    "bert.embeddings.LayerNorm": "backbone.inputs.norm",
    f"{LAYER}.attention.self.query": f"{OURS}.attention.query",
    f"{LAYER}.attention.self.key": f"{OURS}.attention.key",
    f"{LAYER}.attention.self.value": f"{OURS}.attention.value",
    f"{LAYER}.attention.output.dense": f"{OURS}.attention.output",
    f"{LAYER}.attention.output.LayerNorm": f"{OURS}.attention_norm",
    f"{LAYER}.intermediate.dense": f"{OURS}.feedforward.up",
    f"{LAYER}.output.dense": f"{OURS}.feedforward.down",
    f"{LAYER}.output.LayerNorm": f"{OURS}.feedforward_norm",
    "bert.pooler.dense": "pooler",
    "cls.predictions.transform.dense": "head.dense",
    "cls.predictions.transform.LayerNorm": "head.norm",
    "cls.predictions.decoder": "head",
    "cls.seq_relationship": "classifier",
}
ANSWERS = {
    "sequence.pooler": "bert.pooler.dense",
    "sequence.classifier": "classifier",
    "tokens.classifier": "classifier",
    "spans.classifier": "qa_outputs",
}


class Bert(Family):
    """BERT's `config.json` and tensor names, read and written."""

    summary = "BERT"

    def reads(self, config: Mapping[str, Any]) -> bool:
        return config.get("model_type") == "bert"

    def settings(self, config: Mapping[str, Any]) -> TransformerSettings:
        reader = ConfigReader(config)
        reader.only(is_decoder=False, add_cross_attention=False, position_embedding_type="absolute")
        return TransformerSettings(**SHAPE, **read_fields(reader, FIELDS))

    def notes(self, config: Mapping[str, Any]) -> Sequence[str]:
        return ConfigReader(config).ignored("attention_probs_dropout_prob")

    def config(
        self, settings: TransformerSettings, heads: Collection[str]
    ) -> Mapping[str, Any] | None:
        fits = (
            has_shape(settings, SHAPE)
            and has_plain_heads(settings)
            and settings.features_of_embedding == settings.width
        )
        if not fits or not settings.segments:
            return None
        return {
            "model_type": "bert",
            "architectures": [
                class_name(
                    "Bert", heads, "ForPreTraining" if "classifier" in heads else "ForMaskedLM"
                )
            ],
            **write_fields(settings, FIELDS),
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
        return [*keys, Key("cls.predictions.bias", ("head.bias",))]
