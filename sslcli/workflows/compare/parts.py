"""The runs of a comparison: their names, their order, and the settings of each.

runs/NAME/OBJECTIVE/             a pretraining
runs/NAME/OBJECTIVE-TASK/        a fine-tuning of it; -seedN of the other seeds
runs/NAME/ARCHITECTURE-random-TASK/    the same from random weights
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sslcli.core.presets import preset
from sslcli.core.settings import Architecture
from sslcli.engine.settings import TrainingSettings
from sslcli.layers import Layer, dotted_layer
from sslcli.models.line_checks import ANY_VOCABULARY, architecture_of, objective_names
from sslcli.settings import FinetuneSettings, ModelSettings, PretrainSettings, RunSettings, Start
from sslcli.workflows.compare.refusals import by_task
from sslcli.workflows.compare.settings import CompareSettings
from sslcli.workflows.training.resolve import resolve_finetuning

EVALUATIONS = 4  # of a pretraining, beside that of step 0
MOST_LOGGED = 20  # steps between two lines of a log
PRESET = "mini"


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
class Part:
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


def parts_of(settings: CompareSettings) -> Iterator[Part]:
    """Yield all pretrainings, then every fine-tuning, task by task and seed by seed."""
    models, first = models_of(settings), settings.training.seed
    for model in models:
        if model.start == "pretrained":
            yield pretraining_of(model)
    for task in settings.tasks:
        for seed in range(first, first + settings.seeds):
            for model in models:
                yield fine_tuning(model, task, seed, first)


def pretraining_of(model: Model) -> Part:
    """The run that pretrains a model; of random weights that of the objective with their shape."""
    own = Model(model.objective, model.objective, model.architecture)
    return Part(folder_name(own), own)


def fine_tuning(model: Model, task: str, seed: int, first: int) -> Part:
    """The run that fine-tunes a model for a task; that of the `first` seed has no seed in its
    name.
    """
    ending = "" if seed == first else f"-seed{seed}"
    return Part(f"{folder_name(model)}-{task}{ending}", model, task, seed)


def folder_name(model: Model) -> str:
    """The name of its folder; a distribution in front of an objective is a part of it."""
    if model.start == "random":
        return f"{named(model.architecture)}-random"
    return model.name.replace(":", "-")


def named(architecture: str) -> str:
    """An architecture in words."""
    return architecture.replace("_", "-")


def shape_of(settings: CompareSettings, architecture: Architecture) -> dict[str, Any]:
    """Return the fields in which the shape differs from the preset: matched by depth.

    The halves of an encoder-decoder together have as many layers as an encoder or a decoder, the
    encoder one more where that is odd.
    """
    own = dict(settings.model.shape)
    whole = preset(settings.model.preset or PRESET, architecture, ANY_VOCABULARY)
    layers = settings.model.layers or own.get("depth") or whole.depth
    if architecture != "encoder_decoder":
        return {**own, "depth": layers}
    halves = {"depth": math.ceil(layers / 2), "decoder_depth": max(1, layers // 2)}
    return {**own, **halves}


def pretrain_settings(
    settings: CompareSettings, model: Model, steps: int, folder: Path | None = None
) -> PretrainSettings:
    """The settings of a pretraining of so many steps."""
    training = settings.training
    names = objective_names(model.objective)
    return PretrainSettings(
        objective=model.objective,
        options={name: settings.options[name] for name in names if name in settings.options},
        model=ModelSettings(
            preset=settings.model.preset, shape=shape_of(settings, model.architecture)
        ),
        data=settings.data,
        tokenizer=settings.tokenizer,
        optimizer=settings.optimizer,
        schedule=settings.schedule,
        training=TrainingSettings(
            batch_size=training.batch_size,
            micro_batch_size=training.micro_batch_size,
            eval_samples=training.eval_samples,
            seed=training.seed,
            max_steps=steps,
            eval_every=math.ceil(steps / EVALUATIONS),
            log_every=_log_every(steps),
            milestones=False,
            keep=1,
        ),
        hardware=settings.hardware,
        run=_run(folder),
    )


def finetune_settings(
    settings: CompareSettings, part: Part, steps: int, source: str, folder: Path | None = None
) -> FinetuneSettings:
    """The settings of a fine-tuning of so many steps, from the weights in `source`. What the data
    recommends and what is said of all fine-tunings holds for all alike.
    """
    train = by_task(settings.task_data, "--task-data", settings.tasks).get(part.task)
    evaluation = by_task(settings.task_evaluation, "--task-eval-data", settings.tasks)
    own: dict[str, Any] = {
        "task": part.task,
        "options": settings.options.get(part.task, {}),
        "model.source": source,
        "model.start": part.model.start,
        "data.train": train or list(settings.data.train),
        "data.evaluation": evaluation.get(part.task, []),
        "data.reader_options": {} if train else settings.data.reader_options,
        "training.seed": part.seed,
        "hardware": settings.hardware.model_dump(),
        "run": _run(folder).model_dump(),
        "training.max_steps": steps,
        "training.eval_every": steps,
        "training.log_every": _log_every(steps),
        "training.patience": None,
    }
    layers = [Layer(settings.finetuning), dotted_layer(own, "the comparison")]
    return resolve_finetuning(layers).settings


def _log_every(steps: int) -> int:
    return max(1, min(MOST_LOGGED, steps // EVALUATIONS))


def _run(folder: Path | None) -> RunSettings:
    """Pictures are drawn of all of them together."""
    return RunSettings(folder=None if folder is None else str(folder), plot=False)
