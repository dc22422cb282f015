"""`ssl evaluate TASK`: its flags, and those of the task on the line."""

from collections.abc import Sequence

from sslcli import registry
from sslcli.cli.naming import answering_flags
from sslcli.cli.options import Command, Flag, flags_for
from sslcli.engine.settings import HardwareSettings
from sslcli.settings import AnswerSettings
from sslcli.workflows.evaluate.shot_settings import InContextSettings

TASK = Flag("task", (), "task that the model was fine-tuned for", metavar="TASK", required=True)
MODEL = Flag(
    "model",
    ("--model", "-m"),
    "run (name, folder, @latest:TASK) or directory; the newest run of the task when not given",
    "Model",
    metavar="RUN",
)
IN_CONTEXT = Flag(
    "in_context",
    ("--in-context",),
    "score the labels behind worked examples, by a decoder that is not trained for the task",
    "In context",
    "truth",
)
SKIP_BAD_RECORDS = Flag(
    "skip_bad_records",
    ("--skip-bad-records",),
    (
        "leave out so many records that cannot be used, "
        "or all of them, and say which; 0 refuses the file"
    ),
    "Data",
    metavar="N|all",
    default="0",
)
BATCH_SIZE = Flag(
    "batch_size",
    ("--batch-size",),
    "sequences that are computed at once",
    "Hardware",
    metavar="N",
    default="32",
)


def hardware_flags() -> list[Flag]:
    """Return the hardware flags of commands that run in one process and train nothing."""
    return [
        flag
        for flag in flags_for(HardwareSettings)
        if flag.key in ("device", "precision", "compile", "deterministic")
    ]


def table_flags() -> list[Flag]:
    """Return the flags that say how foreign tables are written."""
    names = ("data.columns", "data.separator", "data.quoted")
    return [flag for flag in flags_for(AnswerSettings) if flag.key in names]


def with_options(words: Sequence[str], flags: Sequence[Flag]) -> Sequence[Flag]:
    """Return the flags with those of the task that the line names."""
    name = next((word for word in words if word in registry.names("tasks")), "")
    return [*flags, *answering_flags(name, flags)] if name else flags


def evaluate_command(words: Sequence[str]) -> Command:
    """Return the command `ssl evaluate`, with the options of the task that the words name."""
    flags = (
        TASK,
        MODEL,
        Flag(
            "data",
            ("--data", "-d"),
            "labelled file; the held-out data of the run when not given",
            "Data",
            "texts",
            "FILE",
        ),
        Flag(
            "limit", ("--limit",), "read only so many examples (for testing)", "Data", metavar="N"
        ),
        SKIP_BAD_RECORDS,
        *table_flags(),
        Flag(
            "min",
            ("--min",),
            "exit with code 3 where a score is worse (--min f1=80)",
            "Output",
            "texts",
            "SCORE=X",
        ),
        Flag(
            "out",
            ("--out", "-o"),
            (
                "folder for predictions.jsonl (choices.jsonl in context), "
                "scores.json and what official scorers take"
            ),
            "Output",
            metavar="DIR",
        ),
        IN_CONTEXT,
        *flags_for(InContextSettings),
        BATCH_SIZE,
        *hardware_flags(),
    )
    return Command(
        "evaluate",
        "Score a fine-tuned model on labelled data, beside what answers without a model reach",
        with_options(words, flags),
        "sslcli.cli.actions.evaluating:evaluate_action",
        (
            "ssl evaluate qa --data dev.json",
            "ssl evaluate sentiment --model runs/first --data test.jsonl --min accuracy=0.8",
            "ssl evaluate nli --in-context --model DIR --data test.jsonl --examples train.jsonl",
        ),
        check="sslcli.cli.line_checks:check_evaluate_line",
    )
