"""`ssl pretrain`: resolve the settings, train, report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sslcli.cli.actions.recipes import recommended, with_recipe
from sslcli.cli.actions.training import conclude, launched, resumed_folder, show_prediction
from sslcli.cli.judging import settings_flags
from sslcli.cli.naming import flags_named
from sslcli.cli.options import Command, Given, layers_of
from sslcli.cli.progress import watching
from sslcli.cli.screen import Screen
from sslcli.config import resolve
from sslcli.engine.processes.rank import rank_and_size
from sslcli.models.objectives import objective_classes, objective_options, recipe_for
from sslcli.runfiles import read_layer
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.pretrain import dry_run_pretrain, pretrain, show_batch


def pretrain_action(command: Command, given: Given, screen: Screen) -> int:
    """Start or resume a pretraining run from the settings of the line; returns the exit code.

    Of several ranks only rank 0 prints.
    """
    if rank_and_size()[0] > 0:
        screen.quiet, screen.json = True, False  # rank 0 speaks for all
    resume = resumed_folder(given, "pretrain")
    layers = layers_of(given, settings_flags(command, PretrainSettings))
    if resume:
        resolved = resolve(PretrainSettings, read_layer(resume / "config.yaml"), *layers)
    else:
        resolved = with_recipe(PretrainSettings, layers, _recipe)
    settings = resolved.settings
    if resume is None:
        with flags_named(resolved.sources):
            objective_options(objective_classes(settings.objective), settings.options)
    if not screen.json and (found := recommended(resolved)):
        screen.say(f"recipe     {', '.join(settings.data.train)} sets {found} (flags and files win)")
    if screen.verbose:
        for key, source in sorted(resolved.sources.items()):
            screen.say(f"{key} is from {source}")
    with flags_named(resolved.sources):
        return _started(settings, resume, given, screen)


def _started(settings: PretrainSettings, resume: Path | None, given: Given, screen: Screen) -> int:
    """Train, or start other processes that do. Raises what `launch` raises."""
    if given.get("show_batch"):
        screen.report(show_batch(settings))
        return 0
    if given.get("dry_run"):
        return show_prediction(*dry_run_pretrain(settings), screen)
    if (code := launched(settings.hardware, settings.run, settings.objective, resume, screen)) is not None:
        return code
    with watching(screen, f"ssl · pretrain · {settings.objective}") as observe:
        result = pretrain(settings, resume=resume, overwrite=bool(given.get("overwrite")), observe=observe)
    return conclude(result, "ssl pretrain", settings.training.max_time, screen)


def _recipe(settings: PretrainSettings, said: Mapping[str, Any]) -> Mapping[str, Any]:
    return recipe_for(settings.data.train, settings.data.reader_options, settings.objective, said=said)
