"""The kit over every registered task, over answers of other kinds, and over tasks with one defect
each.
"""

import importlib.util
import sys

import pytest
from task_bench import without_gold
from task_rivals import RIVALS, Classify

from sslcli import registry
from sslcli.api import Record, Where
from sslcli.errors import CheckError
from sslcli.testing import CHECKS, TASK_CHECKS, check_one, check_task, tiny_records

TASKS = {registry.load("tasks", name): name for name in registry.names("tasks")}  # each class once
TEXTS = [record.values["text"] for record in tiny_records("texts")]


def examples_of(cls, records, **options):
    given = cls.Options(**options)
    parsed = [
        cls.parse(given, Record(Where("memory", number), values))
        for number, values in enumerate(records, start=1)
    ]
    return given, parsed


@pytest.mark.parametrize("check", TASK_CHECKS)
@pytest.mark.parametrize("cls", TASKS, ids=TASKS.values())
def test_registered_tasks(cls, check):
    check_one(cls, check)


def shapes():
    """Answers of other kinds, and options that are not the usual ones."""
    pairs, tag, qa = (registry.load("tasks", name) for name in ("pairs", "tag", "qa"))
    manners = ("sees", "likes", "follows")
    numbers = [{"text": text, "label": 0.5 + manners.index(text.split()[2])} for text in TEXTS]
    several = [
        {"text": text, "label": [name for name in ("cat", "sees", "garden") if name in text]}
        for text in TEXTS
    ]
    named = [{"review": text, "verdict": text.split()[1]} for text in TEXTS]
    places = [
        dict(zip(("a", "b", "label"), (text, text, text.split()[-2]), strict=True))
        for text in TEXTS
    ]
    spans = [
        {"tokens": text.split(), "tags": ["B-X", "I-X", *["O"] * (len(text.split()) - 2)]}
        for text in TEXTS
    ]
    questions = [record.values for record in tiny_records("questions")]
    absent = [
        values | ({"answers": []} if number % 3 == 0 else {})
        for number, values in enumerate(questions)
    ]
    return {
        "numbers": (Classify, *examples_of(Classify, numbers)),
        "several labels": (Classify, *examples_of(Classify, several)),
        "own columns and weights": (
            Classify,
            *examples_of(
                Classify,
                named,
                text_field="review",
                label_field="verdict",
                class_weights="balanced",
            ),
        ),
        "pairs in own columns": (
            pairs,
            *examples_of(pairs, places, first_field="a", second_field="b"),
        ),
        "spans": (tag, *examples_of(tag, spans, pooling="mean", sequence_tokens=8)),
        "no answer": (qa, *examples_of(qa, absent, stride=4)),
    }


SHAPES = shapes()


@pytest.mark.parametrize("shape", SHAPES)
def test_other_shapes(shape):
    cls, options, examples = SHAPES[shape]
    assert {
        finding.name: finding.detail
        for finding in check_task(cls, examples, options)
        if not finding.passed
    } == {}


@pytest.mark.parametrize("cls", RIVALS)
def test_a_defect_is_found(cls):
    check, words = RIVALS[cls]
    with pytest.raises(CheckError) as caught:
        check_one(cls, check)
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_every_check_but_imports_has_a_rival():
    assert {check for check, _ in RIVALS.values()} | {"imports"} == set(TASK_CHECKS)


def test_inner_imports_are_found(tmp_path):
    path = tmp_path / "insider_task.py"
    path.write_text(
        "from sslplugins.tasks.classify import Classify\nimport "
        "sslcli.core.heads\n\nclass Insider(Classify): ...\n"
    )
    specification = importlib.util.spec_from_file_location("insider_task", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules["insider_task"] = module
    specification.loader.exec_module(module)
    with pytest.raises(CheckError, match=r"sslcli\.core\.heads"):
        check_one(module.Insider, "imports")


def test_what_a_task_raises_is_a_finding_and_the_others_go_on():
    class Raises(Classify):
        def merge(self, example, encoded, parts):
            raise ZeroDivisionError("on purpose")

    found = {finding.name: finding for finding in check_task(Raises)}
    assert found["predictions"].detail == "ZeroDivisionError: on purpose"
    assert found["micro-batches"].passed
    assert list(found) == list(TASK_CHECKS)


def test_a_kind_without_generated_records_asks_for_examples():
    class OfPoems(Classify):
        records = "poems"

    with pytest.raises(CheckError, match="poems") as caught:
        check_one(OfPoems, "labels")
    assert "examples of your own" in caught.value.hint
    check_one(OfPoems, "labels", examples=SHAPES["own columns and weights"][2])


@pytest.mark.parametrize(
    "choose", [lambda examples: examples[:7], lambda examples: [], without_gold]
)
def test_too_few_examples_are_refused(choose):
    with pytest.raises(CheckError, match="too few"):
        check_one(Classify, "labels", examples=choose(SHAPES["numbers"][2]))


def test_objectives_and_tasks_have_checks_of_their_own():
    assert set(CHECKS) - set(TASK_CHECKS) == {
        "rows",
        "samples by number",
        "learns a batch",
        "samples in words",
        "illustrations",
        "restorations",
    }
