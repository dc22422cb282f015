"""Settings: frozen, checked, every unknown key an error with the nearest name."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_SCALES = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Config(BaseModel):
    """Base of every settings class: immutable; unknown keys are refused; numbers may come as strings (YAML's 1e-4)."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, ser_json_inf_nan="constants")


def setting(default: Any, description: str, *flags: str, panel: str = "", **constraints: Any) -> Any:
    """A pydantic field; `flags` ("--lr", "-l") put it on the command line in `panel`, without them it is for --set."""
    return Field(default, description=description, json_schema_extra={"flags": list(flags), "panel": panel}, **constraints)


def _count(value: Any) -> Any:
    """ "10k" -> 10000, "1e6" -> 1000000; what it does not know it leaves to pydantic's own message."""
    if isinstance(value, str) and (match := re.fullmatch(r"([\d_.]+(?:e\d+)?)\s*([kmgb]?)", value.strip().lower())):
        number = float(match[1].replace("_", "")) * _SCALES.get(match[2], 1.0)
        return int(number) if number == int(number) else value
    return value


def _seconds(value: Any) -> Any:
    """ "2h" -> 7200.0, "1h30m" -> 5400.0, "90" -> 90.0."""
    if isinstance(value, str) and re.fullmatch(r"(\d+(\.\d+)?[smhd]\s*)+", text := value.strip().lower()):
        return sum(float(number) * _SECONDS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)([smhd])", text))
    return value


Count = Annotated[int, BeforeValidator(_count)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
