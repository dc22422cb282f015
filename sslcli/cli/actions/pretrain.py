"""`ssl pretrain`: the line's settings, the workflow, and how it ended."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import reduce
from operator import getitem
from pathlib import Path

from sslcli.cli.actions.launching import launch, own_words, processes_to_start
from sslcli.cli.commands.pretrain import AUTO
from sslcli.cli.naming import flags_named
from sslcli.cli.options import Command, Given, layers_of
from sslcli.cli.progress import header_lines, watching
from sslcli.cli.screen import Screen
from sslcli.config import Resolved, resolve
from sslcli.engine.events import Started
from sslcli.engine.place import is_restart, launch_name, place, restarts_are_left
from sslcli.errors import Interrupted, Preempted, UsageError
from sslcli.reports import printable
from sslcli.runfiles import Layer, dotted_layer, read_layer
from sslcli.workflows.objectives import objective_classes, objective_options, recipe_for
from sslcli.workflows.pretraining import Result, dry_run, pretrain, show_batch
from sslcli.workflows.runfolder import new_name
from sslcli.workflows.runs import find_run, read_facts, resumable_run, runs_folder
from sslcli.workflows.settings import PretrainSettings

RECIPE = "the recipe of the data"
LONGEST_NAME_BYTES = 200  # file systems take 255, and a temporary folder beside it adds to the name


def run(command: Command, given: Given, screen: Screen) -> int:
    if place()[0] > 0:
        screen.quiet, screen.json = True, False  # rank 0 speaks for all
    _refuse_strange_name(given.get("run.name"))
    resume = _resumed_folder(given)
    layers = layers_of(given, [flag for flag in command.flags if flag.panel != "Settings" and _is_setting(flag.key)])
    resolved = _resolved([read_layer(resume / "config.yaml"), *layers] if resume else layers, with_recipe=resume is None)
    settings = resolved.settings
    if resume is None:
        _refuse_strange_name(settings.run.name)
        with flags_named(resolved.sources):
            objective_options(objective_classes(settings.objective), settings.options)
    if not screen.json and (recommended := _recommended(resolved)):
        screen.say(f"recipe     {', '.join(settings.data.train)} sets {recommended} (flags and files win)")
    if screen.verbose:
        for key, source in sorted(resolved.sources.items()):
            screen.say(f"{key} is from {source}")
    with flags_named(resolved.sources):
        return _started(settings, resume, given, screen)


def _started(settings: PretrainSettings, resume: Path | None, given: Given, screen: Screen) -> int:
    """Raises what `launch` raises where this process only starts others."""
    if given.get("show_batch"):
        screen.report(show_batch(settings))
        return 0
    if given.get("dry_run"):
        facts, report = dry_run(settings)
        for line in header_lines(Started(None, facts, 0, 0)):
            screen.say(line)
        screen.report(report)
        return 0
    words, launcher_words = own_words()
    if processes := processes_to_start(settings.hardware):
        return _launched(processes, settings, resume, screen, words, launcher_words)
    if launcher_words:
        raise UsageError(
            f"'{launcher_words[0]}' follows -- and is for torchrun, which is not started here", "give --gpus 2 or more, or leave it out"
        )
    with watching(screen, f"ssl · pretrain · {settings.objective}") as observe:
        result = pretrain(settings, resume=resume, overwrite=bool(given.get("overwrite")), observe=observe)
    return _conclude(result, screen)


def _launched(
    processes: int, settings: PretrainSettings, resume: Path | None, screen: Screen, words: Sequence[str], launcher_words: Sequence[str]
) -> int:
    """All processes, and those that take the place of a lost one, must know one folder by name."""
    named = Path(settings.run.folder) if settings.run.folder else runs_folder() / (settings.run.name or new_name(settings.objective))
    folder = resume or named
    if resume is not None:
        words = [*_without_resume(words), "--resume", str(folder)]
    elif not (settings.run.folder or settings.run.name):
        words = [*words, "--name", folder.name]
    screen.say(f"starting {processes} processes")
    return launch(processes, folder, words, launcher_words, screen.verbose)


def _without_resume(words: Sequence[str]) -> list[str]:
    """The line without --resume and its value: which run that means is decided once."""
    kept = [word for word in words if not word.startswith("--resume=")]
    if "--resume" in kept:
        place_of = kept.index("--resume")
        is_alone = place_of + 1 == len(kept) or kept[place_of + 1].startswith("-")
        del kept[place_of : place_of + (1 if is_alone else 2)]
    return kept


def _is_setting(key: str) -> bool:
    return key.partition(".")[0] in PretrainSettings.model_fields


def _refuse_strange_name(name: str | None) -> None:
    """Raises UsageError for what cannot be the name of one folder below runs/."""
    if name is None:
        return
    if name in ("", ".", "..") or "/" in name or printable(name) != name or len(name.encode()) > LONGEST_NAME_BYTES:
        shown = name if len(name) <= 60 else f"{name[:57]}..."
        raise UsageError(
            f"--name cannot be '{shown}': it is one name, of at most {LONGEST_NAME_BYTES} bytes, without '/' and control characters",
            f"give a path with --out, or a plain name, which becomes a folder in {runs_folder()}",
        )


def _recommended(resolved: Resolved[PretrainSettings]) -> str:
    """ "optimizer.rate 0.003, ...": what the data's recipe decided."""
    values = resolved.settings.model_dump()
    decided = {key: reduce(getitem, key.split("."), values) for key, source in resolved.sources.items() if source == RECIPE}
    return ", ".join(f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in decided.items())


def _resumed_folder(given: Given) -> Path | None:
    """The folder to go on with. --resume alone begins anew where --name or --out say a folder that is not there yet."""
    reference = given.get("resume")
    if reference is None:
        return _restarted_folder(given) if is_restart() else None
    if reference != AUTO:
        return find_run(reference).folder
    named = _said_folder(given)
    if named is None:
        return resumable_run().folder
    return named if (named / "config.yaml").is_file() else None


def _restarted_folder(given: Given) -> Path | None:
    """The run that this launch began before it lost a rank, if it came that far; never a run that lay there before."""
    named = _said_folder(given)
    if named is None:
        raise UsageError(
            "a rank was lost, and nothing says which run it belonged to", "give --name or --out to a run that torchrun may restart"
        )
    return named if read_facts(named).get("launch") == launch_name() else None


def _said_folder(given: Given) -> Path | None:
    """The run folder that --out or --name say, None where neither does."""
    if folder := given.get("run.folder"):
        return Path(folder)
    return runs_folder() / given["run.name"] if "run.name" in given else None


def _resolved(layers: Sequence[Layer], with_recipe: bool) -> Resolved[PretrainSettings]:
    """What was said over what the data's reader recommends; what was said also decides which recommendations make sense."""
    said = resolve(PretrainSettings, *layers)
    recipe = recipe_for(said.settings) if with_recipe else {}
    kept = {key: value for key, value in recipe.items() if not _stands_against(key, said.settings)}
    return resolve(PretrainSettings, dotted_layer(kept, RECIPE), *layers)


def _stands_against(key: str, said: PretrainSettings) -> bool:
    """A recommended length of the run yields to another way of saying it, a recommended shape to another model."""
    if key in ("training.max_steps", "training.epochs"):
        return bool(said.training.model_fields_set & {"max_steps", "epochs"})
    return key.startswith("model.") and bool(said.model.model_fields_set & {"preset", "source"})


def _conclude(result: Result, screen: Screen) -> int:
    """Raises StopRequest, which has its own exit codes, where the run was asked to stop before its end."""
    reason, step = result.outcome.reason, result.outcome.progress.step
    if reason != "done":
        stopped = f"{reason} at step {step}; everything is saved in {result.folder}"
        if restarts_are_left():  # any other code than 0 would start it again at once
            screen.say(f"stopped: {stopped}")
            return 0
        raise (Interrupted if reason == "interrupted" else Preempted)(stopped, f"go on with: ssl pretrain --resume {result.folder}")
    if place()[0] > 0:
        return 0
    if screen.json:
        screen.document({"event": "done", "run": str(result.folder), "report": asdict(result.report)})
    elif screen.quiet:
        screen.line(str(result.folder))
    else:
        screen.report(result.report)
        screen.say(f"saved in {result.folder}")
    return 0
