"""What the backbone reads and what it gives back.

Letters: B sequences, T rows of all of them end to end, D width.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from sslcli.core.packing import Packing


class Arranged(Protocol):
    """A packed batch of numpy arrays, as the data side makes it."""

    tokens: np.ndarray | None
    segments: np.ndarray | None
    lengths: np.ndarray
    positions: np.ndarray


@dataclass(frozen=True)
class Inputs:
    """Token ids `tokens_T` or ready rows `rows_TD`, one of them; every tensor but rows is int64 [T]."""

    packing: Packing
    positions_T: Tensor
    tokens_T: Tensor | None = None
    rows_TD: Tensor | None = None
    segments_T: Tensor | None = None

    @classmethod
    def of(cls, batch: Arranged, tokens_T: np.ndarray | None = None) -> Self:
        """The inputs for a batch; `tokens_T` replaces the batch's tokens, where some were corrupted."""
        tokens = batch.tokens if tokens_T is None else tokens_T
        return cls(
            packing=Packing.of(batch.lengths),
            positions_T=torch.from_numpy(batch.positions),
            tokens_T=None if tokens is None else torch.from_numpy(tokens),
            segments_T=None if batch.segments is None else torch.from_numpy(batch.segments),
        )


Edit = Callable[[Tensor, Packing], Tensor]  # (x_TD, packing) -> x_TD


@dataclass(frozen=True)
class Hidden:
    """Hidden states: `last_TD` after everything, `kept[layer]` [T, D] where asked for.

    Layer 0 is what the embeddings give, layer i what block i gives; the last layer includes the final norm.
    """

    last_TD: Tensor
    packing: Packing
    kept: Mapping[int, Tensor] = field(default_factory=dict)


def to_device(tree: Any, device: torch.device) -> Any:
    """Move every tensor inside dataclasses, mappings and tuples; what is already there is not copied."""
    return _over_tensors(tree, lambda tensor: tensor.to(device, non_blocking=True))


def in_pinned_memory(tree: Any) -> Any:
    """The same tree in memory that a GPU reads by itself, so that moving it there does not hold up the host."""
    return _over_tensors(tree, lambda tensor: tensor if tensor.is_pinned() else tensor.pin_memory())


def _over_tensors(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """`tree` itself where nothing of it changed."""
    if isinstance(tree, Tensor):
        return change(tree)
    if is_dataclass(tree) and not isinstance(tree, type):
        changed = {f.name: _over_tensors(getattr(tree, f.name), change) for f in fields(tree) if f.init}
        return tree if all(changed[name] is getattr(tree, name) for name in changed) else replace(tree, **changed)
    if isinstance(tree, Mapping):
        changed = {key: _over_tensors(value, change) for key, value in tree.items()}
        return tree if all(changed[key] is tree[key] for key in changed) else changed
    if isinstance(tree, tuple) and not hasattr(tree, "_fields"):
        changed = tuple(_over_tensors(value, change) for value in tree)
        return tree if all(a is b for a, b in zip(changed, tree, strict=True)) else changed
    return tree
