"""Checks of abilities: what a learnable can do beside learning."""

import math

import numpy as np

from sslcli.conformance.bench import Bench, TaskBench
from sslcli.conformance.learnables import EIGHT
from sslcli.conformance.plugin_class import demand
from sslcli.contracts.abilities import Restoration, Restores
from sslcli.contracts.prompts import OpenPrompts, Prompt, Prompts, TemplatePrompts
from sslcli.data.records.prompt_template import PromptTemplate
from sslcli.errors import DataError


def restorations(bench: Bench) -> None:
    """Check that there is one restoration a sample, of its form, the same every time."""
    learner, batch = bench.learner().eval(), bench.collate(EIGHT)
    restoring: object = learner.learnable
    if not isinstance(restoring, Restores):
        return
    found, again = (restoring.restore(learner.backbone, batch) for _ in range(2))
    demand(
        len(found) == len(EIGHT),
        f"restore gives {len(found)} for {len(EIGHT)} samples",
        "give one a sample",
    )
    for one, other in zip(found, again, strict=True):
        demand(
            isinstance(one, Restoration),
            f"restore gives {type(one).__name__}",
            "give a Restoration",
        )
        demand(
            one.error == other.error,
            "restore gives another error the second time",
            "draw nothing there",
        )
        demand(
            math.isfinite(one.error) and one.error >= 0,
            f"an error is {one.error}",
            "give the mean loss of what is restored",
        )
        parts = (one.input, one.corrupted, one.restored)
        alike = (
            all(isinstance(part, str) for part in parts)
            or len({np.shape(part) for part in parts}) == 1
        )
        demand(
            alike,
            "input, corrupted and restored differ in form",
            "give three texts, or rows of one shape",
        )
    changed = any(
        one.codes is not None or not np.array_equal(one.input, one.corrupted) for one in found
    )
    demand(changed, "no sample is corrupted", "say what the network was given")


def prompts(bench: TaskBench) -> None:
    """Check that a prompt has a context, several choices and the label's place among them, with
    every template that the task has.
    """
    cls: object = bench.cls
    if not isinstance(cls, TemplatePrompts):
        return
    demand(bool(cls.prompt_templates), "prompt_templates is empty", "give one for English")
    for text in cls.prompt_templates.values():
        template = PromptTemplate.parse(text, cls.prompt_names, answer=cls.prompt_answer)
        if isinstance(cls, Prompts):
            _prompts_with(bench, cls, template)
        if isinstance(cls, OpenPrompts):
            _answers_with(bench, cls, template)


def _answers_with(bench: TaskBench, cls: OpenPrompts, template: PromptTemplate) -> None:
    """Check that prompts do not show the answer, and that a worked answer is read as right."""
    scorer = bench.cls.scorer(bench.options, bench.context.labels or ())
    demand(cls.answer_tokens(bench.options) > 0, "answer_tokens is 0", "give one or more")
    for example, bare in zip(bench.examples, bench.unlabelled(), strict=True):
        same = cls.prompt_texts(example) == cls.prompt_texts(bare)
        demand(same, "texts of a prompt depend on the gold answer", "make them of `data` alone")
        answer = cls.worked_answer(example, template)
        demand(
            bool(answer.strip()) and "\n" not in answer,
            f"a worked answer is {answer!r:.80}",
            "write it in one line, and none as a word",
        )
        read = cls.read_answer(example, answer, template)
        demand(
            scorer.score([read], [example])[0].value > 0,
            f"the worked answer {answer!r:.80} is read as a wrong one",
            "let read_answer undo what worked_answer writes",
        )


def _prompts_with(bench: TaskBench, cls: Prompts, template: PromptTemplate) -> None:
    labels = bench.context.labels or ()
    for example, bare in zip(bench.examples, bench.unlabelled(), strict=True):
        try:
            given, without = (
                cls.prompt(bench.options, labels, each, template) for each in (example, bare)
            )
        except DataError:  # answers that are no choice, such as numbers
            return
        demand(
            isinstance(given, Prompt) and bool(given.context.strip()),
            "a prompt has no context",
            "give a Prompt with a text",
        )
        several = len({*given.choices}) == len(given.choices) > 1 and all(given.choices)
        demand(
            several, f"choices are {list(given.choices)!r:.80}", "give two or more different texts"
        )
        word = template.words.get(example.gold, example.gold)
        right = given.answer is not None and given.choices[given.answer] == word
        demand(
            right,
            f"the answer {given.answer} is not '{word}'",
            "give the place of the gold answer among the choices",
        )
        same = (without.context, list(without.choices), without.answer) == (
            given.context,
            list(given.choices),
            None,
        )
        demand(
            same,
            "context or choices depend on the gold answer",
            "make them of `data` and the labels alone",
        )
