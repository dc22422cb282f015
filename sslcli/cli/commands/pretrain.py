"""`ssl pretrain`: the flags of its settings, and those of the plugins that the line names."""

from collections.abc import Sequence

from sslcli.cli.naming import data_plugin_flags, objective_flags, said_by, text_at
from sslcli.cli.options import (
    AUTO,
    CONFIG,
    DRY_RUN,
    OVERWRITE,
    RESUME,
    SET,
    Command,
    Flag,
    asks_for_help,
    flags_for,
    peek,
)
from sslcli.runs.catalogue import settings_file
from sslcli.runs.references import resumed_run
from sslcli.settings import PretrainSettings

OWN = (
    CONFIG,
    SET,
    RESUME,
    OVERWRITE,
    DRY_RUN,
    Flag(
        "show_batch",
        ("--show-batch",),
        "print what a few samples hide and ask for, and stop",
        "Output",
        "truth",
    ),
)


def pretrain_command(words: Sequence[str]) -> Command:
    """Return the command `ssl pretrain`, with the options of the plugins that the line names.

    These are objective, reader and tokenizer; a run to resume names them too.
    """
    flags = [*flags_for(PretrainSettings), *OWN]
    named = (
        name for name in peek(words, "--resume")[-1:] if name != AUTO and not name.startswith("-")
    )
    resumed = [settings_file(resumed_run(name, ("pretrain",)).folder) for name in named]
    said = said_by(words, resumed)
    # Of the default objective only where the line is to be run, which needs it anyway: help loads
    # what is named.
    default = "" if asks_for_help(words) else PretrainSettings.model_fields["objective"].default
    flags += objective_flags(text_at(said, "objective") or default, flags)
    flags += data_plugin_flags(words, said, flags)
    return Command(
        "pretrain",
        (
            "Pretrain a Transformer: labels out of raw data, one run folder "
            "that says everything; without --data on the built-in demo:world"
        ),
        flags,
        "sslcli.cli.actions.pretraining:pretrain_action",
        (
            "ssl pretrain --objective mlm",
            (
                "ssl pretrain --objective clm --data corpus.txt "
                "--arch gpt2 --max-steps 10k --out runs/first"
            ),
            "ssl pretrain --objective mlm --mask-rate 0.3 --dry-run",
            "ssl pretrain --resume @latest",
        ),
        check="sslcli.cli.line_checks:check_pretrain_line",
    )
