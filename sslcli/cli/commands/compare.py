"""`ssl compare`, the same command as `ssl runs compare`."""

from collections.abc import Sequence

from sslcli.cli.commands.runs import COMPARE
from sslcli.cli.options import Command


def compare_command(words: Sequence[str]) -> Command:
    """Return the command `ssl compare`."""
    return COMPARE
