"""Checks of a line of `ssl evaluate --in-context`, before anything is loaded. Imports no torch."""

from sslcli import registry
from sslcli.cli.line_values import in_context_settings
from sslcli.cli.options import Command, Given
from sslcli.data.records.prompt_template import PromptTemplate
from sslcli.datasets.locate import refuse_absent_labelled
from sslcli.errors import UsageError


def check_in_context(command: Command, given: Given) -> None:
    """Refuse tasks without prompts, wrong templates, and examples that are absent or scored."""
    task, asked = given["task"], in_context_settings(command, given).settings
    try:
        names = registry.attribute("tasks", task, "prompt_names")
    except AttributeError:
        problem = f"{task} puts no example as a prompt with choices"
        raise UsageError(problem, "evaluate a task with labels in context") from None
    if "batch_size" in given:
        problem = "--batch-size changes nothing in context, where rows are counted"
        raise UsageError(problem, "leave it out")
    if asked.template is not None:
        PromptTemplate.read(asked.template, names)
    scored = [given["data"]] if isinstance(given.get("data"), str) else given.get("data", ())
    refuse_absent_labelled(asked.examples)
    if not set(asked.examples).isdisjoint(scored):
        problem = "worked examples are never those that are scored"
        raise UsageError(problem, "give training data with --examples")
    if scored and not asked.examples and max(asked.k):
        problem = "there is nothing to draw worked examples from"
        raise UsageError(problem, "give labelled training data with --examples, or --k 0")
