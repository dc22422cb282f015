"""Batches and states as trees: copied, and compared bit by bit."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor


def tree_leaves(tree: Any) -> Iterator[Any]:
    """Yield the leaves of nested dataclasses, mappings (by sorted key), tuples and lists."""
    if is_dataclass(tree) and not isinstance(tree, type):
        for field in fields(tree):
            yield from tree_leaves(getattr(tree, field.name))
    elif isinstance(tree, Mapping):
        for key in sorted(tree):
            yield from tree_leaves(tree[key])
    elif isinstance(tree, tuple | list):
        for part in tree:
            yield from tree_leaves(part)
    else:
        yield tree


def copied(tree: Any) -> Any:
    """Copy a tree deeply: tensors detached and cloned, arrays copied, other leaves shared."""
    if isinstance(tree, Tensor):
        return tree.detach().clone()
    if isinstance(tree, np.ndarray):
        return tree.copy()
    if isinstance(tree, Mapping):
        return {key: copied(value) for key, value in tree.items()}
    if is_dataclass(tree) and not isinstance(tree, type):
        return replace(
            tree,
            **{
                field.name: copied(getattr(tree, field.name))
                for field in fields(tree)
                if field.init
            },
        )
    return tree


def equal(first: Any, second: Any) -> bool:
    """Return whether two trees are equal bit by bit."""
    ours, theirs = list(tree_leaves(first)), list(tree_leaves(second))
    return len(ours) == len(theirs) and all(
        np.array_equal(
            np.asarray(a.detach() if isinstance(a, Tensor) else a),
            np.asarray(b.detach() if isinstance(b, Tensor) else b),
        )
        for a, b in zip(ours, theirs, strict=True)
    )


def global_generators() -> list[Any]:
    """Return the states of the global generators of torch, NumPy and Python."""
    of_numpy = np.random.get_state(legacy=False)["state"]
    return [torch.get_rng_state(), of_numpy["key"].copy(), of_numpy["pos"], hash(random.getstate())]
