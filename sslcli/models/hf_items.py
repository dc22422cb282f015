"""Model directories of what reads images: the objective beside the backbone, and the files.

Letters: D width.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sslcli import registry
from sslcli.contracts.family import Family
from sslcli.contracts.learnable import Context
from sslcli.core.settings import TransformerSettings
from sslcli.deferred import Deferred
from sslcli.errors import ConfigError, ModelError, UsageError
from sslcli.grid import Grid
from sslcli.models.file_names import CONFIG, SINGLE
from sslcli.models.hf_tensors import read_model_json, write_tensors
from sslcli.models.weights import KeptObjective, Pretrained, State
from sslcli.settings import PretrainSettings

composite = Deferred("sslcli.engine.composite")
objectives = Deferred("sslcli.models.objectives")
OWN = "learnable"  # the part of our names that an objective's tensors have
PROCESSOR = "preprocessor_config.json"
_LAYER = re.compile(r"\.blocks\.(\d+)\.")


def layers_in(names: Mapping[str, Any]) -> int:
    """Layers of the networks that tensors belong to, of the deepest one."""
    found = (match for name in names if (match := _LAYER.search(name)))
    return max((int(match[1]) + 1 for match in found), default=0)


def kept_objective(
    family: Family, config: Mapping[str, Any], settings: TransformerSettings
) -> KeptObjective | None:
    """The objective of a directory with tensors on the meta device, as they must be; None where
    there is none, or it is not installed.
    """
    said = family.objective(config)
    if said is None or said[0] not in registry.names("objectives"):
        return None
    name, options = said
    try:
        classes = objectives.objective_classes(name)
        resolved = objectives.objective_options(classes, {name: options})
        with torch.device("meta"):
            built = composite.build_objective(classes, resolved, Context(settings))
    except (ConfigError, UsageError):
        return None  # the backbone alone is read, and the rest said to be ignored
    return KeptObjective(name, options, built.state_dict())


def objective_to_write(
    pretrained: Pretrained, family: Family
) -> tuple[Mapping[str, Any] | None, State]:
    """The entries of config.json and the tensors of what the model was pretrained with."""
    trained, kept = pretrained.trained, pretrained.objective
    if pretrained.answers is not None:
        return None, {}
    if kept is not None:
        name, options, state = kept.name, kept.options, kept.state
    elif trained is not None and isinstance(trained.settings, PretrainSettings):
        name, state = trained.settings.objective, trained.learnable
        options = trained.settings.options.get(name, {})
    else:
        return None, {}
    if name not in registry.names("objectives"):
        return None, {}
    resolved = objectives.objective_options(objectives.objective_classes(name), {name: options})
    entries = family.objective_entries(name, resolved[name].model_dump(), pretrained.settings)
    return entries, {f"{OWN}.{each}": value for each, value in state.items()}


def write_items_directory(
    pretrained: Pretrained, folder: Path, family: Family, config: Mapping[str, Any]
) -> list[str]:
    """config.json, model.safetensors and how images become pixels, which is as shares of the
    brightest. Return sentences about what is left out.
    """
    settings, answers = pretrained.settings, pretrained.answers
    tensors = {f"backbone.{name}": value for name, value in pretrained.backbone.items()}
    own = {} if answers is None else answers.entries()
    entries, state = objective_to_write(pretrained, family)
    if answers is not None:
        tensors |= {f"{answers.kind}.{name}": value for name, value in answers.state.items()}
    if entries is not None:
        tensors |= state
    whole = {**config, **(entries or {}), **own, "dtype": "float32"}
    depth = max(settings.deepest, layers_in(state))
    homeless = write_tensors(folder / SINGLE, tensors, family.keys(settings), depth)
    assert not homeless, "a family that takes a shape has a place for all of it"
    _write(folder / CONFIG, whole)
    if settings.grid is not None:
        _write(folder / PROCESSOR, _processor(settings.grid))
    left = f"a {config['model_type']} directory has no place for what it was pretrained with"
    return [f"{left}, which is left out"] if state and entries is None else []


def _processor(grid: Grid) -> dict[str, Any]:
    return {
        "image_processor_type": "ViTImageProcessor",
        "do_normalize": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_resize": True,
        "size": {"height": grid.height, "width": grid.width},
    }


def _write(path: Path, values: Mapping[str, Any]) -> None:
    text = json.dumps(values, indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def with_pixels_as_read(
    folder: Path, tensors: State, grid: Grid | None, kept: KeptObjective | None
) -> tuple[State, list[str]]:
    """The weights for pixels as shares of the brightest, of a model that was trained on pixels from
    which a mean was subtracted and that were divided by a deviation, by colour, as its
    preprocessor_config.json says; and sentences on that.
    """
    if grid is None or not (folder / PROCESSOR).is_file():
        return tensors, []
    said = read_model_json(folder / PROCESSOR)
    if not said.get("do_normalize"):
        return tensors, []
    parts = [said.get("image_mean"), said.get("image_std")]
    if not all(_are_colours(part, grid.channels) for part in parts):
        problem = f"{folder / PROCESSOR}: image_mean and image_std must be {grid.channels} numbers"
        raise ModelError(f"{problem} each, the latter above 0", "the file is damaged")
    mean_F, deviation_F = (torch.tensor(part).tile(grid.patch**2) for part in parts)
    found, row = dict(tensors), "backbone.inputs.row"
    weight_DF = found[f"{row}.weight"] / deviation_F
    found[f"{row}.weight"] = weight_DF
    found[f"{row}.bias"] = found[f"{row}.bias"] - weight_DF @ mean_F
    notes = [f"{PROCESSOR} norms colours: the weights that read patches are changed to do it"]
    told = f"{OWN}.restore_patch"
    if f"{told}.weight" in found and kept is not None and kept.options.get("norm_pixels"):
        notes.append("what it restores is of normed colours, which restorations here are not")
    elif f"{told}.weight" in found:
        found[f"{told}.weight"] = found[f"{told}.weight"] * deviation_F[:, None]
        found[f"{told}.bias"] = found[f"{told}.bias"] * deviation_F + mean_F
    return found, notes


def _are_colours(given: Any, channels: int) -> bool:
    return (
        isinstance(given, list)
        and len(given) == channels
        and all(isinstance(each, int | float) and 0 < each < 10 for each in given)
    )
