"""Loading of a model reference (see `places`): weights, settings and tokenizer."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from sslcli import registry
from sslcli.contracts.learnable import Context, Learnable
from sslcli.core.adapters import merged_state
from sslcli.core.settings import ARCHITECTURES, TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.special_tokens import worded
from sslcli.engine.checkpoints.checkpoint_files import BACKBONE, LEARNABLE
from sslcli.engine.checkpoints.tensor_files import load_tensors
from sslcli.engine.composite import build_objective, without_copies
from sslcli.engine.learner import Learner
from sslcli.errors import ConfigError, ModelError, SslError, UsageError
from sslcli.modalities import WORDS
from sslcli.models.answer_heads import answer_head, problem_of
from sslcli.models.fitting import refuse_missing_tokens, with_article
from sslcli.models.hf_directory import read_directory
from sslcli.models.hf_tensors import is_finite
from sslcli.models.objectives import objective_classes, objective_options
from sslcli.models.places import WeightsRef, locate_weights
from sslcli.models.weights import Pretrained, State, Trained, expected_shapes, shapes_of
from sslcli.progress import working
from sslcli.resolving import problems_of, resolve
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import RUN_FILE, Run, all_runs, runs_folder
from sslcli.runs.hub_cache import pinned_name
from sslcli.runs.references import (
    FOUNDATION,
    TRAINED,
    Purpose,
    decided,
    first_usable,
    generating_tasks,
    head_readers,
    unfinished_alone,
)
from sslcli.settings import FinetuneSettings, PretrainSettings

_HEAD = re.compile(r"(?:parts\.[^.]+\.)?head\.(.+)")
_POOLED = re.compile(r"(?:parts\.[^.]+\.)?classifier\.((?:pooler|classifier)\..+)")


def load_pretrained(reference: str) -> Pretrained:
    """Weights, settings and tokenizer of a reference. Raises UsageError where it leads nowhere,
    ModelError where it is damaged.
    """
    working("loading the model")
    place = locate_weights(reference)
    return read_directory(place.weights) if place.run is None else _read_run(place, place.run)


def foundation_for(cls: type[Learnable[Any, Any]], modalities: Collection[str] = ()) -> Purpose:
    """What a task asks of the run that it begins with. `modalities`: what that may read; anything
    if empty.
    """
    return replace(
        FOUNDATION,
        architectures=cls.architectures,
        modalities=modalities,
        special_tokens=cls.special_tokens,
    )


def newest_fitting(use: Purpose) -> tuple[Run, Sequence[str]]:
    """Return the newest pretraining run that fits, with weights, and remarks.

    Raises UsageError if there is none.
    """
    runs = [run for run in all_runs() if run.kind in FOUNDATION.kinds]
    found, notes = first_usable(runs, use)
    if found is not None:
        return found, notes
    if (unfinished := unfinished_alone(runs, use)) is not None:
        raise unfinished
    architectures = use.architectures
    wanted = " or ".join(with_article(each.replace("_", "-")) for each in sorted(architectures))
    objectives = (
        name
        for each in ARCHITECTURES
        if each in architectures
        for name in head_readers()
        if each in registry.attribute("objectives", name, "architectures")
    )
    others = sorted({*use.modalities} - {"text"})
    of_kind = f" that reads {' or '.join(WORDS[each] for each in others)}" if others else ""
    if use.special_tokens and runs:
        of_kind = of_kind or f" with a {worded(use.special_tokens)}"
    objective = next(objectives, "NAME") if not of_kind else "NAME"
    raise UsageError(
        f"no pretraining run in {runs_folder()} is {wanted}{of_kind}",
        f"make one: ssl pretrain --objective {objective}; or name one with --model",
    )


def decided_source(source: str | None, use: Purpose) -> str:
    """The weights that a reference means now, as a folder or as a commit of a hub: of several runs
    that start from them, none may change which they are.
    """
    source = source or str(newest_fitting(use)[0].folder)
    weights = locate_weights(decided(source, use)[0]).weights.resolve()
    return pinned_name(weights) or str(weights)


def newest_finetuned(task: str) -> tuple[Run, Sequence[str]]:
    """Return the newest run of this task from a pretrained model, and remarks.

    A task may have several names; the one asked for comes first. Raises UsageError if there is
    none.
    """
    wanted, known = registry.load("tasks", task), registry.names("tasks")
    runs = [run for run in all_runs() if run.kind == "finetune" and run.objective in known]
    alike = [run for run in runs if registry.load("tasks", run.objective) is wanted]
    found, notes = first_usable(sorted(alike, key=lambda run: run.objective != task), TRAINED)
    if found is not None:
        return found, notes
    if (unfinished := unfinished_alone(alike, TRAINED)) is not None:
        raise unfinished
    raise UsageError(
        f"no run in {runs_folder()} was fine-tuned for {task}",
        f"make one: ssl finetune {task} --data FILE; or name one with --model",
    )


def learner_of(pretrained: Pretrained) -> Learner:
    """Load backbone and learnable; for a Hugging Face directory, and for a model that was
    fine-tuned to write with that head, the objective that reads the head.

    Raises ModelError without a tokenizer or, for such a directory, without a language-model head;
    PluginError if the objective is no longer installed.
    """
    trained = pretrained.trained
    settings = None if trained is None else trained.settings
    if isinstance(settings, FinetuneSettings):
        task = settings.task
        if not (task in generating_tasks() and pretrained.settings.causal):
            raise ModelError(
                f"{pretrained.folder} is fine-tuned for {task} and has no generation head",
                f"ask it with ssl predict {task}",
            )
        trained = settings = None  # its head is that of a language model, as in a directory
    if settings is None and pretrained.head is None and pretrained.objective is None:
        raise ModelError(
            f"{pretrained.folder} has no language-model head",
            "it can be trained further, but has nothing to predict with",
        )
    kept = pretrained.objective if settings is None else None
    expression = kept.name if kept is not None else ""
    expression = expression or (settings.objective if settings else _head_reader(pretrained))
    given = {kept.name: kept.options} if kept is not None else settings.options if settings else {}
    classes = objective_classes(expression)
    try:
        options = objective_options(classes, given)
    except ConfigError as error:
        raise ModelError(
            f"{pretrained.folder} was trained with options that '{expression}' no longer has",
            "install the version that trained it",
        ) from error
    tokenizer = pretrained.tokenizer() if pretrained.settings.vocabulary else None
    refuse_missing_tokens(classes, tokenizer)
    objective = build_objective(classes, options, Context(pretrained.settings, tokenizer))
    if trained is not None and shapes_of(objective.state_dict()) != shapes_of(trained.learnable):
        raise ModelError(
            f"{pretrained.folder / LEARNABLE} does not fit '{expression}'",
            "install the version that trained it",
        )
    learner = Learner(Transformer(pretrained.settings), objective)
    pretrained.load_into(learner.backbone, objective)
    return learner


def _head_reader(pretrained: Pretrained) -> str:
    """The objective that reads a directory's language-model head, by the Transformer that it needs.
    Raises ModelError.
    """
    architecture = pretrained.settings.architecture
    found = (
        name
        for name in head_readers()
        if architecture in registry.attribute("objectives", name, "architectures")
    )
    name = next(found, None)
    if name is None:
        problem = (
            "no objective here reads the head of the "
            f"{architecture.replace('_', '-')} in {pretrained.folder}"
        )
        raise ModelError(problem, "train it further with one")
    return name


def _read_run(place: WeightsRef, run: Path) -> Pretrained:
    try:
        layer = read_layer(run / RUN_FILE)
        saved = resolve(
            FinetuneSettings if "task" in layer.values else PretrainSettings, layer
        ).settings
        settings = TransformerSettings(**saved.model.shape)
    except ValidationError as error:
        raise ModelError(
            f"{run / RUN_FILE}: {problems_of(error, TransformerSettings, 'model.shape')[0]}",
            "the file is damaged",
        ) from error
    except SslError as error:
        raise ModelError(
            f"{run / RUN_FILE} cannot be used: {error.message}",
            "the file is damaged, or of another version",
        ) from error
    backbone, learnable = (
        load_tensors(place.weights / BACKBONE),
        without_copies(load_tensors(place.weights / LEARNABLE)),
    )
    adapted, answers = backbone, None
    if isinstance(saved, FinetuneSettings):
        backbone = merged_state(backbone, saved.adapters.alpha)
        problem, of_items = problem_of(saved.options.get("kind")), not settings.vocabulary
        answers = answer_head(learnable, saved.labels, problem, of_items=of_items)
    _refuse_no_numbers(place.weights, backbone, learnable)
    expected = {
        name.removeprefix("backbone."): shape
        for name, shape in expected_shapes(settings).items()
        if name.startswith("backbone.")
    }
    if shapes_of(backbone) != expected:
        raise ModelError(
            f"{place.weights / BACKBONE} does not fit the shape in {run / RUN_FILE}",
            "the run folder is damaged",
        )
    head, pooled = _heads(learnable, settings)
    return Pretrained(
        settings,
        place.weights,
        backbone,
        head,
        pooled,
        run / "tokenizer",
        place.notes,
        Trained(run, saved, learnable, adapted),
        answers,
    )


def _refuse_no_numbers(weights: Path, *states: State) -> None:
    """Raises ModelError naming the first tensor with values that are no finite numbers: of a run
    that diverged, say.
    """
    bad = next(
        (
            name
            for state in states
            for name, tensor in state.items()
            if not is_finite(tensor.to(torch.float32))
        ),
        None,
    )
    if bad is not None:
        hint = (
            "the run diverged: take an earlier checkpoint (REF:step-N), or train with a lower --lr"
        )
        raise ModelError(f"{weights}: tensor '{bad}' holds values that are no finite numbers", hint)


def _heads(learnable: State, settings: TransformerSettings) -> tuple[State | None, State | None]:
    """The heads of a known kind in a learnable's state, by their names; one that has other tensors
    is none of them.
    """
    wanted = expected_shapes(settings)
    head = {
        match[1]: value for name, value in learnable.items() if (match := _HEAD.fullmatch(name))
    }
    pooled = {
        match[1]: value for name, value in learnable.items() if (match := _POOLED.fullmatch(name))
    }
    names = {
        name.removeprefix("head."): shape
        for name, shape in wanted.items()
        if name.startswith("head.")
    }
    if settings.tied:
        names.pop("weight")
    has_head = shapes_of(head) == names and (bool(head) or not settings.transforms_before_head)
    has_pooled = shapes_of(pooled) == {
        name: wanted[name] for name in wanted if name.startswith(("pooler.", "classifier."))
    }
    return head if has_head else None, pooled if has_pooled else None
