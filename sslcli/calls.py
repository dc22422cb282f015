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
import sys
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sslcli import registry
from sslcli.called import CalledLine, line_of_call, several, text_argument
from sslcli.cli import line_checks
from sslcli.cli.app import help_line
from sslcli.cli.line_values import HARDWARE, hardware_of, minimums_of, settings_flags, stack_of
from sslcli.cli.options import layers_of
from sslcli.deferred import Deferred
from sslcli.engine.events import Event
from sslcli.errors import ArgumentError, ConfigError, Interrupted, Preempted, UsageError
from sslcli.reports import Report
from sslcli.resolving import naming_sources
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import RUN_FILE, read_metrics, read_run
from sslcli.runs.command_line import called_as
from sslcli.runs.references import LATEST, LOOKED_INTO, TRAINED, decided, run_of
from sslcli.settings import FinetuneSettings, PretrainSettings

if TYPE_CHECKING:
    from sslcli.workflows.probe.loaded import LoadedModel

Events = Callable[[Event], None]
OUT_OF_TIME = "out of time"  # a reason
NOTE = "note: "  # so begins what a command says of the model that it takes

# With these torch is loaded: when a call is known to be right.
_training = Deferred("sslcli.cli.actions.training")
_pretraining = Deferred("sslcli.workflows.pretrain.pretrain")
_finetuning = Deferred("sslcli.cli.actions.finetuning")
_finetune = Deferred("sslcli.workflows.finetune.finetune")
_study = Deferred("sslcli.workflows.finetune.run_study")
_resolve = Deferred("sslcli.workflows.training.resolve")
_suites = Deferred("sslcli.cli.actions.training_suites")
_suite = Deferred("sslcli.workflows.suite.suite")
_evaluating = Deferred("sslcli.cli.actions.evaluating")
_evaluate = Deferred("sslcli.workflows.evaluate.evaluate")
_scoring = Deferred("sslcli.workflows.evaluate.scoring")
_predicting = Deferred("sslcli.cli.actions.predicting")
_probing = Deferred("sslcli.cli.actions.probing")
_resume = Deferred("sslcli.workflows.training.resume")
_run_folder = Deferred("sslcli.runs.run_folder")
_launch = Deferred("sslcli.workflows.training.launch")
_loaded = Deferred("sslcli.workflows.probe.loaded")


@dataclass(frozen=True)
class FinishedRun:
    """A run that came to its end, or to that of its time (`reason`: "done" or "out of time").

    `report`: what it reached, as the command shows it; empty of a study or a suite that was out of
    time. `step`: of a suite, how many of its runs are done. `runs`: of a study, or of a suite, the
    folders of all its runs that began; of one run its own.
    """

    folder: Path
    reason: str
    step: int
    report: Report
    runs: tuple[Path, ...] = ()

    @cached_property
    def settings(self) -> PretrainSettings | FinetuneSettings:
        """All settings of the run, complete: they replay it."""
        is_task = "task" in read_layer(self.folder / RUN_FILE).values
        return _resume.saved_settings(
            FinetuneSettings if is_task else PretrainSettings, self.folder
        )

    @cached_property
    def metrics(self) -> Sequence[Mapping[str, Any]]:
        """The lines of metrics.jsonl: losses and metrics of training ("train") and held out
        ("eval").
        """
        return [line for line in read_metrics(self.folder) if line["split"] in ("train", "eval")]


@dataclass(frozen=True)
class Answers(Sequence[Mapping[str, Any]]):
    """The answers to examples, in their order, each as a line of `ssl predict`; `notes`: what is to
    be known of them.
    """

    lines: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index: Any) -> Any:
        return self.lines[index]


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
    _refuse_no_function(events)
    with _called(line):
        line_checks.check_pretrain_line(line.command, line.given)
        layers = layers_of(line.given, settings_flags(line.command, PretrainSettings))
        resolved = _resolve.resolve_pretraining(layers, _training.resumed(line.given, "pretrain"))
        _refuse_to_start_others(resolved.settings, line)
        with naming_sources(resolved.sources):
            result = _pretraining.pretrain(
                resolved.settings,
                resume=resolved.resume,
                overwrite=bool(line.given.get("overwrite")),
                observe=_observer(events, progress),
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
    _refuse_no_function(events)
    with _called(line):
        line_checks.check_finetune_line(line.command, line.given)
        layers = _finetuning.layers(line.command, line.given)
        watch = _watch(_observer(events, progress))
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


def evaluate(model: Any = None, *, task: str | None = None, **flags: Any) -> Report:
    """Score a fine-tuned model on labelled data, as `ssl evaluate TASK`; the held-out data of its
    run when none is given.

    `model`: a run by folder, name or "@latest:TASK", or a model directory; the newest run of `task`
    when not given. `out`: a folder for the predictions. `min={"f1": 80}` raises CheckError where a
    score is worse.
    """
    line = _answering("evaluate", model, task, flags)
    with _called(line):
        line_checks.check_evaluate_line(line.command, line.given)
        found = _evaluating.evaluated(line.command, line.given, _noted)
        _evaluate.refuse_below(found.report.scores, minimums_of(line.given.get("min", ())))
    return found.report


def predict(
    model: Any = None,
    *,
    texts: Sequence[str | Sequence[str]] | None = None,
    task: str | None = None,
    **flags: Any,
) -> Answers:
    """Let a fine-tuned model answer, as `ssl predict TASK`: files (`data=`), or `texts`.

    A text is a string, or as many as the task takes: ("question", "passage") for qa. A string in
    the place of a list is one text.
    """
    if isinstance(texts, str):  # which would be a text for every letter
        texts = [texts]
    if texts is not None:
        texts = [_as_typed(text) for text in several("texts", texts)]
    if texts is None and flags.get("data") is None:
        raise UsageError("what to answer?", "give data=FILE, or texts=[...]")
    if texts is not None and flags.get("data") is not None:
        raise UsageError("a text and --data are two things to answer", "give one of them")
    line = _answering("predict", model, task, flags)
    with _called(line):
        line_checks.check_predict_line(line.command, line.given)
    if "out" in line.given:
        hint = "write them where you want them"
        raise ArgumentError("predict() gives the answers back; it has no 'out'", hint)
    typed = texts or ()
    if texts is not None and not typed:
        return Answers(())
    with _called(line):
        notes: list[str] = []
        question = _predicting.question(line.command, line.given, typed, _noted)
        has_files = question.has_files
        lines = [
            _scoring.answer_line(*pair, with_file=has_files)
            for pair in question.answers(notes.append)
        ]
        return Answers(tuple(lines), tuple([*notes, *question.remarks()]))


def probe(name: str, word: str | None = None, **flags: Any) -> Report:
    """Look into a frozen model, as `ssl probe NAME WORD`; files are written where `out` says, and
    nowhere else.
    """
    positional = [("probe", name), *([("typed", word)] if word is not None else [])]
    line = line_of_call("probe", positional, flags)
    with _called(line):
        line_checks.check_probe_line(line.command, line.given)
        found = _probing.probed(line.command, line.given, _noted, writes=False)
    return found.report


def load(model: Any = LATEST, **more: Any) -> "LoadedModel":
    """A trained model to work with: `hidden("a text", layer=-1)`, `tokens`, `tokenizer`,
    `settings`, `backbone`.

    `model`: a run, a checkpoint ("RUN:step-2000"), or a model directory. `stack`: the half of an
    encoder-decoder, its encoder where not given. `device`, `precision`: as everywhere.
    """
    asked = {"model": LATEST if model is None else model, **more}
    line = line_of_call("probe", [], asked, only=("model", "stack", *HARDWARE), called="load")
    reference = line.given["model"]
    line_checks.refuse_absent_model(reference)
    with _called(line):
        settings, stack = hardware_of(line.given), stack_of(line.given)
    reference, notes = decided(reference, LOOKED_INTO)
    for note in notes:
        _noted(f"{NOTE}{note}")
    return _loaded.LoadedModel.of(reference, settings, stack)


def _answering(name: str, model: Any, task: str | None, flags: Mapping[str, Any]) -> CalledLine:
    """The line of a command that answers; which task it is for follows from the model where it is
    one of ours.
    """
    if model is not None:
        flags = {"model": model, **flags}
    if task is None:
        reference = (
            None if model is None else line_of_call(name, [], {"model": model}).given["model"]
        )
        task = _task_of(reference)
    return line_of_call(name, [("task", task)], flags)


def _task_of(reference: str | None) -> str:
    run = None if reference is None else run_of(decided(reference, TRAINED)[0])
    if run is None:
        raise UsageError(
            "which task?", f"say task=TASK; there are {', '.join(registry.names('tasks'))}"
        )
    task = read_layer(run / RUN_FILE).values.get("task")
    if not isinstance(task, str):
        hint = f"fine-tune it first: sslcli.finetune(TASK, model={str(run)!r})"
        raise UsageError(f"{run} was pretrained, and not fine-tuned for a task", hint)
    return task


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


def _as_typed(text: Any) -> tuple[str, ...]:
    """A text, or as many as the task takes, as a line has them."""
    parts = (text,) if isinstance(text, str) else several("texts", text)
    return tuple(text_argument("texts", part) for part in parts)


@contextmanager
def _called(line: CalledLine) -> Generator[None]:
    """The checks of a line and its work, with the line for what is written and a hint for what is
    wrong in settings.
    """
    try:
        with called_as(line.words):
            yield
    except ConfigError as error:
        error.hint = error.hint or help_line(line.words)
        raise


def _watch(observe: Events) -> Callable[[str], AbstractContextManager[Events]]:
    return lambda title: nullcontext(observe)


def _refuse_no_function(events: Any) -> None:
    """Raises ArgumentError for what cannot be called with what happens."""
    if events is not None and not callable(events):
        problem = f"'events' is a function of one event, not {events!r:.60}"
        raise ArgumentError(problem, "give one, as in events=print")


def _observer(events: Events | None, progress: bool) -> Events:
    """Who hears what happens: the caller, and stderr where that is wanted."""
    describe = _run_folder.describe

    def observe(event: Event) -> None:
        if progress:
            print(describe(event), file=sys.stderr, flush=True)
        if events is not None:
            events(event)

    return observe


def _noted(sentence: str) -> None:
    """Nothing is said of the way; what is to be known of the model is a warning of Python."""
    if sentence.startswith(NOTE):
        warnings.warn(sentence.removeprefix(NOTE), stacklevel=2)
