"""`ssl finetune TASK`: resolve the settings, train one run or a study of several, report."""

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sslcli.cli.actions import training_suites
from sslcli.cli.actions.recipes import recommended, with_recipe
from sslcli.cli.actions.training import conclude, launched, refuse_unfinished, resumed_folder, show_prediction
from sslcli.cli.judging import seed_count, settings_flags, starts_of
from sslcli.cli.naming import flags_named
from sslcli.cli.options import AUTO, Command, Given, layers_of
from sslcli.cli.progress import watching
from sslcli.cli.screen import Screen
from sslcli.config import resolve
from sslcli.datasets.labelled import other_languages, task_class, task_options
from sslcli.engine.processes.rank import rank_and_size
from sslcli.engine.stopping import Stopper
from sslcli.errors import UsageError
from sslcli.models.loading import decided_source
from sslcli.models.objectives import recipe_for
from sslcli.runfiles import Layer, dotted_layer, read_layer
from sslcli.runs.catalogue import read_facts, runs_folder
from sslcli.runs.facts import title_of
from sslcli.runs.run_folder import new_name, refuse_occupied
from sslcli.settings import FinetuneSettings, LabelledSettings, Start
from sslcli.workflows.finetune.check import check_data
from sslcli.workflows.finetune.finetune import dry_run_finetune, finetune
from sslcli.workflows.finetune.languages import in_language_data
from sslcli.workflows.finetune.study import Ended, Variant, study, summary, variant_settings, variants
from sslcli.workflows.training.resume import saved_settings
from sslcli.workflows.training.run import RunResult


def finetune_action(command: Command, given: Given, screen: Screen) -> int:
    """Fine-tune once, or once per start and seed, or on every task of a suite.

    With --check or --dry-run nothing is trained. Returns the exit code. Where training and
    evaluation data name languages, the runs that give the baselines (random weights, in-language)
    are added.
    """
    if rank_and_size()[0] > 0:
        screen.quiet, screen.json = True, False  # rank 0 speaks for all
    layers = [*_task_layer(given), *layers_of(given, settings_flags(command, FinetuneSettings))]
    if training_suites.is_named(given):
        return training_suites.suite_action(given, layers, starts_of(given), seed_count(given) if "seeds" in given else None, screen)
    resume = resumed_folder(given, "finetune")
    _refuse_other_task(resume, given)
    resolved = (
        resolve(FinetuneSettings, read_layer(resume / "config.yaml"), *layers) if resume else with_recipe(FinetuneSettings, layers, _recipe)
    )
    settings = resolved.settings
    with flags_named(resolved.sources):
        task_options(settings.task, settings.options)
        if not screen.json and (found := recommended(resolved)):
            screen.say(f"recipe     {', '.join(settings.data.train)} sets {found} (flags and files win)")
        if given.get("check"):
            screen.report(check_data(settings))
            return 0
        if given.get("dry_run"):
            return show_prediction(*dry_run_finetune(settings), screen)
        starts, seeds = starts_of(given), range(settings.training.seed, settings.training.seed + seed_count(given))
        bounds = in_language_data(settings.data, given.get("in_language", ()))
        across_languages = _names_languages(settings, resume, given)
        if across_languages and not _in_several_processes(settings):
            starts = starts if "init" in given or given.get("compare_scratch") else [*starts, "random"]
            return _studied(settings, starts, seeds, bounds, given, screen)
        if len(starts) * len(seeds) > 1:
            return _studied(settings, starts, seeds, {}, given, screen)
        if across_languages and (bounds or "init" not in given) and not _is_started_by_gpus(settings):
            screen.say("bounds     none from scratch or from training in the language: several processes make one run; one makes them all")
        return _alone(_started_at(settings, starts[0]) if "init" in given else settings, resume, given, screen)


def _refuse_other_task(resume: Path | None, given: Given) -> None:
    """Raise UsageError where the run to resume has another task, before its options are read."""
    learnt = None if resume is None else read_layer(resume / "config.yaml").values.get("task")
    if resume is not None and learnt != given.get("task", learnt):
        raise UsageError(
            f"{resume} is a run of {learnt or 'another command'}, not of {given['task']}", f"ssl finetune {learnt} --resume {resume}"
        )


def _names_languages(settings: FinetuneSettings, resume: Path | None, given: Given) -> bool:
    """Return whether the evaluation data names languages, whose untrained scores are wanted.

    A run of such a study that is resumed by itself does not.
    """
    said = resume is None or "data.evaluation" in given or "data.test" in given
    return said and bool(other_languages(settings.data))


def _in_several_processes(settings: FinetuneSettings) -> bool:
    return settings.hardware.gpus is not None or rank_and_size()[1] > 1


def _is_started_by_gpus(settings: FinetuneSettings) -> bool:
    """Return whether --gpus started this process; its parent has printed everything already."""
    return settings.hardware.gpus is not None and rank_and_size()[1] > 1


def _alone(settings: FinetuneSettings, resume: Path | None, given: Given, screen: Screen) -> int:
    command = f"ssl finetune {settings.task}"
    if (code := launched(settings.hardware, settings.run, settings.task, resume, screen)) is not None:
        return code
    if resume is not None and (others := [name for name in settings.run.study if name != resume.name]):
        whole = shlex.join(["ssl", *map(str, read_facts(resume).get("command", [])[1:])])
        screen.say(f"this goes on with {resume.name} alone; {', '.join(others)} belong to the same study: {whole} --resume")
    with watching(screen, f"ssl · finetune · {settings.task}") as observe:
        result = finetune(settings, resume=resume, overwrite=bool(given.get("overwrite")), observe=observe)
    return conclude(result, command, settings.training.max_time, screen)


def _studied(
    settings: FinetuneSettings,
    starts: Sequence[Start],
    seeds: Sequence[int],
    bounds: Mapping[str, LabelledSettings],
    given: Given,
    screen: Screen,
) -> int:
    """Train run after run; with --resume finished ones are kept.

    `bounds`: by language the training data of its in-language baseline.
    """
    if _in_several_processes(settings):
        raise UsageError("several runs one after the other are not started in several processes", "make one run at a time")
    base = Path(settings.run.folder) if settings.run.folder else runs_folder() / (settings.run.name or new_name(settings.task))
    if given.get("resume") not in (None, AUTO):
        raise UsageError("several runs go on together, and not from one of them", f"give {_named(base)} --resume")
    settings = _from_one_model(settings, base if "resume" in given else None)
    most_seconds = settings.training.max_time
    deadline = None if most_seconds is None else time.monotonic() + most_seconds
    ended: list[Ended] = []
    wanted = list(variants(base, starts, seeds, list(bounds)))
    if "resume" not in given:
        for each in wanted:  # now, and not when the runs before it are done
            refuse_occupied(each.folder, bool(given.get("overwrite")))
    every = {each: variant_settings(each, settings, wanted, bounds) for each in wanted}
    for each in study(wanted, lambda variant: _variant(variant, every[variant], given, screen, deadline)):
        how = f"{_named(base)} and --resume{each.result.more_time(most_seconds)}"
        if not refuse_unfinished(each.result, screen, f"go on with the same command, {how}"):
            return 0
        ended.append(each)
    title = title_of(base, settings.task, settings.data.train)
    languages = list(other_languages(settings.data))
    report = summary(ended, title, ended[0].result.folder, settings.run.plot, languages)
    if screen.json:
        screen.document({"event": "done", "runs": [str(each.result.folder) for each in ended], "report": asdict(report)})
    else:
        screen.report(report)
        screen.say(f"saved in {', '.join(str(each.result.folder) for each in ended)}")
    return 0


def _named(base: Path) -> str:
    return f"--name {base.name}" if base.parent == runs_folder() else f"--out {base}"


def _from_one_model(settings: FinetuneSettings, begun: Path | None) -> FinetuneSettings:
    """Resolve the model once for all runs: "@latest" changes when the first of them ends."""
    if begun is not None and (begun / "config.yaml").is_file():
        source = saved_settings(FinetuneSettings, begun).model.source
    else:
        source = decided_source(settings.model.source, task_class(settings.task).architectures)
    return settings.model_copy(update={"model": settings.model.model_copy(update={"source": source})})


def _variant(variant: Variant, own: FinetuneSettings, given: Given, screen: Screen, deadline: float | None) -> RunResult:
    """Return one run's settings; `deadline`: end of --max-time, which limits the whole study."""
    stopper = Stopper(None if deadline is None else deadline - time.monotonic())
    resumes = variant.folder if "resume" in given and (variant.folder / "config.yaml").is_file() else None
    start = f"{variant.start} · trained in {variant.language}" if variant.language else variant.start
    with watching(screen, f"ssl · finetune · {own.task} · {start} · seed {variant.seed}") as observe:
        return finetune(own, resume=resumes, overwrite=bool(given.get("overwrite")), observe=observe, stopper=stopper)


def _started_at(settings: FinetuneSettings, start: Start) -> FinetuneSettings:
    return settings.model_copy(update={"model": settings.model.model_copy(update={"start": start})})


def _task_layer(given: Given) -> list[Layer]:
    return [dotted_layer({"task": given["task"]}, "the line")] if "task" in given else []


def _recipe(settings: FinetuneSettings, said: Mapping[str, Any]) -> Mapping[str, Any]:
    return recipe_for(settings.data.train, settings.data.reader_options, task=settings.task)
