"""`ssl predict TASK`: its flags, and those of the task on the line."""

from collections.abc import Sequence

from sslcli.cli.commands.evaluate import (
    BATCH_SIZE,
    MODEL,
    SKIP_BAD_RECORDS,
    TASK,
    hardware_flags,
    table_flags,
    with_options,
)
from sslcli.cli.options import Command, Flag


def predict_command(words: Sequence[str]) -> Command:
    """Return the command `ssl predict`, with the options of the task that the words name."""
    flags = (
        TASK,
        Flag("first", (), "text; of pairs the first, of qa the question", metavar="[TEXT]"),
        Flag("second", (), "the second text of a pair, of qa the passage", metavar="[TEXT]"),
        MODEL,
        Flag(
            "data",
            ("--data", "-d"),
            "file to answer, in any format of the task; '-' is standard input",
            "Data",
            "texts",
            "FILE",
        ),
        Flag("limit", ("--limit",), "read only so many examples", "Data", metavar="N"),
        SKIP_BAD_RECORDS,
        *table_flags(),
        Flag("out", ("--out", "-o"), "file to write JSON lines to", "Output", metavar="FILE"),
        BATCH_SIZE,
        *hardware_flags(),
    )
    return Command(
        "predict",
        (
            "Let a fine-tuned model answer: a text on the line, a file, or "
            "standard input; one JSON document a line where nobody watches"
        ),
        with_options(words, flags),
        "sslcli.cli.actions.predicting:predict_action",
        (
            'ssl predict sentiment "what a lovely day"',
            'ssl predict qa "Who wrote it?" "It was written by Ann."',
            "ssl predict nli --data pairs.jsonl --out answers.jsonl",
        ),
        check="sslcli.cli.line_checks:check_predict_line",
    )
