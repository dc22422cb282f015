"""The one backbone: an encoder or a decoder, as its settings say.

Letters: T rows of all sequences end to end, D width, E width of the embeddings, V vocabulary.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from sslcli.core.attention import Attention, attend
from sslcli.core.cache import Cache
from sslcli.core.embeddings import Embeddings
from sslcli.core.feedforward import FeedForward
from sslcli.core.inputs import Edit, Hidden, Inputs
from sslcli.core.lookup import TokenEmbedding
from sslcli.core.losses import LaterProduct
from sslcli.core.norms import build_norm
from sslcli.core.packing import Packing
from sslcli.core.positions import Rotary
from sslcli.core.rounding import pays, with_spare_sequence
from sslcli.core.settings import TransformerSettings
from sslcli.errors import DataError, UsageError


class Block(nn.Module):
    """One layer: attention, then the feed-forward layer, each with its residual sum and its norm.

    Post-norm is the original order (Vaswani et al. 2017); pre-norm keeps the residual path free of norms (Xiong et al.
    2020), and needs a final norm after the last block.
    """

    def __init__(self, settings: TransformerSettings, layer: int) -> None:
        super().__init__()
        self.norms_before, self.dropout = settings.norm_place == "pre", settings.dropout
        skips_norm = self.norms_before and layer == 0 and not settings.norm_first
        self.attention_norm = nn.Identity() if skips_norm else build_norm(settings, settings.width)
        self.attention = Attention(settings)
        self.feedforward_norm = build_norm(settings, settings.width)
        self.feedforward = FeedForward(settings)

    def forward(
        self,
        x_TD: Tensor,
        packing: Packing,
        *,
        layer: int,
        rotary: Rotary | None = None,
        window_tokens: int | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """[T, D] -> [T, D]. What belongs to the place, not to the weights, is given: shared layers stand in many places."""
        a_TD = self.attention_norm(x_TD) if self.norms_before else x_TD
        a_TD = self.attention(a_TD, packing, layer=layer, rotary=rotary, window_tokens=window_tokens, cache=cache)
        x_TD = x_TD + dropout(a_TD, self.dropout, self.training)
        if not self.norms_before:
            x_TD = self.attention_norm(x_TD)
        f_TD = self.feedforward(self.feedforward_norm(x_TD) if self.norms_before else x_TD)
        x_TD = x_TD + dropout(f_TD, self.dropout, self.training)
        return x_TD if self.norms_before else self.feedforward_norm(x_TD)

    def compile(self, *args: Any, **options: Any) -> None:
        """In place, as of any module; `attend` says why it is left out. What leaves it out imports all of torch._dynamo."""
        self.attention.attend = torch.compiler.disable(attend)
        super().compile(*args, **options)


class Transformer(nn.Module):
    """Inputs of any modality in, hidden states out; it has no head, and never learns what it is trained for.

    An encoder's hidden states for a decoder to read ("memory") will enter in `forward` beside `inputs`, and go to a
    second Attention in each Block, which takes its keys from them: `attention.attend` has two packings for that.
    """

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        self.settings = settings
        self.inputs = Embeddings(settings)
        self.blocks = nn.ModuleList(Block(settings, layer) for layer in range(1 if settings.shared_layers else settings.depth))
        self.norm = build_norm(settings, settings.width) if settings.norm_place == "pre" else None

    @property
    def embedding(self) -> nn.Parameter:
        """The token matrix [V, E]."""
        return self._token.weight

    @property
    def token_matrix(self) -> Tensor:
        """[V, E], what a tied head reads anew at every forward."""
        return self._token.matrix

    @property
    def later(self) -> list[LaterProduct] | None:
        """Where a tied head's loss may leave its part of the token matrix's gradient, if anywhere."""
        return self._token.later

    @property
    def _token(self) -> TokenEmbedding:
        assert self.inputs.token is not None, "this backbone has no vocabulary: it reads ready rows"
        return self.inputs.token

    def sharing(self) -> AbstractContextManager:
        """Around one forward pass of backbone and head, which then share the gradient of the token matrix."""
        return nullcontext() if self.inputs.token is None else self.inputs.token.sharing()

    def forward(
        self,
        inputs: Inputs,
        keep: Collection[int] = (),
        edit: Mapping[int, Edit] | None = None,
        cache: Cache | None = None,
    ) -> Hidden:
        """Hidden states after the last layer, and after those in `keep`.

        Layer 0 is what the embeddings give, layer i what block i gives; layer `depth` includes the final norm. An edit
        is applied before its layer is kept, and feeds what follows. With `cache`, the rows follow those it holds.
        Raises UsageError where a layer does not exist, DataError where a sequence has no learned position.
        """
        self._check(inputs, {*keep, *(edit or {})}, cache)
        if cache is not None:
            cache.admit(inputs.packing)
        given, kept = inputs.packing, {}
        if edit is None and cache is None and pays(inputs.positions_T.device):
            inputs = with_spare_sequence(inputs)
        rotaries = self.rotaries(inputs.positions_T)
        x_TD = dropout(self.inputs(inputs), self.settings.dropout, self.training)
        for layer in range(self.settings.depth + 1):
            if layer > 0:
                window_tokens = self.settings.window_of(layer - 1)
                x_TD = self.block_of(layer)(
                    x_TD,
                    inputs.packing,
                    layer=layer - 1,
                    rotary=rotaries.get(window_tokens is not None),
                    window_tokens=window_tokens,
                    cache=cache,
                )
            if layer == self.settings.depth and self.norm is not None:
                x_TD = self.norm(x_TD)
            if edit is not None and layer in edit:
                x_TD = edit[layer](x_TD, inputs.packing)
            if layer in keep:
                kept[layer] = x_TD[: given.total]
        return Hidden(x_TD[: given.total], given, kept)

    def block_of(self, layer: int) -> Block:
        """The weights that make layer `layer` of layer `layer` - 1; 1 is the first."""
        return self.blocks[0 if self.settings.shared_layers else layer - 1]

    def rotaries(self, positions_T: Tensor) -> dict[bool, Rotary]:
        """The turns for global (False) and for windowed layers (True); none where positions are not rotary."""
        settings = self.settings
        if settings.positions != "rotary":
            return {}
        globally = Rotary.of(positions_T, settings.features_per_head, settings.rotary_base)
        if settings.rotary_base_local in (None, settings.rotary_base):
            return {False: globally, True: globally}
        return {False: globally, True: Rotary.of(positions_T, settings.features_per_head, settings.rotary_base_local)}

    def _check(self, inputs: Inputs, layers: set[int], cache: Cache | None) -> None:
        depth, longest = self.settings.depth, self.settings.longest_tokens
        if missing := sorted(layer for layer in layers if not 0 <= layer <= depth):
            raise UsageError(f"layer {missing[0]} does not exist", f"this model has layers 0 (embeddings) to {depth}")
        rows = inputs.positions_needed if cache is None else inputs.packing.longest + cache.longest
        if self.settings.positions == "learned" and rows > longest:
            raise DataError(
                f"a sequence has {rows} tokens, and this model has positions for {longest}",
                "make the sequences shorter, or train a model with more longest_tokens",
            )
