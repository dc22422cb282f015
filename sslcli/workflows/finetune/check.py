"""`ssl finetune TASK --check`: what is in labelled data, and what is wrong with it, before anything
is trained.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice
from pathlib import Path

import numpy as np
import torch

from sslcli.config import Config
from sslcli.contracts.examples import Example, Split
from sslcli.contracts.learnable import Context
from sslcli.contracts.task import SaysAnswers, Task
from sslcli.data.text.unknowns import remarks_by_part
from sslcli.datasets.cut_texts import CUT, cut_counts, cut_sentences
from sslcli.datasets.label_sets import balance_of
from sslcli.datasets.labelled import labelled_data, read_examples
from sslcli.datasets.locate import is_read_once, split_language
from sslcli.datasets.sifter import LEFT_OUT, MOST_LISTED, unlabelled
from sslcli.datasets.tasks import task_class, task_options
from sslcli.errors import DataError, PassedOver, RecordErrors
from sslcli.models.fitting import refuse_missing_tokens
from sslcli.models.loading import decided_source, foundation_for, load_pretrained
from sslcli.models.rows_read import data_for, modalities_of
from sslcli.reports import Report, Table
from sslcli.settings import FinetuneSettings
from sslcli.workflows.finetune.describe import described
from sslcli.workflows.finetune.foundation import tokenizer_of
from sslcli.workflows.predict.predictor import EncodedSet

SHOWN = 3
MOST_ANSWERS = 50  # that the table of answers lists


def check_data(settings: FinetuneSettings) -> Report:
    """Counts, lengths against the model's limit, balance of the answers, what is cut off, what
    stands in two sets.

    Raises RecordErrors or DataError for the records that cannot be used, ConfigError, ModelError
    and UsageError as training would.
    """
    cls = task_class(settings.task)
    pretrained = load_pretrained(
        decided_source(settings.model.source, foundation_for(cls, modalities_of(settings.data)))
    )
    data = data_for(pretrained, settings.task, cls, settings.data, settings.options)
    settings = settings.model_copy(update={"data": data})
    try:
        data = labelled_data(cls, task_options(settings.task, settings.options), settings.data)
    except DataError as error:
        raise _with_others(error, cls, settings) from error
    tokenizer = tokenizer_of(pretrained)
    refuse_missing_tokens({settings.task: cls}, tokenizer)
    options = cls.resolve_options(data.options, data.train, tokenizer)
    labels = cls.labels(options, data.train)
    with torch.device("meta"):
        task = cls(options, Context(pretrained.settings, tokenizer, labels))
    sets = {
        "train": EncodedSet.of(task, data.train, training=True),
        "held out": EncodedSet.of(task, data.evaluation, training=False),
    }
    if data.test is not data.evaluation:
        sets["test"] = EncodedSet.of(task, data.test, training=False)
    sets |= {
        language: EncodedSet.of(task, examples, training=False)
        for language, examples in data.others.items()
    }
    unknowns = {name: each.unknowns(tokenizer) for name, each in sets.items()}
    rows = _rows(list(sets.values()), "rows" if tokenizer is None else "tokens")
    if tokenizer is not None:
        rows.append(["unknown to the tokenizer", *map(str, unknowns.values())])
    tables = [Table("examples", ("", *sets), rows)]
    tables += _answers(cls, options, sets)
    notes = [*data.notes, *_losses(sets)]
    notes = [*notes, *remarks_by_part(unknowns)]
    notes += [] if tokenizer is None else tokenizer.remarks()
    answerer: type = cls
    answers_said = (
        [answerer.answers_said(options, labels)] if issubclass(answerer, SaysAnswers) else []
    )
    notes = [*answers_said, *data.how_read, *(notes or ["nothing is wrong"])]
    shown = sets["train"]
    tables += described(
        task, options, settings.data, shown.examples[:SHOWN], shown.encoded[:SHOWN], tokenizer
    )
    cut = [
        f"{name}: {said}"
        for name, each in sets.items()
        for said in cut_sentences(cls.records, each.cuts)
    ]
    counts = {
        LEFT_OUT: data.left_out,
        **{f"{CUT}, {name}": cut_counts(each.cuts)[CUT] for name, each in sets.items()},
    }
    title = f"{settings.task}: {Path(settings.data.train[0]).name}"
    return Report(title, tables=tables, notes=[*cut, *notes], counts=counts)


def _answers(task: type[Task], options: Config, sets: Mapping[str, EncodedSet]) -> Iterator[Table]:
    """How often each answer is given, where the task has such; the most frequent ones."""
    balances = [balance_of(task, options, each.examples) for each in sets.values()]
    names = list(dict.fromkeys(name for counts in balances for name in counts))
    if not names:
        return
    rows: list[list[str | int]] = []
    for name in names[:MOST_ANSWERS]:
        rows.append([name, *(counts.get(name, 0) for counts in balances)])
    if more := names[MOST_ANSWERS:]:
        rest = [sum(counts.get(name, 0) for name in more) for counts in balances]
        rows.append([f"and {len(more):,} more", *rest])
    yield Table("answers", ("answer", *sets), rows)


def _losses(sets: Mapping[str, EncodedSet]) -> Iterator[str]:
    """What the first examples lose, and of how many more."""
    lost = [
        (example, each.lost)
        for s in sets.values()
        for example, each in zip(s.examples, s.encoded, strict=True)
        if each.lost
    ]
    yield from (f"{example.where}: {what}" for example, what in lost[:SHOWN])
    if len(lost) > SHOWN:
        yield f"and {len(lost) - SHOWN:,} more"


def _with_others(first: DataError, task: type[Task], settings: FinetuneSettings) -> DataError:
    """The same error where it is the only one; else as many of the records that cannot be used as a
    person mends at once.
    """
    data = settings.data
    references = (*data.train, *data.evaluation, *data.test)
    if isinstance(first, RecordErrors) or any(
        is_read_once(split_language(each)[1]) for each in references
    ):
        return first
    errors = {
        str(error): error for error in islice(_wrong_records(task, settings), MOST_LISTED + 1)
    }
    if len(errors | {str(first): first}) < 2:
        return first
    return RecordErrors(
        list({str(first): first} | errors)[:MOST_LISTED], len(errors) > MOST_LISTED, first.hint
    )


def _wrong_records(task: type[Task], settings: FinetuneSettings) -> Iterator[DataError]:
    """File after file, for as long as the reader of each can go on behind a wrong record."""
    options, data = task_options(settings.task, settings.options), settings.data
    sets: Sequence[tuple[Split, Sequence[str]]] = (
        ("train", data.train),
        ("test", data.evaluation),
        ("test", data.test),
    )
    for split, references in sets:
        for reference in task.together(references):
            try:
                examples = read_examples(task, options, reference, split, data)
            except DataError as error:
                yield error
                continue
            yield from _wrong_in(task, examples, data.limit)


def _wrong_in(
    task: type[Task], examples: Iterator[Example], limit: int | None
) -> Iterator[DataError]:
    for _ in count() if limit is None else range(limit):
        try:
            example = next(examples)
        except StopIteration:
            return
        except PassedOver:
            continue
        except DataError as error:
            yield error
        else:
            if example.gold is None and not task.leaves_out_unlabelled:
                yield unlabelled(example)


def _rows(sets: Sequence[EncodedSet], unit: str) -> list[list[str | int]]:
    whole = [np.asarray([each.whole_tokens for each in s.encoded]) for s in sets]
    return [
        ["examples", *(len(s.examples) for s in sets)],
        ["sequences", *(len(s.samples) for s in sets)],
        [f"{unit}, median", *(int(np.median(lengths)) for lengths in whole)],
        [f"{unit}, 95 %", *(int(np.percentile(lengths, 95)) for lengths in whole)],
        [f"{unit}, most", *(int(lengths.max()) for lengths in whole)],
        [
            "longest sequence given to the model",
            *(max(map(len, s.samples), default=0) for s in sets),
        ],
        [
            "examples that lose something",
            *(sum(bool(each.lost) for each in s.encoded) for s in sets),
        ],
    ]
