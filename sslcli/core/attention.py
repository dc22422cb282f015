"""Attention over packed rows: sequences never see one another, and padding stays within this file.

Letters: T query rows, S key rows, both of all sequences end to end; B sequences, D width, H query
heads, G key and value heads, K features per head, P padded rows.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from sslcli.core.cache import Cache
from sslcli.core.inputs import Reads
from sslcli.core.packing import LengthBucket, Packing
from sslcli.core.positions import Rotary
from sslcli.core.settings import TransformerSettings
from sslcli.deferred import Deferred

# with all of torch._dynamo, half of what torch takes to import
varlen = Deferred("torch.nn.attention.varlen")


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017, section 3.2), to the same rows or to a memory.

    There is no dropout on its probabilities: varlen has none. Query, key and value are separate
    modules, so each can be adapted, loaded and read by its name. With fewer key_value_heads than
    heads, neighbouring queries share them (Ainslie et al. 2023, "GQA").
    """

    def __init__(self, settings: TransformerSettings, *, causal: bool) -> None:
        super().__init__()
        self.features, self.causal = settings.features_per_head, causal
        width, shared = (
            settings.heads * self.features,
            (settings.key_value_heads or settings.heads) * self.features,
        )
        bias = settings.biases != "none"
        self.query = nn.Linear(settings.width, width, bias=bias)
        self.key = nn.Linear(settings.width, shared, bias=bias)
        self.value = nn.Linear(settings.width, shared, bias=bias)
        self.output = nn.Linear(width, settings.width, bias=settings.biases == "all")
        self.attend = attend

    def project(
        self, x_TD: Tensor, rotary: Rotary | None, asking_N: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return query [T, H, K], key and value [T, G, K], the first two rotated by their
        positions; queries of the rows `asking_N` alone [N, H, K], where they are given.
        """
        asking_ND = x_TD if asking_N is None else x_TD.index_select(0, asking_N)
        q_NHK, k_TGK, v_TGK = (
            part(of_RD).unflatten(-1, (-1, self.features))
            for part, of_RD in ((self.query, asking_ND), (self.key, x_TD), (self.value, x_TD))
        )
        if rotary is not None:
            turned = rotary if asking_N is None else rotary.of_rows(asking_N)
            q_NHK, k_TGK = turned.turn(q_NHK), rotary.turn(k_TGK)
        return q_NHK, k_TGK, v_TGK

    def project_memory(self, memory_SD: Tensor) -> tuple[Tensor, Tensor]:
        """Return key and value [S, G, K] of a memory's rows."""
        k_SGK, v_SGK = (
            part(memory_SD).unflatten(-1, (-1, self.features)) for part in (self.key, self.value)
        )
        return k_SGK, v_SGK

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
        """[T, D] -> [T, D], or [N, D] of the rows in `reads`; `layer` is the index in `cache`,
        which is written if it is given.

        With a memory, keys and values are of its rows: sequence i of `packing` reads sequence i of
        `memory_packing`, whatever their lengths; positions play no part there. A cache keeps its
        keys and values, which are the same at every pass.
        """
        if memory_SD is not None:
            assert memory_packing is not None, "a memory comes with its packing"
            return self.output(
                self._of_memory(x_TD, packing, layer, cache, memory_SD, memory_packing)
            )
        if reads is not None:
            return self.output(self._of_reads(x_TD, packing, rotary, window_tokens, reads))
        q_THK, k_TGK, v_TGK = self.project(x_TD, rotary)
        if cache is not None:
            cache.write(layer, k_TGK, v_TGK)
        if cache is not None and not cache.is_first:
            mixed_THK = cache.attend(layer, q_THK, window_tokens=window_tokens)
        else:
            mixed_THK = self.attend(
                q_THK,
                k_TGK,
                v_TGK,
                packing,
                packing,
                causal=self.causal,
                window_tokens=window_tokens,
            )
        return self.output(mixed_THK.flatten(1))

    def _of_reads(
        self,
        x_TD: Tensor,
        packing: Packing,
        rotary: Rotary | None,
        window_tokens: int | None,
        reads: Reads,
    ) -> Tensor:
        """[T, D] -> [N, H * K], what the rows that are read find among all."""
        if not self.causal and window_tokens is None:
            q_NHK, k_TGK, v_TGK = self.project(x_TD, rotary, reads.rows_N)
            return self.attend(q_NHK, k_TGK, v_TGK, reads.packing, packing, causal=False).flatten(1)
        # what a row sees depends on its place among all: all ask
        mixed_THK = self.attend(
            *self.project(x_TD, rotary),
            packing,
            packing,
            causal=self.causal,
            window_tokens=window_tokens,
        )
        return mixed_THK.flatten(1).index_select(0, reads.rows_N)

    def _of_memory(
        self,
        x_TD: Tensor,
        packing: Packing,
        layer: int,
        cache: Cache | None,
        memory_SD: Tensor,
        memory_packing: Packing,
    ) -> Tensor:
        """[T, D] -> [T, H * K], what the rows find in their memory."""
        q_THK = self.query(x_TD).unflatten(-1, (-1, self.features))
        if cache is not None and cache.remembers(layer):
            return cache.attend_memory(layer, q_THK).flatten(1)
        k_SGK, v_SGK = self.project_memory(memory_SD)
        if cache is not None:
            cache.remember(layer, k_SGK, v_SGK, memory_packing)
        return self.attend(q_THK, k_SGK, v_SGK, packing, memory_packing, causal=False).flatten(1)


def attend(
    q_THK: Tensor,
    k_SGK: Tensor,
    v_SGK: Tensor,
    query_packing: Packing,
    key_packing: Packing,
    *,
    causal: bool,
    window_tokens: int | None = None,
) -> Tensor:
    """softmax(q k / sqrt(K)) v within each sequence: [T, H, K].

    A window of w tokens is |i - j| <= w // 2 (as ModernBERT counts its local attention), and i - w
    < j <= i where causal (as Mistral counts). Two packings, because a decoder's queries read an
    encoder's keys (cross-attention). Causal and windowed attention need queries and keys of equal
    lengths.

    A compiled block breaks here (`Block.compile`), so that it is not compiled anew for every other
    set of lengths.
    """
    assert len(query_packing) == len(key_packing), (
        "every sequence of queries has its sequence of keys"
    )
    assert query_packing.lengths == key_packing.lengths or not (causal or window_tokens)
    if _fits_varlen(q_THK):
        return _attend_varlen(
            q_THK, k_SGK, v_SGK, query_packing, key_packing, causal, window_tokens
        )
    groups = query_packing.groups_to(key_packing)
    k_SHK, v_SHK = _repeat_heads(k_SGK, q_THK.shape[1]), _repeat_heads(v_SGK, q_THK.shape[1])
    query_rows = [group.count * group.query_rows for group in groups.groups]
    key_rows = [group.count * group.key_rows for group in groups.groups]
    q_PHK = _pad(q_THK, groups.query_slots_T, sum(query_rows))
    k_PHK, v_PHK = (_pad(x_SHK, groups.key_slots_S, sum(key_rows)) for x_SHK in (k_SHK, v_SHK))
    parts = zip(
        groups.groups,
        q_PHK.split(query_rows),
        k_PHK.split(key_rows),
        v_PHK.split(key_rows),
        strict=True,
    )
    mixed = [_attend_group(group, q, k, v, causal, window_tokens) for group, q, k, v in parts]
    mixed_PHK = mixed[0] if len(mixed) == 1 else torch.cat(mixed)
    return (
        mixed_PHK
        if groups.query_slots_T is None
        else mixed_PHK.index_select(0, groups.query_slots_T)
    )


def attention_probabilities(
    q_THK: Tensor, k_TGK: Tensor, *, causal: bool, window_tokens: int | None = None
) -> Tensor:
    """Return the attention weights of one sequence, float32 [H, T, T]: each query's row sums to
    1. Keys may be S rows of a memory where it is neither causal nor windowed: [H, T, S].
    """
    k_THK = _repeat_heads(k_TGK, q_THK.shape[1])
    scores_HTT = torch.einsum("thk,shk->hts", q_THK.float(), k_THK.float()) / q_THK.shape[-1] ** 0.5
    rows = q_THK.shape[0]
    if window_tokens is not None or causal:
        visible_TT = _band(
            rows, causal, rows if window_tokens is None else window_tokens, q_THK.device
        )
        scores_HTT = scores_HTT.masked_fill(~visible_TT, float("-inf"))
    return scores_HTT.softmax(dim=-1)


def _attend_group(
    group: LengthBucket,
    q_PHK: Tensor,
    k_PHK: Tensor,
    v_PHK: Tensor,
    causal: bool,
    window_tokens: int | None,
) -> Tensor:
    q, k, v = (x.unflatten(0, (group.count, -1)).transpose(1, 2) for x in (q_PHK, k_PHK, v_PHK))
    if window_tokens is not None:
        mask = _band(group.key_rows, causal, window_tokens, q.device)
        if group.key_mask is not None and not causal:
            # A padded query far behind the end would see no key, and its softmax would be NaN.
            mask = mask & (group.key_mask | ~group.key_mask.transpose(2, 3))
    else:
        # padding is on the right, where no causal query looks
        mask = None if causal else group.key_mask
    mixed = scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=causal and window_tokens is None
    )
    return mixed.transpose(1, 2).flatten(0, 1)


def _band(rows: int, causal: bool, window_tokens: int, device: torch.device) -> Tensor:
    """[rows, rows], true where a query (first) sees a key (second)."""
    places = torch.arange(rows, device=device)
    behind = places[:, None] - places[None, :]
    return (
        (behind >= 0) & (behind < window_tokens) if causal else behind.abs() <= window_tokens // 2
    )


def _pad(x_THK: Tensor, slots_T: Tensor | None, padded_rows: int) -> Tensor:
    if slots_T is None:
        return x_THK
    return x_THK.new_zeros(padded_rows, *x_THK.shape[1:]).index_copy_(0, slots_T, x_THK)


def _repeat_heads(x: Tensor, heads: int) -> Tensor:
    """[..., G, K] -> [..., H, K], each head H/G times in a row."""
    return x if x.shape[-2] == heads else x.repeat_interleave(heads // x.shape[-2], dim=-2)


def _fits_varlen(q_THK: Tensor) -> bool:
    half = q_THK.is_cuda and q_THK.dtype in (torch.float16, torch.bfloat16)
    return half and q_THK.shape[-1] % 8 == 0


def _attend_varlen(
    q_THK: Tensor,
    k_SGK: Tensor,
    v_SGK: Tensor,
    query_packing: Packing,
    key_packing: Packing,
    causal: bool,
    window_tokens: int | None,
) -> Tensor:
    before = -1 if window_tokens is None else window_tokens - 1 if causal else window_tokens // 2
    return varlen.varlen_attn(
        q_THK,
        k_SGK,
        v_SGK,
        query_packing.starts_B1,
        key_packing.starts_B1,
        query_packing.longest,
        key_packing.longest,
        window_size=(before, 0 if causal else before),
        enable_gqa=k_SGK.shape[1] != q_THK.shape[1],
    )
