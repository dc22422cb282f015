"""Going on with a run: the same settings, the same data, the newest whole checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sslcli.config import Config
from sslcli.datasets.data_files import what_changed
from sslcli.datasets.tokenized import with_tokenizer_of_run
from sslcli.engine.checkpoints.checkpoint import Checkpoints
from sslcli.errors import ConfigError, DataError, ModelError, UsageError
from sslcli.folders import read_sealed
from sslcli.layers import dotted_layer
from sslcli.models.objectives import objective_classes, objective_options
from sslcli.models.places import locate_weights
from sslcli.resolving import resolve
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import read_facts, settings_file
from sslcli.runs.hub_cache import is_on_hub, pinned_name
from sslcli.settings import FinetuneSettings, PretrainSettings
from sslcli.workflows.training.identity import MAY_CHANGE, Identified, flat

S = TypeVar("S", PretrainSettings, FinetuneSettings)
C = TypeVar("C", bound=Config)
NEW_RUN = "resume with the settings of the run, or start a new one with --model RUN"


@dataclass(frozen=True)
class Resume:
    """A run to go on with, by its folder."""

    folder: Path

    @property
    def tokenizer(self) -> Path:
        """Where the tokenizer is that the run began with."""
        return self.folder / "tokenizer"


def saved_settings(model: type[C], folder: Path) -> C:
    """The complete settings of a run. Raises UsageError where the folder holds none."""
    path = settings_file(folder)
    layer = read_layer(path)
    if not layer.values:  # which would be a run of defaults, on other data
        raise UsageError(f"{path} is empty", "the file is damaged: start a new run")
    return resolve(model, layer).settings


def continued_settings(resume: Resume, asked: PretrainSettings) -> PretrainSettings:
    """As `continued` has it, for a pretraining run.

    Runs saved before `language_exponent` existed go on with 1.0, and those saved before
    `sentence_rules` existed with version 1.
    """
    folder = resume.folder
    saved = saved_settings(PretrainSettings, folder)
    before = {"language_exponent": 1.0, "sentence_rules": 1}
    asked = from_same_weights(asked, saved.model.source)
    asked = _with_same_tokenizer(folder, saved, asked)
    missing = {key: before[key] for key in before.keys() - saved.data.model_fields_set}
    saved = saved.model_copy(update={"data": saved.data.model_copy(update=missing)})
    if "objective" in asked.model_fields_set and asked.objective != saved.objective:
        raise ConfigError(
            [f"objective was {saved.objective!r} and would become {asked.objective!r}"], NEW_RUN
        )
    options = objective_options(objective_classes(saved.objective), asked.options)
    spoken = {
        name: part.model_dump(mode="json", exclude_unset=True) for name, part in options.items()
    }
    return continued(folder, saved, asked, spoken)


def _with_same_tokenizer(
    folder: Path, saved: PretrainSettings, asked: PretrainSettings
) -> PretrainSettings:
    """By the name that the run has for it: "@latest" may be the run itself by now."""
    own, named = saved.tokenizer.source, with_tokenizer_of_run(asked.tokenizer).source
    if own is None or named is None:
        return asked
    known = {Path(own).resolve(), (folder / "tokenizer").resolve()}
    if Path(named).resolve() not in known:
        return asked
    return asked.model_copy(
        update={"tokenizer": asked.tokenizer.model_copy(update={"source": own})}
    )


def continued(folder: Path, saved: C, asked: C, options: Mapping[str, Any]) -> C:
    """Return the settings of the run in `folder`, with `asked` for machine and folder.

    `options` are the plugin's as it parses them: "3e-1" is no change from 0.3. Raises ConfigError
    naming all other differences: they would make another run of it.
    """
    before = flat(saved.model_dump(mode="json"))
    said = flat({**asked.model_dump(mode="json", exclude_unset=True), "options": options})
    changed = sorted(
        key
        for key, value in said.items()
        if before.get(key) != value and not key.startswith(MAY_CHANGE)
    )
    if changed:
        problems = [
            f"{key} was {_as_said(before.get(key))} and would become {_as_said(said[key])}"
            for key in changed
        ]
        raise ConfigError(problems, NEW_RUN)
    return resolve(
        type(saved), dotted_layer({**before, **said}, str(folder / "config.yaml"))
    ).settings


def _as_said(value: Any) -> str:
    """A setting as a sentence names it."""
    return "not set" if value is None else repr(value)


def from_same_weights(asked: S, source: str | None) -> S:
    """Replace a source that means the run's initial weights by their recorded name."""
    if (
        source is None
        or asked.model.source is None
        or not _is_same_place(asked.model.source, source)
    ):
        return asked
    return asked.model_copy(update={"model": asked.model.model_copy(update={"source": source})})


def _is_same_place(asked: str, saved: str) -> bool:
    """Whether a reference still means the weights that a run began with, or a checkpoint of the
    same run.
    """
    if asked == saved or Path(saved).is_relative_to(Path(asked).resolve()):
        return True  # also where it is gone by now
    place = locate_weights(asked)
    if is_on_hub(saved):
        return pinned_name(place.weights.resolve()) == saved
    return Path(saved).is_relative_to((place.run or place.weights).resolve())


def refuse_other_data(
    facts: Mapping[str, Any],
    expected: Mapping[str, str],
    job: Identified,
) -> None:
    """Raises DataError naming what changed where the data or the tokenizer are not those the run
    was started with.

    `expected`: the run's `identity` as it is now.
    """
    for what in ("data", "tokenizer"):
        value = expected[what]
        if facts.get(what) not in (None, value):
            changes = "; ".join(what_changed(facts.get("files") or {}, job.files()))
            raise DataError(
                (
                    f"the {what} changed since the run was started: "
                    f"{changes or f'its fingerprint was {facts[what]} and is {value}'}"
                ),
                f"give back the {what} of the run, or start a new run",
            )


def refuse_strange(checkpoint: Path, expected: Mapping[str, str]) -> None:
    """Raises ModelError where the checkpoint is of other data, another tokenizer or other settings
    than this run.
    """
    manifest = read_sealed(checkpoint, hashes=False)
    for what, value in expected.items():
        if manifest.get(what, value) != value:
            raise ModelError(
                f"{checkpoint} was made with other {what} than the run has now",
                (
                    "give back config.yaml, the tokenizer and the "
                    "data as they were, or start a new run with --model"
                ),
            )


def newest_checkpoint(checkpoints: Checkpoints) -> tuple[Path | None, list[str]]:
    """Return the checkpoint to resume from, and sentences about those skipped.

    Without any checkpoint the run begins anew, with a sentence. Raises ModelError if all are
    damaged.
    """
    path, passed = checkpoints.newest(to_go_on=True)
    if path is None:
        if passed:
            hint = "start a new run"
            if checkpoints.newest()[0] is not None:
                hint += f", with the weights that are left: --model {checkpoints.folder.parent}"
            problem = f"{checkpoints.folder} has no complete checkpoint to go on from: {passed[0]}"
            raise ModelError(problem, hint)
        facts = read_facts(checkpoints.folder.parent)
        step = facts.get("step")
        if step and facts.get("saved", step) is not None:
            raise ModelError(
                f"the checkpoints of this run are gone: it had reached step {step}",
                "start a new run; milestones hold weights for --model",
            )
        return None, ["there is no checkpoint yet: the run begins at step 0"]
    return path, [*passed, f"resumed from {path.name}"]
