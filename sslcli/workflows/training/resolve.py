"""The settings of a run, resolved once: by default < the recipe of the data < files < --set <
flags.

A run that goes on has its own saved settings in the place of the first two, and may change few of
them. Nobody resolves them again behind this: what is left open, as the width of a vocabulary that
is not learnt yet, `prepare` and `Finetuning` complete, each in one place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Any, Generic, TypeVar

from sslcli.config import Config
from sslcli.deferred import Deferred
from sslcli.errors import ConfigError
from sslcli.layers import Layer, dotted_layer
from sslcli.models.objectives import objective_classes, objective_options, recipe_for
from sslcli.resolving import Resolved, naming_sources, resolve
from sslcli.settings import FinetuneSettings, PretrainSettings
from sslcli.workflows.training.resume import (
    NEW_RUN,
    Resume,
    continued,
    continued_settings,
    from_same_weights,
    saved_settings,
)

tasks = Deferred("sslcli.datasets.tasks")  # which pretraining does without
RECIPE = "the recipe of the data"
S = TypeVar("S", PretrainSettings, FinetuneSettings)
R = TypeVar("R", bound=Config)


@dataclass(frozen=True)
class ResolvedRun(Generic[R]):
    """`sources`: where each value that is not a default was said, by dotted key ("--lr",
    "a.yaml:12").
    """

    settings: R
    sources: Mapping[str, str]
    resume: Resume | None = None

    @property
    def recommended(self) -> list[str]:
        """ "optimizer.rate 0.003", ...: what the recipe of the data decided."""
        values = self.settings.model_dump()
        decided = {
            key: _at(values, key) for key, source in self.sources.items() if source == RECIPE
        }
        return [
            f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in decided.items()
        ]


def resolve_pretraining(
    layers: Sequence[Layer], resume: Resume | None = None
) -> ResolvedRun[PretrainSettings]:
    """`layers`: what a caller says, the later the stronger. Raises ConfigError, UsageError or
    PluginError.
    """
    if resume is not None:
        asked = resolve(PretrainSettings, *layers)
        with naming_sources(asked.sources):
            return ResolvedRun(continued_settings(resume, asked.settings), asked.sources, resume)
    found = _with_recipe(
        PretrainSettings,
        layers,
        lambda asked, said: recipe_for(
            asked.data.train, asked.data.reader_options, asked.objective, said=said
        ),
    )
    with naming_sources(found.sources):
        objective_options(objective_classes(found.settings.objective), found.settings.options)
    return ResolvedRun(found.settings, found.sources)


def resolve_finetuning(
    layers: Sequence[Layer], resume: Resume | None = None
) -> ResolvedRun[FinetuneSettings]:
    """As `resolve_pretraining`, for a run on labelled data."""
    if resume is not None:
        asked = resolve(FinetuneSettings, *layers)
        with naming_sources(asked.sources):
            return ResolvedRun(continued_finetuning(resume, asked.settings), asked.sources, resume)
    found = _with_recipe(
        FinetuneSettings,
        layers,
        lambda asked, said: recipe_for(
            asked.data.train, asked.data.reader_options, task=asked.task
        ),
    )
    with naming_sources(found.sources):
        tasks.task_options(found.settings.task, found.settings.options)
    return ResolvedRun(found.settings, found.sources)


def continued_finetuning(resume: Resume, asked: FinetuneSettings) -> FinetuneSettings:
    """As `continued` has it, for a fine-tuning run."""
    saved = saved_settings(FinetuneSettings, resume.folder)
    if "task" in asked.model_fields_set and asked.task != saved.task:
        raise ConfigError([f"task was {saved.task!r} and would become {asked.task!r}"], NEW_RUN)
    asked = from_same_weights(asked, saved.model.source)
    options = tasks.task_options(saved.task, asked.options)
    return continued(
        resume.folder, saved, asked, options.model_dump(mode="json", exclude_unset=True)
    )


def _with_recipe(
    model: type[S],
    layers: Sequence[Layer],
    recipe_of: Callable[[S, Mapping[str, Any]], Mapping[str, Any]],
) -> Resolved[S]:
    """What was said over what is recommended; what was said also decides which recommendations make
    sense.

    `recipe_of` takes the settings so far, and those that were said as dotted key -> value.
    """
    said = resolve(model, *layers)
    values = said.settings.model_dump()
    found = recipe_of(said.settings, {key: _at(values, key) for key in said.sources})
    kept = {key: value for key, value in found.items() if not _stands_against(key, said.settings)}
    return resolve(model, dotted_layer(kept, RECIPE), *layers)


def _at(values: Mapping[str, Any], key: str) -> Any:
    return reduce(getitem, key.split("."), values)


def _stands_against(key: str, said: Any) -> bool:
    """A recommended length of the run yields to another way of saying it, a recommended shape to
    another model.
    """
    if key in ("training.max_steps", "training.epochs"):
        return bool(said.training.model_fields_set & {"max_steps", "epochs"})
    return key.startswith("model.") and bool(said.model.model_fields_set & {"preset", "source"})
