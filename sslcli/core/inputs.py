"""What the backbone reads (Inputs) and what it returns (Hidden).

Letters: B sequences, t rows of one of them, T rows of all of them end to end, D width, F features
of a row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from sslcli.core.packing import Packing

WITHOUT_DOUBLE = frozenset({"mps"})  # types of devices, as the GPU of a Mac


class Arranged(Protocol):
    """A packed batch of numpy arrays, as the data side makes it."""

    @property
    def tokens(self) -> np.ndarray | None:
        """Token ids [T], or None for a batch of rows."""

    @property
    def rows(self) -> np.ndarray | None:
        """Rows [T, F] (or of another shape) of a batch without tokens, else None."""

    @property
    def segments(self) -> np.ndarray | None:
        """Segment ids [T], or None."""

    @property
    def lengths(self) -> np.ndarray:
        """Rows of each sequence [B]."""

    @property
    def positions(self) -> np.ndarray:
        """Position of each row in its sequence [T]."""

    @property
    def own_positions(self) -> np.ndarray | None:
        """Positions that the samples bring themselves, None where they count from 0."""


@dataclass(frozen=True)
class Reads:
    """The N rows that a training step reads of the last layer: `rows_N` int64, ascending, and how
    many of them each of the B sequences has.

    The last block then forms no others (its keys and values are of all rows), which is most of the
    work of one block: a masked language model reads the hidden tokens alone.
    """

    rows_N: Tensor
    packing: Packing

    @classmethod
    def of(cls, rows_N: np.ndarray, packing: Packing) -> Self:
        """These rows, in any order, of the sequences of a batch on the host."""
        rows_N = np.unique(rows_N).astype(np.int64)
        counts_B = np.diff(np.searchsorted(rows_N, packing.starts_B1.numpy()))
        return cls(torch.from_numpy(rows_N), Packing.of(counts_B))

    def spread(self, x_ND: Tensor, total: int) -> Tensor:
        """[N, D] -> [T, D]; rows that were not formed are NaN, so that who reads them sees it."""
        whole_TD = x_ND.new_full((total, x_ND.shape[1]), torch.nan)
        return whole_TD.index_copy(0, self.rows_N, x_ND)


@dataclass(frozen=True)
class Inputs:
    """Packed input of the backbone: token ids `tokens_T` or rows `rows_TD`; tensors but rows are
    int64 [T].

    Rows have `row_features` numbers, or the model's width where that is 0. `last_position`: the
    largest position where positions do not count from 0, known on the host. `reads`: the rows
    whose last states matter in training, None where all do.
    """

    packing: Packing
    positions_T: Tensor
    tokens_T: Tensor | None = None
    rows_TD: Tensor | None = None
    segments_T: Tensor | None = None
    last_position: int | None = None
    reads: Reads | None = None

    def reading(self, rows_N: np.ndarray | Tensor) -> Self:
        """These inputs, of which a training step reads the last states of these rows alone."""
        return replace(self, reads=Reads.of(np.asarray(rows_N), self.packing))

    @property
    def ids_T(self) -> Tensor:
        """The token ids, of inputs that have them."""
        assert self.tokens_T is not None, "these inputs are ready rows"
        return self.tokens_T

    @property
    def ready_TF(self) -> Tensor:
        """The ready rows, of inputs that have them."""
        assert self.rows_TD is not None, "these inputs are token ids"
        return self.rows_TD

    @property
    def positions_needed(self) -> int:
        """The number of positions that a model must have for these inputs."""
        return self.packing.longest if self.last_position is None else self.last_position + 1

    def with_first_rows(self) -> tuple[Self, Tensor, Tensor]:
        """These rows with one before each sequence, zeros at position -1, for a class token.

        Also where the first rows now are, int64 [B], and where the others are, int64 [T].
        """
        assert self.rows_TD is not None, "class tokens stand before rows"
        starts_B1, lengths = self.packing.starts_B1, self.packing.lengths
        ahead_B1 = torch.arange(len(lengths) + 1, device=starts_B1.device)
        first_B = (starts_B1 + ahead_B1)[:-1]
        sizes_B = starts_B1.diff()
        of_sequence_T = ahead_B1[1:].repeat_interleave(sizes_B, output_size=self.packing.total)
        others_T = torch.arange(self.packing.total, device=starts_B1.device) + of_sequence_T
        total = self.packing.total + len(lengths)
        rows_TD = self.rows_TD.new_zeros(total, self.rows_TD.shape[1])
        positions_T = self.positions_T.new_full((total,), -1)
        inside = replace(
            self,
            packing=Packing((starts_B1 + ahead_B1).int(), tuple(length + 1 for length in lengths)),
            rows_TD=rows_TD.index_copy(0, others_T, self.rows_TD),
            positions_T=positions_T.index_copy(0, others_T, self.positions_T),
            reads=None,
        )
        return inside, first_B, others_T

    def shifted(self, first: int) -> Self:
        """Return the tokens one place later: `first` before each sequence, and its last token left
        out.

        So a decoder reads them that is to predict them (Vaswani et al. 2017, section 3.1).
        """
        tokens_T = self.ids_T.roll(1)
        tokens_T[self.packing.starts_B1[:-1].long()] = first
        return replace(self, tokens_T=tokens_T, segments_T=None)

    @classmethod
    def of(cls, batch: Arranged, tokens_T: np.ndarray | None = None) -> Self:
        """Return the inputs for a batch; `tokens_T` replaces its tokens, where some were corrupted.

        Rows are taken if they are [T, F]; rows of another shape are left to the objective.
        """
        tokens = batch.tokens if tokens_T is None else tokens_T
        is_flat = batch.rows is not None and batch.rows.ndim == 2
        return cls(
            packing=Packing.of(batch.lengths),
            positions_T=torch.from_numpy(batch.positions),
            tokens_T=None if tokens is None else torch.from_numpy(tokens),
            rows_TD=torch.from_numpy(batch.rows) if is_flat else None,
            segments_T=None if batch.segments is None else torch.from_numpy(batch.segments),
            last_position=None if batch.own_positions is None else int(batch.own_positions.max()),
        )

    @classmethod
    def pack(
        cls,
        sequences: Sequence[np.ndarray | Tensor] | Tensor,
        *,
        positions: Sequence[np.ndarray | Tensor] | Tensor | None = None,
        segments: Sequence[np.ndarray | Tensor] | Tensor | None = None,
        device: torch.device | None = None,
    ) -> Self:
        """Lay sequences end to end: each token ids [t], or ready rows [t, F] (their gradients are
        kept).

        `positions` and `segments` (type ids) are integers [t] for every sequence; positions count
        from 0 where they are not given, segments are left out. Everything is moved to `device`
        where one is given. Sequences have at least one row each. A tensor [B, t] (or [B, t, F]) is
        B sequences of one length, in any of the three.
        """
        packing = Packing.of(_lengths(sequences))
        for part in (positions, segments):
            assert part is None or tuple(_lengths(part)) == packing.lengths, (
                "one position and type id for every row"
            )
        joined = _end_to_end(sequences)
        if is_counted := positions is None:
            positions = [torch.arange(length) for length in packing.lengths]
        positions_T = _end_to_end(positions).long()
        knows_last = not is_counted and positions_T.device.type == "cpu"
        is_tokens = joined.ndim == 1
        segments_T = None if segments is None else _end_to_end(segments).long()

        def there(tensor: Tensor) -> Tensor:
            return tensor if device is None else tensor.to(device, non_blocking=True)

        return cls(
            packing=Packing(there(packing.starts_B1), packing.lengths),
            positions_T=there(positions_T),
            tokens_T=there(joined.long()) if is_tokens else None,
            rows_TD=None if is_tokens else there(joined),
            segments_T=None if segments_T is None else there(segments_T),
            last_position=int(positions_T.max()) if knows_last else None,
        )


def _lengths(sequences: Sequence[np.ndarray | Tensor] | Tensor) -> list[int]:
    if isinstance(sequences, Tensor):
        return [sequences.shape[1]] * len(sequences)
    return [len(sequence) for sequence in sequences]


def _end_to_end(parts: Sequence[np.ndarray | Tensor] | Tensor) -> Tensor:
    """Arrays or tensors of several sequences as one tensor."""
    if isinstance(parts, Tensor):
        return parts.flatten(0, 1)
    return torch.cat(
        [part if isinstance(part, Tensor) else torch.from_numpy(part) for part in parts]
    )


Edit = Callable[[Tensor, Packing], Tensor]  # (x_TD, packing) -> x_TD


@dataclass(frozen=True)
class Hidden:
    """Hidden states: `last_TD` after everything, `kept[layer]` [T, D] where asked for.

    Layer 0 is what the embeddings give, layer i what block i gives; the last layer includes the
    final norm. `class_BD` and `class_kept`: the same of a class token, which stands in no packing.
    In training, rows of `last_TD` that the inputs' `reads` leave out are NaN.
    """

    last_TD: Tensor
    packing: Packing
    kept: Mapping[int, Tensor] = field(default_factory=dict)
    class_BD: Tensor | None = None
    class_kept: Mapping[int, Tensor] = field(default_factory=dict)

    def apart(self, first_B: Tensor, others_T: Tensor, packing: Packing) -> "Hidden":
        """The rows at `others_T`, with the class tokens at `first_B` apart."""
        kept = {layer: x_TD.index_select(0, others_T) for layer, x_TD in self.kept.items()}
        class_kept = {layer: x_TD.index_select(0, first_B) for layer, x_TD in self.kept.items()}
        last_TD, class_BD = (self.last_TD.index_select(0, each) for each in (others_T, first_B))
        return Hidden(last_TD, packing, kept, class_BD, class_kept)

    @property
    def means_BD(self) -> Tensor:
        """The mean of the last hidden states of each sequence [B, D]."""
        lengths = self.packing.lengths
        if len(set(lengths)) == 1:
            return self.last_TD.unflatten(0, (len(lengths), -1)).mean(dim=1)
        return torch.stack([rows_tD.mean(dim=0) for rows_tD in self.last_TD.split(lengths)])

    @property
    def pooled_BD(self) -> Tensor:
        """Of each sequence as a whole [B, D]: its class token, or the mean of its rows."""
        return self.means_BD if self.class_BD is None else self.class_BD

    def only(self, sequences: Sequence[int]) -> "Hidden":
        """Return the last hidden states of these sequences, in this order."""
        parts = self.last_TD.split(self.packing.lengths)
        packing = Packing.of([self.packing.lengths[number] for number in sequences])
        starts_B1 = packing.starts_B1.to(self.last_TD.device)
        return Hidden(
            torch.cat([parts[number] for number in sequences]), Packing(starts_B1, packing.lengths)
        )


def sum_type(device: torch.device) -> torch.dtype:
    """float64, or float32 on a device that has no more."""
    return torch.float32 if device.type in WITHOUT_DOUBLE else torch.float64


def in_double(tensor: Tensor) -> Tensor:
    """A tensor in the most precise type of floats that its device has."""
    return tensor.to(sum_type(tensor.device))


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; float64 becomes float32 where that has none."""
    if tensor.dtype == torch.float64 and device.type in WITHOUT_DOUBLE:
        tensor = tensor.float()
    return tensor.to(device, non_blocking=True)


def to_device(tree: Any, device: torch.device) -> Any:
    """Move every tensor inside dataclasses, mappings and tuples; tensors already there are not
    copied, and float64 is float32 where a device has no more.
    """
    return _over_tensors(tree, lambda tensor: moved(tensor, device))


def in_pinned_memory(tree: Any) -> Any:
    """Copy every tensor of a tree to pinned memory, so that moves to a GPU run asynchronously."""
    return _over_tensors(tree, lambda tensor: tensor if tensor.is_pinned() else tensor.pin_memory())


def _over_tensors(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """`tree` itself where nothing of it changed."""
    if isinstance(tree, Tensor):
        return change(tree)
    if is_dataclass(tree) and not isinstance(tree, type):
        changed = {
            f.name: _over_tensors(getattr(tree, f.name), change) for f in fields(tree) if f.init
        }
        return (
            tree
            if all(changed[name] is getattr(tree, name) for name in changed)
            else replace(tree, **changed)
        )
    if isinstance(tree, Mapping):
        changed = {key: _over_tensors(value, change) for key, value in tree.items()}
        return tree if all(changed[key] is tree[key] for key in changed) else changed
    if isinstance(tree, tuple) and not hasattr(tree, "_fields"):
        changed = tuple(_over_tensors(value, change) for value in tree)
        return tree if all(a is b for a, b in zip(changed, tree, strict=True)) else changed
    return tree
