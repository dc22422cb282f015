"""What --objective means: plugins by name, their options, the Transformer they need, and what their data recommends."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from sslcli import registry
from sslcli.config import Config, problems_of
from sslcli.contracts import Objective
from sslcli.core.settings import Architecture
from sslcli.data.settings import DataSettings
from sslcli.errors import ConfigError, UsageError
from sslcli.workflows.sources import Source, reader_of, split_language


def objective_classes(expression: str) -> dict[str, type[Objective]]:
    """The classes behind "mlm" or "mlm+nsp", by name. Raises PluginError or UsageError."""
    names = [name.strip() for name in expression.split("+")]
    if len(set(names)) != len(names) or not all(names):
        raise UsageError(f"'{expression}' is not an objective", "join different objectives with one +, such as mlm+nsp")
    return {name: registry.load("objectives", name) for name in names}


def objective_options(classes: Mapping[str, type[Objective]], given: Mapping[str, Mapping[str, Any]]) -> dict[str, Config]:
    """Each part's Options. Raises ConfigError with every mistake at once."""
    problems = [f"options.{name}: '{name}' is not part of the objective" for name in given if name not in classes]
    options = {}
    for name, cls in classes.items():
        try:
            options[name] = cls.Options(**given.get(name, {}))
        except ValidationError as error:
            problems += problems_of(error, cls.Options, prefix=f"options.{name}")
    if problems:
        raise ConfigError(problems, f"ssl pretrain --objective {'+'.join(classes)} --help lists the options")
    return options


def architecture_for(classes: Mapping[str, type[Objective]]) -> Architecture:
    """The kind of Transformer that all parts can use; an encoder where both would do."""
    common = frozenset.intersection(*(frozenset(cls.needs) for cls in classes.values()))
    if not common:
        raise UsageError(f"{' and '.join(classes)} need different kinds of Transformer", "train them one by one")
    return "encoder" if "encoder" in common else "decoder"


def recipe_for(references: Sequence[str], reader_options: Mapping[str, Any], objective: str = "", task: str = "") -> Mapping[str, Any]:
    """Settings that the data's own reader found to work for an objective, or for a task, for the first reference with a
    scheme ("demo:world")."""
    for reference in references:
        language, path = split_language(reference)
        scheme, colon, _ = path.partition(":")
        if colon and scheme in registry.names("readers"):
            reader = reader_of(Source(path, scheme, language), DataSettings(reader_options=dict(reader_options)))
            return reader.task_recipe(path, task) if task else reader.recipe(path, objective)
    return {}
