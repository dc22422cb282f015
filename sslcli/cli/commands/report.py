"""`ssl report`: everything known of a run as one page."""

from collections.abc import Sequence

from sslcli.cli.commands.runs import RUN_HELP
from sslcli.cli.options import Command, Flag
from sslcli.cli.tongues import LANGUAGE


def report_command(words: Sequence[str]) -> Command:
    """Return the command `ssl report`."""
    return Command(
        "report",
        "Write all that is known of a run as one HTML page",
        (
            Flag("run", (), f"{RUN_HELP}; @latest when not given", metavar="RUN"),
            Flag(
                "out",
                ("--out", "-o"),
                "HTML file to write; report.html in the run folder when not given",
                metavar="FILE",
            ),
            LANGUAGE,
        ),
        "sslcli.cli.actions.reporting:report_action",
        ("ssl report", "ssl report @latest:mlm --out world.html", "ssl report --language zh"),
        check="sslcli.cli.line_checks:check_report_line",
    )
