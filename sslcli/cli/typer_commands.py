"""Commands as typer runs them."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import typer

from sslcli.cli.completing import candidates
from sslcli.cli.options import GLOBALS, MOST_METAVAR, Command, CommandGroup, Flag, Given


def add_to(app: typer.Typer, command: Command, finish: Callable[[Command, Given], int]) -> None:
    """Add a Typer command; `finish` is called with the values of the line."""
    app.command(
        command.name,
        help=_escaped(f"{command.summary}."),
        epilog=_examples(command.examples),
        context_settings={"help_option_names": ["-h", "--help"]},
    )(_function(command, finish))


def add_group(
    app: typer.Typer, group: CommandGroup, finish: Callable[[Command, Given], int]
) -> None:
    """Add a Typer group; the word alone runs the default command, with its flags only."""
    default = next(command for command in group.commands if command.name == group.default)
    plain = replace(default, flags=[flag for flag in default.flags if flag.names])
    inner = typer.Typer(rich_markup_mode="rich", add_completion=False)
    function = _function(plain, finish, unless_subcommand=True)
    examples = [example for command in group.commands for example in command.examples[:1]]
    settings = {"help_option_names": ["-h", "--help"]}
    summary = _escaped(f"{group.summary}.")
    inner.callback(
        invoke_without_command=True,
        help=summary,
        epilog=_examples(examples),
        context_settings=settings,
    )(function)
    for command in group.commands:
        add_to(inner, command, finish)
        if command.name == "list":
            inner.command("ls", hidden=True, context_settings=settings)(_function(command, finish))
    app.add_typer(inner, name=group.name)


def _function(
    command: Command, finish: Callable[[Command, Given], int], unless_subcommand: bool = False
) -> Callable[..., int]:
    """Build a function whose signature Typer reads: one parameter per flag."""
    flags = [*command.flags, *GLOBALS]

    def function(**values: Any) -> int:
        context = values.pop("context", None)
        if context is not None and context.invoked_subcommand is not None:
            return 0
        said = {flag: values[f"value{number}"] for number, flag in enumerate(flags)}
        given = {
            flag.key: ",".join(value) if flag.numbers else value
            for flag, value in said.items()
            if value is not None
        }
        return finish(command, given)

    only = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(f"value{number}", only, **_parameter(flag))
        for number, flag in enumerate(flags)
    ]
    if unless_subcommand:
        parameters.append(inspect.Parameter("context", only, annotation=typer.Context))
    made: Any = function
    made.__signature__ = inspect.Signature(parameters)
    made.__annotations__ = {}
    made.__name__ = command.name
    return made


def _parameter(flag: Flag) -> dict[str, Any]:
    kind = "texts" if flag.numbers else flag.kind  # a list that is said in several parts adds up
    annotation = {"text": str | None, "texts": list[str] | None, "truth": bool | None}[kind]
    default = f" [default: {flag.default}]" if flag.default else ""
    metavar, described = _shown(flag)
    words = _escaped(described + default)
    common: dict[str, Any] = {"help": words, "show_default": False, "rich_help_panel": flag.panel}
    if flag.kind != "truth":
        common["autocompletion"] = lambda incomplete: candidates(flag.key, flag.metavar, incomplete)
    if flag.names:
        option = typer.Option(None, *flag.names, metavar=metavar, **common)
        return {"annotation": annotation, "default": option}
    common["rich_help_panel"] = None if flag.panel == "Options" else flag.panel
    return {
        "annotation": annotation,
        "default": typer.Argument(... if flag.required else None, metavar=flag.metavar, **common),
    }


def _shown(flag: Flag) -> tuple[str, str]:
    """Return metavar and description; many choices go into the description, where they wrap."""
    if flag.kind == "truth":
        return "", flag.help
    if "|" not in flag.metavar or len(flag.metavar) <= MOST_METAVAR:
        return flag.metavar, flag.help
    *most, last = flag.metavar.split("|")
    return "NAME", f"{', '.join(most)} or {last}: {flag.help}"


def _escaped(text: str) -> str:
    """Escape square brackets, which are markup in Typer's help."""
    return text.replace("[", "\\[")


def _examples(examples: Sequence[str]) -> str | None:
    return (
        "\n\n".join(
            _escaped(line) for line in ("Examples:", *(f"  {example}" for example in examples))
        )
        if examples
        else None
    )
