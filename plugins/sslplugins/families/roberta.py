"""RoBERTa, XLM-R and CamemBERT (Liu et al. 2019, Conneau et al. 2020).

BERT whose positions begin after the pad token's id.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sslcli.api import (
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

TYPES = ("roberta", "xlm-roberta", "camembert")
SHAPE: Mapping[str, Any] = {
    "architecture": "encoder",
    "feedforward": "plain",
    "activation": "gelu",  # their head has it whatever the config says
    "norm": "layer",
    "norm_place": "post",
    "norm_embeddings": True,
    "biases": "all",
    "positions": "learned",
    "window_tokens": None,
    "shared_layers": False,
}
FIELDS = (
    ConfigField("vocabulary", "vocab_size"),
    ConfigField("width", "hidden_size"),
    ConfigField("depth", "num_hidden_layers"),
    ConfigField("heads", "num_attention_heads"),
    ConfigField("feedforward_width", "intermediate_size"),
    ConfigField("norm_epsilon", "layer_norm_eps", 1e-12),
    ConfigField("segments", "type_vocab_size", 2),
    ConfigField("tied", "tie_word_embeddings", True, {True: True, False: False}),
    ConfigField("dropout", "hidden_dropout_prob", 0.1),
    ConfigField("initial_deviation", "initializer_range", 0.02),
)
LAYER, OURS = "roberta.encoder.layer.{i}", "backbone.blocks.{i}"
MODULES = {
    "roberta.embeddings.word_embeddings": "backbone.inputs.token",
    "roberta.embeddings.position_embeddings": "backbone.inputs.position",
    "roberta.embeddings.token_type_embeddings": "backbone.inputs.segment",
    "roberta.embeddings.LayerNorm": "backbone.inputs.norm",
    f"{LAYER}.attention.self.query": f"{OURS}.attention.query",
    f"{LAYER}.attention.self.key": f"{OURS}.attention.key",
    f"{LAYER}.attention.self.value": f"{OURS}.attention.value",
    f"{LAYER}.attention.output.dense": f"{OURS}.attention.output",
    f"{LAYER}.attention.output.LayerNorm": f"{OURS}.attention_norm",
    f"{LAYER}.intermediate.dense": f"{OURS}.feedforward.up",
    f"{LAYER}.output.dense": f"{OURS}.feedforward.down",
    f"{LAYER}.output.LayerNorm": f"{OURS}.feedforward_norm",
    "roberta.pooler.dense": "pooler",
    "lm_head.dense": "head.dense",
    "lm_head.layer_norm": "head.norm",
    "lm_head.decoder": "head",
}
ANSWERS = {
    "sequence.pooler": "classifier.dense",
    "sequence.classifier": "classifier.out_proj",
    "tokens.classifier": "classifier",
    "spans.classifier": "qa_outputs",
}


class Roberta(Family):
    """`config.json` and tensor names of RoBERTa, XLM-R and CamemBERT, read and written."""

    summary = "RoBERTa, XLM-R, CamemBERT"

    def reads(self, config: Mapping[str, Any]) -> bool:
        return config.get("model_type") in TYPES

    def settings(self, config: Mapping[str, Any]) -> TransformerSettings:
        reader = ConfigReader(config)
        reader.only(
            is_decoder=False,
            add_cross_attention=False,
            position_embedding_type="absolute",
            hidden_act="gelu",
        )
        offset = int(reader.number("pad_token_id", 1.0)) + 1
        longest = reader.count("max_position_embeddings") - offset
        if longest < 1:
            raise ModelError(
                f"config.json: pad_token_id {offset - 1} leaves no room for positions",
                "the file is damaged",
            )
        return TransformerSettings(
            **SHAPE, **read_fields(reader, FIELDS), position_offset=offset, longest_tokens=longest
        )

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
        if not fits or not settings.segments or not settings.position_offset:
            return None
        return {
            "model_type": "roberta",
            "architectures": [class_name("Roberta", heads, "ForMaskedLM")],
            **write_fields(settings, FIELDS),
            "hidden_act": "gelu",
            "pad_token_id": settings.position_offset - 1,
            "max_position_embeddings": settings.longest_tokens + settings.position_offset,
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
        return [*keys, Key("lm_head.bias", ("head.bias",))]
