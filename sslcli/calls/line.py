"""A call from Python as the line that it stands for: `lr=1e-3` is `--lr 0.001`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sslcli.cli.app import built_command, help_line
from sslcli.cli.mistyped import hint_for_option
from sslcli.cli.options import AUTO, Command, Flag, Given
from sslcli.config import Config
from sslcli.errors import ArgumentError
from sslcli.runs.hub_cache import is_on_hub

# Flags that choose which other flags there are.
PEEKED = ("config", "set", "objective", "reader", "tokenizer", "resume")
SPOKEN = {"typed": "word"}  # arguments that a command knows by another name
# They show something in place of a result.
SHOWN_ONLY = ("dry_run", "show_batch", "check")


@dataclass(frozen=True)
class CalledLine:
    """`words`: the line, without `ssl`; `given`: what stands on it, by key."""

    words: Sequence[str]
    command: Command
    given: Given


def line_of_call(
    name: str,
    positional: Sequence[tuple[str, str]],
    flags: Mapping[str, Any],
    settings: Config | Mapping[str, Any] | None = None,
    only: Sequence[str] | None = None,
    called: str = "",
) -> CalledLine:
    """`positional`: arguments by key. `only`: the names that there are, where not all are.

    Raises TypeError for an argument that is none, whatever the command's flags raise for plugins.
    """
    off = {
        key for key, value in flags.items() if value is None or (key in PEEKED and value is False)
    }
    said = {key: value for key, value in flags.items() if key not in off}
    said = _with_settings(said, settings)
    for key, value in positional:
        text_argument(SPOKEN.get(key, key), value)
    words = [value for _, value in positional]
    peeked = [word for key in PEEKED if key in said for word in _peeked(key, said[key])]
    command = built_command(name, [*words, *peeked])
    known = {
        python_name(flag_name): flag
        for flag in command.flags
        for flag_name in flag.names
        if flag_name.startswith("--")
    }
    known = {
        key: flag
        for key, flag in known.items()
        if key not in SHOWN_ONLY and (only is None or key in only)
    }
    given: dict[str, Any] = dict(positional)
    line = [name, *words]
    for key, value in said.items():
        if key not in known:
            raise ArgumentError(_unknown(called or name, key, known), help_line([name]))
        flag = known[key]
        given[flag.key] = _given(key, flag, value)
        line += _typed(flag, given[flag.key])
    return CalledLine(line, command, given)


def text_argument(name: str, value: Any) -> str:
    """Return an argument that is a text. Raises ArgumentError for anything else."""
    if not isinstance(value, str):
        raise ArgumentError(f"'{name}' is a text, not {value!r:.60}", f'write {name} as "..."')
    return value


def several(name: str, value: Any) -> Iterable[Any]:
    """Return an argument that is a list. Raises ArgumentError for what has no members."""
    if not hasattr(value, "__iter__"):
        raise ArgumentError(f"'{name}' is a list of texts, not {value!r:.60}", f'{name}=["..."]')
    return value


def python_name(flag: str) -> str:
    """ "--eval-data" and "--plot/--no-plot" as names of Python."""
    return flag.partition("/")[0].removeprefix("--").replace("-", "_")


def _with_settings(
    said: dict[str, Any], settings: Config | Mapping[str, Any] | None
) -> dict[str, Any]:
    """Settings by groups are `set` by their groups, below what is `set` by itself."""
    own = said.get("set", {})
    if not isinstance(own, Mapping) and not hasattr(own, "__iter__"):
        raise ArgumentError(
            f"'set' is settings by name, not {own!r:.60}", "set={'model.shape.depth': 2}"
        )
    assigned = (
        [own]
        if isinstance(own, str)
        else _assignments(own)
        if isinstance(own, Mapping)
        else list(own)
    )
    if settings is not None:
        if not isinstance(settings, Config | Mapping):
            raise ArgumentError(
                f"settings come in groups, {{'model': {{...}}}}, and not as {settings!r:.60}",
                "give them by name: set={'model.shape.depth': 2}",
            )
        tree = (
            settings.model_dump(mode="json", exclude_unset=True)
            if isinstance(settings, Config)
            else settings
        )
        assigned = [*_assignments(tree), *assigned]
    return {**said, "set": assigned} if assigned else said


def _assignments(tree: Mapping[str, Any]) -> list[str]:
    return [f"{key}={json.dumps(_plain(value), ensure_ascii=False)}" for key, value in tree.items()]


def _plain(value: Any) -> Any:
    """What JSON can hold, and a text for what is not plain: a path, a run."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if hasattr(value, "tolist"):  # of numpy or torch
        return _plain(value.tolist())
    return value if isinstance(value, str | int | float | bool | None) else _text(value)


def _text(value: Any) -> str:
    """A value as it would be typed: a run that is finished by its folder, a model that was fetched
    by its name on the hub, which says the commit.
    """
    folder, name = getattr(value, "folder", None), getattr(value, "name", None)
    if isinstance(folder, Path):
        return name if isinstance(name, str) and is_on_hub(name) else str(folder)
    return str(value)


def _listed(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{key}={_text(inner)}" for key, inner in value.items()]
    is_one = isinstance(value, str | Path) or not hasattr(value, "__iter__")
    return [_text(value)] if is_one else [_text(inner) for inner in value]


def _given(key: str, flag: Flag, value: Any) -> Any:
    """The value as a line gives it to the command."""
    if flag.kind == "truth":
        if not isinstance(value, bool):
            raise ArgumentError(f"'{key}' is True or False, not {value!r:.60}", f"{key}=True")
        return value
    if flag.kind == "texts" and not flag.numbers:
        return _listed(value)
    if flag.numbers:
        parts = _listed(value)
        return parts if any("," in part for part in parts[1:]) else ",".join(parts)
    if flag.alone and value is True:
        return flag.alone
    if isinstance(value, list | tuple | set | frozenset | Mapping):
        raise ArgumentError(f"'{key}' is one value, not {value!r:.60}", f"give one: {key}=VALUE")
    return _text(value)


def _typed(flag: Flag, value: Any) -> list[str]:
    """The words of a flag on a line."""
    name, _, negative = next(name for name in flag.names if name.startswith("--")).partition("/")
    if flag.kind == "truth":
        return [name] if value else [negative] if negative else []
    if flag.numbers:
        return [name, value if isinstance(value, str) else ",".join(value)]
    if flag.alone and value == AUTO:
        return [name]
    return [
        word for part in (value if isinstance(value, list) else [value]) for word in (name, part)
    ]


def _peeked(key: str, value: Any) -> list[str]:
    """What a command looks at before its flags are known."""
    if value is True:
        return [f"--{key}"]
    return [word for part in _listed(value) for word in (f"--{key}", part)]


def _unknown(name: str, key: str, known: Mapping[str, Flag]) -> str:
    """What Python says of an argument that there is not, with the one that was probably meant."""
    spelt = {f"--{each.replace('_', '-')}" for each in known}
    hint = hint_for_option(f"--{key.replace('_', '-')}", spelt)
    meant = "" if not hint else f"; {hint.replace('--', '').replace('-', '_')}"
    return f"{name}() has no argument '{key}'{meant}"
