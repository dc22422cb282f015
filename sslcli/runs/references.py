"""References to runs: a folder, a name, the beginning of a name, NAME/PART of a comparison, or
"@latest", the newest usable one.

Never a baseline run or the copy with another seed, which only stand beside a run. Where weights are
asked for, an unfinished run is skipped with a message, and used only by its name. Without torch,
for checks before anything is loaded.
"""

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sslcli import registry
from sslcli.data.special_tokens import SPECIAL_TOKENS, SpecialToken, missing, worded
from sslcli.deferred import Deferred
from sslcli.errors import SslError, UsageError, did_you_mean
from sslcli.folders import MANIFEST
from sslcli.modalities import WORDS, modality_read
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import (
    FACTS_FILE,
    PRETRAINED,
    RUN_FILE,
    Run,
    all_runs,
    failure_in,
    how_to_go_on,
    read_run,
    runs_folder,
)
from sslcli.runs.hub_cache import cached_model, hub_name, is_on_hub

tokenizers = Deferred("sslcli.data.text.tokenizer")
TOKENIZER = "tokenizer"  # folder of a run
LATEST, BEST = "@latest", "@best"
UNFINISHED = ("running", "stopped", "died", "failed", "diverged")
PARTED = ("suite", "compare", "tour")  # kinds without weights of their own, whose parts are runs
MOST_NAMED = 3  # skipped runs in a message
_SELECTED = re.compile(r"(.+):(best|last|step-0*(\d+))", re.DOTALL)
_HUBS = (
    "bert|roberta|distilbert|albert|electra|deberta|xlm|modernbert|gpt|llama|qwen|bart|t5|vit"
    "|facebook|google|microsoft"
)
_REMOTE = re.compile(
    rf"(hf|ms|https?):.+|[\w.-]+/[\w.-]+(@[\w.-]+)?|({_HUBS})[\w.]*(-[\w.]+)*", re.IGNORECASE
)
_LATEST = re.compile(
    rf"{LATEST}(?::(?!(?:best|last|step-\d+)$)(?P<kind>.+?))?"
    r"(?P<selector>:(?:best|last|step-\d+))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Purpose:
    """Requirements of a command on a run.

    `kinds`: a run of an earlier one is preferred to a newer run of a later one if they are
    `ranked`; "@latest:qa" chooses explicitly. `architectures`: of its Transformer, any if empty.
    `ability`: a class attribute of one of its objectives. `modalities`: what it reads.
    `special_tokens`: what its tokenizer has, where it has one.
    """

    kinds: Sequence[str] = ("pretrain", "finetune", "suite", "compare")
    ranked: bool = False
    weights: bool = True
    architectures: Collection[str] = ()
    ability: str = ""
    modalities: Collection[str] = ()
    special_tokens: Collection[SpecialToken] = ()


ANY = Purpose(weights=False)  # to be shown
TRAINED = Purpose(("pretrain", "finetune"))  # to be written elsewhere
LOOKED_INTO = Purpose(("pretrain", "finetune"), ranked=True)
FOUNDATION = Purpose(("pretrain",))  # to be trained further
ASKED = Purpose(("pretrain",), ability="Request")  # for what its objective makes
CHATTED = Purpose(("finetune", "pretrain"), ranked=True, ability="Request")  # in a conversation


def find_run(reference: str, use: Purpose = ANY) -> Run:
    """A run by folder, name, unique beginning of a name, "@latest" or "@latest:mlm". Raises
    UsageError where that is not one.
    """
    below = [runs_folder() / reference] if os.sep in reference else []  # a part: NAME/PART
    for folder in (Path(reference), *below):
        if (folder / FACTS_FILE).is_file():
            return read_run(folder)
    if reference == LATEST or reference.startswith(f"{LATEST}:"):
        return newest(use, reference.partition(":")[2])[0]
    everyone = [run for run in all_runs() if not (use.weights and run.kind in PARTED)]
    exact = [run for run in everyone if run.name == reference]
    fitting = exact or [run for run in everyone if reference and run.name.startswith(reference)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(run.name for run in fitting[:4])
        hint = "give more of the name, or @latest:OBJECTIVE for the newest run of an objective"
        raise UsageError(f"'{reference}' is the beginning of {len(fitting)} runs: {names}", hint)
    hint = did_you_mean(reference, [run.name for run in everyone])
    raise UsageError(f"there is no run '{reference}'", f"{hint}  ssl runs lists them".strip())


def parts_of(reference: str) -> tuple[str, str | None, str | None]:
    """ "first:step-20" -> "first", "step-20", "20"; what is there under the whole name is not
    cut.
    """
    match = None if Path(reference).exists() else _SELECTED.fullmatch(reference)
    return (reference, None, None) if match is None else (match[1], match[2], match[3])


def run_above(path: Path) -> Path | None:
    """The run that a folder is, or lies in as a checkpoint."""
    return next(
        (folder for folder in (path, *path.parents[:2]) if (folder / RUN_FILE).is_file()), None
    )


def run_of(reference: str) -> Path | None:
    """The run that a model is of; None of what lies elsewhere, as a directory of another tool or
    in the cache of a hub.
    Raises UsageError where there is nothing.
    """
    whole = parts_of(reference)[0]
    if is_on_hub(whole):
        cached_model(whole)
        return None
    found = run_above(Path(whole))
    return found if found is not None or Path(whole).exists() else named_run(whole)


def named_run(name: str) -> Path:
    """Return the folder of a run by its name, or "@best:mlm".

    Raises UsageError, which says of a model on a hub how it is fetched.
    """
    if name == BEST or name.startswith(f"{BEST}:"):
        return _best_run(name.partition(":")[2])
    try:
        return find_run(name, TRAINED).folder
    except UsageError as error:
        if _REMOTE.fullmatch(name):
            raise UsageError(f"there is no run or folder '{name}'", _how_to_fetch(name)) from error
        if os.sep in name:
            hint = "check the path; ssl runs lists the runs"
            raise UsageError(f"there is no run or folder '{name}'", hint) from error
        raise


def _how_to_fetch(name: str) -> str:
    """The hint for what looks like a model of a hub."""
    if ":" in name:
        return "fetch it by its name on the hub: ssl fetch hf:ORG/NAME"
    try:
        found = hub_name(name)
    except UsageError:
        return "fetch it by its name on the hub: ssl fetch hf:ORG/NAME"
    return f"of the hub? ssl fetch {found}, then --model {found}"


def _best_run(objective: str) -> Path:
    runs = [
        run
        for run in all_runs()
        if isinstance(run.facts.get("best_loss"), int | float) and objective in ("", run.objective)
    ]
    if not runs:
        raise UsageError(
            f"no run{f' of {objective}' if objective else ''} has a held-out loss yet",
            "ssl runs lists the runs",
        )
    objectives = sorted({run.objective for run in runs})
    if len(objectives) > 1:
        raise UsageError(
            f"{BEST} compares losses, and those of {' and '.join(objectives)} do not compare",
            f"name one: {BEST}:{objectives[0]}",
        )
    return min(runs, key=lambda run: run.facts["best_loss"]).folder


def decided(reference: str, use: Purpose) -> tuple[str, Sequence[str]]:
    """Replace "@latest" by the run that it means now, with remarks; other references stay."""
    match = _LATEST.fullmatch(reference)
    if match is None:
        return reference, ()
    run, notes = newest(use, match["kind"] or "")
    return f"{run.folder}{match['selector'] or ''}", notes


def newest(use: Purpose, kind: str = "") -> tuple[Run, Sequence[str]]:
    """Return the newest usable run, of a kind or an objective if given, and remarks on skipped
    ones.

    Raises UsageError if there is none.
    """
    named = [
        run
        for run in all_runs()
        if kind in ("", run.objective, run.kind) and (kind or run.kind in use.kinds)
    ]
    groups = (
        [[run for run in named if run.kind == each] for each in use.kinds]
        if use.ranked and not kind
        else [named]
    )
    for group in groups:
        run, notes = first_usable(group, use)
        if run is not None:
            return run, notes
    if (unfinished := unfinished_alone(named, use)) is not None:
        raise unfinished
    if not named:
        of_kind = f" of {kind}" if kind else ""
        raise UsageError(
            f"there is no run{of_kind} in {runs_folder()} yet",
            "make one: ssl pretrain --objective mlm",
        )
    problem = why_unusable(named[0], use) or "stands beside another run"
    raise UsageError(
        f"no run in {runs_folder()} can be used: {named[0].name} {problem}",
        "ssl runs lists them; name one with --model",
    )


def first_usable(runs: Iterable[Run], use: Purpose) -> tuple[Run | None, Sequence[str]]:
    """Return the first usable run, finished where weights are asked for; and remarks on skipped
    ones.
    """
    notes = []
    for run in runs:
        if stands_beside(run):
            continue
        problem, is_unfinished = why_unusable(run, use), run.status in UNFINISHED
        if not (problem or (is_unfinished and use.weights)):
            return run, notes[:MOST_NAMED]
        if is_unfinished:
            why = " and ".join(filter(None, [unfinished_state(run), problem]))
            notes.append(f"{run.name} {why}, and is skipped")
    return None, ()


def unfinished_state(run: Run) -> str:
    """Return how a run stands that is not finished, as the end of a sentence; empty for others."""
    if run.status not in UNFINISHED:
        return ""
    return failure_in(run.facts) or f"is not finished ({run.status})"


def unfinished_alone(runs: Iterable[Run], use: Purpose) -> UsageError | None:
    """Return the error where there is a run to use, but none that is finished; else None."""
    for run in runs:
        if use.weights and unfinished_state(run) and not why_unusable(run, use):
            problem = f"no run that is finished can be used: {run.name} {unfinished_state(run)}"
            hint = f"name it to use it as it is: {run.name}"
            return UsageError(problem, "; ".join(filter(None, [hint, how_to_go_on(run)])))
    return None


def stands_beside(run: Run) -> bool:
    """Tell whether a run is a baseline of another, or not the first of its command line."""
    if run.facts.get("start", PRETRAINED) != PRETRAINED:
        return True
    study = _setting(run, "run", "study") if run.kind == "finetune" else None
    return isinstance(study, list) and run.name in study[1:]


def why_unusable(run: Run, use: Purpose) -> str:
    """Return what a run lacks; empty if nothing."""
    if use.weights and not any(run.folder.glob(f"checkpoints/step-*/{MANIFEST}")):
        return "has no checkpoint"
    architecture = _setting(run, "model", "shape", "architecture") if use.architectures else None
    if use.architectures and architecture not in use.architectures:
        return f"is no {' and no '.join(sorted(use.architectures))}"
    shape = shape_in(run) if use.modalities else {}
    if shape and (reads := modality_read(shape)) not in use.modalities:
        return f"reads {WORDS[reads] if reads else 'rows of numbers'}"
    if lacking := missing(use.special_tokens, _tokens_in(run)) if use.special_tokens else ():
        return f"has no {worded(lacking)}"
    is_able = any(_has(name, use.ability) for name in run.objective.split("+"))
    if use.ability and not (is_able or run.objective in generating_tasks()):
        return f"was trained with {run.objective}, which cannot do that"
    return ""


def _tokens_in(run: Run) -> Collection[SpecialToken]:
    """The special tokens of a run's tokenizer; all of them where it has none, or a damaged one,
    which is said when it is used.
    """
    try:
        return tokenizers.Tokenizer.load(run.folder / TOKENIZER).special_tokens
    except SslError:
        return tuple(SPECIAL_TOKENS)


def shape_in(run: Run) -> Mapping[str, Any]:
    """The shape of a run's model as its config.yaml has it; empty where it has none."""
    shape = _setting(run, "model", "shape")
    return shape if isinstance(shape, dict) else {}


def _has(objective: str, attribute: str) -> bool:
    try:
        return registry.plugin_settings("objectives", objective, attribute) is not None
    except (SslError, AttributeError):
        return False


def names_with(attribute: str) -> list[str]:
    """Objectives that have settings of this name, such as "Request"; the built-in ones first."""
    return [name for name in _objectives() if _has(name, attribute)]


def generators(modality: str, among: Iterable[str] | None = None) -> list[str]:
    """Objectives, all or those `among` them, whose models generate where they read such data: what
    asks for a text is for text alone.
    """
    found = []
    for name in _objectives() if among is None else among:
        if not _has(name, "Request"):
            continue
        takes_text = "text" in registry.plugin_settings("objectives", name, "Request").model_fields
        reads = registry.attribute("objectives", name, "modalities")
        if modality in reads and takes_text == (modality == "text"):
            found.append(name)
    return found


def what_generates(modality: str) -> str:
    """Which models generate, of those that read such data: a hint."""
    names = generators(modality)
    if not names:
        return f"no model that reads {WORDS[modality]} generates"
    tuned = f", and decoders fine-tuned for {' or '.join(generating_tasks())}"
    return (
        f"of models that read {WORDS[modality]}, those of {', '.join(names)} generate"
        f"{tuned if modality == 'text' else ''}; as in --model {LATEST}:{names[0]}"
    )


def generating_tasks() -> list[str]:
    """Tasks that teach a decoder to write with the head of its language model, so that it can be
    asked as one that was pretrained.
    """
    return [
        name
        for name in registry.usual("tasks", "writes")
        if "decoder" in registry.attribute("tasks", name, "architectures")
    ]


def head_readers() -> list[str]:
    """Objectives that read the language-model head of a directory that no run of ours wrote; the
    built-in ones first.
    """
    return registry.usual("objectives", "reads_head")


def _objectives() -> list[str]:
    return sorted(
        registry.names("objectives"),
        key=lambda name: not registry.find("objectives", name).built_in,
    )


def resumed_run(reference: str, kinds: Sequence[str]) -> Run:
    """The run that --resume names; "@latest" is the newest of the kinds that is not finished, else
    the newest of them.
    """
    if reference != LATEST:
        return find_run(reference)
    of_kind = [run for run in all_runs() if run.kind in kinds]
    return (
        next((run for run in of_kind if run.resumable), None)
        or newest(Purpose(kinds, weights=False))[0]
    )


def resumable_run(kind: str) -> Run:
    """The newest run of a kind that was not finished. Raises UsageError where there is none."""
    found = next((run for run in all_runs() if run.resumable and run.kind == kind), None)
    if found is None:
        raise UsageError(
            f"no run in {runs_folder()} can be resumed",
            "ssl runs lists them; name one with --resume RUN",
        )
    return found


def _setting(run: Run, *names: str) -> object:
    """A value of its config.yaml; None where there is none, or nothing that can be read."""
    try:
        found: object = read_layer(run.folder / RUN_FILE).values
    except SslError:
        return None
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found
