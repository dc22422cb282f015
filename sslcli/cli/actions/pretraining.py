"""`ssl pretrain`: resolve the settings, train, report."""

from sslcli.cli.actions.training import conclude, launched, resumed, say_recipe, show_prediction
from sslcli.cli.line_values import settings_flags
from sslcli.cli.options import Command, Given, layers_of
from sslcli.cli.progress import watching
from sslcli.cli.screen import Screen
from sslcli.engine.processes.rank import rank_and_size
from sslcli.resolving import naming_sources
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.pretrain import dry_run_pretrain, pretrain, show_batch
from sslcli.workflows.training.resolve import resolve_pretraining
from sslcli.workflows.training.resume import Resume


def pretrain_action(command: Command, given: Given, screen: Screen) -> int:
    """Start or resume a pretraining run from the settings of the line; returns the exit code.

    Of several ranks only rank 0 prints.
    """
    if rank_and_size()[0] > 0:
        screen.quiet, screen.json = True, False  # rank 0 speaks for all
    layers = layers_of(given, settings_flags(command, PretrainSettings))
    resolved = resolve_pretraining(layers, resumed(given, "pretrain", screen.say))
    settings = resolved.settings
    say_recipe(resolved, screen)
    if screen.verbose:
        for key, source in sorted(resolved.sources.items()):
            screen.say(f"{key} is from {source}")
    with naming_sources(resolved.sources):
        return _started(settings, resolved.resume, given, screen)


def _started(
    settings: PretrainSettings, resume: Resume | None, given: Given, screen: Screen
) -> int:
    """Train, or start other processes that do. Raises what `launch` raises."""
    if given.get("show_batch"):
        screen.report(show_batch(settings))
        return 0
    if given.get("dry_run"):
        return show_prediction(*dry_run_pretrain(settings), screen)
    if (
        code := launched(settings.hardware, settings.run, settings.objective, resume, screen)
    ) is not None:
        return code
    with watching(screen, f"ssl · pretrain · {settings.objective}") as observe:
        result = pretrain(
            settings, resume=resume, overwrite=bool(given.get("overwrite")), observe=observe
        )
    return conclude(result, "ssl pretrain", settings.training.max_time, screen)
