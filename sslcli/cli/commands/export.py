"""`ssl export`: its flags."""

from collections.abc import Sequence

from sslcli.cli.options import Command, Flag


def export_command(words: Sequence[str]) -> Command:
    """Return the command `ssl export`."""
    return Command(
        "export",
        "Write a model directory that other tools load, and check that it gives the same numbers",
        _flags(),
        "sslcli.cli.actions.exporting:export_action",
        (
            "ssl export @latest --to hf my-model",
            "ssl export runs/first --to hf my-model --overwrite",
            "ssl export @latest:qa my-adapter --adapter",
        ),
        check="sslcli.cli.line_checks:check_export_line",
    )


def _flags() -> tuple[Flag, ...]:
    return (
        Flag(
            "model",
            (),
            "run (name, folder, @latest) or model directory",
            metavar="RUN",
            required=True,
        ),
        Flag("folder", (), "folder to write", metavar="DIR", required=True),
        Flag(
            "to",
            ("--to",),
            "format: hf, a directory for AutoModel and AutoTokenizer",
            metavar="FORMAT",
            default="hf",
        ),
        Flag("overwrite", ("--overwrite",), "replace what stands in the folder", kind="truth"),
        Flag(
            "heads",
            ("--heads/--no-heads",),
            "write the heads too; without them it is for AutoModel",
            kind="truth",
            default="yes",
        ),
        Flag(
            "adapter",
            ("--adapter",),
            "write the LoRA adapters alone, in PEFT's layout, beside a base model",
            kind="truth",
        ),
        Flag(
            "base",
            ("--base",),
            (
                "name or folder of the base model that adapters "
                "belong to; the one that was adapted when not given"
            ),
            metavar="MODEL",
        ),
        Flag(
            "check",
            ("--check/--no-check",),
            "read it back and compare hidden states and logits",
            kind="truth",
            default="yes",
        ),
        Flag(
            "transformers",
            ("--transformers",),
            "have transformers, where it is installed, read it and compare too",
            kind="truth",
        ),
    )
