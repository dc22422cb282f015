"""How the plan of a comparison is found: data and models are looked at, steps counted and timed,
and the budget divided.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sslcli.core.arithmetic import parameters
from sslcli.core.settings import TransformerSettings
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.cache import Say, cache_folder, quiet
from sslcli.datasets.labelled import Labelled, labelled_data
from sslcli.datasets.tasks import task_class, task_options
from sslcli.datasets.tokenized import shards_for
from sslcli.datasets.tokenizer_training import piece_trainer, usual_tokenizer
from sslcli.deferred import Deferred
from sslcli.engine.precision import Hardware, choose_hardware
from sslcli.errors import UsageError
from sslcli.models.fitting import refuse_tokens_not_among, tokenizers_with
from sslcli.models.objectives import objective_classes
from sslcli.models.weights import Pretrained
from sslcli.settings import FinetuneSettings
from sslcli.workflows.compare.budget import Budget, parse_budget
from sslcli.workflows.compare.compare_settings import CompareSettings
from sslcli.workflows.compare.part_settings import (
    EVALUATIONS,
    finetune_settings,
    pretrain_settings,
)
from sslcli.workflows.compare.parts import Model, fine_tuning, models_of
from sslcli.workflows.compare.planned import (
    ComparisonPlan,
    PlannedPretraining,
    PlannedTask,
    Price,
    divided,
)
from sslcli.workflows.compare.prices import priced
from sslcli.workflows.pretrain.prepare import prepare

pretraining = Deferred("sslcli.workflows.pretrain.pretrain")
finetuning = Deferred("sslcli.workflows.finetune.finetune")
TRIED_STEPS = 100  # of the settings of a job that is only looked at


def with_tokenizer_kind(settings: CompareSettings) -> CompareSettings:
    """Choose the tokenizer where none is named: the usual one of the first architecture that has
    all special tokens that objectives and tasks need.

    Raises UsageError where the one that is named lacks one of them.
    """
    classes = {
        name: cls for each in settings.objectives for name, cls in objective_classes(each).items()
    }
    needing = {**classes, **{task: task_class(task) for task in settings.tasks}}
    wanted = {token for cls in needing.values() for token in cls.special_tokens}
    chosen = settings.tokenizer
    if chosen.source is not None:
        return settings
    architectures = dict.fromkeys(model.architecture for model in models_of(settings))
    kinds = [chosen.kind] if chosen.kind else [*map(usual_tokenizer, architectures)]
    offered = {
        kind: piece_trainer(chosen.model_copy(update={"kind": kind})).special_tokens()
        for kind in kinds
    }
    kind = next((kind for kind, own in offered.items() if own is None or wanted <= own), kinds[0])
    if (own := offered[kind]) is not None:
        refuse_tokens_not_among(needing, own, f"the tokenizer '{kind}'", tokenizers_with(wanted))
    named = chosen.model_copy(update={"kind": kind})
    return settings.model_copy(update={"tokenizer": named})


def plan_comparison(
    settings: CompareSettings, say: Say = quiet
) -> tuple[ComparisonPlan, Tokenizer]:
    """Look at all data and models, time what is to be timed, and divide the budget.

    Raises UsageError for a budget that is not enough, and whatever the runs would raise before
    their first step.
    """
    begun, budget = time.perf_counter(), parse_budget(settings.budget)
    equal = settings.equal or budget.unit
    is_timed, hardware = "seconds" in (budget.unit, equal), choose_hardware(settings.hardware)
    tokenizer = shards_for(settings.data, settings.tokenizer, cache_folder(), say=say).tokenizer
    if tokenizer is None:
        hint = "compare objectives on text"
        raise UsageError("tasks read text, and the data holds none", hint)
    models = models_of(settings)
    pretrainings, shapes = [], dict[str, TransformerSettings]()
    for model in models:
        if model.start == "pretrained":
            say(f"looking at {model.name}")
            found = _pretraining(settings, model, hardware, timed=is_timed)
            shapes[model.objective] = found[1]
            pretrainings.append(found[0])
            _refuse_spent(begun, budget)
    tasks = []
    for task in settings.tasks:
        say(f"looking at {task}")
        tasks.append(_task(settings, task, models, shapes, tokenizer, hardware, is_timed))
        _refuse_spent(begun, budget)
    measuring = time.perf_counter() - begun if budget.unit == "seconds" else 0.0
    plan = ComparisonPlan(
        budget=budget.amount,
        unit=budget.unit,
        equal=equal,
        measuring=measuring,
        around=0.0,
        for_pretraining=0.0,
        for_finetuning=0.0,
        each=0.0,
        tokenizer=tokenizer.hash,
        pretrainings=pretrainings,
        tasks=tasks,
    )
    return divided(plan, settings.pretraining, settings.seeds), tokenizer


def _refuse_spent(begun: float, budget: Budget) -> None:
    """Raises UsageError once looking has taken all the time that there is."""
    spent = time.perf_counter() - begun
    if budget.unit == "seconds" and spent > budget.amount:
        raise UsageError(
            f"a budget of {budget} is too little: looking at what steps cost took {spent:.0f} s",
            "give more time with --budget, or fewer --objectives and --tasks",
        )


def _pretraining(
    settings: CompareSettings, model: Model, hardware: Hardware, *, timed: bool
) -> tuple[PlannedPretraining, TransformerSettings]:
    asked = pretrain_settings(settings, model, TRIED_STEPS)
    job, price = priced(
        lambda: pretraining.Pretraining(prepare(asked)),
        hardware,
        timed=timed,
        preparations=1,
        evaluations=lambda job: EVALUATIONS + 1,
    )
    shape, corpus = job.learner.backbone.settings, job.prepared.train.corpus
    found = PlannedPretraining(
        model.objective,
        model.architecture,
        shape.described_depth,
        parameters(shape),
        len(job.prepared.train),
        len({*corpus.spans[:, 0].tolist()}),
        price,
    )
    return found, shape


def _task(
    settings: CompareSettings,
    task: str,
    models: Sequence[Model],
    shapes: Mapping[str, TransformerSettings],
    tokenizer: Tokenizer,
    hardware: Hardware,
    timed: bool,
) -> PlannedTask:
    """Its price for each model: equal shapes cost the same, and are timed once."""
    by_shape: dict[str, Price] = {}
    prices = {}
    asked = finetune_settings(
        settings, fine_tuning(models[0], task, settings.training.seed, 0), TRIED_STEPS, "."
    )
    _labelled(asked)  # which is read once a process: not a part of what each run costs
    for model in models:
        shape = shapes[model.objective]
        key = shape.model_dump_json()
        if key not in by_shape:
            _, by_shape[key] = priced(
                lambda shape=shape: _finetuning(asked, shape, tokenizer),
                hardware,
                timed=timed,
                preparations=2,  # once more for the answers of the best checkpoint
                evaluations=_evaluations_of_task,
            )
        prices[model.name] = by_shape[key]
    return PlannedTask(task, prices)


def _finetuning(asked: FinetuneSettings, shape: TransformerSettings, tokenizer: Tokenizer) -> Any:
    """The job of a fine-tuning from new weights, as from trained ones: they cost the same."""
    weights = Pretrained(shape, Path(), backbone={})
    return finetuning.Finetuning(asked, weights, tokenizer, _labelled(asked))


def _labelled(asked: FinetuneSettings) -> Labelled:
    task = task_class(asked.task)
    return labelled_data(task, task_options(asked.task, asked.options), asked.data)


def _evaluations_of_task(job: Any) -> float:
    """At step 0 and at the end on some examples, then on all of them."""
    return 2 + len(job.data.test) / len(job.evaluation.examples)
