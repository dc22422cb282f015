"""`ssl plugins`: list, show, check, new."""

from collections.abc import Sequence

from sslcli.cli.options import Command, CommandGroup, Flag

ACTIONS = "sslcli.cli.actions.listing_plugins"


def plugins_command(words: Sequence[str]) -> CommandGroup:
    """Return the command group `ssl plugins`: list, show, check, new."""
    return CommandGroup(
        "plugins",
        "List, show, check and start plugins",
        (_list_command(), _show_command(), _check_command(), _new_command()),
        default="list",
    )


def _list_command() -> Command:
    kind = Flag(
        "kind",
        (),
        "objectives, readers, tokenizers, families, tasks, probes or shifts; all when not given",
        metavar="KIND",
    )
    return Command(
        "list",
        "List all plugins with where they come from; none is imported",
        (kind,),
        f"{ACTIONS}:list_plugins",
        ("ssl plugins", "ssl plugins list objectives --json"),
    )


def _show_command() -> Command:
    name = Flag("name", (), "name of a plugin, or DISTRIBUTION:NAME", metavar="NAME", required=True)
    return Command(
        "show",
        "Show one plugin: its documentation, its source file and its options",
        (name,),
        f"{ACTIONS}:show_plugin",
        ("ssl plugins show mlm",),
    )


def _check_command() -> Command:
    name = Flag(
        "name",
        (),
        "name of an objective or a task, or the folder of a package that has one",
        metavar="NAME|PATH",
        required=True,
    )
    data = Flag(
        "data",
        ("--data", "-d"),
        "labelled file to try a task on; generated records of its kind when not given",
        metavar="FILE",
    )
    return Command(
        "check",
        "Run the conformance kit over an objective or a task; exit code 3 where it is not met",
        (name, data),
        "sslcli.cli.actions.checking:check_plugin",
        ("ssl plugins check mlm", "ssl plugins check qa --data squad.json"),
    )


def _new_command() -> Command:
    kind = Flag("kind", (), "what to write: objective or task", metavar="KIND", required=True)
    name = Flag("name", (), "what it is called on the command line", metavar="NAME", required=True)
    out = Flag("out", ("--out", "-o"), "folder to write; sslcli-NAME when not given", metavar="DIR")
    return Command(
        "new",
        "Write a package with a working plugin to start from",
        (kind, name, out),
        f"{ACTIONS}:new_plugin",
        ("ssl plugins new objective jigsaw", "ssl plugins new task irony"),
    )
