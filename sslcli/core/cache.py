"""Key-value cache: with it the next token costs one row. Attention to what it holds is here too.

Sequences of like length share a padded tensor, so that a few long ones do not make all others long.

Letters: B live sequences, T new rows of all of them end to end, b sequences of one group, R new
rows of one sequence, S rows kept of each, G key and value heads, Q query heads for each of them, H
query heads, K features per head, N some rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from sslcli.core.packing import Packing, split_lengths

SPARE = 1.25  # rows that a group has room for, as a multiple of its longest sequence
STEP = 16  # rows; room is a multiple of it


@dataclass
class _Group:
    """Keys and values of sequences of like length: by layer [b or more, G, S or more, K].

    Member i lies in slot i and has `lengths[i]` rows. What lies behind them is masked, and must be
    finite for that.
    """

    members: np.ndarray
    lengths: np.ndarray
    room: int = 0
    keys: dict[int, Tensor] = field(default_factory=dict)
    values: dict[int, Tensor] = field(default_factory=dict)

    @property
    def longest(self) -> int:
        return int(self.lengths.max(initial=0))

    def make_room(self) -> None:
        """Move all rows to longer tensors where the longest sequence has outgrown them."""
        if self.longest <= self.room:
            return
        held, self.room = self.room, -(-int(self.longest * SPARE) // STEP) * STEP
        for store in (self.keys, self.values):
            for layer, old in store.items():
                store[layer] = old.new_zeros(*old.shape[:2], self.room, old.shape[3])
                store[layer][:, :, :held] = old

    def write(
        self, layer: int, k_NGK: Tensor, v_NGK: Tensor, slots_N: Tensor, at_N: Tensor
    ) -> None:
        """Put rows at places of slots."""
        for store, x_NGK in ((self.keys, k_NGK), (self.values, v_NGK)):
            if layer not in store:
                heads, features = x_NGK.shape[1:]
                store[layer] = x_NGK.new_zeros(len(self.members), heads, self.room, features)
            store[layer][slots_N, :, at_N] = x_NGK

    def drop(self, goes_b: np.ndarray) -> None:
        """Let members go: the last ones take their slots, so little is moved."""
        for slot in np.flatnonzero(goes_b)[::-1].tolist():
            last = len(self.members) - 1
            if slot != last:
                self.members[slot], self.lengths[slot] = self.members[last], self.lengths[last]
                for store in (self.keys, self.values):
                    for kept in store.values():
                        kept[slot] = kept[last]
            self.members, self.lengths = self.members[:last], self.lengths[:last]
        left = len(self.members)
        for store in (self.keys, self.values):
            for layer, kept in store.items():
                if 2 * left <= len(kept):
                    store[layer] = kept[:left].clone()

    def take(self, slots: np.ndarray) -> None:
        """Let slot i hold what slot `slots[i]` held."""
        if not np.array_equal(slots, np.arange(len(self.members))):
            own, rows = torch.from_numpy(slots), self.longest
            for store in (self.keys, self.values):
                for layer, kept in store.items():
                    taken = kept[own.to(kept.device), :, :rows]
                    if len(slots) != len(kept):
                        store[layer] = kept.new_zeros(len(slots), *kept.shape[1:])
                    store[layer][:, :, :rows] = taken
        self.lengths = self.lengths[slots]

    def read(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values [b, G, S, K] of the live members, S rows of the longest."""
        count, rows = len(self.members), self.longest
        return self.keys[layer][:count, :, :rows], self.values[layer][:count, :, :rows]


@dataclass(frozen=True)
class _Chunk:
    """R new rows of one sequence, from row `start` of the pass; its last key is its last row."""

    slot: int
    start: int
    rows: int


@dataclass
class _Pass:
    """What the present pass adds to a group: where each row goes, and who asks.

    `singles_b`: members with one new row, None where that is all of them; `rows_b`: those rows.
    `masks`: by window, [b, 1, 1, S], True where a key is seen; None where all are.
    """

    rows_N: Tensor
    slots_N: Tensor
    at_N: Tensor
    singles_b: Tensor | None
    rows_b: Tensor
    chunks: Sequence[_Chunk]
    masks: dict[int | None, Tensor | None] = field(default_factory=dict)


class Cache:
    """Keys and values of prompts of mixed lengths, then of any number of new rows per pass.

    A pass is `admit`, then by every layer `write` and, but for the first one, `attend`. Sequences
    may leave, change places, be doubled (`keep`) or lose their last rows (`shorten`) between
    passes. What a memory gives to a layer is kept with `remember`, once for all sequences that read
    it, and read by `attend_memory`.
    """

    def __init__(self) -> None:
        self.lengths: np.ndarray = np.zeros(0, dtype=np.int64)
        self.is_first = True
        self._groups: list[_Group] = []
        self._passes: list[_Pass] = []
        self._memory: list[_Group] = []
        self._memory_of: np.ndarray = self.lengths
        self._askers: list[tuple[Tensor, Tensor | None]] | None = None

    @property
    def bytes(self) -> int:
        """The memory that is held."""
        return sum(
            kept.numel() * kept.element_size()
            for group in (*self._groups, *self._memory)
            for store in (group.keys, group.values)
            for kept in store.values()
        )

    def longest_with(self, packing: Packing) -> int:
        """Rows of the longest sequence when those of `packing` have been added."""
        new = np.asarray(packing.lengths)
        return int((new if not len(self.lengths) else self.lengths + new).max())

    def admit(self, packing: Packing) -> None:
        """Make room for new rows of every live sequence: one or more each."""
        new, self._askers = np.asarray(packing.lengths), None
        if not len(self.lengths):
            self.lengths, self._memory_of = np.zeros_like(new), np.arange(len(new))
            self._groups = [
                _Group(own, np.zeros(len(own), np.int64)) for own in split_lengths(new.tolist())
            ]
        self.is_first = not self.lengths.any()
        starts, device = np.cumsum(new) - new, packing.starts_B1.device
        self._starts, self._new, self._device = starts, new, device
        self._passes = [self._planned(group, starts, new, device) for group in self._groups]
        self.lengths = self.lengths + new

    @staticmethod
    def _planned(group: _Group, starts: np.ndarray, new: np.ndarray, device: torch.device) -> _Pass:
        """Lengthen the members, and say which rows are whose."""
        counts, first = new[group.members], starts[group.members]
        slots = np.repeat(np.arange(len(counts)), counts)
        inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        old, group.lengths = group.lengths, group.lengths + counts
        group.make_room()
        single = counts == 1
        found = (
            np.repeat(first, counts) + inside,
            slots,
            np.repeat(old, counts) + inside,
            np.flatnonzero(single),
            first[single],
        )
        rows_N, slots_N, at_N, singles_b, rows_b = (torch.from_numpy(x).to(device) for x in found)
        chunks = [
            _Chunk(slot, int(first[slot]), int(counts[slot]))
            for slot in np.flatnonzero(~single).tolist()
        ]
        return _Pass(rows_N, slots_N, at_N, singles_b if chunks else None, rows_b, chunks)

    def write(self, layer: int, k_TGK: Tensor, v_TGK: Tensor) -> None:
        """Keep keys and values [T, G, K] of the admitted rows for `layer`."""
        for group, now in zip(self._groups, self._passes, strict=True):
            rows = now.rows_N
            group.write(layer, k_TGK[rows], v_TGK[rows], now.slots_N, now.at_N)

    def attend(self, layer: int, q_THK: Tensor, *, window_tokens: int | None = None) -> Tensor:
        """Attend with the admitted rows, each to its sequence up to itself: [T, H, K].

        A window of w tokens is i - w < j <= i.
        """
        mixed_THK = torch.empty_like(q_THK)
        for group, now in zip(self._groups, self._passes, strict=True):
            k_bGSK, v_bGSK = group.read(layer)
            for chunk in now.chunks:
                rows = slice(chunk.start, chunk.start + chunk.rows)
                length = int(group.lengths[chunk.slot])
                slot = slice(chunk.slot, chunk.slot + 1)
                visible_RS = _band(chunk.rows, length, window_tokens, q_THK.device)
                mixed_THK[rows] = _mixed(
                    q_THK[None, rows],
                    k_bGSK[slot, :, :length],
                    v_bGSK[slot, :, :length],
                    visible_RS[None, None],
                )[0]
            if len(now.rows_b):
                if window_tokens not in now.masks:
                    now.masks[window_tokens] = _visible(group, now, window_tokens)
                if now.singles_b is not None:
                    k_bGSK, v_bGSK = k_bGSK[now.singles_b], v_bGSK[now.singles_b]
                asked = q_THK[now.rows_b][:, None]
                found = _mixed(asked, k_bGSK, v_bGSK, now.masks[window_tokens])
                mixed_THK[now.rows_b] = found[:, 0]
        return mixed_THK

    def remembers(self, layer: int) -> bool:
        """Whether the keys and values of the memory are known for `layer`."""
        return any(layer in group.keys for group in self._memory)

    def remember(self, layer: int, k_SGK: Tensor, v_SGK: Tensor, packing: Packing) -> None:
        """Keep keys and values of a memory: sequence i of the first pass reads sequence i of it."""
        lengths, device = np.asarray(packing.lengths), k_SGK.device
        if not self._memory:
            self._memory = [_Group(own, lengths[own]) for own in split_lengths(packing.lengths)]
        starts = np.cumsum(lengths) - lengths
        for group in self._memory:
            group.room = group.longest
            slots = np.repeat(np.arange(len(group.members)), group.lengths)
            before = np.cumsum(group.lengths) - group.lengths
            at = np.arange(len(slots)) - np.repeat(before, group.lengths)
            rows = np.repeat(starts[group.members], group.lengths) + at
            rows_N, slots_N, at_N = (torch.from_numpy(x).to(device) for x in (rows, slots, at))
            group.write(layer, k_SGK[rows_N], v_SGK[rows_N], slots_N, at_N)

    def attend_memory(self, layer: int, q_THK: Tensor) -> Tensor:
        """Attend with the admitted rows, each to all of its memory: [T, H, K]."""
        if self._askers is None:
            self._askers = [self._asking(group) for group in self._memory]
        mixed_THK = torch.empty_like(q_THK)
        for group, (rows_bR, mask) in zip(self._memory, self._askers, strict=True):
            if len(rows_bR):
                mixed_THK[rows_bR] = _mixed(q_THK[rows_bR], *group.read(layer), mask)
        return mixed_THK

    def _asking(self, group: _Group) -> tuple[Tensor, Tensor | None]:
        """The rows that read each memory of a group [b, R], and which keys they see.

        Where one has fewer rows its last one asks several times, for the same answer.
        """
        of_memory = [np.flatnonzero(self._memory_of == number) for number in group.members]
        rows = [
            np.concatenate(
                [np.arange(self._starts[i], self._starts[i] + self._new[i]) for i in own]
            )
            for own in of_memory
        ]
        most = max(map(len, rows), default=0)
        rows_bR = np.asarray([np.pad(own, (0, most - len(own)), "edge") for own in rows])
        return (
            torch.from_numpy(rows_bR.astype(np.int64)).to(self._device),
            _up_to(group.lengths, self._device),
        )

    def keep(self, sequences: Sequence[int] | np.ndarray) -> None:
        """Let new sequence i go on from what sequence `sequences[i]` has read; others leave."""
        chosen = np.asarray(sequences, dtype=np.int64)
        leaves_only = bool((np.diff(chosen) > 0).all())
        self.lengths, self._memory_of = self.lengths[chosen], self._memory_of[chosen]
        for group in self._groups:
            if leaves_only:
                group.drop(~np.isin(group.members, chosen))
                group.members = np.searchsorted(chosen, group.members)
                continue
            slot_of = {int(number): slot for slot, number in enumerate(group.members)}
            members = [new for new, old in enumerate(chosen.tolist()) if old in slot_of]
            group.take(np.asarray([slot_of[int(chosen[new])] for new in members], dtype=np.int64))
            group.members = np.asarray(members, dtype=np.int64)
        self._groups = [group for group in self._groups if len(group.members)]
        for group in self._memory:
            group.drop(~np.isin(group.members, self._memory_of))
        self._memory = [group for group in self._memory if len(group.members)]

    def shorten(self, rows_B: Sequence[int] | np.ndarray) -> None:
        """Forget the last rows of every sequence, so many each."""
        rows = np.asarray(rows_B)
        self.lengths = self.lengths - rows
        for group in self._groups:
            group.lengths = group.lengths - rows[group.members]


def _mixed(q_bRHK: Tensor, k_bGSK: Tensor, v_bGSK: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(q k / sqrt(K)) v: [b, R, H, K]. `mask`: True where seen, over [b, 1, R or 1, S].

    Query heads that share keys are further rows of one head, so no key is copied.
    """
    heads, rows = k_bGSK.shape[1], q_bRHK.shape[1]
    q_bGQRK = q_bRHK.unflatten(2, (heads, -1)).permute(0, 2, 3, 1, 4)
    if mask is not None and mask.shape[2] > 1:
        mask = mask.repeat(1, 1, q_bGQRK.shape[2], 1)
    mixed = scaled_dot_product_attention(q_bGQRK.flatten(2, 3), k_bGSK, v_bGSK, attn_mask=mask)
    return mixed.unflatten(2, (-1, rows)).permute(0, 3, 1, 2, 4).flatten(2, 3)


def _visible(group: _Group, now: _Pass, window_tokens: int | None) -> Tensor | None:
    """Which keys the newest row of each single sees."""
    own = now.singles_b
    lengths = group.lengths if own is None else group.lengths[own.cpu().numpy()]
    seen = _up_to(lengths, now.rows_b.device, group.longest)
    if window_tokens is None or group.longest <= window_tokens:
        return seen
    length_b = torch.from_numpy(lengths).to(now.rows_b.device)[:, None, None, None]
    inside = torch.arange(group.longest, device=now.rows_b.device) >= length_b - window_tokens
    return inside if seen is None else seen & inside


def _up_to(lengths: np.ndarray, device: torch.device, rows: int = 0) -> Tensor | None:
    """[b, 1, 1, S], True for real keys; None where all are."""
    rows = rows or int(lengths.max(initial=0))
    if (lengths == rows).all():
        return None
    seen = np.arange(rows) < lengths[:, None, None, None]
    return torch.from_numpy(seen).to(device)


def _band(rows: int, length: int, window_tokens: int | None, device: torch.device) -> Tensor:
    """[R, S], True where one of the last R rows of a sequence sees a key."""
    places = torch.arange(length, device=device)
    behind = places[length - rows :, None] - places[None, :]
    return (behind >= 0) & (behind < (window_tokens or length + 1))
