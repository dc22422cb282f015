"""Plugins that a line names, read before it is parsed: they decide which flags there are."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sslcli import registry
from sslcli.cli.mistyped import refuse_foreign_objective
from sslcli.cli.options import GLOBALS, Flag, peek, plugin_flags, spellings, unambiguous
from sslcli.config import decides_training, leaves
from sslcli.datasets.locate import reader_at
from sslcli.errors import UsageError
from sslcli.layers import merged, nested
from sslcli.modalities import modality_read
from sslcli.runfiles import parse_assignments, read_layer
from sslcli.runs.catalogue import RUN_FILE, read_run
from sslcli.runs.references import (
    ASKED,
    LATEST,
    Purpose,
    decided,
    generating_tasks,
    generators,
    head_readers,
    names_with,
    run_of,
    shape_in,
    what_generates,
)

REQUEST = "request"
FLAGS = {"--objective": "objective", "--reader": "data.reader", "--tokenizer": "tokenizer.kind"}


def said_by(words: Sequence[str], files: Iterable[Path] = ()) -> dict[str, Any]:
    """Return the settings that choose plugins: `files` < -c files < --set < flags."""
    tree: dict[str, Any] = {}
    for path in (*files, *(Path(name) for name in peek(words, "--config", "-c"))):
        tree = merged(tree, read_layer(path).values)
    tree = merged(tree, parse_assignments(peek(words, "--set", "-s")).values)
    for flag, key in FLAGS.items():
        for value in peek(words, flag)[-1:]:
            tree = merged(tree, nested(key, value))
    return tree


def text_at(tree: Any, key: str) -> str:
    """Return the text at a dotted key, empty where there is none.

    Anything else is refused later by the settings.
    """
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree if isinstance(tree, str) else ""


def data_plugin_flags(
    words: Sequence[str], said: dict[str, Any], flags: Sequence[Flag]
) -> list[Flag]:
    """Return the options of the reader, named or that of the data, and of the named tokenizer;
    `flags` are taken already.
    """
    added: list[Flag] = []
    reader = text_at(said, "data.reader")
    for reference in () if reader else peek(words, "--data", "-d"):
        reader = reader or reader_at(reference)
    for kind, name, key in (
        ("readers", reader, "data.reader_options"),
        ("tokenizers", text_at(said, "tokenizer.kind"), "tokenizer.options"),
    ):
        if name:
            added += plugin_flags(
                _options(kind, name), name, key, spellings([*flags, *added, *GLOBALS])
            )
    return added


def objective_flags(expression: str, flags: Sequence[Flag]) -> list[Flag]:
    """Return the options of "mlm", or of both parts of "mlm+nsp"; `flags` are taken already."""
    refuse_foreign_objective(expression)
    names = list(dict.fromkeys(name.strip() for name in expression.split("+") if name.strip()))
    taken = spellings([*flags, *GLOBALS])
    return unambiguous(
        [
            flag
            for name in names
            for flag in plugin_flags(
                _options("objectives", name), name, f"options.{name}", taken, joined=len(names) > 1
            )
        ]
    )


def named_task(words: Sequence[str], files: Iterable[Path] = ()) -> str:
    """Return the task or suite of the line, else of its run file, else an empty text."""
    known = {*registry.names("tasks"), *registry.names("suites")}
    on_line = next((word for word in words if word in known), "")
    return on_line or text_at(said_by(words, files), "task")


def task_flags(name: str, flags: Sequence[Flag]) -> list[Flag]:
    """Return the options of a task; `flags` are taken already."""
    return plugin_flags(_options("tasks", name), name, "options", spellings([*flags, *GLOBALS]))


def answering_flags(name: str, flags: Sequence[Flag]) -> list[Flag]:
    """Return the options of a task that still apply to a trained model: reading and prediction."""
    fixed = {
        f"options.{key}"
        for key, field in leaves(_options("tasks", name))
        if decides_training(field)
    }
    return [flag for flag in task_flags(name, flags) if flag.key not in fixed]


def suite_flags(name: str, flags: Sequence[Flag]) -> list[Flag]:
    """Return the options of a suite; `flags` are taken already."""
    return plugin_flags(_options("suites", name), name, "options", spellings([*flags, *GLOBALS]))


def probe_flags(name: str, flags: Sequence[Flag]) -> list[Flag]:
    """Return the options of a probe, also the one that a bare word fills."""
    return plugin_flags(_options("probes", name), name, "options", spellings([*flags, *GLOBALS]))


def shift_flags(name: str, flags: Sequence[Flag]) -> list[Flag]:
    """Return the options of a shift; `flags` are taken already."""
    return plugin_flags(_options("shifts", name), name, "options", spellings([*flags, *GLOBALS]))


def request_flags(reference: str, flags: Sequence[Flag], use: Purpose = ASKED) -> list[Flag]:
    """Return the request flags of a model's objective.

    A foreign directory has those of every objective that may read it. Raises UsageError where the
    reference leads nowhere, or the model does not generate.
    """
    found: dict[str, Flag] = {}
    for name in asked_objectives(reference, use):
        request = _request(name)
        found |= {
            flag.key: flag
            for flag in plugin_flags(
                request, name, REQUEST, spellings([*flags, *GLOBALS]), panel="Request"
            )
        }
    return [flag for key, flag in found.items() if key != f"{REQUEST}.text"]


def asked_objectives(reference: str, use: Purpose = ASKED) -> list[str]:
    """Return the objectives that a model has, or may have, and that can be asked for something.

    Raises as `request_flags`.
    """
    run = run_of(decided(reference, use)[0])
    said = (
        head_readers()
        if run is None
        else text_at(read_layer(run / RUN_FILE).values, "objective").split("+")
    )
    if run is not None and not any(said):
        task = text_at(read_layer(run / RUN_FILE).values, "task")
        if task in generating_tasks():
            return _that_read("decoder")
        hint = f"ask it with ssl predict {task}, or name one that was pretrained: @latest:mlm"
        raise UsageError(f"{run} was not pretrained but fine-tuned, and cannot generate", hint)
    reads = "text" if run is None else modality_read(shape_in(read_run(run))) or "text"
    asked = generators(reads, said)
    if not asked:
        problem = f"{run} was pretrained with {'+'.join(said)}, which does not generate"
        raise UsageError(problem, what_generates(reads))
    return asked


def generated(objective: str, reference: str | None = None) -> tuple[str, str]:
    """What models of an objective generate, in words, and a line that asks one for it; `reference`:
    the model that is named there.
    """
    what, words = _said(objective, "generates"), _said(objective, "request_example")
    model = f"{LATEST}:{objective}" if reference is None else reference
    line = " ".join(filter(None, ["ssl generate", words, "--model", shlex.quote(model)]))
    return what or "by its own flags", line


def asked_of_others(option: str, words: Sequence[str]) -> tuple[str, str] | None:
    """The message and the hint for a flag of a line of `ssl generate` that models of other
    objectives have; None where none has it.
    """
    others = [
        name
        for name in names_with("Request")
        if option in spellings(plugin_flags(_request(name), name, REQUEST, spellings(GLOBALS)))
    ]
    if not others:
        return None
    named = peek(words, "--model", "-m")
    own = asked_objectives([LATEST, *named][-1])
    what, line = generated(own[0], named[-1] if named else None)
    kind = f"asked as one of {own[0]}"
    if len(own) > 1:  # a directory, which is not opened here
        kind = "a decoder, an encoder-decoder or an encoder"
    model = named[-1] if named else "the newest run"
    problem = f"{option} is for models of {' and '.join(others)}, and {model} is {kind}"
    it = f"it generates {what}, as in: {line}" if len(own) == 1 else f"as in: {line}"
    return problem, f"{it}; or name a model of {others[0]}: --model {LATEST}:{others[0]}"


def _said(objective: str, member: str) -> str:
    try:
        found = registry.attribute("objectives", objective, member)
    except AttributeError:
        return ""
    return found if isinstance(found, str) else ""


def _request(objective: str) -> type[BaseModel]:
    return registry.plugin_settings("objectives", objective, "Request")


def _that_read(architecture: str) -> list[str]:
    """The objectives that read the head of such a model and can be asked for something."""
    return [
        name
        for name in head_readers()
        if architecture in registry.attribute("objectives", name, "architectures")
        and name in names_with("Request")
    ]


def _options(kind: str, name: str) -> type[BaseModel]:
    return registry.plugin_settings(kind, name)
