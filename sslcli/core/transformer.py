"""The backbone: an encoder, a decoder, or an encoder and a decoder that attends to it.

Letters: T rows of all sequences end to end, S rows of a memory, D width, E width of the embeddings,
V vocabulary.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from sslcli.core.attention import Attention, attend
from sslcli.core.cache import Cache
from sslcli.core.embeddings import Embeddings
from sslcli.core.feedforward import FeedForward
from sslcli.core.inputs import Edit, Hidden, Inputs, Reads
from sslcli.core.losses import LaterProduct
from sslcli.core.norms import build_norm
from sslcli.core.packing import Packing
from sslcli.core.positions import Rotary
from sslcli.core.settings import TransformerSettings
from sslcli.core.shape_buckets import pays, spare_rows, with_spare_memory, with_spare_sequence
from sslcli.core.token_embedding import TokenEmbedding
from sslcli.errors import DataError, UsageError


class Block(nn.Module):
    """One layer: attention, then the feed-forward layer, each with its residual sum and its norm.

    Post-norm is the original order (Vaswani et al. 2017); pre-norm keeps the residual path free of
    norms (Xiong et al. 2020), and needs a final norm after the last block. A block that
    `reads_memory` attends to it between the two.
    """

    def __init__(
        self, settings: TransformerSettings, layer: int, *, causal: bool, reads_memory: bool = False
    ) -> None:
        super().__init__()
        self.norms_before, self.dropout = settings.norm_place == "pre", settings.dropout
        skips_norm = self.norms_before and layer == 0 and not settings.norm_first
        self.attention_norm = nn.Identity() if skips_norm else build_norm(settings, settings.width)
        self.attention = Attention(settings, causal=causal)
        self.memory_norm = build_norm(settings, settings.width) if reads_memory else None
        self.memory_attention = Attention(settings, causal=False) if reads_memory else None
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
        memory_SD: Tensor | None = None,
        memory_packing: Packing | None = None,
        reads: Reads | None = None,
    ) -> Tensor:
        """[T, D] -> [T, D], or [N, D] of the rows in `reads`.

        Layer, rotary and window are arguments, not attributes, because shared layers are applied at
        many depths. A memory is given as a tensor: FSDP looks for those to know when its backward
        is done.
        """
        x_TD = self.attended(
            x_TD,
            packing,
            layer=layer,
            rotary=rotary,
            window_tokens=window_tokens,
            cache=cache,
            reads=reads,
        )
        if self.memory_attention is not None and self.memory_norm is not None:
            m_TD = self.memory_attention(
                self.asking_memory(x_TD),
                packing,
                layer=layer,
                cache=cache,
                memory_SD=memory_SD,
                memory_packing=memory_packing,
            )
            x_TD = x_TD + dropout(m_TD, self.dropout, self.training)
            if not self.norms_before:
                x_TD = self.memory_norm(x_TD)
        f_TD = self.feedforward(self.feedforward_norm(x_TD) if self.norms_before else x_TD)
        x_TD = x_TD + dropout(f_TD, self.dropout, self.training)
        return x_TD if self.norms_before else self.feedforward_norm(x_TD)

    def attended(
        self, x_TD: Tensor, packing: Packing, *, reads: Reads | None = None, **given: Any
    ) -> Tensor:
        """[T, D] -> [T, D] after attention, its residual sum and its norm, or [N, D] of the rows in
        `reads`; `given` as `forward`.
        """
        a_TD = self.attention_norm(x_TD) if self.norms_before else x_TD
        a_TD = self.attention(a_TD, packing, reads=reads, **given)
        if reads is not None:
            x_TD = x_TD.index_select(0, reads.rows_N)
        x_TD = x_TD + dropout(a_TD, self.dropout, self.training)
        return x_TD if self.norms_before else self.attention_norm(x_TD)

    def asking_memory(self, x_TD: Tensor) -> Tensor:
        """[T, D], what queries to the memory are projected from, of what `attended` gives."""
        assert self.memory_norm is not None, "this block reads no memory"
        return self.memory_norm(x_TD) if self.norms_before else x_TD

    def sublayers(self) -> list[Attention | FeedForward]:
        """Return attention and feed-forward layers, in the order of the computation."""
        return [
            part
            for part in (self.attention, self.memory_attention, self.feedforward)
            if part is not None
        ]

    def writers(self) -> list[nn.Linear]:
        """Return the layers that write to the residual path."""
        return [
            part.down if isinstance(part, FeedForward) else part.output for part in self.sublayers()
        ]

    def compile(self, *args: Any, **options: Any) -> None:
        """Compile in place; attention is left out, see `attend`. Leaving it out imports
        torch._dynamo.
        """
        for part in self.sublayers():
            if isinstance(part, Attention):
                part.attend = torch.compiler.disable(attend)
        super().compile(*args, **options)


class Stack(nn.Module):
    """Embeddings, `depth` blocks and a final norm: an encoder, or a decoder."""

    def __init__(
        self, settings: TransformerSettings, *, causal: bool, reads_memory: bool = False
    ) -> None:
        super().__init__()
        self.settings, self.depth = settings, settings.depth
        self.inputs = Embeddings(settings, shares_tokens=reads_memory)
        self.blocks = nn.ModuleList(
            Block(settings, layer, causal=causal, reads_memory=reads_memory)
            for layer in range(1 if settings.shared_layers else settings.depth)
        )
        self.norm = build_norm(settings, settings.width) if settings.norm_place == "pre" else None

    def block_of(self, layer: int) -> Block:
        """Return the block that computes layer `layer`; 1 is the first."""
        block = self.blocks[0 if self.settings.shared_layers else layer - 1]
        assert isinstance(block, Block)
        return block

    def rotaries(self, positions_T: Tensor) -> dict[bool, Rotary]:
        """Return the rotations for global (False) and windowed layers (True); {} if positions
        are not rotary.
        """
        settings = self.settings
        if settings.positions != "rotary":
            return {}
        globally, base = (
            Rotary.of(positions_T, settings.features_per_head, settings.rotary_base),
            settings.rotary_base_local,
        )
        if base is None or base == settings.rotary_base:
            return {False: globally, True: globally}
        return {False: globally, True: Rotary.of(positions_T, settings.features_per_head, base)}

    def run(
        self,
        inputs: Inputs,
        keep: Collection[int],
        edit: Mapping[int, Edit] | None,
        cache: Cache | None,
        *,
        memory: Hidden | None = None,
        token: TokenEmbedding | None = None,
    ) -> Hidden:
        """Run this stack as `Transformer.forward` describes; `token` is the matrix if it has
        none of its own.
        """
        self._check(inputs, {*keep, *(edit or {})}, cache)
        if cache is not None:
            cache.admit(inputs.packing)
        if self.settings.class_token:
            inside, first_B, others_T = inputs.with_first_rows()
            hidden = self._through(inside, keep, edit, cache, memory, token)
            return hidden.apart(first_B, others_T, inputs.packing)
        return self._through(inputs, keep, edit, cache, memory, token)

    def _through(
        self,
        inputs: Inputs,
        keep: Collection[int],
        edit: Mapping[int, Edit] | None,
        cache: Cache | None,
        memory: Hidden | None,
        token: TokenEmbedding | None,
    ) -> Hidden:
        given, kept, reads = inputs.packing, {}, inputs.reads
        wants_all = not self.training or self.depth in {*keep, *(edit or {})}
        if wants_all or cache is not None or memory is not None:
            reads = None
        if edit is None and cache is None and pays(inputs.positions_T.device):
            inputs, memory = _with_spares(inputs, memory)
            reads = None  # their number would be another shape at every step
        rotaries = self.rotaries(inputs.positions_T)
        read = (
            {}
            if memory is None
            else {"memory_SD": memory.last_TD, "memory_packing": memory.packing}
        )
        x_TD = dropout(self.inputs(inputs, token), self.settings.dropout, self.training)
        for layer in range(self.depth + 1):
            if layer > 0:
                window_tokens = self.settings.window_of(layer - 1)
                x_TD = self.block_of(layer)(
                    x_TD,
                    inputs.packing,
                    layer=layer - 1,
                    rotary=rotaries.get(window_tokens is not None),
                    window_tokens=window_tokens,
                    cache=cache,
                    reads=reads if layer == self.depth else None,
                    **read,
                )
            if layer == self.depth and self.norm is not None:
                x_TD = self.norm(x_TD)
            if edit is not None and layer in edit:
                x_TD = edit[layer](x_TD, inputs.packing)
            if layer in keep:
                kept[layer] = x_TD[: given.total]
        last_TD = x_TD[: given.total] if reads is None else reads.spread(x_TD, given.total)
        return Hidden(last_TD, given, kept)

    def _check(self, inputs: Inputs, layers: set[int], cache: Cache | None) -> None:
        longest = self.settings.longest_tokens
        if missing := sorted(layer for layer in layers if not 0 <= layer <= self.depth):
            raise UsageError(
                f"layer {missing[0]} does not exist",
                f"this model has layers 0 (embeddings) to {self.depth}",
            )
        rows = inputs.positions_needed if cache is None else cache.longest_with(inputs.packing)
        if self.settings.positions in ("learned", "sincos") and rows > longest:
            raise DataError(
                f"a sequence has {rows} tokens, and this model has positions for {longest}",
                "make the sequences shorter, or train a model with more longest_tokens",
            )


class Transformer(Stack):
    """The backbone: inputs of any modality in, hidden states out. It has no head and knows no
    objective.

    Its own blocks are the encoder's or the decoder's. An encoder-decoder has a second stack,
    `decoder`, with as many layers as its settings say: it shares the token matrix, and its blocks
    attend to the result of `encode`.
    """

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__(settings, causal=settings.causal)
        self.decoder = (
            Stack(settings.of_decoder(), causal=True, reads_memory=True)
            if settings.has_memory
            else None
        )

    @property
    def stacks(self) -> list[Stack]:
        """The stacks: one, or an encoder and its decoder."""
        return [self] if self.decoder is None else [self, self.decoder]

    @property
    def embedding(self) -> Tensor:
        """The token matrix [V, E]."""
        return self._token.weight

    @property
    def token_matrix(self) -> Tensor:
        """The token matrix [V, E] for a tied head, to be read anew at every forward."""
        return self._token.matrix

    @property
    def later(self) -> list[LaterProduct] | None:
        """List to which a tied head's loss may add its part of the token matrix's gradient, or
        None.
        """
        return self._token.later

    @property
    def _token(self) -> TokenEmbedding:
        assert self.inputs.token is not None, "this backbone has no vocabulary: it reads ready rows"
        return self.inputs.token

    def sharing(self) -> AbstractContextManager:
        """Share the gradient of the token matrix within one forward pass of backbone and head."""
        return nullcontext() if self.inputs.token is None else self.inputs.token.sharing()

    def forward(
        self,
        inputs: Inputs,
        keep: Collection[int] = (),
        edit: Mapping[int, Edit] | None = None,
        cache: Cache | None = None,
    ) -> Hidden:
        """Hidden states after the last layer, and after those in `keep`; for an encoder-decoder the
        encoder's.

        Layer 0 is the output of the embeddings, layer i that of block i; layer `depth` includes the
        final norm. An edit is applied before its layer is kept, and feeds the layers above. With
        `cache`, the rows follow those it holds. Raises UsageError if a layer does not exist,
        DataError if a sequence is longer than the learned positions.
        """
        return self.run(inputs, keep, edit, cache)

    def encode(
        self, inputs: Inputs, keep: Collection[int] = (), edit: Mapping[int, Edit] | None = None
    ) -> Hidden:
        """Return the encoder's hidden states, as `forward` does: a memory for `decode`."""
        assert not self.settings.causal, "a decoder has no encoder"
        return self.run(replace(inputs, reads=None), keep, edit, None)

    def read_on(self, inputs: Inputs, memory: Hidden | None, cache: Cache) -> Hidden:
        """Hidden states of the rows behind those that `cache` holds: of a decoder, or of the half
        that reads a memory.
        """
        if memory is None:
            return self(inputs, cache=cache)
        return self.decode(inputs, memory, cache=cache)

    def decode(
        self,
        inputs: Inputs,
        memory: Hidden,
        keep: Collection[int] = (),
        edit: Mapping[int, Edit] | None = None,
        cache: Cache | None = None,
    ) -> Hidden:
        """Return the decoder's hidden states: row i sees rows 0 to i of its sequence, and all of
        its memory.

        `memory`: the result of `encode`, one sequence for each of `inputs`, of any length.
        Otherwise as `forward`, for the decoder's layers.
        """
        assert self.decoder is not None, "only an encoder-decoder reads a memory"
        return self.decoder.run(inputs, keep, edit, cache, memory=memory, token=self.inputs.token)


def _with_spares(inputs: Inputs, memory: Hidden | None) -> tuple[Inputs, Hidden | None]:
    """Round the numbers of rows; inputs and memory both get a padding sequence, or neither does."""
    if memory is None:
        return with_spare_sequence(inputs), None
    least = int(any(map(spare_rows, (inputs.packing.total, memory.packing.total))))
    return with_spare_sequence(inputs, least), with_spare_memory(memory, least)
