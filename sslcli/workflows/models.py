"""Model references: what a user calls a model, and the weights that lie there.

    runs/first                     a run folder: its best checkpoint, else its newest
    runs/first/checkpoints/step-000200     one checkpoint or milestone
    models/bert                    a directory with config.json and model.safetensors
    first, fir                     a run by name or unique beginning
    @latest, @latest:mlm           the newest run, of that objective
    @best:mlm                      the run with the lowest held-out loss of that objective
    REF:step-2000, REF:best, REF:last      that checkpoint of a run

Nothing is fetched from a network.
"""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError

from sslcli import plainfiles, registry
from sslcli.config import problems_of, resolve
from sslcli.contracts import Frame
from sslcli.core.adapters import merged_state
from sslcli.core.pretrained import CONFIG, is_finite
from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.engine.checkpoint import BACKBONE, LEARNABLE, Checkpoints, step_name
from sslcli.engine.composite import build_objective
from sslcli.engine.learner import Learner
from sslcli.engine.sharding import load_tensors
from sslcli.errors import ConfigError, ModelError, SslError, UsageError
from sslcli.folders import read_sealed
from sslcli.runfiles import read_layer
from sslcli.workflows.answers import answer_head, problem_of
from sslcli.workflows.directories import read_directory
from sslcli.workflows.objectives import objective_classes, objective_options
from sslcli.workflows.runs import PRETRAINED, Run, all_runs, failure_in, find_run, read_facts, runs_folder
from sslcli.workflows.settings import FinetuneSettings, PretrainSettings
from sslcli.workflows.weights import Pretrained, State, Trained, expected_shapes, shapes_of

BEST = "@best"
RUN_FILE, ADAPTER = "config.yaml", "adapter_config.json"
# What reads the language-model head of a directory that no run of ours wrote.
READERS: Mapping[str, str] = {"encoder": "mlm", "decoder": "clm"}
_SELECTED = re.compile(r"(.+):(best|last|step-0*(\d+))", re.DOTALL)
_REMOTE = re.compile(r"(hf|ms):.+|[\w.-]+/[\w.-]+(@[\w.-]+)?")
_HEAD = re.compile(r"(?:parts\.[^.]+\.)?head\.(.+)")
_POOLED = re.compile(r"(?:parts\.[^.]+\.)?classifier\.((?:pooler|classifier)\..+)")


@dataclass(frozen=True)
class Place:
    """Where a reference leads: a folder of weights and, where it is one of ours, its run folder."""

    weights: Path
    run: Path | None = None
    notes: tuple[str, ...] = ()


def load_pretrained(reference: str) -> Pretrained:
    """Weights, settings and tokenizer of a reference. Raises UsageError where it leads nowhere, ModelError where it is damaged."""
    place = locate(reference)
    return read_directory(place.weights) if place.run is None else _read_run(place, place.run)


def newest_fitting(needs: Collection[Architecture]) -> Run:
    """The newest pretraining run of such a Transformer that has weights. Raises UsageError where there is none."""
    for found in all_runs():
        if found.kind == "pretrain" and _architecture(found.folder) in needs and Checkpoints(found.folder, 1, {}).newest()[0] is not None:
            return found
    wanted = " or a ".join(sorted(needs))
    raise UsageError(
        f"no pretraining run in {runs_folder()} is an {wanted}", "make one: ssl pretrain --objective mlm; or name one with --model"
    )


def decided_source(source: str | None, needs: Collection[Architecture]) -> str:
    """The weights that a reference means now, as a folder: of several runs that start from them, none may change which they are."""
    return str(locate(source or str(newest_fitting(needs).folder)).weights.resolve())


def newest_finetuned(task: str) -> Run:
    """The newest run that learnt this task and began with a pretrained model. Raises UsageError where there is none.

    A task goes by several names, of which the one that is asked for comes first; controls that began with random weights
    are not meant.
    """
    wanted, known = registry.load("tasks", task), registry.names("tasks")
    runs = [run for run in all_runs() if run.kind == "finetune" and run.objective in known and run.facts.get("start") == PRETRAINED]
    for found in sorted(runs, key=lambda run: run.objective != task):  # of that very name first, and of each name the newest
        if registry.load("tasks", found.objective) is wanted and Checkpoints(found.folder, 1, {}).newest()[0] is not None:
            return found
    raise UsageError(
        f"no run in {runs_folder()} was fine-tuned for {task}", f"make one: ssl finetune {task} --data FILE; or name one with --model"
    )


def _architecture(run: Path) -> str:
    try:
        shape = (read_layer(run / RUN_FILE).values.get("model") or {}).get("shape") or {}
    except SslError:
        return ""
    return str(shape.get("architecture", "")) if isinstance(shape, dict) else ""


def learner_of(pretrained: Pretrained) -> Learner:
    """Backbone and learnable as they were trained; for a foreign directory the objective that reads its head.

    Raises ModelError where there is no tokenizer or, of a foreign directory, no language-model head; PluginError where
    the objective is no longer installed.
    """
    trained = pretrained.trained
    if trained is not None and isinstance(trained.settings, FinetuneSettings):
        task = trained.settings.task
        raise ModelError(f"{pretrained.folder} was fine-tuned for {task} and makes nothing up", f"ask it with ssl predict {task}")
    if trained is None and pretrained.head is None:
        raise ModelError(f"{pretrained.folder} has no language-model head", "it can be trained further, but has nothing to predict with")
    expression = READERS[pretrained.settings.architecture] if trained is None else trained.settings.objective
    classes = objective_classes(expression)
    try:
        options = objective_options(classes, {} if trained is None else trained.settings.options)
    except ConfigError as error:
        raise ModelError(
            f"{pretrained.folder} was trained with options that '{expression}' no longer has", "install the version that trained it"
        ) from error
    objective = build_objective(classes, options, Frame(pretrained.settings, pretrained.tokenizer()))
    if trained is not None and shapes_of(objective.state_dict()) != shapes_of(trained.learnable):
        raise ModelError(f"{pretrained.folder / LEARNABLE} does not fit '{expression}'", "install the version that trained it")
    learner = Learner(Transformer(pretrained.settings), objective)
    pretrained.load_into(learner.backbone, objective)
    return learner


def locate(reference: str) -> Place:
    """The folder behind a reference. Raises UsageError or ModelError where there is none."""
    whole, selector, step = reference, None, None
    if not Path(reference).exists() and (match := _SELECTED.fullmatch(reference)):
        whole, selector, step = match.groups()
    path = Path(whole)
    run = next((folder for folder in (path, *path.parents[:2]) if (folder / RUN_FILE).is_file()), None)
    if (path / BACKBONE).is_file():
        if run is None:
            raise ModelError(f"{path} is a checkpoint outside of its run", f"it needs the {RUN_FILE} of its run two folders above")
        read_sealed(path)
        return Place(path, run)
    if run == path:
        return _checkpoint(path, selector, step)
    if (path / CONFIG).is_file():
        if selector is not None:
            raise UsageError(f"{path} is a model directory, which has no '{selector}'", "leave that out")
        return Place(path)
    if path.is_file():
        raise ModelError(f"{path} is a file", "give the folder of a run or of a model; unpack an archive by hand, where you trust it")
    if (path / ADAPTER).is_file():
        problem = f"{path} holds an adapter, and not the model that it adapts"
        raise ModelError(problem, "merge the two first: merge_and_unload() of peft, then save_pretrained()")
    if path.exists():
        raise ModelError(f"{path} is neither a run nor a model directory", f"a run has {RUN_FILE}, a model directory has {CONFIG}")
    return _checkpoint(_named_run(whole), selector, step)


def _named_run(name: str) -> Path:
    if name == BEST or name.startswith(f"{BEST}:"):
        return _best_run(name.partition(":")[2])
    try:
        return find_run(name, with_weights=True).folder
    except UsageError as error:
        if _REMOTE.fullmatch(name):
            hint = "nothing is fetched from a network: download the model and give its folder"
            raise UsageError(f"there is no run or folder '{name}'", hint) from error
        if os.sep in name:
            hint = "check the path; ssl runs lists the runs"
            raise UsageError(f"there is no run or folder '{name}'", hint) from error
        raise


def _best_run(objective: str) -> Path:
    runs = [run for run in all_runs() if isinstance(run.facts.get("best_loss"), int | float) and objective in ("", run.objective)]
    if not runs:
        raise UsageError(f"no run{f' of {objective}' if objective else ''} has a held-out loss yet", "ssl runs lists the runs")
    objectives = sorted({run.objective for run in runs})
    if len(objectives) > 1:
        raise UsageError(
            f"{BEST} compares losses, and those of {' and '.join(objectives)} do not compare", f"name one: {BEST}:{objectives[0]}"
        )
    return min(runs, key=lambda run: run.facts["best_loss"]).folder


def _checkpoint(run: Path, selector: str | None, step: str | None) -> Place:
    """The named checkpoint or milestone; without a name the best, or the newest that is whole."""
    if step is not None:
        name = step_name(int(step))
        found = next((folder / name for folder in (run / "checkpoints", run / "milestones") if (folder / name).is_dir()), None)
        if found is None:
            steps = sorted({path.name for kind in ("checkpoints", "milestones") for path in (run / kind).glob("step-*")})
            raise UsageError(f"{run} has no {name}", f"it has {', '.join(steps[-6:]) or 'none yet'}")
        read_sealed(found)
        return Place(found, run)
    failure = failure_in(read_facts(run))
    notes = [f"{run.name} {failure}"] if failure else []
    if selector != "last" and (best := _best_of(run)) is not None:
        try:
            read_sealed(best)
            return Place(best, run, tuple(notes))
        except ModelError as error:
            if selector == "best":
                raise
            notes.append(f"the best checkpoint is passed over: {error.message}")
    newest, passed = Checkpoints(run, 1, {}).newest()
    if selector == "best" or newest is None:
        problem = "best checkpoint" if selector == "best" else "complete checkpoint"
        raise ModelError(f"{run} has no {problem}", passed[0] if passed else failure or "the run has not got that far")
    return Place(newest, run, (*notes, *passed))


def _best_of(run: Path) -> Path | None:
    try:
        name = plainfiles.read_text(run / "best").strip()
    except (OSError, ValueError):
        return None
    return run / "checkpoints" / name if re.fullmatch(r"step-\d+", name) else None


def _read_run(place: Place, run: Path) -> Pretrained:
    try:
        layer = read_layer(run / RUN_FILE)
        saved = resolve(FinetuneSettings if "task" in layer.values else PretrainSettings, layer).settings
        settings = TransformerSettings(**saved.model.shape)
    except ValidationError as error:
        raise ModelError(f"{run / RUN_FILE}: {problems_of(error, TransformerSettings, 'model.shape')[0]}", "the file is damaged") from error
    except SslError as error:
        raise ModelError(f"{run / RUN_FILE} cannot be used: {error.message}", "the file is damaged, or of another version") from error
    backbone, learnable = load_tensors(place.weights / BACKBONE), load_tensors(place.weights / LEARNABLE)
    adapted, answers = backbone, None
    if isinstance(saved, FinetuneSettings):
        backbone = merged_state(backbone, saved.adapters.alpha)
        answers = answer_head(learnable, saved.labels, problem_of(saved.options.get("kind")))
    _refuse_no_numbers(place.weights, backbone, learnable)
    expected = {name.removeprefix("backbone."): shape for name, shape in expected_shapes(settings).items() if name.startswith("backbone.")}
    if shapes_of(backbone) != expected:
        raise ModelError(f"{place.weights / BACKBONE} does not fit the shape in {run / RUN_FILE}", "the run folder is damaged")
    head, pooled = _heads(learnable, settings)
    return Pretrained(
        settings, place.weights, backbone, head, pooled, run / "tokenizer", place.notes, Trained(run, saved, learnable, adapted), answers
    )


def _refuse_no_numbers(weights: Path, *states: State) -> None:
    """Raises ModelError naming the first tensor with values that are no finite numbers: of a run that diverged, say."""
    bad = next((name for state in states for name, tensor in state.items() if not is_finite(tensor.to(torch.float32))), None)
    if bad is not None:
        hint = "the run diverged: take an earlier checkpoint (REF:step-N), or train with a lower --lr"
        raise ModelError(f"{weights}: tensor '{bad}' holds values that are no finite numbers", hint)


def _heads(learnable: State, settings: TransformerSettings) -> tuple[State | None, State | None]:
    """The heads of a known kind in a learnable's state, by their names; one that has other tensors is none of them."""
    wanted = expected_shapes(settings)
    head = {match[1]: value for name, value in learnable.items() if (match := _HEAD.fullmatch(name))}
    pooled = {match[1]: value for name, value in learnable.items() if (match := _POOLED.fullmatch(name))}
    names = {name.removeprefix("head."): shape for name, shape in wanted.items() if name.startswith("head.")}
    if settings.tied:
        names.pop("weight")
    has_head = shapes_of(head) == names and (bool(head) or settings.architecture == "decoder")
    has_pooled = shapes_of(pooled) == {name: wanted[name] for name in wanted if name.startswith(("pooler.", "classifier."))}
    return head if has_head else None, pooled if has_pooled else None
