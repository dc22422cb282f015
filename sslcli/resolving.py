"""Resolving: checked settings out of layers, the later the stronger, and mistakes as sentences
with key, source and the nearest name.
"""

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from sslcli.config import clipped, extra_of, flags_of, group_of, leaves, takes_seconds
from sslcli.errors import ConfigError, did_you_mean, nearest
from sslcli.layers import Layer, merged

C = TypeVar("C", bound=BaseModel)

# What pydantic says by type of mistake, in words for people who do not know what parsing is.
_WANTED = {
    **dict.fromkeys(
        ("int_parsing", "int_type", "int_from_float", "int_parsing_size"), "must be a whole number"
    ),
    **dict.fromkeys(("float_parsing", "float_type"), "must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be yes or no"),
    "string_type": "must be a text",
}


@dataclass(frozen=True)
class Resolved(Generic[C]):
    """Settings, and where every value that is not a default comes from: dotted key -> "a.yaml:12",
    "--lr", ...
    """

    settings: C
    sources: Mapping[str, str]


def resolve(model: type[C], *layers: Layer) -> Resolved[C]:
    """Checked settings out of layers, the later the stronger. Raises ConfigError with every mistake
    at once.
    """
    tree: dict[str, Any] = {}
    sources: dict[str, str] = {}
    problems: list[str] = []
    for layer in layers:
        values, flat = _grouped(model, layer.values)
        problems += [
            placed(f"{key} must be a group of settings, not one value", key, layer.sources)
            for key in flat
        ]
        tree = merged(tree, values)
        sources.update(layer.sources)
    settings = None
    try:
        settings = model.model_validate(tree)
    except ValidationError as error:
        problems += problems_of(error, model, sources=sources)
    problems += _problems_of_parts(model, tree, sources)
    if settings is None or problems:
        raise ConfigError(problems)
    return Resolved(settings, sources)


def _problems_of_parts(
    model: type[BaseModel], tree: Mapping[str, Any], sources: Mapping[str, str], prefix: str = ""
) -> Iterator[str]:
    """Mistakes in single fields of what is `part_of` a model; how they go together shows when the
    whole is known.
    """
    for name, field in model.model_fields.items():
        value, key = tree.get(name), f"{prefix}{name}"
        if not isinstance(value, Mapping):
            continue
        if (group := group_of(field)) is not None:
            yield from _problems_of_parts(group, value, sources, f"{key}.")
        elif whole := extra_of(field).get("part_of"):
            try:
                whole.model_validate(value)
            except ValidationError as error:
                yield from problems_of(error, whole, key, sources, whole=False)


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    prefix: str = "",
    sources: Mapping[str, str] | None = None,
    *,
    whole: bool = True,
) -> list[str]:
    """Return pydantic's errors as sentences with key, source and the nearest name of `model`.

    Keys are dotted, below `prefix`. Without `whole` only errors of single fields.
    """
    problems = []
    for detail in error.errors(include_url=False):
        if not (whole or detail["loc"]):
            continue
        key = ".".join([*([prefix] if prefix else []), *(str(part) for part in detail["loc"])])
        problems.append(placed(_sentence(detail, key, model, prefix), key, sources or {}))
    return problems


def checked(model: type[C], given: Mapping[str, Any], prefix: str = "", hint: str = "") -> C:
    """Return a plugin's checked options. Raises ConfigError with every mistake at once."""
    try:
        return model(**given)
    except ValidationError as error:
        raise ConfigError(problems_of(error, model, prefix=prefix), hint) from error


def placed(problem: str, key: str, sources: Mapping[str, str]) -> str:
    """Add the source of a key to a sentence: a flag, as typed, in front, anything else behind."""
    place = _source_of(key, sources)
    if place.startswith("--") and place != "--set" and problem.startswith(key):
        return (
            f"{place} ({key}){problem.removeprefix(key)}"
            if "." in key
            else f"{place}{problem.removeprefix(key)}"
        )
    return f"{problem} ({place})" if place else problem


@contextmanager
def naming_sources(sources: Mapping[str, str]) -> Generator[None]:
    """Mistakes in a plugin's options, which are found far from the line, are told with what was
    typed there.
    """
    try:
        yield
    except ConfigError as error:
        problems = [placed(problem, key_of(problem), sources) for problem in error.problems]
        raise ConfigError(problems, error.hint) from error


def key_of(problem: str) -> str:
    """The dotted key that a sentence of `problems_of` is about."""
    return re.split(r"[\s:']", problem.removeprefix("there is no setting '"), maxsplit=1)[0]


def _grouped(
    model: type[BaseModel], tree: Mapping[str, Any], prefix: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """The tree without groups that are no mapping, and the keys of those that hold a value there.

    A group whose lines are all commented out reads as null and says nothing. One value in a group's
    place is a mistake, which is found before the layers are merged: a later layer would hide it.
    """
    kept, flat = dict(tree), []
    for name, field in model.model_fields.items():
        group = group_of(field)
        if name not in tree or group is None:
            continue
        if isinstance(tree[name], Mapping):
            kept[name], below = _grouped(group, tree[name], f"{prefix}{name}.")
            flat += below
        else:
            flat += [] if tree[name] is None else [f"{prefix}{name}"]
            del kept[name]
    return kept, flat


def _sentence(detail: Mapping[str, Any], key: str, model: type[BaseModel], prefix: str) -> str:
    message, given = detail["msg"], detail["input"]
    if detail["type"] == "extra_forbidden":
        near = _nearest_key(key, model, prefix)
        return f"there is no setting '{key}'" + (f", did you mean '{near}'?" if near else "")
    if detail["type"] == "value_error":
        text = message.removeprefix("Value error, ")
        return f"{key}{' ' if text.startswith('must') else ': '}{text}".removeprefix(": ")
    if detail["type"] in ("model_type", "dict_type"):
        return f"{key} must be a group of settings, not {clipped(given)}"
    if detail["type"] == "missing":
        return f"{key} is needed"
    wanted = _WANTED.get(detail["type"]) or message.replace("Input should be", "must be", 1)
    if detail["type"] in ("float_parsing", "float_type") and _is_time(key, model, prefix):
        return f"{key} must be a time, not {clipped(given)}; write 2h or 30m"
    sentence = f"{key} {wanted}, not {clipped(given)}"
    if detail["type"] == "literal_error":
        name = clipped(given).strip("'")
        near = did_you_mean(name, re.findall(r"'([^']*)'", detail["ctx"]["expected"]))
        return sentence + (f"; {near}" if near else "")
    return sentence + (
        "; quote it where a text is meant"
        if detail["type"] == "string_type" and isinstance(given, bool)
        else ""
    )


def _is_time(key: str, model: type[BaseModel], prefix: str) -> bool:
    """Whether the field of a key is one of Seconds, or of Seconds or nothing."""
    field = dict(leaves(model, f"{prefix}." if prefix else "")).get(key)
    return field is not None and takes_seconds(field)


def _nearest_key(key: str, model: type[BaseModel], prefix: str) -> str | None:
    """A whole key, or one that is called so on the command line, or one whose last part is near."""
    below = f"{prefix}." if prefix else ""
    fields = {f"{below}{name}": field for name, field in leaves(model)}
    last = key.rpartition(".")[2]
    for name, field in fields.items():
        if f"--{last.replace('_', '-')}" in flags_of(field):
            return name
    ends = {name.rpartition(".")[2]: name for name in fields}
    groups = {
        f"{below}{name}": f"{below}{name}"
        for name, field in model.model_fields.items()
        if group_of(field)
    }
    near = nearest(key, [*fields, *groups])
    return near or ends.get(nearest(last, ends) or "")


def _source_of(key: str, sources: Mapping[str, str]) -> str:
    """Where a key, or the nearest branch above it that was said as a whole, comes from."""
    while key:
        if key in sources:
            return sources[key]
        key = key.rpartition(".")[0]
    return ""
