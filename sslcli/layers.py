"""Layers of settings, the later the stronger, each knowing where its values were said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Tree = dict[str, Any]


@dataclass(frozen=True)
class Layer:
    """A tree of values; `sources` maps dotted keys (of leaves or branches) to where they were
    set.
    """

    values: Mapping[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict)


def dotted_layer(values: Mapping[str, Any], sources: Mapping[str, str] | str) -> Layer:
    """A layer out of dotted keys; `sources` by key, or one for all."""
    tree: Tree = {}
    for key, value in values.items():
        tree = merged(tree, nested(key, value))
    return Layer(tree, dict.fromkeys(values, sources) if isinstance(sources, str) else sources)


def nested(key: str, value: Any) -> Tree:
    """ "a.b" and 3 -> {"a": {"b": 3}}."""
    first, _, rest = key.partition(".")
    return {first: nested(rest, value) if rest else value}


def merged(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> Tree:
    """Branches are joined, leaves of `upper` win."""
    tree = dict(lower)
    for key, value in upper.items():
        both = isinstance(tree.get(key), Mapping) and isinstance(value, Mapping)
        tree[key] = merged(tree[key], value) if both else value
    return tree
