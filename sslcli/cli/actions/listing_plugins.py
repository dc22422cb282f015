"""`ssl plugins list`, `show` and `new`, which need only the registry."""

from dataclasses import asdict
from pathlib import Path

from sslcli import registry
from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.workflows.plugins import (
    describe_plugin,
    find_anywhere,
    listed,
    new_package,
    plugin_table,
)


def list_plugins(command: Command, given: Given, screen: Screen) -> int:
    """List the plugins of one kind, or all of them; none is imported."""
    found = listed(given.get("kind"))
    if screen.json:
        screen.document({"plugins": [asdict(plugin) for plugin in found]})
    elif screen.quiet:
        for plugin in found:
            screen.line(plugin.name)
    else:
        screen.report(plugin_table(found))
    for name in sorted(registry.unknown_allowed()):
        screen.say(f"SSLCLI_PLUGINS names {name}, which has no plugins here")
    return 0


def show_plugin(command: Command, given: Given, screen: Screen) -> int:
    """Print documentation, source file and options of every plugin with the given name."""
    for found in find_anywhere(given["name"]):
        screen.report(describe_plugin(found))
    return 0


def new_plugin(command: Command, given: Given, screen: Screen) -> int:
    """Write a package with a working plugin and print how to install and check it."""
    folder = new_package(
        given["kind"], given["name"], Path(given["out"]) if "out" in given else None
    )
    if screen.json:
        screen.document({"folder": str(folder)})
        return 0
    screen.line(f"wrote {folder}")
    screen.say(
        f"next:  pip install -e {folder}  ·  ssl plugins check {given['name']}  ·  pytest {folder}"
    )
    return 0
