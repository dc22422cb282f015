"""Transfer of a trained head to further fine-tuning, or to data with other class names.

Letters: K classes of the trained head, C classes of the data, D width.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch

from sslcli.contracts.task import Task
from sslcli.core.heads import LanguageModelHead, PooledClassifier
from sslcli.datasets.tasks import task_class
from sslcli.models.answer_heads import PLACES, AnswerHead
from sslcli.models.weights import KEPT, NEW, Pretrained, Trained, shapes_of
from sslcli.settings import FinetuneSettings

_NUMBERED = re.compile(r"(?:LABEL_)?(\d{1,6})")
_SEPARATORS = re.compile(r"[\s_-]+")
_SHOWN = 4  # names in a sentence
PROBLEMS = {
    "classes": "one class of several",
    "labels": "any number of labels",
    "number": "a number",
}
KINDS = {"sequence": "whole texts", "tokens": "single words", "spans": "spans of a passage"}


@dataclass(frozen=True)
class Match:
    """`rows_C`: of each class of the data its row in the trained head. `how`: in words; empty where
    names and order are the same.
    """

    rows_C: Sequence[int]
    how: str = ""


def matched(trained: Sequence[str], wanted: Sequence[str]) -> Match | None:
    """Return the head's rows for the classes `wanted` [C]; None if one is missing or ambiguous.

    `trained` and `wanted` are compared as written; then without case and separators; then "LABEL_2"
    as 2. Data that number their classes from 0 mean the rows of a head whose names are no numbers.
    """
    row_of = {name: row for row, name in enumerate(trained)}
    if all(name in row_of for name in wanted):
        if list(wanted) == list(trained):
            return Match(range(len(trained)))
        known = {*wanted}
        others = [name for name in trained if name not in known]
        return Match(
            [row_of[name] for name in wanted],
            f"by name, without {_named(others)}" if others else "by name",
        )
    plain = {_plain(name): row for row, name in enumerate(trained)}
    clear = len(plain) == len(trained) and len({*map(_plain, wanted)}) == len(wanted)
    if clear and all(_plain(name) in plain for name in wanted):
        rows = [plain[_plain(name)] for name in wanted]
        return Match(rows, f"by name, though written otherwise: {_pairs(trained, rows, wanted)}")
    numbers = [number for name in wanted if (number := _number(name)) is not None]
    if (
        len(numbers) < len(wanted)
        or 0 not in numbers
        or max(numbers) >= len(trained)
        or len({*numbers}) < len(numbers)
    ):
        return None  # numbers that begin with 1 may count stars, or classes: nobody knows
    row_of_number = {_number(name): row for row, name in enumerate(trained)}
    if row_of_number.keys() >= {*numbers}:
        rows = [row_of_number[number] for number in numbers]
        return Match(rows, f"by number: {_pairs(trained, rows, wanted)}")
    if any(number is not None for number in row_of_number):
        return None
    return Match(
        numbers,
        (
            "the data's numbers are taken for the places of "
            f"its classes: {_pairs(trained, numbers, wanted)}"
        ),
    )


def named_as_in(
    labels: Sequence[str], answered: Sequence[Sequence[str]]
) -> tuple[Sequence[str], str]:
    """Return a head's classes under the names in the data, and how they were matched.

    They stay unchanged where all are known. `answered`: the label names of each example. Names with
    an ambiguous match stay unknown.
    """
    there = {*chain.from_iterable(answered)}
    wanted = sorted(there)
    if not labels or there <= {*labels} or (found := matched(labels, wanted)) is None:
        return labels, ""
    names = dict(enumerate(labels)) | dict(zip(found.rows_C, wanted, strict=True))
    return (
        (tuple(names.values()), f"are those of the data {found.how}")
        if len({*names.values()}) == len(labels)
        else (labels, "")
    )


def load_head(task: Task, pretrained: Pretrained) -> str:
    """Copy a trained head of the same task and labels, that of a language model, else the pooler if
    both have one; return which.
    """
    trained, answers = pretrained.trained, pretrained.answers
    if trained is not None and _is_same(task, trained):
        task.load_state_dict(dict(trained.learnable))
        return KEPT
    if task.writes:
        if pretrained.head is None:
            return f"{NEW}: the model has no language-model head"
        head = task.get_submodule("head")
        assert isinstance(head, LanguageModelHead), "a task that writes has such a head"
        head.load_state_dict(dict(pretrained.head))
        return KEPT
    found, reason = _match_of(task, pretrained)
    if found is not None and answers is not None:
        rows = torch.as_tensor(list(found.rows_C))
        state = {
            name: value[rows] if name.startswith("classifier.") else value
            for name, value in answers.state.items()
        }
        getattr(task, PLACES[answers.kind][0]).load_state_dict(state)
        return KEPT + (f" · {found.how}" if found.how else "")
    pooler = _pooler_of(pretrained)
    for module in task.modules():
        if isinstance(module, PooledClassifier) and pooler:
            module.load_state_dict(pooler, strict=False)
    return NEW + (f": {reason}" if reason else "")


def _match_of(task: Task, pretrained: Pretrained) -> tuple[Match | None, str]:
    """How the trained head fits; else why it does not, in words."""
    trained, answers = pretrained.trained, pretrained.answers
    before = None if trained is None else trained.settings
    if isinstance(before, FinetuneSettings) and task_class(before.task) is not type(task):
        return None, f"the model was fine-tuned for {before.task}"
    if pretrained.unread_head:
        return None, f"that of {pretrained.unread_head} computes what no head here does"
    if answers is None:
        return None, ""
    return _match_of_head(task, answers)


def _match_of_head(task: Task, answers: AnswerHead) -> tuple[Match | None, str]:
    place, kind = PLACES[answers.kind]
    if not isinstance(getattr(task, place, None), kind):
        return None, f"the model's is about {KINDS[answers.kind]}"
    problem, labels = _kind_of(task), task.context.labels or ()
    if answers.kind == "sequence" and answers.problem != problem:
        asked = PROBLEMS.get(str(problem), "other answers")
        return (
            None,
            f"the model gives {PROBLEMS[answers.problem or 'classes']}, and the data have {asked}",
        )
    if not answers.labels:
        return Match(range(answers.classes)), ""
    found = matched(answers.labels, labels)
    if found is not None:
        return found, ""
    if all(_number(name) is not None for name in answers.labels):
        return (
            None,
            f"which of {_named(answers.labels)} the data's {_named(labels)} are is not known",
        )
    known = {*answers.labels}
    strangers = [name for name in labels if name not in known]
    return (
        None,
        f"the model's does not know {_named(strangers)}: its classes are {_named(answers.labels)}",
    )


def _is_same(task: Task, trained: Trained) -> bool:
    before = trained.settings
    if not isinstance(before, FinetuneSettings) or task_class(before.task) is not type(task):
        return False
    own = (tuple(task.context.labels or ()), _kind_of(task))
    same = (before.labels, before.options.get("kind")) == own
    return same and shapes_of(task.state_dict()) == shapes_of(trained.learnable)


def _kind_of(task: Task) -> Any:
    """Of its answers, where it has several; as run files hold it."""
    return task.options.model_dump(mode="json").get("kind")


def _pooler_of(pretrained: Pretrained) -> Mapping[str, torch.Tensor]:
    answers = pretrained.answers
    state = (
        answers.state
        if answers is not None and answers.kind == "sequence"
        else pretrained.pooled or {}
    )
    return {name: value for name, value in state.items() if name.startswith("pooler.")}


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name.casefold())


def _number(name: str) -> int | None:
    found = _NUMBERED.fullmatch(name)
    return int(found[1]) if found else None


def _pairs(trained: Sequence[str], rows: Sequence[int], wanted: Sequence[str]) -> str:
    return _named([f"{trained[row]} is {name}" for row, name in zip(rows, wanted, strict=True)])


def _named(names: Sequence[str]) -> str:
    shown = [name if len(name) <= 40 else f"{name[:39]}…" for name in names[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")
