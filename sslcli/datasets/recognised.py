"""Which tasks a labelled file is for, found by letting each of them read its first example."""

import shlex

from sslcli import registry
from sslcli.contracts.task import Task
from sslcli.datasets.labelled import read_examples
from sslcli.datasets.tasks import task_class
from sslcli.settings import LabelledSettings


def line_for(file: str) -> str:
    """Return a hint with the line that takes a labelled file; empty where no task reads it."""
    tasks = tasks_of(file)
    line = f"ssl finetune {tasks[0]} --data {shlex.quote(file)}" if tasks else ""
    return f"its examples are for {' or '.join(tasks)}: {line}" if tasks else ""


def tasks_of(file: str) -> list[str]:
    """Return the tasks that find a labelled example at the beginning of a file, those that write
    texts behind the others, which ask more of a file, and else in the order of their names; of
    several names of one task the first.
    """
    found: dict[type[Task], str] = {}
    for name in registry.names("tasks"):
        try:
            task = task_class(name)
            examples = read_examples(task, task.Options(), file, "train", LabelledSettings())
            first = next(iter(examples), None)
        except Exception:  # the file is another task's, or a plugin is broken
            continue
        if first is not None and first.gold is not None:
            found.setdefault(task, name)
    return [found[task] for task in sorted(found, key=lambda task: task.writes)]
