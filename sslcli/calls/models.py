"""Calls from Python that ask a model: score it, let it answer, look into it, load it; and fetch
one.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from sslcli import registry
from sslcli.calls.calling import NOTE, called, noted
from sslcli.calls.line import CalledLine, line_of_call, several, text_argument
from sslcli.calls.results import Answers
from sslcli.cli import fetch_checks, line_checks
from sslcli.cli.line_values import HARDWARE, hardware_of, minimums_of, stack_of
from sslcli.deferred import Deferred
from sslcli.errors import ArgumentError, UsageError
from sslcli.progress import heard_by
from sslcli.reports import Report
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import RUN_FILE
from sslcli.runs.references import LATEST, LOOKED_INTO, TRAINED, decided, run_of

if TYPE_CHECKING:
    from sslcli.workflows.fetch.fetch import Fetched
    from sslcli.workflows.probe.loaded import LoadedModel

# With these torch is loaded: when a call is known to be right.
_evaluating = Deferred("sslcli.cli.actions.evaluating")
_evaluate = Deferred("sslcli.workflows.evaluate.evaluate")
_scoring = Deferred("sslcli.workflows.evaluate.scoring")
_predicting = Deferred("sslcli.cli.actions.predicting")
_probing = Deferred("sslcli.cli.actions.probing")
_loaded = Deferred("sslcli.workflows.probe.loaded")
_fetch = Deferred("sslcli.workflows.fetch.fetch")


def evaluate(model: Any = None, *, task: str | None = None, **flags: Any) -> Report:
    """Score a fine-tuned model on labelled data, as `ssl evaluate TASK`; the held-out data of its
    run when none is given.

    `model`: a run by folder, name or "@latest:TASK", or a model directory; the newest run of `task`
    when not given. `out`: a folder for the predictions. `min={"f1": 80}` raises CheckError where a
    score is worse.
    """
    line = _answering("evaluate", model, task, flags)
    with called(line):
        line_checks.check_evaluate_line(line.command, line.given)
        found = _evaluating.evaluated(line.command, line.given, noted)
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
    with called(line):
        line_checks.check_predict_line(line.command, line.given)
    if "out" in line.given:
        hint = "write them where you want them"
        raise ArgumentError("predict() gives the answers back; it has no 'out'", hint)
    typed = texts or ()
    if texts is not None and not typed:
        return Answers(())
    with called(line):
        notes: list[str] = []
        question = _predicting.question(line.command, line.given, typed, noted)
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
    with called(line):
        line_checks.check_probe_line(line.command, line.given)
        found = _probing.probed(line.command, line.given, noted, writes=False)
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
    with called(line):
        settings, stack = hardware_of(line.given), stack_of(line.given)
    reference, notes = decided(reference, LOOKED_INTO)
    for note in notes:
        noted(f"{NOTE}{note}")
    return _loaded.LoadedModel.of(reference, settings, stack)


def fetch(model: str, *, revision: str | None = None, progress: bool = False) -> "Fetched":
    """Fetch a model of a hub into the cache that all tools share, as `ssl fetch`: the only call
    that uses a network.

    `model`: "hf:ORG/NAME" or "hf:ORG/NAME@REVISION". What comes back says its `name` with the
    commit, its `folder`, its `files` and how many bytes were `moved`; it is a model for every other
    call: `sslcli.probe("neighbors", "cat", model=sslcli.fetch("hf:ORG/NAME"))`. `progress` says on
    stderr what happens. Raises SslError.
    """
    line = line_of_call("fetch", [("model", model)], {"revision": revision})
    with called(line), heard_by(_told) if progress else nullcontext():
        fetch_checks.check_fetch_line(line.command, line.given)
        return _fetch.fetch(fetch_checks.wanted_model(line.given), noted)


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


def _as_typed(text: Any) -> tuple[str, ...]:
    """A text, or as many as the task takes, as a line has them."""
    parts = (text,) if isinstance(text, str) else several("texts", text)
    return tuple(text_argument("texts", part) for part in parts)


def _told(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
