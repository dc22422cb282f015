"""The labels of whole sets of examples: which have none, and which labels one set has and another
lacks.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from sslcli.config import Config
from sslcli.contracts.examples import Example
from sslcli.contracts.task import Task
from sslcli.data.records.first_rows import IF_HEADER, is_first_row
from sslcli.data.records.labels import Vector
from sslcli.datasets.sifter import Sifter, unlabelled
from sslcli.errors import DataError, did_you_mean
from sslcli.plainfiles import ARROW_SUFFIXES, suffix_of

MOST_NAMED = 6  # labels that a sentence names
MOST_LEARNT = 12  # labels that a hint lists


def known_labels(task: type[Task], options: Config, examples: Iterable[Example]) -> list[str]:
    """Return all labels of examples, in order of occurrence."""
    return list(
        dict.fromkeys(chain.from_iterable(task.scorer(options).label_names(list(examples))))
    )


def with_labels(
    task: type[Task],
    options: Config,
    labels: Sequence[str] | None,
    examples: Sequence[Example],
    sifter: Sifter,
) -> list[Example]:
    """The examples that have a label, as the task takes it; those that have none are counted by
    `sifter`.

    `labels` are those of the model, None while they are being found. Raises DataError naming the
    first example without a label where none has one, or where the task does not pass over such.
    """
    are_known, labels = labels is not None, labels or ()
    plain = task.plain(options, labels, examples)
    if not task.leaves_out_unlabelled:
        left = list(sifter.labelled(plain))
    else:
        left = [example for example in plain if example.gold is not None]
    if are_known and task.leaves_out_unlabelled:
        _refuse_unknown(task, options, labels, left)
        sifter.remarks.update(dict.fromkeys(_places_taken(options, labels, examples)))
    if examples and not left:
        raise _without_any(task, examples[0])
    if task.leaves_out_unlabelled and len(left) < len(plain):
        without: dict[str, Counter[str]] = {}
        for example, own in zip(examples, plain, strict=True):
            if own.gold is None:
                gold = example.gold
                listed = ", ".join(gold) if isinstance(gold, tuple) else gold
                written = f"'{listed}'" if isinstance(listed, str | float) else "nothing"
                without.setdefault(example.where.file, Counter())[written] += 1
        totals = Counter(example.where.file for example in examples)
        for file, counts in without.items():
            sifter.leave_out_unlabelled(file, counts, totals[file])
    return left


def _refuse_unknown(
    task: type[Task], options: Config, labels: Sequence[str], examples: Sequence[Example]
) -> None:
    """Raises DataError naming the first example whose label is of another kind, or one that no
    training example has.
    """
    known, scorer = set(labels), task.scorer(options, labels)
    scorer.refuse_other_kinds(examples)
    for example, own in zip(examples, scorer.label_names(examples), strict=True):
        for label in own:
            if label not in known:
                hint = (
                    did_you_mean(label, labels)
                    or f"the labels are {', '.join(labels[:MOST_LEARNT])}"
                )
                if is_first_row(example.where):
                    hint = f"{hint}; {IF_HEADER}"
                raise DataError(
                    f"{example.where}: no training example has the label '{label}'", hint
                )


def _places_taken(
    options: Any, labels: Sequence[str], examples: Iterable[Example]
) -> Iterator[str]:
    """A sentence for each file with zeros and ones, on which of the model's labels they are."""
    vectors = [example for example in examples if isinstance(example.gold, Vector)]
    if not vectors or options.label_names:
        return
    named = ", ".join(labels[:MOST_LEARNT]) + (", ..." if len(labels) > MOST_LEARNT else "")
    by_name = (example for example in vectors if example.gold.names and not example.gold.asked)
    for file in dict.fromkeys(example.where.file for example in by_name):
        yield (
            f"{file}: labels are its columns of zeros and ones that have the model's names: {named}"
        )
    by_place = (example for example in vectors if not example.gold.names)
    for file in dict.fromkeys(example.where.file for example in by_place):
        yield (
            f"{file}: the places of its vectors of zeros and ones are "
            f"taken for {named}, in this order (--label-names says another)"
        )


def absent_labels(
    task: type[Task], options: Config, labels: Sequence[str], evaluation: Sequence[Example]
) -> Iterator[str]:
    """A sentence where examples that somebody chose to be scored lack labels that are trained
    on.
    """
    there = set(known_labels(task, options, evaluation))
    absent = [label for label in labels if label not in there]
    if absent and there:
        yield (
            f"{len(absent):,} of the {len(labels):,} labels are trained "
            f"on and are those of no held-out example: {_listed(absent)}"
        )


def strange_files(task: type[Task], options: Config, train: Sequence[Example]) -> Iterator[str]:
    """A sentence for each training file that has several labels, none of which any file before it
    has.
    """
    before: dict[str, None] = {}
    by_file: dict[str, dict[str, None]] = {}
    for example, own in zip(train, task.scorer(options).label_names(train), strict=True):
        by_file.setdefault(example.where.file, {}).update(dict.fromkeys(own))
    for file, labels in by_file.items():
        if before and len(labels) > 1 and not labels.keys() & before.keys():
            yield (
                f"{file} has labels ({_listed(labels)}) of which the "
                f"training files before it have none ({_listed(before)})"
            )
        before |= labels


def contradictions(task: type[Task], options: Config, train: Sequence[Example]) -> Iterator[str]:
    """A sentence where training examples are the same as earlier ones but for the answer."""
    before: dict[str, tuple[Example, frozenset[str]]] = {}
    found = []
    for example, own in zip(train, task.scorer(options).label_names(train), strict=True):
        earlier, answer = before.setdefault(task.key(example), (example, frozenset(own)))
        if answer != frozenset(own):
            found.append((example, earlier))
    if found:
        example, earlier = found[0]
        count = f"{len(found):,} of the {len(train):,} training examples"
        are = "is the same as an earlier one"
        are = are if len(found) == 1 else "are the same as earlier ones"
        yield f"{count} {are} but for the answer: {example.where} is {earlier.where}"


def _listed(labels: Iterable[str]) -> str:
    named = [f"'{label}'" for label in labels]
    return ", ".join(named[:MOST_NAMED]) + (", ..." if len(named) > MOST_NAMED else "")


def _without_any(task: type[Task], example: Example) -> DataError:
    """Of a set in which no example has a label; `example` is the first, as it was read."""
    problem = unlabelled(example)
    if isinstance(example.gold, Vector):
        hint = (
            "--label-field A,B,... names the columns of labels "
            "that are zeros and ones, or one column of labels"
        )
        return DataError(f"{problem.message}: no column has a usual name of labels", hint)
    if example.gold is not None:
        marked = f"{problem.message}: {example.gold!r} is taken for no label"
        return DataError(
            marked,
            "--no-label none takes every label as it is; unlabelled examples are for ssl predict",
        )
    if hint := task.label_hint(example):
        return DataError(problem.message, f"{hint}; {problem.hint}")
    if task.leaves_out_unlabelled and suffix_of(example.where.file) in (
        "csv",
        "tsv",
        "json",
        "jsonl",
        "ndjson",
        *ARROW_SUFFIXES,
    ):
        return DataError(
            problem.message, f"--label-field names the column of the labels; {problem.hint}"
        )
    return problem


def balance_of(task: type[Task], options: Config, examples: Sequence[Example]) -> Mapping[str, int]:
    """Count each answer, the commonest first."""
    return dict(
        Counter(chain.from_iterable(task.scorer(options).label_names(examples))).most_common()
    )
