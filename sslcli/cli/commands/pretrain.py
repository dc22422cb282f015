"""`ssl pretrain`: the flags of its settings, and those of the plugins that the line names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sslcli import registry
from sslcli.cli.options import (
    CONFIG,
    GLOBALS,
    SET,
    Command,
    Flag,
    asks_for_help,
    flags_for,
    peek,
    plugin_flags,
    spellings,
    unambiguous,
)
from sslcli.runfiles import merged, parse_assignments, read_layer
from sslcli.workflows.runs import find_run
from sslcli.workflows.settings import PretrainSettings

AUTO = "auto"
OWN = (
    CONFIG,
    SET,
    Flag(
        "resume",
        ("--resume",),
        "go on with a run (name, folder, @latest); alone: the run of --name or --out where it is there, else the newest unfinished one",
        "Output",
        metavar="RUN",
        alone=AUTO,
    ),
    Flag("overwrite", ("--overwrite",), "replace the run that the folder holds", "Output", "truth"),
    Flag("dry_run", ("--dry-run",), "take three real steps, predict time, memory and disk, and write nothing", "Output", "truth"),
    Flag("show_batch", ("--show-batch",), "print what a few samples hide and ask for, and stop", "Output", "truth"),
)


def build(words: Sequence[str]) -> Command:
    flags = [*flags_for(PretrainSettings), *OWN]
    said = _said(words)
    flags += _objective_flags(said, words, spellings([*flags, *GLOBALS]))
    for kind, name, key in (
        ("readers", _text(said, "data", "reader"), "data.reader_options"),
        ("tokenizers", _text(said, "tokenizer", "kind"), "tokenizer.options"),
    ):
        if name:
            flags += plugin_flags(_options(kind, name), name, key, spellings([*flags, *GLOBALS]))
    return Command(
        "pretrain",
        "Pretrain a Transformer: labels out of raw data, one run folder that says everything; without --data on the built-in demo:world",
        flags,
        "sslcli.cli.actions.pretrain:run",
        (
            "ssl pretrain --objective mlm",
            "ssl pretrain --objective clm --data corpus.txt --arch gpt2 --max-steps 10k --out runs/first",
            "ssl pretrain --objective mlm --mask-rate 0.3 --dry-run",
            "ssl pretrain --resume @latest",
        ),
    )


def _said(words: Sequence[str]) -> dict[str, Any]:
    """What the line says of the plugins it wants, before it is parsed: resumed run < files < --set < flags."""
    tree: dict[str, Any] = {}
    for reference in peek(words, "--resume")[-1:]:
        if reference != AUTO and not reference.startswith("-"):
            tree = merged(tree, read_layer(find_run(reference).folder / "config.yaml").values)
    for path in peek(words, "--config", "-c"):
        tree = merged(tree, read_layer(Path(path)).values)
    tree = merged(tree, parse_assignments(peek(words, "--set", "-s")).values)
    for flag, keys in (("--objective", ("objective",)), ("--reader", ("data", "reader")), ("--tokenizer", ("tokenizer", "kind"))):
        for value in peek(words, flag)[-1:]:
            said: Any = value
            for key in reversed(keys):
                said = {key: said}
            tree = merged(tree, said)
    return tree


def _text(tree: Any, *keys: str) -> str:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, str) else ""


def _objective_flags(said: dict[str, Any], words: Sequence[str], taken: set[str]) -> list[Flag]:
    """Of the objective that is named; of the default one only where the line is to be run, which needs it anyway."""
    default = "" if asks_for_help(words) else PretrainSettings.model_fields["objective"].default
    names = [name.strip() for name in (_text(said, "objective") or default).split("+") if name.strip()]
    flags = []
    for name in dict.fromkeys(names):
        flags += plugin_flags(_options("objectives", name), name, f"options.{name}", taken, joined=len(names) > 1)
    return unambiguous(flags)


def _options(kind: str, name: str) -> type[BaseModel]:
    return registry.load(kind, name).Options
