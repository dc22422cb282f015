"""Recipes: settings that the data's own reader recommends, overridden by the line."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import Any, TypeVar

from sslcli.config import Config, Resolved, resolve
from sslcli.runfiles import Layer, dotted_layer

RECIPE = "the recipe of the data"
S = TypeVar("S", bound=Config)


def with_recipe(model: type[S], layers: Sequence[Layer], recipe_of: Callable[[S, Mapping[str, Any]], Mapping[str, Any]]) -> Resolved[S]:
    """Resolve settings with the recipe below files and flags.

    What is set by files and flags also decides which recommendations apply.
    """
    said = resolve(model, *layers)
    values = said.settings.model_dump()
    found = recipe_of(said.settings, {key: _at(values, key) for key in said.sources})
    kept = {key: value for key, value in found.items() if not _stands_against(key, said.settings)}
    return resolve(model, dotted_layer(kept, RECIPE), *layers)


def recommended(resolved: Resolved[S]) -> str:
    """List what the recipe decided: "optimizer.rate 0.003, ..."."""
    values = resolved.settings.model_dump()
    decided = {key: _at(values, key) for key, source in resolved.sources.items() if source == RECIPE}
    return ", ".join(f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in decided.items())


def _at(values: Mapping[str, Any], key: str) -> Any:
    return reduce(getitem, key.split("."), values)


def _stands_against(key: str, said: Any) -> bool:
    """Return whether a recommendation yields.

    A recommended length yields to any other setting of the length, a recommended shape to another
    model.
    """
    if key in ("training.max_steps", "training.epochs"):
        return bool(said.training.model_fields_set & {"max_steps", "epochs"})
    return key.startswith("model.") and bool(said.model.model_fields_set & {"preset", "source"})
