"""The runs of a comparison: their names and their order.

runs/NAME/OBJECTIVE/             a pretraining
runs/NAME/OBJECTIVE-TASK/        a fine-tuning of it; -seedN of the other seeds
runs/NAME/ARCHITECTURE-random-TASK/    the same from random weights
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sslcli.core.settings import Architecture
from sslcli.models.line_checks import architecture_of
from sslcli.settings import Start
from sslcli.workflows.compare.compare_settings import CompareSettings


@dataclass(frozen=True)
class Model:
    """What is fine-tuned: the model of an objective, or random weights of an architecture, whose
    shape is that of the first objective with it.
    """

    name: str
    objective: str
    architecture: Architecture
    start: Start = "pretrained"


@dataclass(frozen=True)
class ComparisonPart:
    """One run: the pretraining of a model, or its fine-tuning for a task with a seed."""

    name: str
    model: Model
    task: str = ""
    seed: int = 0


def models_of(settings: CompareSettings) -> list[Model]:
    """Return one model an objective, and behind them the random weights of each architecture."""
    models = [Model(name, name, architecture_of(name)) for name in settings.objectives]
    if not settings.scratch:
        return models
    first: dict[Architecture, Model] = {}
    for model in models:
        first.setdefault(model.architecture, model)
    return [
        *models,
        *(
            Model(f"random {named(each)}", model.objective, each, "random")
            for each, model in first.items()
        ),
    ]


def comparison_parts(settings: CompareSettings) -> Iterator[ComparisonPart]:
    """Yield all pretrainings, then every fine-tuning, task by task and seed by seed."""
    models, first = models_of(settings), settings.training.seed
    for model in models:
        if model.start == "pretrained":
            yield pretraining_of(model)
    for task in settings.tasks:
        for seed in range(first, first + settings.seeds):
            for model in models:
                yield fine_tuning(model, task, seed, first)


def pretraining_of(model: Model) -> ComparisonPart:
    """The run that pretrains a model; of random weights that of the objective with their shape."""
    own = Model(model.objective, model.objective, model.architecture)
    return ComparisonPart(folder_name(own), own)


def fine_tuning(model: Model, task: str, seed: int, first: int) -> ComparisonPart:
    """The run that fine-tunes a model for a task; that of the `first` seed has no seed in its
    name.
    """
    ending = "" if seed == first else f"-seed{seed}"
    return ComparisonPart(f"{folder_name(model)}-{task}{ending}", model, task, seed)


def folder_name(model: Model) -> str:
    """The name of its folder; a distribution in front of an objective is a part of it."""
    if model.start == "random":
        return f"{named(model.architecture)}-random"
    return model.name.replace(":", "-")


def named(architecture: str) -> str:
    """An architecture in words."""
    return architecture.replace("_", "-")
