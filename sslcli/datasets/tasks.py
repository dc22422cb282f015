"""Task plugins by name: their classes, and their options as they are given."""

from collections.abc import Mapping
from typing import Any

from sslcli import registry
from sslcli.config import Config
from sslcli.contracts.task import Task
from sslcli.resolving import checked


def task_class(name: str) -> type[Task]:
    """Load the class of a task plugin."""
    return registry.load("tasks", name)


def task_options(name: str, given: Mapping[str, Any]) -> Config:
    """Raises ConfigError with every mistake at once."""
    return checked(
        task_class(name).Options, given, "options", f"ssl finetune {name} --help lists the options"
    )
