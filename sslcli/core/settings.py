"""The shape of a Transformer, as a run file stores it and a family maps it. Imports no torch."""

from collections.abc import Collection, Iterable
from typing import Any, Literal, Self, get_args

from pydantic import Field, field_serializer, field_validator, model_validator

from sslcli.config import Config, Count, setting
from sslcli.grid import Grid
from sslcli.modalities import Frames
from sslcli.rows.schema import Schema

Architecture = Literal["encoder", "decoder", "encoder_decoder"]
StackName = Literal["encoder", "decoder"]  # a half of an encoder-decoder

STACKS: tuple[StackName, ...] = get_args(StackName)
MODEL_CONFIG = "config.json"  # of a model directory
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
# what a second stack may have of its own, in fields called decoder_...
OWN_OF_DECODER = ("depth", "heads", "feedforward_width")


def is_causal(architecture: str) -> bool:
    """Tell whether an architecture reads its whole input from left to right."""
    return architecture == "decoder"


def common_architecture(architectures: Iterable[Collection[str]]) -> Architecture | None:
    """Return the first of ARCHITECTURES that all can use, None if there is none."""
    needed = list(architectures)
    return next((each for each in ARCHITECTURES if all(each in own for own in needed)), None)


class TransformerSettings(Config):
    """The shape of a Transformer: few, orthogonal fields.

    A model family is a point in this space, never another class. Widths are in numbers of features,
    `longest_tokens` and windows in tokens.
    """

    largest = 10**9

    architecture: Architecture = Field(
        "encoder",
        description=(
            "encoder: every token sees all; decoder: only earlier "
            "ones; encoder_decoder: the second reads the first"
        ),
    )
    vocabulary: int = Field(
        0, ge=0, description="number of token types; 0 for a backbone that reads rows only"
    )
    row_features: int = Field(
        0,
        ge=0,
        description="features of an input row, projected to the embeddings; 0: as wide as they are",
    )
    grid: Grid | None = Field(
        None, description="how images lie in the rows: height, width, channels, side of a patch"
    )
    frames: Frames | None = Field(
        None,
        description="how recordings are made rows: samples a second, of a window, from one to the"
        " next, mel bands, lowest and highest frequency",
    )
    table: Schema | None = Field(
        None, description="columns of a table, one a row: their names, kinds, scales, categories"
    )
    width: int = Field(256, gt=0, description="features of a hidden state")
    depth: int = Field(4, gt=0, le=10_000, description="number of layers")
    decoder_depth: int | None = Field(
        None,
        gt=0,
        le=10_000,
        description="layers of an encoder-decoder's decoder; depth when not given",
    )
    heads: int = Field(4, gt=0, description="attention heads of the queries")
    decoder_heads: int | None = Field(
        None, gt=0, description="heads of an encoder-decoder's decoder; heads when not given"
    )
    key_value_heads: int | None = Field(
        None,
        gt=0,
        description="attention heads of keys and values; as many as heads when not given",
    )
    head_width: int | None = Field(
        None, gt=0, description="features of one head; width / heads when not given"
    )
    feedforward: Literal["plain", "gated"] = Field(
        "plain", description="gated multiplies two projections before the way down"
    )
    feedforward_width: int = Field(1024, gt=0, description="features inside the feed-forward layer")
    decoder_feedforward_width: int | None = Field(
        None,
        gt=0,
        description="the same of an encoder-decoder's decoder; feedforward_width when not given",
    )
    activation: Literal["gelu", "gelu_tanh", "relu", "silu"] = Field(
        "gelu", description="non-linearity of feed-forward and head"
    )
    norm: Literal["layer", "rms"] = Field("layer", description="LayerNorm or RMSNorm")
    norm_place: Literal["post", "pre"] = Field(
        "post", description="norm after the residual sum, or before each sub-layer"
    )
    norm_epsilon: float = Field(1e-12, gt=0, description="added to the variance inside every norm")
    norm_embeddings: bool = Field(True, description="norm the sum of the embeddings")
    scale_embeddings: bool = Field(
        False, description="multiply token embeddings by the square root of their width"
    )
    norm_first: bool = Field(
        True, description="norm before the first attention of a pre-norm model"
    )
    biases: Literal["all", "query_key_value", "none"] = Field(
        "all", description="which linear layers and norms have biases"
    )
    positions: Literal["learned", "rotary", "sincos", "none"] = Field(
        "learned",
        description="position embeddings; sincos: fixed ones of a patch's column and row",
    )
    class_token: bool = Field(
        False, description="a learned row before the rows of each item, as ViT's [CLS]"
    )
    position_offset: int = Field(
        0, ge=0, description="unused rows before position 0 of learned positions"
    )
    longest_tokens: int = Field(
        512, gt=0, description="longest sequence that positions are made for"
    )
    rotary_base: float = Field(10_000.0, gt=0, description="base wavelength of rotary positions")
    rotary_base_local: float | None = Field(
        None, gt=0, description="the same for windowed layers; rotary_base when not given"
    )
    window_tokens: int | None = Field(
        None, gt=0, description="width of local attention; global everywhere when not given"
    )
    global_every: int = Field(
        1,
        ge=0,
        description="with windows: every n-th layer, from the first, attends globally; 0 for none",
    )
    embedding_width: int | None = Field(
        None, gt=0, description="features of factorised embeddings; width when not given"
    )
    tied: bool = Field(True, description="the language-model head reads the embedding matrix")
    shared_layers: bool = Field(False, description="one layer's weights, used depth times")
    segments: int = Field(0, ge=0, description="number of segment types; 0 for none")
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="probability of dropping a feature of embeddings and sub-layers",
    )
    initial_deviation: float = Field(
        0.02, gt=0, description="standard deviation of the initial weights"
    )

    @field_serializer("grid", "frames")
    def _plain(self, rows: Grid | Frames | None) -> list[float] | None:
        return None if rows is None else list(rows)

    @field_serializer("table")
    def _plain_table(self, table: Schema | None) -> dict[str, Any] | None:
        return None if table is None else table.plain

    @field_validator("table", mode="before")
    @classmethod
    def _of_plain(cls, value: Any) -> Any:
        try:
            return Schema.of(value) if isinstance(value, dict) else value
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("it is no table's columns") from error

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.head_width is None and self.width % self.heads:
            raise ValueError(f"width {self.width} is not divisible by {self.heads} heads")
        if self.class_token and (self.architecture != "encoder" or self.vocabulary):
            raise ValueError("class_token is for an encoder of rows: a tokenizer has its own")
        if self.positions == "sincos" and (self.grid is None or self.features_of_embedding % 4):
            raise ValueError("sincos positions need images, and a width that 4 divides")
        if self.grid is not None and self.row_features not in (0, self.grid.features):
            raise ValueError(
                f"a patch of {self.grid.described} has {self.grid.features} numbers, and rows have "
                f"{self.row_features}"
            )
        if self.frames is not None and self.row_features != self.frames.features:
            raise ValueError(
                f"a frame has {self.frames.bands} mel bands, and rows have {self.row_features}"
            )
        if self.table is not None and self.row_features != self.table.features:
            raise ValueError(
                f"a column of the table has {self.table.features} numbers, and rows have "
                f"{self.row_features}"
            )
        if self.heads % (self.key_value_heads or self.heads):
            raise ValueError(
                f"{self.heads} heads cannot share {self.key_value_heads} key and value heads evenly"
            )
        if self.positions == "rotary" and self.features_per_head % 2:
            raise ValueError(
                "rotary positions need an even number of "
                f"features per head, not {self.features_per_head}"
            )
        if not self.transforms_before_head and self.features_of_embedding != self.width:
            raise ValueError(
                "a decoder's head is its embedding matrix "
                "alone, so embedding_width must be its width"
            )
        of_decoder = {
            f"decoder_{name}": name
            for name in OWN_OF_DECODER
            if getattr(self, f"decoder_{name}") is not None
        }
        if of_decoder and not self.has_memory:
            name, own = next(iter(of_decoder.items()))
            raise ValueError(
                f"{name} is for an encoder_decoder, and this is {self.architecture}: use {own}"
            )
        if of_decoder:
            self.of_decoder()  # which must fit as well
        if self.shared_layers and self.norm_place == "pre" and not self.norm_first:
            raise ValueError(
                "shared layers share their norms, so the first norm cannot be left out"
            )
        return self

    @property
    def layout(self) -> Grid | Schema | None:
        """What the rows of one item are: patches of an image, or columns of a table."""
        return self.table if self.grid is None else self.grid

    @property
    def causal(self) -> bool:
        """True if a row sees only itself and earlier rows."""
        return is_causal(self.architecture)

    @property
    def has_memory(self) -> bool:
        """True if a second stack attends to the hidden states of the first (encoder-decoder)."""
        return self.architecture == "encoder_decoder"

    @property
    def answers_causally(self) -> bool:
        """True if the rows that a head reads see no later ones of their stack."""
        return self.causal or self.has_memory

    def of_encoder(self) -> Self:
        """Return the shape of an encoder-decoder's encoder, as a backbone of its own."""
        unset = {f"decoder_{name}": None for name in OWN_OF_DECODER}
        return self.model_copy(update={"architecture": "encoder", **unset})

    def of_decoder(self) -> Self:
        """Return the shape of the second stack: decoder_depth is its depth, and so on.

        It is no shape of a backbone: its architecture is still that of both.
        """
        own = {name: getattr(self, f"decoder_{name}") for name in OWN_OF_DECODER}
        given = {name: value for name, value in own.items() if value is not None}
        unset = {f"decoder_{name}": None for name in OWN_OF_DECODER}
        return type(self).model_validate({**self.model_dump(), **unset, **given})

    @property
    def layers_of_decoder(self) -> int:
        """Layers of the second stack; 0 without one."""
        return (self.decoder_depth or self.depth) if self.has_memory else 0

    @property
    def described_depth(self) -> str:
        """The number of layers, of an encoder-decoder of both halves: "6 + 6"."""
        return f"{self.depth} + {self.layers_of_decoder}" if self.has_memory else f"{self.depth}"

    @property
    def described_layers(self) -> str:
        """The same with its noun: "1 layer", "6 + 6 layers"."""
        return f"{self.described_depth} {'layer' if self.described_depth == '1' else 'layers'}"

    @property
    def deepest(self) -> int:
        """Layers of the stack that has most."""
        return max(self.depth, self.layers_of_decoder)

    @property
    def transforms_before_head(self) -> bool:
        """True if the language-model head has a dense layer, a norm and a trained bias (BERT)."""
        return self.architecture == "encoder"

    @property
    def shifts_logits(self) -> bool:
        """True if the head adds a vector that training does not change (BART)."""
        return self.has_memory

    @property
    def features_per_head(self) -> int:
        """K, the features of one attention head."""
        return self.head_width or self.width // self.heads

    @property
    def features_of_embedding(self) -> int:
        """E, the features of an embedding."""
        return self.embedding_width or self.width

    def window_of(self, layer: int) -> int | None:
        """Return the attention window of block `layer` (0 is the first) in tokens, None if it is
        global.
        """
        sees_all = self.global_every > 0 and layer % self.global_every == 0
        return None if self.window_tokens is None or sees_all else self.window_tokens


class AdapterSettings(Config):
    """LoRA: trained low-rank matrices beside frozen ones; rank 0 means none, and everything is
    trained.
    """

    rank: Count = setting(
        0,
        "train LoRA adapters of this rank and freeze the rest; 0: train everything",
        "--lora-rank",
        panel="Model",
        ge=0,
    )
    alpha: float = setting(
        16.0, "weight of the adapters, divided by their rank", "--lora-alpha", panel="Model", gt=0
    )
    targets: list[Literal["all", "query", "key", "value", "output", "up", "gate", "down"]] = (
        setting(
            ["query", "value"],
            "layers that are adapted: all, or some of query, key, value, output, up, gate, down",
            "--lora-targets",
            panel="Model",
            min_length=1,
        )
    )
    dropout: float = setting(
        0.0,
        "probability of dropping a feature before an adapter",
        "--lora-dropout",
        panel="Model",
        ge=0,
        lt=1,
    )
