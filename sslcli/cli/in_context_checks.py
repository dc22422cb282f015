"""Checks of a line of `ssl evaluate --in-context`, or of `ssl generate --shots`, before anything
is loaded. Imports no torch.
"""

from collections.abc import Sequence

from sslcli import registry
from sslcli.cli.line_values import in_context_settings, shot_settings
from sslcli.cli.options import Command, Given
from sslcli.data.records.prompt_template import PromptTemplate
from sslcli.datasets.locate import refuse_absent_labelled
from sslcli.errors import UsageError
from sslcli.models.line_checks import refuse_unknown_task
from sslcli.workflows.evaluate.shot_settings import PromptSettings, ShotSettings


def check_in_context(command: Command, given: Given) -> None:
    """Refuse tasks without prompts, wrong templates, and examples that are absent or scored."""
    task, asked = given["task"], in_context_settings(command, given).settings
    check_prompts(task, asked)
    if "step_tokens" in given and not asked.step_by_step:
        problem = "--step-tokens is for the steps of --step-by-step"
        raise UsageError(problem, "add --step-by-step, or leave it out")
    _refuse_unread(task, command, given)
    scored = [given["data"]] if isinstance(given.get("data"), str) else given.get("data", ())
    refuse_absent_labelled(asked.examples)
    if not set(asked.examples).isdisjoint(scored):
        problem = "worked examples are never those that are scored"
        raise UsageError(problem, "give training data with --examples")
    if scored and not asked.examples and max(asked.k):
        problem = "there is nothing to draw worked examples from"
        raise UsageError(problem, "give labelled training data with --examples, or --k 0")


def check_shots(command: Command, given: Given, objectives: Sequence[str]) -> None:
    """Refuse worked examples that are absent, of no task, or for a model that continues no text;
    and what is said of them where there are none.
    """
    resolved = shot_settings(command, given)
    if resolved is None:
        for flag in command.flags:
            if flag.key in ("show_prompt", *ShotSettings.model_fields) and flag.key in given:
                problem = f"{flag.names[0]} is for worked examples"
                raise UsageError(problem, "add --shots FILE, or leave it out")
        return
    asked = resolved.settings
    if not asked.task:
        problem = f"what task the examples of {asked.shots} are for is not said"
        raise UsageError(problem, f"add --task, one of {', '.join(_fitting())}")
    refuse_unknown_task(asked.task)
    check_prompts(asked.task, asked)
    refuse_absent_labelled([asked.shots])
    if "text" not in given and "texts" not in given:
        raise UsageError("there is no text behind the worked examples", "give one, or --data FILE")
    if given.get("texts") == asked.shots:
        raise UsageError(
            "worked examples are never those that are asked", "give other data with --shots"
        )
    if not any(_continues(name) for name in objectives):
        problem = f"--shots is for a model that continues texts, and {objectives[0]} makes none"
        raise UsageError(problem, "name a decoder with --model")


def _continues(objective: str) -> bool:
    """Whether texts of a model can be ended where a line ends."""
    return "stop" in registry.plugin_settings("objectives", objective, "Request").model_fields


def check_prompts(task: str, asked: PromptSettings) -> None:
    """Refuse a task without prompts, and a template or a way to ask that is not for it."""
    try:
        names = registry.attribute("tasks", task, "prompt_names")
    except AttributeError:
        problem = f"{task} puts no example as a prompt"
        raise UsageError(problem, f"tasks that do: {', '.join(_fitting())}") from None
    if asked.step_by_step and not _has(task, "prompt_words"):
        problem = f"--step-by-step is for answers that are written, and those of {task} are chosen"
        raise UsageError(problem, "leave it out")
    if asked.template is not None:
        PromptTemplate.read(
            asked.template, names, registry.attribute("tasks", task, "prompt_answer")
        )


def _refuse_unread(task: str, command: Command, given: Given) -> None:
    """Raises UsageError for a flag that would change nothing."""
    if "batch_size" in given:
        problem = "--batch-size changes nothing in context, where rows are counted"
        raise UsageError(problem, "leave it out")
    unread = registry.attribute("tasks", task, "prompt_unread")
    for flag in command.flags:
        if flag.key in given and flag.key.removeprefix("options.") in unread:
            problem = f"{flag.names[0].partition('/')[0]} changes nothing in context"
            raise UsageError(problem, "leave it out")


def _fitting() -> list[str]:
    return [task for task in registry.names("tasks") if _has(task, "prompt_names")]


def _has(task: str, member: str) -> bool:
    try:
        registry.attribute("tasks", task, member)
    except AttributeError:
        return False
    return True
