"""Processes forked from one that has the slow imports done, of which every process of tests has
one.
"""

import multiprocessing
import os
from pathlib import Path

_ACTIONS = [
    f"sslcli.cli.actions.{name}"
    for name in (
        "pretraining",
        "finetuning",
        "predicting",
        "evaluating",
        "probing",
        "exporting",
        "tokenizing",
    )
]
_PRELOADED = (
    *_ACTIONS,
    "sslcli.cli.progress",
    "sslplugins.objectives.mlm",
    "sslplugins.readers.txt",
)
# torch imports the first one with an optimizer, for a second
_BY_TRAINING = ("torch._dynamo", "sslcli.cli.commands.pretrain")
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([*_PRELOADED, "sslplugins.tokenizers.wordpiece", *_BY_TRAINING])


def speak_into(file: Path | str) -> None:
    """Standard output and error of this process go to a file."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
