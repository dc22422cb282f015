"""Settings: frozen classes, checked, every unknown key an error; their fields, flags and YAML."""

import math
import re
from collections.abc import Iterator, Mapping
from copy import copy
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    create_model,
    field_validator,
)
from pydantic.fields import FieldInfo

C = TypeVar("C", bound=BaseModel)

_SCALES = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MOST_SHOWN = 40  # characters of a text that an error is about


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
                raise ValueError(f"must not be beyond {cls.largest:,}, as {clipped(part)} is")
            if isinstance(part, str) and any(
                letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in part
            ):
                raise ValueError(
                    f"must be a text, and {clipped(part)} has a NUL or half a character in it"
                )
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _of_shares(cls, value: Any, info: ValidationInfo) -> Any:
        """Here, and not in plugins, so that nothing of theirs is imported for a wrong line."""
        assert info.field_name is not None, "a validator of fields runs for one of them"
        if (names := extra_of(cls.model_fields[info.field_name]).get("shares")) is not None:
            parse_shares(value, names, info.field_name)
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
    reads: bool = False,
    shares: Mapping[str, bool] | None = None,
    **constraints: Any,
) -> Any:
    """A pydantic field; `flags` ("--lr", "-l") put it on the command line in `panel`, without them
    it is for --set.

    `part_of`: the field is a mapping of some of that model's fields, which `resolve` checks one by
    one. `trains`: an option of a task that decides what is trained, so that a model that is trained
    already cannot be asked for another. `reads`: it names files, which are looked for before
    anything is loaded. `shares`: it is a text of these names with shares, as `parse_shares` has
    it.
    """
    extra: dict[str, Any] = {"flags": list(flags), "panel": panel, "trains": trains, "reads": reads}
    if part_of is not None:
        extra["part_of"] = part_of
    if shares is not None:
        extra["shares"] = shares
    rest: dict[str, Any] = {"json_schema_extra": extra, **constraints}
    return Field(default, description=description, **rest)


def parse_shares(given: str, names: Mapping[str, bool], word: str) -> dict[str, float | None]:
    """Return the share of each name, None where it is not said.

    A share is above 0 and at most 1, or below 1 for `names` that are True. `word`: what a name is,
    for sentences. Raises ValueError with what is wrong.
    """
    found = dict[str, float | None]()
    parts, there = [part.strip() for part in given.split(",")], f"there are {', '.join(names)}"
    if not any(parts):
        raise ValueError(f"names no {word}; {there}")
    for part in parts:
        name, equals, number = (text.strip() for text in part.partition("="))
        if not name:
            empty = f"'{_short(part)}' names no {word}"
            if not part:
                empty = f"'{_short(given)}' leaves a place empty"
            raise ValueError(f"{empty}; {there}")
        if name not in names:
            near = get_close_matches(name, names, 1, 0.5)
            hint = f"did you mean '{near[0]}'?" if near else there
            raise ValueError(f"there is no {word} '{_short(name)}'; {hint}")
        if name in found:
            raise ValueError(f"'{name}' is named twice")
        found[name] = _share(name, number, names[name]) if equals else None
    return found


def _short(text: str) -> str:
    """The beginning of a text that an error is about."""
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _share(name: str, given: str, below_one: bool) -> float:
    try:
        share = float(given)
    except ValueError:
        raise ValueError(f"the share of {name} must be a number, not '{_short(given)}'") from None
    if below_one and share == 1:
        raise ValueError(f"{name}=1 leaves nothing; use a share below 1")
    if not 0 < share <= 1:
        raise ValueError(f"the share of {name} must be above 0 and at most 1, not {given}")
    return share


def decides_training(field: FieldInfo) -> bool:
    """Tell whether a field is an option that a trained model fixes."""
    return bool(extra_of(field).get("trains"))


def names_files(field: FieldInfo) -> bool:
    """Tell whether a field is an option that names files to read."""
    return bool(extra_of(field).get("reads"))


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


def parse_seconds(text: str) -> float | None:
    """ "2h" -> 7200.0, "1h30m" -> 5400.0; None for what is no time with units."""
    parts = re.findall(r"(\d+(\.\d+)?)([smhd])", text := text.strip().lower())
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd]\s*)+", text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, _, unit in parts)


def _seconds(value: Any) -> Any:
    """Seconds of a text with units; "90", which has none, is left to pydantic, which makes 90.0."""
    seconds = parse_seconds(value) if isinstance(value, str) else None
    return value if seconds is None else seconds


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
    raise ValueError(f"must be a whole number from 0, or all, not {clipped(value)}")


Count = Annotated[int, BeforeValidator(_count)]
CountOrAll = Annotated[int | str, BeforeValidator(_count_or_all)]
Seconds = Annotated[float, BeforeValidator(_seconds)]


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
        if (group := group_of(field)) is not None:
            yield from leaves(group, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def flags_of(field: FieldInfo) -> tuple[str, ...]:
    """The command-line names of a field made by `setting`; none for others."""
    return tuple(extra_of(field).get("flags", ()))


def extra_of(field: FieldInfo) -> Mapping[str, Any]:
    """What `setting` said of a field beyond what pydantic knows."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def group_of(field: FieldInfo) -> type[BaseModel] | None:
    """The settings that a field is a group of; None where it is a single value."""
    annotation = field.annotation
    return (
        annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    )


def takes_seconds(field: FieldInfo) -> bool:
    """Whether a field is one of Seconds, or of Seconds or nothing."""
    inner = [
        mark for part in get_args(field.annotation) for mark in getattr(part, "__metadata__", ())
    ]
    return any(getattr(mark, "func", None) is _seconds for mark in (*field.metadata, *inner))


def clipped(value: Any) -> str:
    """A value as a sentence shows it, not too long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        text = "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."
