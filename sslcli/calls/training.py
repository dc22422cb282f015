"""What `import sslcli` offers: the commands as functions that give data back, with their flags as
arguments.

    sslcli.pretrain(objective="mlm", data="corpus.txt", max_steps=1000, set={"model.shape.depth":
    2})
    ssl pretrain --objective mlm --data corpus.txt --max-steps 1000 --set model.shape.depth=2

A call stands for a line and goes the same way: the same names and defaults, the same checks before
torch is loaded, the same settings, and so the same numbers. Nothing is printed unless it is asked
for. What goes wrong is an `SslError` with its `hint`, a name that is no argument a TypeError.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from sslcli.calls.calling import (
    Events,
    called,
    noted,
    observer,
    refuse_no_function,
    watched_by,
)
from sslcli.calls.line import CalledLine, line_of_call
from sslcli.calls.results import FinishedRun
from sslcli.cli import compare_checks, line_checks
from sslcli.cli.line_values import settings_flags
from sslcli.cli.options import layers_of
from sslcli.deferred import Deferred
from sslcli.errors import Interrupted, Preempted, UsageError
from sslcli.reports import Report
from sslcli.resolving import naming_sources
from sslcli.runs.catalogue import read_run
from sslcli.settings import FinetuneSettings, PretrainSettings
from sslcli.workflows.compare.compare_settings import CompareSettings

OUT_OF_TIME = "out of time"  # a reason

# With these torch is loaded: when a call is known to be right.
_training = Deferred("sslcli.cli.actions.training")
_pretraining = Deferred("sslcli.workflows.pretrain.pretrain")
_finetuning = Deferred("sslcli.cli.actions.finetuning")
_finetune = Deferred("sslcli.workflows.finetune.finetune")
_study = Deferred("sslcli.workflows.finetune.run_study")
_resolve = Deferred("sslcli.workflows.training.resolve")
_suites = Deferred("sslcli.cli.actions.training_suites")
_suite = Deferred("sslcli.workflows.suite.suite")
_comparing = Deferred("sslcli.cli.actions.comparing")
_launch = Deferred("sslcli.workflows.training.launch")


def pretrain(
    settings: PretrainSettings | Mapping[str, Any] | None = None,
    /,
    *,
    events: Events | None = None,
    progress: bool = False,
    **flags: Any,
) -> FinishedRun:
    """Pretrain a Transformer, as `ssl pretrain` with the same flags: `--max-steps 100` is
    `max_steps=100`.

    `settings`: groups of settings, below `set` and the flags. `set`: any setting by its dotted key.
    `config`: run files. Options of plugins are arguments too: `mask_rate=0.3`. `events` is called
    with what happens; `progress` says it on stderr. Ctrl-C saves and raises Interrupted.
    """
    line = line_of_call("pretrain", (), flags, settings)
    refuse_no_function(events)
    with called(line):
        line_checks.check_pretrain_line(line.command, line.given)
        layers = layers_of(line.given, settings_flags(line.command, PretrainSettings))
        resolved = _resolve.resolve_pretraining(layers, _training.resumed(line.given, "pretrain"))
        _refuse_to_start_others(resolved.settings, line)
        with naming_sources(resolved.sources):
            result = _pretraining.pretrain(
                resolved.settings,
                resume=resolved.resume,
                overwrite=bool(line.given.get("overwrite")),
                observe=observer(events, progress),
            )
    return _finished(result)


def finetune(
    task: str | None = None,
    settings: FinetuneSettings | Mapping[str, Any] | None = None,
    /,
    *,
    events: Events | None = None,
    progress: bool = False,
    **flags: Any,
) -> FinishedRun:
    """Fine-tune a model for a task or a suite, as `ssl finetune TASK` with the same flags.

    With `seeds=5`, `init=["pretrained", "random"]`, `compare_scratch=True` or languages that are
    only scored it makes several runs, and the report is over all of them. The rest is as in
    `pretrain`.
    """
    line = line_of_call("finetune", () if task is None else (("task", task),), flags, settings)
    refuse_no_function(events)
    with called(line):
        line_checks.check_finetune_line(line.command, line.given)
        layers = _finetuning.layers(line.command, line.given)
        watch = watched_by(observer(events, progress))
        if _suites.is_named(line.given):
            return _suite_of_calls(line, layers, watch)
        resume = _training.resumed(line.given, "finetune")
        _finetuning.refuse_other_task(resume, line.given)
        resolved = _resolve.resolve_finetuning(layers, resume)
        _refuse_to_start_others(resolved.settings, line)
        overwrite = bool(line.given.get("overwrite"))
        with naming_sources(resolved.sources):
            plan, _ = _study.plan_study(resolved, _finetuning.study_request(line.given))
            if plan is not None:
                return _finished_study(_study.run_study(plan, watch, overwrite=overwrite))
            with watch("") as observe:
                result = _finetune.finetune(
                    resolved.settings, resume=resume, overwrite=overwrite, observe=observe
                )
    return _finished(result)


def compare(
    settings: CompareSettings | Mapping[str, Any] | None = None,
    /,
    *,
    events: Events | None = None,
    progress: bool = False,
    **flags: Any,
) -> FinishedRun:
    """Compare objectives, as `ssl compare --objectives` with the same flags: pretrain with each on
    the same data for the same cost, fine-tune every model for every task, one table.

    `objectives=["mlm", "clm"]`, `tasks=["pos"]`, `task_data={"pos": "en.conllu"}`. The report is
    the table, `runs` are those that it is made of; a comparison that was begun goes on by its
    `name`, or with `resume`. The rest is as in `pretrain`.
    """
    line = line_of_call("compare", (), flags, settings)
    refuse_no_function(events)
    with called(line):
        compare_checks.check_compare_line(line.command, line.given)
        run = _comparing.resolved_line(line.command, line.given, noted)
        with naming_sources(run.sources):
            found = _comparing.compared(
                run,
                watched_by(observer(events, progress)),
                noted,
                overwrite=bool(line.given.get("overwrite")),
            )
    return FinishedRun(found.folder, "done", len(found.runs), found.report, tuple(found.runs))


def _suite_of_calls(line: CalledLine, layers: Sequence[Any], watch: Any) -> FinishedRun:
    plan, resume, sources = _suites.plan(line.given, layers)
    overwrite = bool(line.given.get("overwrite")) and resume is None
    runs = [variant.folder for part in plan.parts for variant in plan.runs(part)]
    try:
        with naming_sources(sources):
            report = _suite.run_suite(plan, watch, resuming=resume is not None, overwrite=overwrite)
    except Preempted as error:
        if not error.message.startswith(OUT_OF_TIME):
            raise  # somebody asked to stop
        begun = tuple(folder for folder in runs if folder.is_dir())
        ended = sum(read_run(folder).status == "done" for folder in begun)
        return FinishedRun(plan.folder, OUT_OF_TIME, ended, Report(), begun)
    return FinishedRun(plan.folder, "done", len(runs), report, tuple(runs))


def _refuse_to_start_others(
    settings: PretrainSettings | FinetuneSettings, line: CalledLine
) -> None:
    """Raises UsageError where several processes are asked for and this is one: a call is not a
    command that can be started anew.
    """
    if number := _launch.processes_to_start(settings.hardware):
        gpus = settings.hardware.gpus
        problem = f"gpus={gpus} is for several processes, and a call trains in its own process"
        hint = (
            f"leave gpus out and start the script with: torchrun --nproc-per-node {number} SCRIPT; "
            f"or type {shlex.join(['ssl', *line.words])}"
        )
        raise UsageError(problem, hint)


def _finished(result: Any) -> FinishedRun:
    """Raises StopRequest where somebody asked to stop: what follows a call is not to go on then."""
    reason, step = result.outcome.reason, result.outcome.progress.step
    if reason in ("interrupted", "preempted"):
        kind = Interrupted if reason == "interrupted" else Preempted
        stopped = f"{reason} at step {step}; everything is saved in {result.folder}"
        raise kind(stopped, f"go on with resume={str(result.folder)!r}")
    return FinishedRun(result.folder, reason, step, result.report, (result.folder,))


def _finished_study(found: Any) -> FinishedRun:
    last, folders = found.ended[-1].result, tuple(each.result.folder for each in found.ended)
    finished = _finished(last)
    if found.report is None:
        return FinishedRun(folders[0], finished.reason, finished.step, Report(), folders)
    return FinishedRun(
        folders[0], "done", found.ended[0].result.outcome.progress.step, found.report, folders
    )
