"""What a line says, as values: seeds, starts, hardware, settings of answers."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from sslcli.cli.naming import REQUEST
from sslcli.cli.options import Command, Flag, Given, layers_of
from sslcli.core.settings import STACKS, StackName
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import UsageError, choices
from sslcli.layers import dotted_layer
from sslcli.resolving import Resolved, resolve
from sslcli.settings import AnswerSettings, Start
from sslcli.workflows.evaluate.shot_settings import InContextSettings, ShotSettings

HARDWARE = ("device", "precision", "compile", "deterministic")
STARTS: tuple[Start, ...] = get_args(Start)
TABLE_KEYS = ("data.columns", "data.separator", "data.quoted")
MOST_SEEDS = 100


def languages_of_load(given: Given) -> dict[str, str]:
    """Return the languages on the line where a shift is loaded, else nothing.

    The shift's file has both; only it can tell whether the line's differ.
    """
    return (
        {key: given[key] for key in ("source", "target") if key in given} if "load" in given else {}
    )


def request_of(given: Given) -> dict[str, Any]:
    """Return what a line of `ssl generate` asks for: its text, and the flags of the objective."""
    return {
        key.removeprefix(f"{REQUEST}."): value
        for key, value in given.items()
        if key == "text" or key.startswith(f"{REQUEST}.")
    }


def settings_flags(command: Command, model: type[BaseModel]) -> list[Flag]:
    """Return the flags of a command that are fields of a settings model."""
    named = [
        flag for flag in command.flags if flag.names and flag.panel not in ("Settings", "Study")
    ]
    return [flag for flag in named if flag.key.partition(".")[0] in model.model_fields]


def starts_of(given: Given) -> Sequence[Start]:
    """Return the starts of --init and --compare-scratch. Raises UsageError for an unknown one."""
    known: Mapping[str, Start] = {start: start for start in STARTS}
    starts: list[Start] = []
    for name in (name.strip() for name in given.get("init", "pretrained").split(",")):
        if name not in known:
            raise UsageError(
                f"--init knows no '{name}'",
                choices(name, STARTS),
            )
        starts.append(known[name])
    if given.get("compare_scratch"):
        starts.append("random")
    return list(dict.fromkeys(starts))


def seed_count(given: Given) -> int:
    """Return the number of --seeds, 1 when not given.

    Raises UsageError unless it is a whole number from 1 to MOST_SEEDS.
    """
    text = given.get("seeds", "1")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_SEEDS):
        raise UsageError(
            f"--seeds must be a whole number from 1 to {MOST_SEEDS}, not '{text}'",
            "--seed chooses the first of them",
        )
    return int(text)


def seed_of(given: Given) -> int:
    """Return the seed, the default when not given. Raises UsageError where it is no number."""
    seed = given.get("seed", "42")
    if not (seed.isascii() and seed.isdigit() and len(seed) < 19):
        raise UsageError(
            f"--seed must be a whole number of at least 0, not '{seed}'", "write --seed 42"
        )
    return int(seed)


def stack_of(given: Given) -> StackName | None:
    """Return the half that --stack names, None without it. Raises UsageError for other words."""
    name = given.get("stack")
    if name is None or name in STACKS:
        return name
    raise UsageError(f"--stack must be a half of a model, not '{name}'", choices(name, STACKS))


def hardware_of(given: Given) -> HardwareSettings:
    """Resolve the hardware settings of a command that trains nothing."""
    said = {name: given[name] for name in HARDWARE if name in given}
    return resolve(
        HardwareSettings, dotted_layer(said, {name: f"--{name}" for name in said})
    ).settings


def answer_settings(command: Command, given: Given) -> Resolved[AnswerSettings]:
    """Resolve the settings, with the flag or file that each comes from."""
    values = {
        "batch_size": given.get("batch_size"),
        "data.evaluation": given.get("data"),
        "data.limit": given.get("limit"),
    }
    values["data.skip_bad_records"] = given.get("skip_bad_records")
    values |= {f"hardware.{name}": given.get(name) for name in HARDWARE}
    values |= {key: given.get(key) for key in TABLE_KEYS}
    said = {
        key: [value] if key == "data.evaluation" and isinstance(value, str) else value
        for key, value in values.items()
        if value is not None
    }
    own = dotted_layer(said, {key: f"--{key.rpartition('.')[2].replace('_', '-')}" for key in said})
    return resolve(
        AnswerSettings,
        own,
        *layers_of(given, [flag for flag in command.flags if flag.key.startswith("options.")]),
    )


def in_context_settings(command: Command, given: Given) -> Resolved[InContextSettings]:
    """Resolve the settings of --in-context."""
    flags = [flag for flag in command.flags if flag.key in InContextSettings.model_fields]
    return resolve(InContextSettings, *layers_of(given, flags))


def shot_settings(command: Command, given: Given) -> Resolved[ShotSettings] | None:
    """Resolve the settings of --shots; None without it."""
    if "shots" not in given:
        return None
    flags = [flag for flag in command.flags if flag.key in ShotSettings.model_fields]
    return resolve(ShotSettings, *layers_of(given, flags))


def minimums_of(texts: Sequence[str]) -> Mapping[str, float]:
    """Parse --min: "f1=80" -> {"f1": 80.0}. Raises UsageError."""
    bounds = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        try:
            bounds[name.strip()] = bound = float(value)
        except ValueError:
            bound = math.nan
        if not (equals and name.strip() and math.isfinite(bound)):
            raise UsageError(
                f"--min must be a score and a number, not '{text}'", "write --min f1=80"
            )
    return bounds
