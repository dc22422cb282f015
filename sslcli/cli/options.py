"""Flags and commands as plain data.

A settings model says which of its fields are flags (`setting(default, description, "--lr")`); all
fields of a plugin's Options are flags. A flag that is not on the line overrides no file. Values
stay texts until the settings check them, so that "10k" and "2h" mean the same on the line and in a
file, and every mistake is found at once.
"""

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sslcli.config import Count, CountOrAll, Seconds, flags_of, leaves
from sslcli.layers import Layer, dotted_layer
from sslcli.runfiles import parse_assignments, read_layer

Given = Mapping[str, Any]


@dataclass(frozen=True)
class Flag:
    """A flag, or an argument where `names` is empty.

    `key`: the dotted setting, or a key of the command's own. `default` is what --help shows;
    `alone` is the value of the flag without one; `numbers`: comma-separated values, which add up
    where the flag is repeated.
    """

    key: str
    names: tuple[str, ...]
    help: str
    panel: str = "Options"
    kind: Literal["text", "texts", "truth"] = "text"
    metavar: str = "TEXT"
    default: str = ""
    required: bool = False
    alone: str = ""
    numbers: bool = False


@dataclass(frozen=True)
class Command:
    """A command; `action` ("module:function") is imported when the line is parsed, not for --help.

    It is called with the command, the values of the line by key, and the screen, and returns an
    exit code. `check` is called before that, with the first two, and raises what is wrong with the
    line.
    """

    name: str
    summary: str
    flags: Sequence[Flag]
    action: str
    examples: Sequence[str] = ()
    check: str = ""


@dataclass(frozen=True)
class CommandGroup:
    """Commands under one word; the word alone is the command named `default`."""

    name: str
    summary: str
    commands: Sequence[Command]
    default: str


MOST_METAVAR = 11  # letters beside which a terminal of 60 columns has room for the description
CONFIG = Flag(
    "config",
    ("--config", "-c"),
    "run file (.yaml, .toml, .json); later ones win",
    "Settings",
    "texts",
    "FILE",
)
SET = Flag(
    "set", ("--set", "-s"), "any setting, by its dotted key", "Settings", "texts", "KEY=VALUE"
)
AUTO = "auto"
RESUME = Flag(
    "resume",
    ("--resume",),
    (
        "go on with a run (name, folder, @latest); alone: the run of "
        "--name or --out where it is there, else the newest unfinished one"
    ),
    "Output",
    metavar="RUN",
    alone=AUTO,
)
OVERWRITE = Flag(
    "overwrite", ("--overwrite",), "replace the run that the folder holds", "Output", "truth"
)
DRY_RUN = Flag(
    "dry_run",
    ("--dry-run",),
    "take three real steps, predict time, memory and disk, and write nothing",
    "Output",
    "truth",
)
GLOBALS = (
    Flag(
        "json",
        ("--json",),
        "results as JSON on stdout: one document, or of a training one event a line",
        "Global",
        "truth",
    ),
    Flag("quiet", ("--quiet", "-q"), "results only; lists give one name a line", "Global", "truth"),
    Flag("verbose", ("--verbose", "-v"), "say more", "Global", "truth"),
    Flag("debug", ("--debug",), "show the traceback of an error", "Global", "truth"),
    Flag("no_color", ("--no-color",), "no colours", "Global", "truth"),
)


def flags_for(model: type[BaseModel]) -> list[Flag]:
    """Return the flags that a settings model declares."""
    return [
        _flag(key, field, flags_of(field), _panel(field))
        for key, field in leaves(model)
        if flags_of(field)
    ]


def plugin_flags(
    options: type[BaseModel],
    name: str,
    key: str,
    taken: Iterable[str],
    *,
    joined: bool = False,
    panel: str = "",
) -> list[Flag]:
    """Return all fields of a plugin's Options as flags of a panel ("NAME options").

    Their keys are below the dotted `key`. A name that is taken becomes --NAME-FIELD; objectives
    that are `joined` have both forms, which set the same key.
    """
    taken, plain = set(taken), name.rpartition(":")[2]
    flags = []
    for field_key, field in leaves(options):
        if _kind(field) is None:
            continue
        dashed = field_key.replace("_", "-").replace(".", "-")
        long = f"--{plain}-{dashed}"
        own = tuple(_with_no(flag, field) for flag in flags_of(field) or (f"--{dashed}",))
        names = tuple(flag for flag in own if not set(_spellings(flag)) & taken)
        names = (*names, _with_no(long, field)) if joined or not names else names
        flags.append(_flag(f"{key}.{field_key}", field, names, panel or f"{name} options"))
    return flags


def spellings(flags: Iterable[Flag]) -> set[str]:
    """Return every way to type one of `flags`: "--plot/--no-plot" is two."""
    return {spelling for flag in flags for name in flag.names for spelling in _spellings(name)}


def unambiguous(flags: Sequence[Flag]) -> list[Flag]:
    """Drop names that several flags share, as parts of a joined objective may."""
    counts: dict[str, int] = {}
    for flag in flags:
        for name in flag.names:
            counts[name] = counts.get(name, 0) + 1
    return [
        replace(flag, names=tuple(name for name in flag.names if counts[name] == 1))
        for flag in flags
    ]


def layers_of(given: Given, flags: Iterable[Flag]) -> list[Layer]:
    """Return the line's settings as layers: files in order, --set, flags; later ones override."""
    values, sources = {}, {}
    for flag in flags:
        if flag.key in given:
            value = given[flag.key]
            if flag.numbers and isinstance(value, str):
                value = [part.strip() for part in value.split(",")]
            values[flag.key] = value
            sources[flag.key] = _spellings(flag.names[0])[0]
    files = [read_layer(Path(name)) for name in given.get("config", ())]
    return [*files, parse_assignments(given.get("set", ())), dotted_layer(values, sources)]


def peek(words: Sequence[str], *names: str) -> list[str]:
    """Return the values of a flag on an unparsed line.

    Any of "--objective mlm", "--objective=mlm" and "-cFILE".
    """
    values = []
    for index, word in enumerate(words):
        if word == "--":
            break
        if word.startswith("-") and f"-{word}".partition("=")[0] in names:
            word = f"-{word}"  # "-model RUN", which is refused when all flags are known
        for name in names:
            if word == name and index + 1 < len(words):
                values.append(words[index + 1])
            elif word.startswith(f"{name}=") and name.startswith("--"):
                values.append(word.partition("=")[2])
            elif (
                not name.startswith("--")
                and word.startswith(name)
                and len(word) > 2
                and not word.startswith("--")
            ):
                values.append(word[2:])
    return values


def asks_for_help(words: Sequence[str]) -> bool:
    """Return whether --help or -h is among the words."""
    return any(word in ("--help", "-h") for word in words)


def with_values(words: Sequence[str], flags: Iterable[Flag]) -> list[str]:
    """Return the line with a value for every flag without one: "--resume" -> "--resume auto"."""
    alone = {name: flag.alone for flag in flags if flag.alone for name in flag.names}
    filled = []
    for word, following in zip(words, [*words[1:], "--"], strict=True):
        filled.append(word)
        if word in alone and following.startswith("-"):
            filled.append(alone[word])
    return filled


def _flag(key: str, field: FieldInfo, names: Sequence[str], panel: str) -> Flag:
    kind = _kind(field) or "text"
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if isinstance(default, bool):
        shown = "yes" if default else "no"
    elif isinstance(default, tuple | list):
        shown = ", ".join(str(part) for part in default)
    else:
        shown = "" if default is None else str(default)
    numbers = kind == "text" and get_origin(field.annotation) in (tuple, list)
    return Flag(
        key,
        tuple(names),
        field.description or "",
        panel,
        kind,
        _metavar(field),
        shown,
        numbers=numbers,
    )


def _panel(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("panel") or "Options") if isinstance(extra, dict) else "Options"


def _plain(annotation: Any) -> Any:
    """Return the type without "or None"."""
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [part for part in get_args(annotation) if part is not type(None)]
        return inner[0] if len(inner) == 1 else annotation
    return annotation


def _kind(field: FieldInfo) -> Literal["text", "texts", "truth"] | None:
    """Return how a field is written on the line; None for what only a file can hold."""
    annotation = _plain(field.annotation)
    if annotation is bool:
        return "truth"
    if get_origin(annotation) in (tuple, list):
        return "texts" if get_args(annotation)[0] is str else "text"
    return (
        None
        if annotation is Any or get_origin(annotation) is dict or annotation is dict
        else "text"
    )


def _metavar(field: FieldInfo) -> str:
    annotation = _plain(field.annotation)
    if get_origin(annotation) is Literal:
        return "|".join(str(choice) for choice in get_args(annotation))
    if get_origin(annotation) in (tuple, list) and get_args(annotation)[0] is not str:
        return "X,X,..."
    if _has(field, CountOrAll):
        return "N|all"
    if annotation == Seconds or _has(field, Seconds):
        return "TIME"
    if annotation in (int, Count):
        return "N"
    return "X" if annotation is float else "TEXT"


def _has(field: FieldInfo, annotated: Any) -> bool:
    return any(part in field.metadata for part in get_args(annotated)[1:])


def _with_no(flag: str, field: FieldInfo) -> str:
    """Return both flags of a boolean."""
    return (
        f"{flag}/--no-{flag.removeprefix('--')}"
        if _kind(field) == "truth" and "/" not in flag
        else flag
    )


def _spellings(name: str) -> list[str]:
    return name.split("/")
