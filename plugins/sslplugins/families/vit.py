"""ViT (Dosovitskiy et al. 2021) and ViT-MAE (He et al. 2022): patches, a class token, pre-norm.

A ViT-MAE directory has fixed positions, and beside the encoder the decoder of `mae`. Files of
transformers 4 call its layers `decoder_layers`, files of version 5 `decoder_encoder.layer`; both
versions read the former, which is written. What a ViT learns of positions is a table like another.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sslcli.api import (
    ACTIVATIONS_OF_CONFIGS,
    ConfigField,
    ConfigReader,
    Family,
    Grid,
    Key,
    ModelError,
    TransformerSettings,
    has_plain_heads,
    has_shape,
    read_fields,
    write_fields,
)

SHAPE: Mapping[str, Any] = {
    "architecture": "encoder",
    "feedforward": "plain",
    "norm": "layer",
    "norm_place": "pre",
    "norm_first": True,
    "norm_embeddings": False,
    "biases": "all",
    "position_offset": 0,
    "window_tokens": None,
    "shared_layers": False,
    "class_token": True,
}
FIELDS = (
    ConfigField("width", "hidden_size"),
    ConfigField("depth", "num_hidden_layers"),
    ConfigField("heads", "num_attention_heads"),
    ConfigField("feedforward_width", "intermediate_size"),
    ConfigField("activation", "hidden_act", "gelu", ACTIVATIONS_OF_CONFIGS),
    ConfigField("norm_epsilon", "layer_norm_eps", 1e-12),
    ConfigField("dropout", "hidden_dropout_prob", 0.0),
    ConfigField("initial_deviation", "initializer_range", 0.02),
)
LAYER: Mapping[str, str] = {  # of the encoder and, by the same names, of the decoder
    "attention.attention.query": "attention.query",
    "attention.attention.key": "attention.key",
    "attention.attention.value": "attention.value",
    "attention.output.dense": "attention.output",
    "layernorm_before": "attention_norm",
    "intermediate.dense": "feedforward.up",
    "output.dense": "feedforward.down",
    "layernorm_after": "feedforward_norm",
}
STACKS: Mapping[str, str] = {
    "vit.encoder.layer": "backbone.blocks",
    "decoder.decoder_layers": "learnable.decoder.blocks",
    "decoder.decoder_encoder.layer": "learnable.decoder.blocks",
}
READ_ALONE = "decoder.decoder_encoder"
MODULES: Mapping[str, str] = {
    "vit.layernorm": "backbone.norm",
    "decoder.decoder_embed": "learnable.narrow",
    "decoder.decoder_norm": "learnable.decoder.norm",
    "decoder.decoder_pred": "learnable.restore_patch",
    "classifier": "items.classifier",
}
MASKED, PLAIN = "vit_mae", "vit"


class Vit(Family):
    """ViT's and ViT-MAE's `config.json` and tensor names, read and written."""

    summary = "ViT"
    reads_items = True

    def reads(self, config: Mapping[str, Any]) -> bool:
        return config.get("model_type") in (MASKED, PLAIN)

    def settings(self, config: Mapping[str, Any]) -> TransformerSettings:
        reader = ConfigReader(config)
        reader.only(qkv_bias=True)
        height, width = _sides(reader, "image_size", 224)
        patch, other = _sides(reader, "patch_size", 16)
        if patch != other or height % patch or width % patch:
            raise ModelError(
                f"config.json: patches of {patch} x {other} do not fill {height} x {width} pixels",
                "only square patches that fill an image load",
            )
        grid = Grid(height, width, reader.count("num_channels", 3), patch)
        return TransformerSettings(
            **SHAPE,
            **read_fields(reader, FIELDS),
            positions="sincos" if config.get("model_type") == MASKED else "learned",
            grid=grid,
            row_features=grid.features,
            longest_tokens=grid.rows,
        )

    def notes(self, config: Mapping[str, Any]) -> Sequence[str]:
        return ConfigReader(config).ignored("attention_probs_dropout_prob")

    def objective(self, config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
        if config.get("model_type") != MASKED:
            return None
        reader, rows = ConfigReader(config), self.settings(config).grid
        assert rows is not None, "a ViT reads images"
        seen = min(max(1, int(rows.rows * (1 - reader.number("mask_ratio", 0.75)))), rows.rows - 1)
        return "mae", {
            "mask_ratio": 1 - seen / rows.rows,
            "norm_pixels": bool(config.get("norm_pix_loss", False)),
            "decoder_width": reader.count("decoder_hidden_size", 512),
            "decoder_depth": reader.count("decoder_num_hidden_layers", 8),
            "decoder_heads": reader.count("decoder_num_attention_heads", 16),
            "decoder_feedforward_width": reader.count("decoder_intermediate_size", 2048),
        }

    def objective_entries(
        self, name: str, options: Mapping[str, Any], settings: TransformerSettings
    ) -> Mapping[str, Any] | None:
        if name != "mae" or settings.grid is None:
            return None
        rows, width = settings.grid.rows, options["decoder_width"]
        seen = min(max(1, round(rows * (1 - options["mask_ratio"]))), rows - 1)
        ratio = options["mask_ratio"]
        if int(rows * (1 - ratio)) != seen:  # transformers rounds down
            ratio = 1 - (seen + 0.5) / rows
        return {
            "mask_ratio": ratio,
            "norm_pix_loss": options["norm_pixels"],
            "decoder_hidden_size": width,
            "decoder_num_hidden_layers": options["decoder_depth"],
            "decoder_num_attention_heads": options["decoder_heads"],
            "decoder_intermediate_size": options["decoder_feedforward_width"] or 4 * width,
            "architectures": ["ViTMAEForPreTraining"],
        }

    def config(
        self, settings: TransformerSettings, heads: Collection[str]
    ) -> Mapping[str, Any] | None:
        grid = settings.grid
        fits = (
            has_shape(settings, SHAPE)
            and has_plain_heads(settings)
            and settings.features_of_embedding == settings.width
            and settings.positions in ("sincos", "learned")
        )
        if grid is None or not fits or settings.longest_tokens != grid.rows:
            return None
        answers = "items" in heads
        return {
            "model_type": PLAIN if answers else MASKED,
            "architectures": ["ViTForImageClassification" if answers else "ViTMAEModel"],
            **write_fields(settings, FIELDS),
            "image_size": grid.height if grid.height == grid.width else [grid.height, grid.width],
            "patch_size": grid.patch,
            "num_channels": grid.channels,
            "qkv_bias": True,
            "attention_probs_dropout_prob": 0.0,
        }

    def keys(self, settings: TransformerSettings) -> Sequence[Key]:
        patch = 0 if settings.grid is None else settings.grid.patch
        stem, inputs = "vit.embeddings", "backbone.inputs"
        modules = [*MODULES.items()] + [
            (f"{theirs}.{{i}}.{their_part}", f"{ours}.{{i}}.{our_part}")
            for theirs, ours in STACKS.items()
            for their_part, our_part in LAYER.items()
        ]
        return [
            Key(f"{stem}.cls_token", (f"{inputs}.class_token.weight",), leading=1),
            Key(f"{stem}.position_embeddings", (f"{inputs}.position.weight",), leading=1),
            Key(
                f"{stem}.patch_embeddings.projection.weight", (f"{inputs}.row.weight",), patch=patch
            ),
            Key(f"{stem}.patch_embeddings.projection.bias", (f"{inputs}.row.bias",)),
            Key("decoder.mask_token", ("learnable.mask_E",), leading=2),
            Key(
                "decoder.decoder_pos_embed",
                ("learnable.decoder.inputs.position.weight",),
                leading=1,
            ),
            *(
                Key(
                    f"{theirs}.{part}",
                    (f"{ours}.{part}",),
                    written=not theirs.startswith(READ_ALONE),
                )
                for theirs, ours in modules
                for part in ("weight", "bias")
            ),
        ]


def _sides(reader: ConfigReader, name: str, default: int) -> tuple[int, int]:
    """One number for both sides, or two."""
    given = reader.given(name)
    if not isinstance(given, list):
        return (reader.count(name, default),) * 2
    if len(given) != 2 or not all(isinstance(side, int) and side > 0 for side in given):
        raise ModelError(
            f"config.json: {name} must be one or two whole numbers, not {given!r:.60}",
            "the file is damaged",
        )
    return given[0], given[1]
