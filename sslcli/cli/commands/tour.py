"""`ssl tour`: its flags."""

from collections.abc import Sequence

from sslcli.cli.options import Command, Flag
from sslcli.cli.tongues import LANGUAGE


def tour_command(words: Sequence[str]) -> Command:
    """Return the command `ssl tour`."""
    return Command(
        "tour",
        "The lecture from its beginning to its end on built-in data: every chapter its commands, "
        "figures and baselines, and one page",
        (
            Flag(
                "chapter",
                ("--chapter",),
                "run these chapters alone, by number; all when not given",
                kind="texts",
                metavar="N",
            ),
            LANGUAGE,
            Flag(
                "out",
                ("--out", "-o"),
                "folder of the tour; tour in the runs folder when not given",
                metavar="DIR",
            ),
            Flag(
                "list",
                ("--list",),
                "list the chapters and their lines, and run nothing",
                kind="truth",
            ),
        ),
        "sslcli.cli.actions.touring:tour_action",
        ("ssl tour", "ssl tour --chapter 1 --chapter 2", "ssl tour --list"),
        check="sslcli.cli.tour_checks:check_tour_line",
    )
