"""What the data's own reader recommends, below whatever the line says."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import Any, TypeVar

from sslcli.config import Config, Resolved, resolve
from sslcli.runfiles import Layer, dotted_layer

RECIPE = "the recipe of the data"
S = TypeVar("S", bound=Config)


def with_recipe(model: type[S], layers: Sequence[Layer], recipe_of: Callable[[S, Mapping[str, Any]], Mapping[str, Any]]) -> Resolved[S]:
    """What was said over what is recommended; what was said also decides which recommendations make sense.

    `recipe_of` takes the settings so far, and those that were said as dotted key -> value.
    """
    said = resolve(model, *layers)
    values = said.settings.model_dump()
    found = recipe_of(said.settings, {key: _at(values, key) for key in said.sources})
    kept = {key: value for key, value in found.items() if not _stands_against(key, said.settings)}
    return resolve(model, dotted_layer(kept, RECIPE), *layers)


def recommended(resolved: Resolved[S]) -> str:
    """ "optimizer.rate 0.003, ...": what the recipe decided."""
    values = resolved.settings.model_dump()
    decided = {key: _at(values, key) for key, source in resolved.sources.items() if source == RECIPE}
    return ", ".join(f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in decided.items())


def _at(values: Mapping[str, Any], key: str) -> Any:
    return reduce(getitem, key.split("."), values)


def _stands_against(key: str, said: Any) -> bool:
    """A recommended length of the run yields to another way of saying it, a recommended shape to another model."""
    if key in ("training.max_steps", "training.epochs"):
        return bool(said.training.model_fields_set & {"max_steps", "epochs"})
    return key.startswith("model.") and bool(said.model.model_fields_set & {"preset", "source"})
