"""Checks of every command's line before its action is imported.

Each `check_` function takes the command and the values of its line, raises the error for
contradictory, absent or misspelt values, and imports no torch.
"""

from collections.abc import Mapping
from pathlib import Path

from sslcli import registry
from sslcli.asides import output_file
from sslcli.cli.in_context_checks import check_in_context
from sslcli.cli.line_values import (
    answer_settings,
    hardware_of,
    languages_of_load,
    minimums_of,
    seed_count,
    seed_of,
    settings_flags,
    stack_of,
    starts_of,
)
from sslcli.cli.mistyped import refuse_data_as_task, refuse_word_as_probe
from sslcli.cli.options import Command, Given, layers_of, spellings
from sslcli.cli.tongues import tongue_of
from sslcli.core.settings import STACKS
from sslcli.datasets.locate import refuse_absent_labelled
from sslcli.engine.processes.rank import is_restart
from sslcli.errors import ConfigError, UsageError, choices
from sslcli.layers import dotted_layer
from sslcli.models.line_checks import (
    problems_in,
    refuse_absent_files,
    refuse_absent_model,
    refuse_absent_tokenizer,
    refuse_no_data,
    refuse_pretraining,
    refuse_processes,
    refuse_text_settings,
    refuse_unknown,
    refuse_unknown_task,
    refuse_unread_kind,
    refuse_untracked,
    refuse_unusable_data,
)
from sslcli.plainfiles import no_such_file
from sslcli.reports import printable
from sslcli.resolving import naming_sources, resolve
from sslcli.runs.catalogue import runs_folder
from sslcli.runs.references import LATEST, find_run
from sslcli.settings import (
    FinetuneSettings,
    PretrainSettings,
    TokenizeSettings,
)
from sslcli.workflows.evaluate.shot_settings import InContextSettings
from sslcli.workflows.translate_shift.settings import ShiftSettings

LONGEST_NAME_BYTES = 200  # file systems take 255, and a temporary folder beside it adds to the name
EXPORT_FORMATS = ("hf",)
BLANK = "[MASK]"
# Of each pair the one makes the other mean nothing.
AGAINST = (
    ("resume", "overwrite"),
    ("dry_run", "show_batch"),
    ("dry_run", "check"),
    ("run.folder", "run.name"),
    ("model.source", "model.preset"),
    ("tokenizer.source", "tokenizer.kind"),
    ("tokenizer.source", "tokenizer.vocabulary"),
    ("quiet", "verbose"),
    ("load", "shift"),
    ("load", "save"),
)


def check_pretrain_line(command: Command, given: Given) -> None:
    """Refuse contradictory flags, settings that do not validate, and data that is not there.

    A run to resume brings its own settings, so these are not checked here.
    """
    refuse_strange_name(given.get("run.name"))
    refuse_contradictions(command, given)
    if _goes_on(given):
        return
    resolved = resolve(
        PretrainSettings, *layers_of(given, settings_flags(command, PretrainSettings))
    )
    refuse_strange_name(resolved.settings.run.name)
    with naming_sources(resolved.sources):
        refuse_pretraining(resolved.settings)
    refuse_text_settings(resolved.settings.data, resolved.sources)


def check_finetune_line(command: Command, given: Given) -> None:
    """Refuse unknown tasks, contradictory flags, invalid options, absent models and files."""
    refuse_strange_name(given.get("run.name"))
    refuse_contradictions(command, given)
    if "task" in given:
        refuse_data_as_task("finetune", given["task"])
        refuse_unknown_task(given["task"])
    several = len(starts_of(given)) * seed_count(given) > 1
    if _goes_on(given):
        return
    task = [dotted_layer({"task": given["task"]}, "the line")] if "task" in given else []
    resolved = resolve(
        FinetuneSettings, *task, *layers_of(given, settings_flags(command, FinetuneSettings))
    )
    settings = resolved.settings
    if "task" not in resolved.sources:
        raise UsageError(
            "which task?", f"ssl finetune TASK; there are {', '.join(registry.names('tasks'))}"
        )
    refuse_unknown_task(settings.task)
    kind = "suites" if settings.task in registry.names("suites") else "tasks"
    _refuse_options(
        kind,
        settings.task,
        settings.options,
        resolved.sources,
        f"ssl finetune {settings.task} --help lists the options",
    )
    if several and settings.hardware.gpus is not None:
        raise UsageError(
            "several runs one after the other are not started in several processes",
            "make one run at a time",
        )
    refuse_processes(settings.hardware, settings.optimizer)
    refuse_absent_model(settings.model.source)
    refuse_untracked(settings.run)
    refuse_no_data(settings.data.train)
    if kind == "tasks":
        for references in (settings.data.train, settings.data.evaluation, settings.data.test):
            refuse_absent_labelled(references)
        data = settings.data
        refuse_unread_kind(
            settings.task, settings.model.source, (*data.train, *data.evaluation, *data.test)
        )


def check_evaluate_line(command: Command, given: Given) -> None:
    """Refuse a --min that cannot be parsed, flags of --in-context without it, what it cannot be
    asked, and whatever `ssl predict` refuses too.
    """
    minimums_of(given.get("min", ()))
    _check_answering("evaluate", command, given)
    if given.get("in_context"):
        check_in_context(command, given)
        return
    for flag in command.flags:
        if flag.key in InContextSettings.model_fields and flag.key in given:
            problem = f"{flag.names[0]} is for an evaluation in context"
            raise UsageError(problem, "add --in-context, or leave it out")


def check_predict_line(command: Command, given: Given) -> None:
    """Refuse an unknown task, contradictory flags, and an absent model or labelled file."""
    _check_answering("predict", command, given)


def _check_answering(name: str, command: Command, given: Given) -> None:
    refuse_data_as_task(name, given["task"])
    refuse_unknown_task(given["task"])
    resolved = answer_settings(command, given)
    if given["task"] in registry.names("tasks"):
        hint = f"ssl {name} {given['task']} --help lists the options"
        _refuse_options("tasks", given["task"], resolved.settings.options, resolved.sources, hint)
    refuse_absent_model(given.get("model"))
    refuse_absent_labelled(resolved.settings.data.evaluation)


def check_probe_line(command: Command, given: Given) -> None:
    """Refuse unknown probes, two models on one line, invalid options and absent models."""
    name = given["probe"]
    refuse_word_as_probe(name)
    refuse_unknown("probes", name, "probe")
    typed = registry.attribute("probes", name, "positional_fields")
    options = {
        key.removeprefix("options."): value
        for key, value in given.items()
        if key.startswith("options.")
    }
    word = given.get("typed")
    if word is not None and not typed and "model" in given:
        raise UsageError(
            f"'{word}' and --model {given['model']} are two models", "leave one of them out"
        )
    named = [flag for flag in command.flags if flag.names and flag.key in given]
    sources = {flag.key.removeprefix("options."): sorted(spellings([flag]))[0] for flag in named}
    given_options = {**options, **({typed: word} if typed and word is not None else {})}
    _refuse_options(
        "probes",
        name,
        given_options,
        sources,
        f"ssl probe {name} --help lists the options",
        prefix="",
    )
    refuse_absent_files("probes", name, given_options)
    refuse_absent_labelled(given.get("data", ()), patterns=True)
    seed_of(given)
    hardware_of(given)
    _refuse_half(name, stack_of(given))
    refuse_absent_model(given.get("model") if typed else word or given.get("model"))


def _refuse_half(name: str, stack: str | None) -> None:
    """Raises UsageError where a probe does not look into this half of an encoder-decoder."""
    own = registry.attribute("probes", name, "architectures")
    if stack is None or stack in own:
        return
    other = next((f"--stack {half}" for half in sorted(own) if half in STACKS), "")
    raise UsageError(
        f"'{name}' does not look into {'an' if stack[0] in 'aeiou' else 'a'} {stack}",
        f"use {other}, or choose another probe" if other else "leave out --stack",
    )


def check_translate_shift_line(command: Command, given: Given) -> None:
    """Refuse unknown shifts, several texts, contradictory flags, absent models and files."""
    if "shift" in given:
        refuse_unknown("shifts", given["shift"], "shift")
    words = given.get("words") or []
    if not given.get("evaluate") and len(words) != 1:
        problem = (
            "there is no text to move"
            if not words
            else f"one text is moved at a time, not {len(words)}"
        )
        raise UsageError(
            problem,
            'quote it: ssl translate-shift "I like apples"; files of translations need --evaluate',
        )
    refuse_contradictions(command, given)
    _refuse_unread_of_text(command, given)
    _refuse_shift_files(given)
    flags = [
        flag
        for flag in command.flags
        if flag.key in ShiftSettings.model_fields and flag.key not in languages_of_load(given)
    ]
    try:
        resolve(ShiftSettings, *layers_of(given, flags))
    except ConfigError as error:
        raise ConfigError(
            error.problems, error.hint or "ssl translate-shift --help lists the flags"
        ) from error
    seed_of(given)
    hardware_of(given)
    files = [*given.get("data", ()), *(words if given.get("evaluate") else ())]
    refuse_absent_labelled(files, patterns=True)
    refuse_absent_model(given.get("model"))


def _refuse_unread_of_text(command: Command, given: Given) -> None:
    """Raises UsageError for flags that only a test of the shift reads, or only a text that is
    moved.
    """
    tested = bool(given.get("evaluate"))
    unread = ("top",) if tested else ("limit", "random_vectors")
    for flag in command.flags:
        if flag.key in unread and flag.key in given:
            read, instead = (
                ("a text that is moved", "leave out") if tested else ("--evaluate", "add")
            )
            problem = f"{flag.names[0]} is for {read}, and would change nothing here"
            raise UsageError(problem, f"leave it out, or {instead} --evaluate")


def _refuse_shift_files(given: Given) -> None:
    """Raise UsageError where a shift is both loaded and fitted, or its file cannot be used."""
    if "load" in given:
        if options := [key.removeprefix("options.") for key in given if key.startswith("options.")]:
            flag = f"--{options[0].replace('_', '-')}"
            raise UsageError(
                f"--load and {flag} contradict each other", "the file has the options of its shift"
            )
        for key in ("data", "sentences") if not given.get("evaluate") else ():
            if key in given:
                raise UsageError(
                    f"--load and --{key} contradict each other",
                    f"a shift that is loaded is not estimated: leave --{key} out",
                )
        if not Path(given["load"]).is_file():
            problem = no_such_file(given["load"])
            hint = f"{problem.hint}  ssl translate-shift --save FILE writes one"
            raise UsageError(problem.message, hint)
    if "save" in given:
        output_file(Path(given["save"]), "--save")


def check_export_line(command: Command, given: Given) -> None:
    """Refuse an unknown format, --base without --adapter, and an absent model."""
    if (to := given.get("to", EXPORT_FORMATS[0])) not in EXPORT_FORMATS:
        raise UsageError(f"there is no format '{to}'", choices(to, EXPORT_FORMATS))
    if "base" in given and not given.get("adapter"):
        raise UsageError("--base is for adapters", "add --adapter, or leave it out")
    refuse_absent_model(given["model"])


def check_tokenize_line(command: Command, given: Given) -> None:
    """Refuse invalid settings, contradictory flags and, where text is needed, absent data."""
    resolved = resolve(
        TokenizeSettings, *layers_of(given, settings_flags(command, TokenizeSettings))
    )
    refuse_contradictions(command, given)
    refuse_absent_tokenizer(resolved.settings.tokenizer.source)
    if "show" not in given or not resolved.settings.tokenizer.source:
        refuse_unusable_data(resolved.settings.data.train, resolved.settings.data.reader)
        refuse_text_settings(resolved.settings.data, resolved.sources)


def check_report_line(command: Command, given: Given) -> None:
    """Refuse a language that no page is in, and a run that does not exist."""
    tongue_of(given)
    find_run(given.get("run", LATEST))


def refuse_contradictions(command: Command, given: Given) -> None:
    """Raise UsageError for two flags of which one disables the other."""
    said = {
        flag.key: flag.names[0].partition("/")[0]
        for flag in command.flags
        if flag.names and given.get(flag.key)
    }
    said |= {key: f"--{key}" for key in ("quiet", "verbose") if given.get(key)}
    for first, second in AGAINST:
        if first in said and second in said:
            raise UsageError(
                f"{said[first]} and {said[second]} contradict each other", "leave one of them out"
            )


def refuse_strange_name(name: str | None) -> None:
    """Raise UsageError for what cannot be the name of one folder below runs/."""
    if name is None:
        return
    if (
        name in ("", ".", "..")
        or "/" in name
        or printable(name) != name
        or len(name.encode()) > LONGEST_NAME_BYTES
    ):
        shown = name if len(name) <= 60 else f"{name[:57]}..."
        raise UsageError(
            (
                f"--name cannot be '{shown}': it is one name, of at most "
                f"{LONGEST_NAME_BYTES} bytes, without '/' and control characters"
            ),
            f"give a path with --out, or a plain name, which becomes a folder in {runs_folder()}",
        )


def _goes_on(given: Given) -> bool:
    """Return whether the line resumes a run, whose saved settings come first."""
    return given.get("resume") is not None or is_restart()


def _refuse_options(
    kind: str,
    name: str,
    given: Mapping[str, object],
    sources: Mapping[str, str],
    hint: str,
    prefix: str = "options",
) -> None:
    with naming_sources(sources):
        if problems := problems_in(kind, name, given, prefix):
            raise ConfigError(problems, hint)
