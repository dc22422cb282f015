"""Settings: frozen, checked, every unknown key an error with the nearest name; resolved out of
layers, the later the stronger.
"""

import math
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, ClassVar, Generic, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
)
from pydantic.fields import FieldInfo

from sslcli.errors import ConfigError, nearest
from sslcli.layers import Layer, merged

C = TypeVar("C", bound=BaseModel)

_SCALES = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

# What pydantic says by type of mistake, in words for people who do not know what parsing is.
_WANTED = {
    **dict.fromkeys(
        ("int_parsing", "int_type", "int_from_float", "int_parsing_size"), "must be a whole number"
    ),
    **dict.fromkeys(("float_parsing", "float_type"), "must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be yes or no"),
    "string_type": "must be a text",
}


class Config(BaseModel):
    """Base of every settings class: immutable; unknown keys are refused; numbers may come as
    strings (YAML's 1e-4).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )
    # no size, count, rate or time is beyond it, and what is computed of such numbers stays finite
    largest: ClassVar[int] = 10**12

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML reads yes and no as truth values, which pydantic would take for 1 and 0."""
        if isinstance(value, bool):
            assert info.field_name is not None, "a validator of fields runs for one of them"
            types = _types(cls.model_fields[info.field_name].annotation)
            if types & {int, float} and bool not in types:
                raise ValueError(f"must be a number, not {value}")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _within_reason(cls, value: Any) -> Any:
        """Before anything is reserved, opened or multiplied by it."""
        for part in value if isinstance(value, list | tuple) else (value,):
            if isinstance(part, int | float) and abs(part) > cls.largest:
                raise ValueError(f"must not be beyond {cls.largest:,}, as {_clipped(part)} is")
            if isinstance(part, str) and any(
                letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in part
            ):
                raise ValueError(
                    f"must be a text, and {_clipped(part)} has a NUL or half a character in it"
                )
        return value


def _types(annotation: Any) -> set[Any]:
    """The plain types in an annotation: `Count | None` -> {int, NoneType}."""
    if get_origin(annotation) is Annotated:
        return _types(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(_types, get_args(annotation)))
    return {get_origin(annotation) or annotation}


def setting(
    default: Any,
    description: str,
    *flags: str,
    panel: str = "",
    part_of: type[BaseModel] | None = None,
    trains: bool = False,
    **constraints: Any,
) -> Any:
    """A pydantic field; `flags` ("--lr", "-l") put it on the command line in `panel`, without them
    it is for --set.

    `part_of`: the field is a mapping of some of that model's fields, which `resolve` checks one by
    one. `trains`: an option of a task that decides what is trained, so that a model that is trained
    already cannot be asked for another.
    """
    extra: dict[str, Any] = {"flags": list(flags), "panel": panel, "trains": trains}
    if part_of is not None:
        extra["part_of"] = part_of
    rest: dict[str, Any] = {"json_schema_extra": extra, **constraints}
    return Field(default, description=description, **rest)


def decides_training(field: FieldInfo) -> bool:
    """Tell whether a field is an option that a trained model fixes."""
    return bool(_extra(field).get("trains"))


def with_defaults(model: type[C], **defaults: Any) -> type[C]:
    """Derive settings with other defaults."""
    fields: dict[str, Any] = {}
    for name, default in defaults.items():
        field = copy(model.model_fields[name])
        field.default = default
        fields[name] = (field.annotation, field)
    return create_model(model.__name__, __base__=model, **fields)


def _count(value: Any) -> Any:
    """ "10k" -> 10000, "1e6" -> 1000000; what it does not know it leaves to pydantic's own
    message.
    """
    if isinstance(value, str) and (
        match := re.fullmatch(r"([\d_.]+(?:e\d+)?)\s*([kmgb]?)", value.strip().lower())
    ):
        number = float(match[1].replace("_", "")) * _SCALES.get(match[2], 1.0)
        return int(number) if math.isfinite(number) and number == int(number) else value
    return value


def _seconds(value: Any) -> Any:
    """ "2h" -> 7200.0, "1h30m" -> 5400.0, "90" -> 90.0."""
    if isinstance(value, str) and re.fullmatch(
        r"(\d+(\.\d+)?[smhd]\s*)+", text := value.strip().lower()
    ):
        return sum(
            float(number) * _SECONDS[unit]
            for number, _, unit in re.findall(r"(\d+(\.\d+)?)([smhd])", text)
        )
    return value


def _count_or_all(value: Any) -> Any:
    """A count from 0, or "all"."""
    number = _count(value)
    number = (
        int(number)
        if isinstance(number, str) and number.isascii() and number.isdecimal()
        else number
    )
    if value == "all" or (isinstance(number, int) and not isinstance(number, bool) and number >= 0):
        return number
    raise ValueError(f"must be a whole number from 0, or all, not {_clipped(value)}")


Count = Annotated[int, BeforeValidator(_count)]
CountOrAll = Annotated[int | str, BeforeValidator(_count_or_all)]
Seconds = Annotated[float, BeforeValidator(_seconds)]


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
        if (group := _group(field)) is not None:
            yield from _problems_of_parts(group, value, sources, f"{key}.")
        elif whole := _extra(field).get("part_of"):
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


def write_yaml(settings: BaseModel, only_said: bool = False) -> str:
    """Return YAML that reads back to equal settings. `only_said`: without defaults."""
    return yaml.dump(
        settings.model_dump(mode="json", exclude_unset=only_said),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=120,
    )


class _Dumper(yaml.SafeDumper):
    """Quotes texts with line breaks of any kind, which PyYAML's other styles do not give back as
    they were.
    """

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = '"' if len(data.splitlines()) > 1 or data.splitlines() != [data] else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting below `model`: dotted key and field."""
    for name, field in model.model_fields.items():
        if (group := _group(field)) is not None:
            yield from leaves(group, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def flags_of(field: FieldInfo) -> tuple[str, ...]:
    """The command-line names of a field made by `setting`; none for others."""
    return tuple(_extra(field).get("flags", ()))


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    """What `setting` said of a field beyond what pydantic knows."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _group(field: FieldInfo) -> type[BaseModel] | None:
    """The settings that a field is a group of; None where it is a single value."""
    annotation = field.annotation
    return (
        annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    )


def _grouped(
    model: type[BaseModel], tree: Mapping[str, Any], prefix: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """The tree without groups that are no mapping, and the keys of those that hold a value there.

    A group whose lines are all commented out reads as null and says nothing. One value in a group's
    place is a mistake, which is found before the layers are merged: a later layer would hide it.
    """
    kept, flat = dict(tree), []
    for name, field in model.model_fields.items():
        group = _group(field)
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
        return f"{key} must be a group of settings, not {_clipped(given)}"
    if detail["type"] == "missing":
        return f"{key} is needed"
    wanted = _WANTED.get(detail["type"]) or message.replace("Input should be", "must be", 1)
    if detail["type"] in ("float_parsing", "float_type") and _is_time(key, model, prefix):
        return f"{key} must be a time, not {_clipped(given)}; write 2h or 30m"
    sentence = f"{key} {wanted}, not {_clipped(given)}"
    if detail["type"] == "literal_error":
        near = nearest(_clipped(given), re.findall(r"'([^']*)'", detail["ctx"]["expected"]))
        return sentence + (f"; did you mean '{near}'?" if near else "")
    return sentence + (
        "; quote it where a text is meant"
        if detail["type"] == "string_type" and isinstance(given, bool)
        else ""
    )


def _is_time(key: str, model: type[BaseModel], prefix: str) -> bool:
    """Whether the field of a key is one of Seconds, or of Seconds or nothing."""
    field = dict(leaves(model, f"{prefix}." if prefix else "")).get(key)
    if field is None:
        return False
    inner = [
        mark for part in get_args(field.annotation) for mark in getattr(part, "__metadata__", ())
    ]
    return any(getattr(mark, "func", None) is _seconds for mark in (*field.metadata, *inner))


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
        if _group(field)
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


def _clipped(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        text = "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."
