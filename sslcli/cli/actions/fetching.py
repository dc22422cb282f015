"""`ssl fetch`: fetch a model of a hub."""

from sslcli.cli.fetch_checks import wanted_model
from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.workflows.fetch.fetch import MEGABYTE, fetch


def fetch_action(command: Command, given: Given, screen: Screen) -> int:
    """Fetch a model and print its commit, its folder and how it is used."""
    name = wanted_model(given)
    found = fetch(name, screen.say)
    if screen.json:
        screen.document(
            {
                "model": found.name,
                "commit": found.commit,
                "folder": str(found.folder),
                "files": {
                    file.name: {"bytes": file.size, "hash": file.hash} for file in found.files
                },
                "bytes_fetched": found.moved,
            }
        )
        return 0
    screen.line(found.name)
    if screen.quiet:
        return 0
    size, moved = found.size / MEGABYTE, found.moved / MEGABYTE
    screen.line(
        f"  {len(found.files)} files, {size:,.1f} MB, every hash right; "
        f"{moved:,.1f} MB were fetched"
    )
    screen.line(f"  {found.folder}")
    screen.say(f"use it: --model {name}, and runs record the commit")
    return 0
