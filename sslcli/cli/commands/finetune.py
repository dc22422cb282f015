"""`ssl finetune TASK`: the flags of its settings, and those of the task that the line names."""

from collections.abc import Sequence

from sslcli import registry
from sslcli.cli.naming import named_task, suite_flags, task_flags
from sslcli.cli.options import (
    AUTO,
    CONFIG,
    DRY_RUN,
    OVERWRITE,
    RESUME,
    SET,
    Command,
    Flag,
    flags_for,
    peek,
)
from sslcli.runs.catalogue import settings_file
from sslcli.runs.references import resumed_run
from sslcli.settings import FinetuneSettings

OWN = (
    Flag(
        "task",
        (),
        "task or suite: sentiment, pos, nli, qa, dna, glue, ... (ssl plugins list tasks)",
        metavar="TASK",
    ),
    CONFIG,
    SET,
    RESUME,
    OVERWRITE,
    DRY_RUN,
    Flag(
        "check",
        ("--check",),
        "look at the data, report what is in it and what is wrong with it, and stop",
        "Data",
        "truth",
    ),
    Flag(
        "compare_scratch",
        ("--compare-scratch",),
        "train the same shape from random weights on the same batches too",
        "Study",
        "truth",
    ),
    Flag(
        "init",
        ("--init",),
        "where to start, one or several: pretrained, random, shuffled-weights",
        "Study",
        metavar="X,X,...",
        numbers=True,
    ),
    Flag(
        "in_language",
        ("--in-language",),
        (
            "zh=FILE: train in that language of --eval-data "
            "too, as in-language baseline; none: no such runs"
        ),
        "Study",
        "texts",
        metavar="zh=FILE",
    ),
    Flag(
        "seeds",
        ("--seeds",),
        "so many runs with seeds one after the other; the median and the spread",
        "Study",
        metavar="N",
    ),
)
PARTS = Flag(
    "parts",
    ("--parts",),
    "only these parts of the suite; all whose files are there when not given",
    "Study",
    metavar="X,X,...",
    numbers=True,
)


def finetune_command(words: Sequence[str]) -> Command:
    """Return the command `ssl finetune`, with the options of the task or suite on the line.

    A run to resume names its task too.
    """
    flags = [*flags_for(FinetuneSettings), *OWN]
    named = (
        name for name in peek(words, "--resume")[-1:] if name != AUTO and not name.startswith("-")
    )
    resumed = [settings_file(resumed_run(name, ("finetune", "suite")).folder) for name in named]
    name = named_task(words, resumed)
    if name in registry.names("suites"):
        flags += [PARTS, *suite_flags(name, [*flags, PARTS])]
    elif name:
        flags += task_flags(name, flags)
    return Command(
        "finetune",
        (
            "Fine-tune a pretrained model: a head at random "
            "and the backbone, trained together on labelled data"
        ),
        flags,
        "sslcli.cli.actions.finetuning:finetune_action",
        (
            "ssl finetune qa --data squad.json",
            "ssl finetune sentiment --data train.jsonl --test-data test.jsonl --compare-scratch",
            "ssl finetune pos --data en.conllu --model models/bert --lora-rank 8 --seeds 5",
            "ssl finetune nli --data pairs.tsv --check",
            (
                "ssl finetune qa --data en=train.json --eval-data "
                "zh=dev.json --in-language zh=train.zh.json"
            ),
            "ssl finetune glue --data glue_data --seeds 5 --name glue",
        ),
        check="sslcli.cli.line_checks:check_finetune_line",
    )
