"""Resolution of --objective: plugins by name, options, architecture, and recipes of the data."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sslcli import registry
from sslcli.config import Config
from sslcli.contracts.objective import Objective
from sslcli.core.settings import ARCHITECTURES, Architecture, common_architecture
from sslcli.data.settings import DataSettings
from sslcli.datasets.locate import split_language
from sslcli.datasets.sources import Source, reader_of
from sslcli.engine.joining import refuse_no_common_transformer
from sslcli.errors import ConfigError, PluginError
from sslcli.models.line_checks import objective_names
from sslcli.resolving import checked


def objective_classes(expression: str) -> dict[str, type[Objective]]:
    """The classes behind "mlm" or "mlm+nsp", by name. Raises PluginError or UsageError."""
    return {name: registry.load("objectives", name) for name in objective_names(expression)}


def objective_options(
    classes: Mapping[str, type[Objective]], given: Mapping[str, Mapping[str, Any]]
) -> dict[str, Config]:
    """Return each part's Options. Raises ConfigError with every mistake at once."""
    problems = [
        f"options.{name}: '{name}' is not part of the objective"
        for name in given
        if name not in classes
    ]
    options = {}
    for name, cls in classes.items():
        try:
            options[name] = checked(cls.Options, given.get(name, {}), f"options.{name}")
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(
            problems, f"ssl pretrain --objective {'+'.join(classes)} --help lists the options"
        )
    return options


def architecture_for(classes: Mapping[str, type[Objective]]) -> Architecture:
    """The kind of Transformer that all parts can use; an encoder where several would do."""
    architectures = {name: cls.architectures for name, cls in classes.items()}
    refuse_no_common_transformer(architectures)
    found = common_architecture(architectures.values())
    if found is None:
        raise PluginError(
            f"{' and '.join(classes)} need no kind of Transformer that there is",
            f"kinds: {', '.join(ARCHITECTURES)}",
        )
    return found


def recipe_for(
    references: Sequence[str],
    reader_options: Mapping[str, Any],
    objective: str = "",
    task: str = "",
    said: Mapping[str, Any] = MappingProxyType({}),
) -> Mapping[str, Any]:
    """Return settings that the data's reader recommends for an objective or a task.

    For the first reference with a scheme ("demo:world"). `said` (dotted key -> value) are the
    user's own.
    """
    for reference in references:
        language, path = split_language(reference)
        scheme, colon, _ = path.partition(":")
        if colon and scheme in registry.names("readers"):
            reader = reader_of(
                Source(path, scheme, language), DataSettings(reader_options=dict(reader_options))
            )
            return (
                reader.task_recipe(path, task)
                if task
                else reader.recipe_beside(path, objective, said)
            )
    return {}
