"""`ssl runs`: list, show, tag, compare; du, prune, delete."""

from collections.abc import Sequence

from sslcli.cli.options import Command, CommandGroup, Flag

ACTIONS = "sslcli.cli.actions.listing_runs"
RUN_HELP = "run folder, run name, beginning of a name, @latest or @latest:OBJECTIVE"
COMPARE = Command(
    "compare",
    "Show the last evaluation of runs side by side, and the settings that differ",
    (Flag("runs", (), RUN_HELP, kind="texts", metavar="RUN...", required=True),),
    f"{ACTIONS}:compare_runs",
    ("ssl runs compare @latest:mlm @latest:mlm+nsp", "ssl runs compare first second --json"),
)

SPACE = "sslcli.cli.actions.freeing_disk"
YES = Flag("yes", ("--yes", "-y"), "do not ask", kind="truth")


def _named(required: bool, otherwise: str = "") -> Flag:
    text = f"{RUN_HELP}{otherwise}"
    return Flag("runs", (), text, kind="texts", metavar="RUN...", required=required)


DU = Command(
    "du",
    "List what runs weigh on the disk, by kind",
    (_named(False, "; all when not given"),),
    f"{SPACE}:weigh_runs",
    ("ssl runs du", "ssl runs du first --json"),
)
PRUNE = Command(
    "prune",
    "Remove optimizer state, milestones, and checkpoints but the best and the newest",
    (
        _named(False, "; all that are done when not given"),
        YES,
        Flag("dry_run", ("--dry-run",), "say what would go, and remove nothing", kind="truth"),
    ),
    f"{SPACE}:prune_runs",
    ("ssl runs prune --dry-run", "ssl runs prune first --yes"),
)
DELETE = Command(
    "delete",
    "Remove whole runs",
    (_named(True), YES),
    f"{SPACE}:delete_runs",
    ("ssl runs delete first", "ssl runs delete first second --yes"),
)


TAG = Command(
    "tag",
    "Give a run words to find it by, or take them away",
    (
        Flag("run", (), RUN_HELP, metavar="RUN", required=True),
        Flag("tags", (), "words", kind="texts", metavar="TAG...", required=True),
        Flag("remove", ("--remove",), "take these tags away", kind="truth"),
    ),
    f"{ACTIONS}:tag_run",
    ("ssl runs tag @latest baseline", "ssl runs tag first baseline --remove"),
)


def runs_command(words: Sequence[str]) -> CommandGroup:
    """Return the command group `ssl runs`: list, show, tag, compare, du, prune, delete."""
    listing = Command(
        "list",
        "List all runs, the newest first, and how unfinished ones go on",
        (Flag("tag", ("--tag",), "only runs with this tag", metavar="TAG"),),
        f"{ACTIONS}:list_runs",
        ("ssl runs", "ssl runs list --tag baseline"),
    )
    showing = Command(
        "show",
        "Show one run: its facts, its evaluations, its loss",
        (Flag("run", (), f"{RUN_HELP}; @latest when not given", metavar="RUN"),),
        f"{ACTIONS}:show_run",
        ("ssl runs show @latest",),
    )
    commands = (listing, showing, TAG, COMPARE, DU, PRUNE, DELETE)
    return CommandGroup(
        "runs", "List, show, tag, compare and remove runs", commands, default="list"
    )
