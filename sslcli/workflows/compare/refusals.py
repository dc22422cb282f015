"""What no comparison can be, said before torch is loaded and anything is trained.

What fits what is read from the contracts of the plugins, never from their names.
"""

from collections.abc import Iterable, Mapping, Sequence

from sslcli import registry
from sslcli.core.presets import preset
from sslcli.datasets.locate import is_read_once, refuse_absent_labelled, split_language
from sslcli.errors import ConfigError, UsageError
from sslcli.models.line_checks import (
    ANY_VOCABULARY,
    architecture_of,
    objective_names,
    problems_in,
    refuse_absent_tokenizer,
    refuse_no_data,
    refuse_objective,
    refuse_processes,
    refuse_unknown,
    refuse_untracked,
    refuse_unusable_data,
)
from sslcli.workflows.compare.compare_settings import CompareSettings

# of a fine-tuning, what the comparison itself decides
DECIDED = ("task", "options", "labels", "model", "data", "hardware", "run")
DECIDED_OF_TRAINING = ("max_steps", "epochs", "max_time", "seed", "patience")
EXAMPLE = "ssl compare --objectives mlm,clm --tasks pos --budget 15m"


def refuse_comparison(settings: CompareSettings) -> None:
    """Raises UsageError, PluginError, ConfigError or DataError for what cannot be compared."""
    _refuse_names(settings.objectives, "objective", 2)
    _refuse_names(settings.tasks, "task", 1)
    for task in settings.tasks:
        refuse_unknown("tasks", task, "task")
    _refuse_options(settings)
    _refuse_other_kinds(settings.objectives)
    _refuse_pairs(settings)
    _refuse_shapes(settings)
    _refuse_finetuning(settings.finetuning)
    if settings.hardware.gpus is not None:
        raise UsageError("a comparison is one process after the other", "leave out --gpus")
    refuse_processes(settings.hardware, settings.optimizer)
    refuse_absent_tokenizer(settings.tokenizer.source)
    refuse_untracked(settings.run)
    refuse_no_data(settings.data.train)
    for references in (settings.data.train, settings.data.evaluation):
        if any(is_read_once(split_language(each)[1]) for each in references):
            problem = "what comes through a pipe can be read once, and every objective reads it"
            raise UsageError(problem, "write it into a file first")
        refuse_unusable_data(references, settings.data.reader)
    _refuse_task_data(settings)


def by_task(named: Iterable[str], flag: str, tasks: Sequence[str]) -> dict[str, list[str]]:
    """ "qa=FILE", ... -> the files of each task. Raises UsageError for another task, or none."""
    found: dict[str, list[str]] = {}
    for text in named:
        task, equals, file = text.partition("=")
        if not equals or not file or task not in tasks:
            hint = f"write {flag} {tasks[0]}=FILE, of one of: {', '.join(tasks)}"
            raise UsageError(f"{flag} {text:.60} names no task that is compared", hint)
        found.setdefault(task, []).append(file)
    return found


def are_generated(references: Sequence[str]) -> bool:
    """Tell whether all references are generated sources (demo:NAME), which may have labels too."""
    schemes = [split_language(reference)[1].partition(":") for reference in references]
    return all(colon and scheme in registry.names("readers") for scheme, colon, _ in schemes)


def _refuse_names(given: Sequence[str], word: str, least: int) -> None:
    if not any(given):
        raise UsageError(f"no {word} is named", f"as in: {EXAMPLE}")
    if "" in given:
        raise UsageError(f"--{word}s leaves a place empty", f"as in: {EXAMPLE}")
    seen: dict[frozenset[str], str] = {}
    for name in given:
        parts = frozenset(objective_names(name) if word == "objective" else [name])
        if parts in seen:
            twice = f"'{name}' is named twice"
            same = f"'{seen[parts]}' and '{name}' are the same"
            raise UsageError(twice if seen[parts] == name else same, f"name every {word} once")
        seen[parts] = name
    if len(given) < least:
        hint = f"name two or more: --objectives {given[0]},..."
        raise UsageError("one objective alone cannot be compared", hint)


def _refuse_options(settings: CompareSettings) -> None:
    """Options of what is not compared, and such as its plugins do not have."""
    options, known = settings.options, set(settings.tasks)
    for expression in settings.objectives:
        names = objective_names(expression)
        known |= {*names}
        refuse_objective(expression, {name: options[name] for name in names if name in options})
    problems = [
        f"options.{name}: nothing that is compared is called '{name}'"
        for name in options
        if name not in known
    ]
    for task in settings.tasks:
        problems += problems_in("tasks", task, options.get(task, {}), f"options.{task}")
    if problems:
        raise ConfigError(problems, f"compared are {', '.join(sorted(known))}")


def _refuse_other_kinds(objectives: Sequence[str]) -> None:
    """Raises UsageError naming the first objective that reads no text, as the tasks do."""
    for expression in objectives:
        for name in objective_names(expression):
            reads = registry.attribute("objectives", name, "modalities")
            if "text" not in reads:
                problem = f"'{name}' reads {' or '.join(sorted(reads))}, and the tasks read text"
                raise UsageError(problem, f"leave out {expression}: objectives of text compare")


def _refuse_pairs(settings: CompareSettings) -> None:
    """Raises UsageError naming the first task that cannot be learnt from the model of an
    objective.
    """
    of_objectives = {name: architecture_of(name) for name in settings.objectives}
    for task in settings.tasks:
        can = registry.attribute("tasks", task, "architectures")
        cannot = [name for name, architecture in of_objectives.items() if architecture not in can]
        if not cannot:
            continue
        wanted = " or ".join(sorted(each.replace("_", "-") for each in can))
        found = of_objectives[cannot[0]].replace("_", "-")
        fitting = [name for name in of_objectives if name not in cannot]
        problem = f"'{task}' needs a model of the kind {wanted}, and '{cannot[0]}' trains {found}s"
        hint = f"leave out {task}, or {', '.join(cannot)}"
        raise UsageError(
            problem, f"{hint}: {task} goes with {', '.join(fitting) or 'none of them'}"
        )


def _refuse_shapes(settings: CompareSettings) -> None:
    """Raises UsageError where a preset is of another architecture, or a layer has no halves."""
    for architecture in dict.fromkeys(architecture_of(name) for name in settings.objectives):
        if (name := settings.model.preset) is not None:
            preset(name, architecture, ANY_VOCABULARY)
        if architecture == "encoder_decoder" and settings.model.layers == 1:
            problem = "one layer cannot be divided among the halves of an encoder-decoder"
            raise UsageError(problem, "use --layers 2 or more")


def _refuse_finetuning(given: Mapping[str, object]) -> None:
    training = given.get("training")
    inner = training if isinstance(training, Mapping) else {}
    decided = [f"finetuning.{name}" for name in DECIDED if name in given]
    decided += [f"finetuning.training.{name}" for name in DECIDED_OF_TRAINING if name in inner]
    if decided:
        problem = f"{decided[0]} follows from the comparison"
        raise ConfigError([problem], "leave it out: tasks, data, models and steps are its own")


def _refuse_task_data(settings: CompareSettings) -> None:
    """Raises UsageError where a task has no labels to learn, DataError where a file is not
    there.
    """
    train = by_task(settings.task_data, "--task-data", settings.tasks)
    evaluation = by_task(settings.task_evaluation, "--task-eval-data", settings.tasks)
    for task in settings.tasks:
        if task not in train and not are_generated(settings.data.train):
            problem = f"there is no labelled data for {task}"
            raise UsageError(problem, f"give it: --task-data {task}=FILE")
        if task in evaluation and task not in train:
            problem = f"--task-eval-data {task}=... is there, and what is to be learnt is not"
            raise UsageError(problem, f"give it: --task-data {task}=FILE")
    for references in (*train.values(), *evaluation.values()):
        refuse_absent_labelled(references)
