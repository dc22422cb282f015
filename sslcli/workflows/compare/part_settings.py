"""The settings of every run of a comparison: what all have in common, and what is its own."""

import math
from pathlib import Path
from typing import Any

from sslcli.core.presets import preset
from sslcli.core.settings import Architecture
from sslcli.deferred import Deferred
from sslcli.engine.settings import TrainingSettings
from sslcli.layers import Layer, dotted_layer
from sslcli.models.line_checks import ANY_VOCABULARY, objective_names
from sslcli.settings import FinetuneSettings, ModelSettings, PretrainSettings, RunSettings
from sslcli.workflows.compare.compare_settings import CompareSettings
from sslcli.workflows.compare.parts import ComparisonPart, Model
from sslcli.workflows.compare.refusals import by_task

resolving = Deferred("sslcli.workflows.training.resolve")
EVALUATIONS = 4  # of a pretraining, beside that of step 0
SEEN_ON_THE_WAY = 200  # examples that a fine-tuning is evaluated on before all are scored
MOST_LOGGED = 20  # steps between two lines of a log
PRESET = "mini"


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
        run=_run(settings, folder),
    )


def finetune_settings(
    settings: CompareSettings,
    part: ComparisonPart,
    steps: int,
    source: str,
    folder: Path | None = None,
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
        "run": _run(settings, folder).model_dump(),
        "training.max_steps": steps,
        "training.eval_every": steps,
        "training.log_every": _log_every(steps),
        "training.patience": None,
    }
    usual = dotted_layer({"training.eval_samples": SEEN_ON_THE_WAY}, "the comparison")
    layers = [usual, Layer(settings.finetuning), dotted_layer(own, "the comparison")]
    return resolving.resolve_finetuning(layers).settings


def _log_every(steps: int) -> int:
    return max(1, min(MOST_LOGGED, steps // EVALUATIONS))


def _run(settings: CompareSettings, folder: Path | None) -> RunSettings:
    """Pictures are drawn of all of them together."""
    return settings.run.model_copy(
        update={"folder": None if folder is None else str(folder), "name": None, "plot": False}
    )
