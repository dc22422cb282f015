"""`ssl compare`: objectives in one command, or runs side by side, which is `ssl runs compare`."""

from collections.abc import Sequence
from dataclasses import replace

from sslcli.cli.commands.runs import COMPARE
from sslcli.cli.options import CONFIG, DRY_RUN, OVERWRITE, RESUME, SET, Command, flags_for
from sslcli.workflows.compare.compare_settings import CompareSettings

RUNS = replace(
    COMPARE.flags[0],
    help=f"runs to show side by side, with no other flag: {COMPARE.flags[0].help}",
    required=False,
)
OWN = (
    CONFIG,
    SET,
    replace(
        RESUME,
        help=(
            "go on with a comparison (name, folder, @latest); alone: that of --name or --out "
            "where it is there, else the newest unfinished one"
        ),
    ),
    replace(OVERWRITE, help="replace the comparison that the folder holds"),
    replace(
        DRY_RUN, help="time what is to be timed, print how the budget is divided, write nothing"
    ),
)


def compare_command(words: Sequence[str]) -> Command:
    """Return the command `ssl compare`."""
    return Command(
        "compare",
        (
            "Compare objectives: pretrain with each on the same data for the same cost, "
            "fine-tune every model for every task, one table; or show RUNs side by side"
        ),
        (RUNS, *flags_for(CompareSettings), *OWN),
        "sslcli.cli.actions.comparing:comparing_action",
        (
            "ssl compare --objectives mlm,mlm+sop,clm,bart,mass --tasks qa,sentiment,pos "
            "--budget 15m",
            "ssl compare --objectives mlm,clm --tasks pos --data a.txt --task-data pos=en.conllu",
            "ssl compare --objectives mlm,bart --tasks qa --budget 2e14flops --dry-run",
            "ssl compare --resume @latest",
            "ssl compare first second",
        ),
        check="sslcli.cli.compare_checks:check_compare_line",
    )
