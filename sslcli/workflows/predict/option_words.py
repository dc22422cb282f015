"""Options of a task in words: those by default, and those that changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from sslcli.config import Config, decides_training, flags_of, leaves


def by_default(options: Config, asked: Mapping[str, Any]) -> str:
    """The options that nobody said, as they would be typed."""
    fields = {
        name: field
        for name, field in leaves(type(options))
        if name not in asked and not decides_training(field)
    }
    typed = [
        f"{flag} {value}"
        for name, field in fields.items()
        for flag in flags_of(field)[:1]
        if (value := getattr(options, name))
    ]
    return f"it is taken as with {' '.join(typed)}" if typed else "the rest is as by default"


def differences(before: Config, after: Config) -> Mapping[str, Any]:
    """Name -> value of the options that changed, of those that somebody may choose."""
    fields = [
        name
        for name, field in leaves(type(before))
        if not decides_training(field) and flags_of(field)
    ]
    return {
        name.replace("_", " "): getattr(after, name)
        for name in fields
        if getattr(before, name) != getattr(after, name)
    }


def changed(before: Config, after: Config) -> Sequence[str]:
    """Sentences on the options that are others than in training."""
    old = differences(after, before)
    return [
        f"{name} is {_written(value)} here, and was {_written(old[name])} in training"
        for name, value in differences(before, after).items()
    ]


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    return "not given" if value in (None, "") else f"{value}"
