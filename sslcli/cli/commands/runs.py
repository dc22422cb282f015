"""`ssl runs`: list, show, compare."""

from collections.abc import Sequence

from sslcli.cli.options import Command, Flag, Group

ACTIONS = "sslcli.cli.actions.runs"
RUN_HELP = "run folder, run name, beginning of a name, @latest or @latest:OBJECTIVE"
COMPARE = Command(
    "compare",
    "Show the last evaluation of runs side by side, and the settings that differ",
    (Flag("runs", (), RUN_HELP, kind="texts", metavar="RUN...", required=True),),
    f"{ACTIONS}:compare_runs",
    ("ssl runs compare @latest:mlm @latest:mlm+nsp", "ssl runs compare first second --json"),
)


def build(words: Sequence[str]) -> Group:
    listing = Command("list", "List all runs, the newest first", (), f"{ACTIONS}:list_runs", ("ssl runs", "ssl runs list --json"))
    showing = Command(
        "show",
        "Show one run: its facts, its evaluations, its loss",
        (Flag("run", (), f"{RUN_HELP}; @latest when not given", metavar="RUN"),),
        f"{ACTIONS}:show_run",
        ("ssl runs show @latest",),
    )
    return Group("runs", "List, show and compare runs", (listing, showing, COMPARE), default="list")
