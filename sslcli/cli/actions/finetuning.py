"""`ssl finetune TASK`: resolve the settings, train one run or a study of several, report."""

import shlex
from dataclasses import asdict

from sslcli.cli.actions import training_suites
from sslcli.cli.actions.training import (
    conclude,
    launched,
    refuse_unfinished,
    resumed,
    say_recipe,
    show_prediction,
)
from sslcli.cli.line_values import seed_count, settings_flags, starts_of
from sslcli.cli.options import AUTO, Command, Given, layers_of
from sslcli.cli.progress import watching
from sslcli.cli.screen import Screen
from sslcli.engine.processes.rank import rank_and_size
from sslcli.errors import UsageError
from sslcli.layers import Layer, dotted_layer
from sslcli.resolving import naming_sources
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import RUN_FILE, read_facts
from sslcli.settings import FinetuneSettings
from sslcli.workflows.finetune.check import check_data
from sslcli.workflows.finetune.finetune import dry_run_finetune, finetune
from sslcli.workflows.finetune.run_study import StudyPlan, StudyRequest, plan_study, run_study
from sslcli.workflows.training.resolve import ResolvedRun, resolve_finetuning
from sslcli.workflows.training.resume import Resume


def finetune_action(command: Command, given: Given, screen: Screen) -> int:
    """Fine-tune once, or once per start and seed, or on every task of a suite.

    With --check or --dry-run nothing is trained. Returns the exit code. Where training and
    evaluation data name languages, the runs that give the baselines (random weights, in-language)
    are added.
    """
    if rank_and_size()[0] > 0:
        screen.quiet, screen.json = True, False  # rank 0 speaks for all
    said = layers(command, given)
    if training_suites.is_named(given):
        return training_suites.suite_action(given, said, screen)
    resume = resumed(given, "finetune", screen.say)
    refuse_other_task(resume, given)
    resolved = resolve_finetuning(said, resume)
    with naming_sources(resolved.sources):
        return _started(resolved, given, screen)


def _started(resolved: ResolvedRun[FinetuneSettings], given: Given, screen: Screen) -> int:
    settings = resolved.settings
    say_recipe(resolved, screen)
    if given.get("check"):
        screen.report(check_data(settings))
        return 0
    if given.get("dry_run"):
        return show_prediction(*dry_run_finetune(settings), screen)
    plan, said = plan_study(resolved, study_request(given))
    if plan is not None:
        return _studied(plan, bool(given.get("overwrite")), screen)
    if said:
        screen.say(said)
    return _alone(settings, resolved.resume, given, screen)


def study_request(given: Given) -> StudyRequest:
    """Return what the line asks for beyond one run."""
    starts = starts_of(given) if "init" in given or given.get("compare_scratch") else ()
    reference = given.get("resume")
    return StudyRequest(
        starts=starts,
        seeds=seed_count(given),
        in_language=given.get("in_language", ()),
        goes_on=reference is not None,
        one=reference not in (None, AUTO),
    )


def refuse_other_task(resume: Resume | None, given: Given) -> None:
    """Raise UsageError where the run to resume has another task, before its options are read."""
    learnt = None if resume is None else read_layer(resume.folder / RUN_FILE).values.get("task")
    if resume is not None and learnt != given.get("task", learnt):
        raise UsageError(
            f"{resume.folder} is a run of {learnt or 'another command'}, not of {given['task']}",
            f"ssl finetune {learnt} --resume {resume.folder}",
        )


def _alone(settings: FinetuneSettings, resume: Resume | None, given: Given, screen: Screen) -> int:
    command = f"ssl finetune {settings.task}"
    if (
        code := launched(settings.hardware, settings.run, settings.task, resume, screen)
    ) is not None:
        return code
    _say_others(settings, resume, screen)
    with watching(screen, f"ssl · finetune · {settings.task}") as observe:
        result = finetune(
            settings, resume=resume, overwrite=bool(given.get("overwrite")), observe=observe
        )
    return conclude(result, command, settings.training.max_time, screen)


def _say_others(settings: FinetuneSettings, resume: Resume | None, screen: Screen) -> None:
    """That a run which goes on alone belongs to a study."""
    name = None if resume is None else resume.folder.name
    if resume is not None and (others := [other for other in settings.run.study if other != name]):
        whole = shlex.join(["ssl", *map(str, read_facts(resume.folder).get("command", [])[1:])])
        belong = f"{', '.join(others)} belong to the same study"
        screen.say(f"this goes on with {name} alone; {belong}: {whole} --resume")


def _studied(plan: StudyPlan, overwrite: bool, screen: Screen) -> int:
    found = run_study(plan, lambda title: watching(screen, title), overwrite=overwrite)
    if found.report is None:
        last = found.ended[-1].result
        how = f"{plan.named} and --resume{last.more_time(plan.settings.training.max_time)}"
        refuse_unfinished(last, screen, f"go on with the same command, {how}")
        return 0
    folders = [str(each.result.folder) for each in found.ended]
    if screen.json:
        screen.document({"event": "done", "runs": folders, "report": asdict(found.report)})
    else:
        screen.report(found.report)
        screen.say(f"saved in {', '.join(folders)}")
    return 0


def layers(command: Command, given: Given) -> list[Layer]:
    """Return the settings of the line; later layers win."""
    said = layers_of(given, settings_flags(command, FinetuneSettings))
    return [*_task_layer(given), *said, *_start_layer(given)]


def _task_layer(given: Given) -> list[Layer]:
    return [dotted_layer({"task": given["task"]}, "the line")] if "task" in given else []


def _start_layer(given: Given) -> list[Layer]:
    """Where a run starts; of several starts each run of a study has its own."""
    starts = starts_of(given) if "init" in given else ()
    return [dotted_layer({"model.start": starts[0]}, "--init")] if len(starts) == 1 else []
