"""Plugins by kind and name, out of entry points: found without an import, loaded one at a time.

    pyproject.toml of any distribution             on the command line
    [project.entry-points."sslcli.objectives"]
    electra = "ssl_electra:Electra"                ssl pretrain --objective electra

The built-ins stand in the same groups as everyone else's. A built-in wins over a stranger of the
same name ("shadowed"), two strangers of one name must be told apart as DISTRIBUTION:NAME
("duplicate"), and SSLCLI_PLUGINS=dist-a,dist-b lets only these distributions in besides the
built-ins (empty: none; "disabled"). A plugin that breaks hurts nobody but who asks for it.
"""

import ast
import importlib.metadata
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from sslcli.config import Config
from sslcli.declared import Declared, declared
from sslcli.door import outdated, outdated_import
from sslcli.errors import PluginError, SslError, did_you_mean
from sslcli.module_files import module_file, parsed
from sslcli.plugin_fitness import CONTRACTS, first_line_of, why_unfit
from sslcli.streams import stdout_kept

BUILT_IN = "sslcli"
KINDS = {  # kind -> the word for one of them, and the contract that its classes implement
    "objectives": ("objective", "Objective"),
    "tasks": ("task", "Task"),
    "suites": ("suite", "Suite"),
    "probes": ("probe", "Probe"),
    "shifts": ("shift", "Shift"),
    "readers": ("reader", "Reader"),
    "families": ("family", "Family"),
    "tokenizers": ("tokenizer", "PieceTrainer"),
    "trackers": ("tracker", "Tracker"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
Status = Literal["ok", "shadowed", "duplicate", "disabled", "broken"]


@dataclass(frozen=True)
class Found:
    """An entry point. `value` is "module:Class"; `problem` is a sentence unless `status` is
    "ok".
    """

    kind: str
    name: str
    distribution: str
    version: str
    value: str
    status: Status = "ok"
    problem: str = ""
    summary: str = ""

    @property
    def built_in(self) -> bool:
        """Whether the plugin belongs to this distribution."""
        return self.distribution == BUILT_IN

    @property
    def module(self) -> str:
        """The module of the plugin."""
        return self.value.partition(":")[0].strip()


def normalized(distribution: str) -> str:
    """The name of a distribution as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def allowed_distributions() -> frozenset[str] | None:
    """Return the distributions that SSLCLI_PLUGINS allows besides the built-ins; None allows
    all.
    """
    text = os.environ.get("SSLCLI_PLUGINS")
    return (
        None
        if text is None
        else frozenset(normalized(name.strip()) for name in text.split(",") if name.strip())
    )


def unknown_allowed() -> frozenset[str]:
    """Distributions that SSLCLI_PLUGINS names and that have no plugin here: most likely
    misspelt.
    """
    present = {normalized(found.distribution) for kind in KINDS for found in _entries(kind)}
    return (allowed_distributions() or frozenset()) - present


def everything() -> list[Found]:
    """Return every plugin of every kind with its summary, sorted, without importing any."""
    return [_described(found) for kind in KINDS for found in _of_kind(kind)]


def names(kind: str) -> list[str]:
    """The names that can be asked for as they are."""
    return [found.name for found in _of_kind(kind) if found.status == "ok"]


def find(kind: str, name: str) -> Found:
    """The plugin behind "name" or "distribution:name", not imported. Raises PluginError where that
    is not exactly one.
    """
    everyone = _of_kind(kind)
    distribution, colon, bare = name.rpartition(":")
    namesakes = [found for found in everyone if found.name == bare]
    matching = [
        found
        for found in namesakes
        if not colon or normalized(found.distribution) == normalized(distribution)
    ]
    usable = [
        found
        for found in matching
        if found.status == "ok" or (colon and found.status in ("shadowed", "duplicate"))
    ]
    if usable:
        return _described(replace(usable[0], status="ok", problem=""))
    if matching:
        raise PluginError(*_why_not(kind, matching))
    word = KINDS[kind][0]
    near = did_you_mean(name, [found.name for found in everyone if found.status == "ok"])
    hint = f"{near}  all {kind}: ssl plugins list {kind}".strip()
    raise PluginError(f"there is no {word} '{name}'", hint)


def load(kind: str, name: str) -> type[Any]:
    """The class of one plugin; its module is imported now. Raises PluginError naming distribution,
    version and cause.
    """
    return load_found(find(kind, name))


def load_found(found: Found) -> type[Any]:
    """The class that an entry point names, whatever its status."""
    word, contract = KINDS[found.kind]
    who = f"{word} '{found.name}' of {found.distribution} {found.version}"
    entry = importlib.metadata.EntryPoint(found.name, found.value, f"sslcli.{found.kind}")
    try:
        with stdout_kept():
            loaded = entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may do anything when imported, SystemExit included
        if old := outdated_import(error):
            raise PluginError(f"{who} cannot be used: {old[0]}", old[1]) from error
        hint = f"repair or remove {found.distribution}; everything else works without it"
        raise PluginError(f"{who} cannot be loaded: {first_line_of(error)}", hint) from error
    if isinstance(loaded, type) and (old := outdated(loaded, CONTRACTS)):
        raise PluginError(f"{who} cannot be used: {old[0]}", old[1])
    wrong = why_unfit(loaded, contract)
    if wrong:
        raise PluginError(
            f"{who} cannot be used: {wrong}",
            f"ssl plugins show {found.distribution}:{found.name} says where it stands",
        )
    return loaded


def declaration(kind: str, name: str) -> Declared | None:
    """Return what a plugin's class declares, without importing it; None if only an import can tell.

    Raises PluginError as `find` does.
    """
    found = find(kind, name)
    try:
        return declared(found.value)
    except Exception:  # a stranger's source may be anything
        return None


def plugin_settings(kind: str, name: str, member: str = "Options") -> type[Config]:
    """The flags of a plugin: settings with its fields, which its class need not be imported for
    where they are plain.
    """
    found = declaration(kind, name)
    if found is not None:
        with suppress(Exception):  # it is not plain, or a stranger's
            return found.model(member)
    return getattr(load(kind, name), member)


def checked_settings(kind: str, name: str, member: str = "Options") -> type[Config] | None:
    """Return settings that refuse what the plugin's own refuse; None if only an import can tell."""
    found = declaration(kind, name)
    if found is not None:
        with suppress(Exception):
            return None if found.converts(member) else found.model(member)
    return None


def descends(kind: str, name: str, base: tuple[str, str]) -> bool:
    """Tell whether a plugin's class has a base, by module and name."""
    found = declaration(kind, name)
    if found is not None:
        return base in found.lineage
    return base in [(each.__module__, each.__name__) for each in load(kind, name).__mro__]


def attribute(kind: str, name: str, member: str) -> Any:
    """A class attribute of a plugin, read where it is plain, and imported where it is not."""
    found = declaration(kind, name)
    if found is not None:
        with suppress(Exception):
            return found.attribute(member)
    return getattr(load(kind, name), member)


def usual(kind: str, member: str, fits: Callable[[Any], bool] = bool) -> list[str]:
    """Plugins that declare themselves for a use by a class attribute, the built-in ones first; a
    broken one is none of them.
    """
    found = []
    for name in sorted(names(kind), key=lambda name: not find(kind, name).built_in):
        with suppress(SslError, AttributeError):
            if fits(attribute(kind, name, member)):
                found.append(name)
    return found


def plugin_location(found: Found) -> Path | None:
    """The source file of a plugin's module, found along the import path without importing a parent
    package.
    """
    return module_file(found.module)


def _of_kind(kind: str) -> list[Found]:
    """Sorted by name, the built-in first, each with the status that follows from the others of its
    name.
    """
    allowed = allowed_distributions()
    everyone = sorted(
        _entries(kind), key=lambda found: (found.name, not found.built_in, found.distribution)
    )
    active = [
        found
        for found in everyone
        if allowed is None or found.built_in or normalized(found.distribution) in allowed
    ]
    return [
        _judged(found, [other for other in active if other.name == found.name])
        for found in everyone
    ]


def _judged(found: Found, namesakes: Sequence[Found]) -> Found:
    """`namesakes`: the plugins of this name that are let in, this one among them unless it is
    turned off.
    """
    if not _NAME.fullmatch(found.name):
        return replace(
            found,
            status="broken",
            problem=f"'{found.name}' cannot be a name: letters, digits, '-', '_' and '.' can",
        )
    if found not in namesakes:
        return replace(
            found,
            status="disabled",
            problem=f"{found.distribution} is not among the distributions of SSLCLI_PLUGINS",
        )
    if namesakes[0].built_in and not found.built_in:
        return replace(
            found,
            status="shadowed",
            problem=f"the built-in of this name wins; ask for {found.distribution}:{found.name}",
        )
    if len(namesakes) > 1 and not found.built_in:
        others = " and ".join(other.distribution for other in namesakes if other != found)
        return replace(
            found,
            status="duplicate",
            problem=f"{others} has this name too; ask for {found.distribution}:{found.name}",
        )
    return found


def _entries(kind: str) -> Sequence[Found]:
    """The entry points of a kind. Metadata are read once, and again where a folder of the import
    path has changed, by which importlib.metadata sees what was installed as well.
    """
    return _scanned(tuple(sys.path), _states(sys.path), tuple(sys.meta_path))[kind]


def _states(folders: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """What changes as something comes into a folder or leaves it, of each."""
    found = []
    for folder in folders:
        try:
            status = os.stat(folder or ".")
            found.append((status.st_mtime_ns, status.st_ino))
        except (OSError, ValueError):  # it is not there
            found.append((0, 0))
    return tuple(found)


@lru_cache(maxsize=1)
def _scanned(*_path: Any) -> Mapping[str, Sequence[Found]]:
    """Kind -> entry points; the arguments are what that depends on. Each distribution once, the
    first on the import path; one whose metadata cannot be read is left out.
    """
    found: dict[str, list[Found]] = {kind: [] for kind in KINDS}
    seen: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for distribution in importlib.metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
            kinds = [kind for kind in KINDS if f"sslcli.{kind}" in text]
            if not kinds:
                continue
            metadata, entries = distribution.metadata, distribution.entry_points
            name, version = metadata["Name"] or "unknown", metadata["Version"] or "?"
        except Exception:  # damaged metadata of any distribution on the path must not stop ours
            continue
        for kind in kinds:
            if normalized(name) in seen[kind]:
                continue
            seen[kind].add(normalized(name))
            own = {entry.name: entry.value for entry in entries.select(group=f"sslcli.{kind}")}
            found[kind] += [Found(kind, key, name, version, own[key]) for key in own]
    return found


def _described(found: Found) -> Found:
    """With the first paragraph of its module's docstring, or as broken where there is no module to
    read.
    """
    path = plugin_location(found)
    if path is None:
        return _broken(found, f"there is no module {found.module}")
    if path.suffix != ".py":
        return found
    try:
        text = ast.get_docstring(parsed(path)) or ""
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        return _broken(found, f"{path} cannot be read: {error}")
    return replace(found, summary=" ".join(text.partition("\n\n")[0].split()))


def _broken(found: Found, problem: str) -> Found:
    return replace(found, status="broken", problem=problem) if found.status == "ok" else found


def _why_not(kind: str, matching: Sequence[Found]) -> tuple[str, str]:
    """A sentence and a hint for plugins that are there and cannot be had under the name that was
    asked for.
    """
    first, word = matching[0], KINDS[kind][0]
    if first.status == "duplicate":
        owners = " and ".join(
            f"{found.distribution} {found.version}"
            for found in matching
            if found.status == "duplicate"
        )
        choice = " or ".join(
            f"{found.distribution}:{found.name}"
            for found in matching
            if found.status == "duplicate"
        )
        return f"{word} '{first.name}' is in {owners}", f"say which one: {choice}"
    if first.status == "disabled":
        return (
            f"{word} '{first.name}' of {first.distribution} is turned off",
            "add its distribution to SSLCLI_PLUGINS, or unset it",
        )
    return (
        (
            f"{word} '{first.name}' of {first.distribution} "
            f"{first.version} cannot be used: {first.problem}"
        ),
        "ssl plugins list shows all",
    )
