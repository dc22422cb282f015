"""`ssl finetune TASK --check`: what is in labelled data, and what is wrong with it, before anything is trained."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from sslcli.contracts import Frame
from sslcli.labelled import Example, Task
from sslcli.reports import Report, Table
from sslcli.workflows.answering import EncodedSet
from sslcli.workflows.labelling import labelled_data, task_class, task_options
from sslcli.workflows.models import load_pretrained, newest_fitting
from sslcli.workflows.settings import FinetuneSettings

SHOWN = 3


def check_data(settings: FinetuneSettings) -> Report:
    """Counts, lengths against the model's limit, balance of the answers, what is cut off, what stands in two sets.

    Raises DataError for the first record that cannot be used, ConfigError, ModelError and UsageError as training would.
    """
    cls = task_class(settings.task)
    data = labelled_data(cls, task_options(settings.task, settings.options), settings.data)
    pretrained = load_pretrained(settings.model.source or str(newest_fitting(cls.needs).folder))
    tokenizer = pretrained.tokenizer()
    options = cls.settle(task_options(settings.task, settings.options), data.train, tokenizer)
    labels = cls.labels(options, data.train)
    with torch.device("meta"):
        task = cls(options, Frame(pretrained.settings, tokenizer, labels))
    sets = {"train": EncodedSet.of(task, data.train, training=True), "held out": EncodedSet.of(task, data.evaluation, training=False)}
    if data.test is not data.evaluation:
        sets["test"] = EncodedSet.of(task, data.test, training=False)
    tables = [Table("examples", ("", *sets), _rows(list(sets.values())))]
    if balance := [_balance(cls, each.examples) for each in sets.values()]:
        names = list(dict.fromkeys(name for counts in balance for name in counts))
        tables += [Table("answers", ("answer", *sets), [[name, *(c.get(name, 0) for c in balance)] for name in names])] if names else []
    lost = [(example, each.lost) for s in sets.values() for example, each in zip(s.examples, s.encoded, strict=True) if each.lost]
    notes = [*data.notes, *(f"{example.where}: {what}" for example, what in lost[:SHOWN])]
    if len(lost) > SHOWN:
        notes.append(f"and {len(lost) - SHOWN:,} more that lose something to --seq-len")
    return Report(f"{settings.task}: {Path(settings.data.train[0]).name}", tables=tables, notes=notes or ["nothing is wrong"])


def _rows(sets: Sequence[EncodedSet]) -> list[list[object]]:
    whole = [np.asarray([each.whole_tokens for each in s.encoded]) for s in sets]
    return [
        ["examples", *(len(s.examples) for s in sets)],
        ["sequences", *(len(s.samples) for s in sets)],
        ["tokens, median", *(int(np.median(lengths)) for lengths in whole)],
        ["tokens, 95 %", *(int(np.percentile(lengths, 95)) for lengths in whole)],
        ["tokens, most", *(int(lengths.max()) for lengths in whole)],
        ["longest sequence given to the model", *(int(s.lengths.max(initial=0)) for s in sets)],
        ["examples that lose something", *(sum(bool(each.lost) for each in s.encoded) for s in sets)],
    ]


def _balance(task: type[Task], examples: Sequence[Example]) -> dict[str, int]:
    return dict(task.balance(examples))
