"""`ssl finetune SUITE`: every part of a suite with one set of settings, one table, the leaderboard's files."""

from collections.abc import Sequence

from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.errors import UsageError
from sslcli.runfiles import Layer


def run_suite(name: str, command: Command, given: Given, layers: Sequence[Layer], screen: Screen) -> int:
    raise UsageError(f"{name} is not there yet")
