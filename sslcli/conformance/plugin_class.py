"""Checks of what a plugin's class says of itself: its imports, its options, their flags."""

import ast
import inspect
import sys
from typing import Protocol

from pydantic import ValidationError

from sslcli.config import Config, flags_of, leaves
from sslcli.errors import CheckError

OWN_FLAGS = frozenset(
    {
        "--config",
        "--set",
        "--json",
        "--quiet",
        "--verbose",
        "--debug",
        "--no-color",
        "--help",
        "--resume",
        "--overwrite",
        "--dry-run",
    }
)  # of every command that trains


class Tried(Protocol):
    """A plugin's class, and options to try it with."""

    @property
    def cls(self) -> type:
        """The plugin's class."""

    @property
    def options(self) -> Config:
        """Options of that class."""


def demand(condition: bool, message: str, hint: str = "") -> None:
    """Raise CheckError with this message and hint where the condition does not hold."""
    if not condition:
        raise CheckError(message, hint)


def imports(bench: Tried) -> None:
    """Of sslcli, only sslcli.api and sslcli.testing are imported."""
    tree = ast.parse(inspect.getsource(sys.modules[bench.cls.__module__]))
    named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    named += [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    inner = sorted(
        {
            name
            for name in named
            if name.split(".")[0] == "sslcli" and name not in ("sslcli.api", "sslcli.testing")
        }
    )
    demand(
        not inner, f"it imports {', '.join(inner)}", "import from sslcli.api, which is kept stable"
    )


def options(bench: Tried) -> None:
    """Defaults are valid; settings survive JSON; unknown keys are refused; nothing can be changed
    afterwards.
    """
    cls, given = bench.cls.Options, bench.options
    demand(
        cls.model_validate_json(given.model_dump_json()) == given,
        "options written as JSON read back as others",
    )
    try:
        cls(**{**given.model_dump(), "no_such_option": 1})
    except ValidationError:
        pass
    else:
        raise CheckError(
            "Options takes unknown keys",
            "derive it from sslcli.api.Config and leave model_config alone",
        )
    demand(
        bool(cls.model_config.get("frozen")), "Options can be changed", "leave model_config alone"
    )


def flags_of_command(settings: type[Config], *own: str) -> frozenset[str]:
    """Return every spelling of the flags of a command with these settings."""
    return (
        OWN_FLAGS
        | {*own}
        | {
            spelling
            for _, field in leaves(settings)
            for flag in flags_of(field)
            for spelling in flag.split("/")
        }
    )


def refuse_taken_flags(options: type[Config], taken: frozenset[str]) -> None:
    """Raise CheckError where an option has no description, or takes a flag of the command."""
    for name, field in leaves(options):
        demand(
            bool(field.description),
            f"option {name} has no description",
            'write it as setting(default, "what it does")',
        )
        flags = flags_of(field) or (f"--{name.replace('_', '-').replace('.', '-')}",)
        double = taken & {spelling for flag in flags for spelling in flag.split("/")}
        demand(
            not double,
            f"option {name} takes the command's flag {', '.join(sorted(double))}",
            "give it another name",
        )
