"""Adapters in the layout of PEFT: two small files beside a base model that stays where it is.

Letters: I features in, O features out, R rank.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sslcli.asides import settled
from sslcli.contracts.family import Key
from sslcli.core.adapters import adapted_layers, without_adapters
from sslcli.core.settings import AdapterSettings, TransformerSettings
from sslcli.engine.checkpoints.tensor_files import save_tensors
from sslcli.errors import CheckError, ModelError, UsageError
from sslcli.folders import replaced
from sslcli.models.answer_heads import AnswerHead
from sslcli.models.file_names import CONFIG as MODEL_CONFIG
from sslcli.models.hf_config import AnswerKind
from sslcli.models.hf_directory import read_directory, writer_of
from sslcli.models.loading import load_pretrained
from sslcli.models.tensor_names import expanded
from sslcli.models.weights import Pretrained, State, shapes_of
from sslcli.reports import Report, Table
from sslcli.runs.hub_cache import cached_model, hub_name, is_on_hub
from sslcli.settings import FinetuneSettings
from sslcli.workflows.export.export import CARD, refuse_loss
from sslcli.workflows.export.model_card import adapter_card

TRAINS = "ssl finetune TASK --lora-rank 8 trains adapters"
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
OWN_FILES = frozenset({CONFIG, WEIGHTS, CARD})
TASKS: Mapping[AnswerKind, str] = {
    "sequence": "SEQ_CLS",
    "tokens": "TOKEN_CLS",
    "spans": "QUESTION_ANS",
}
INSIDE = "base_model.model"  # where PEFT has the model that it wraps
WEIGHT = ".weight"


@dataclass(frozen=True)
class _Module:
    """A layer of theirs and those of ours that lie in it, some of which have an adapter."""

    theirs: str
    ours: Sequence[str]
    transposed: bool
    adapted: int


def export_adapter(
    reference: str, folder: Path, base: str | None = None, *, overwrite: bool = False
) -> Report:
    """The adapters of a run and the head that answers, for peft.PeftModel.from_pretrained.

    `base`: the model directory that was adapted, or the name that PEFT is to load it by; where it
    is not given, the directory that the run started from. A folder is compared with the run. Raises
    UsageError where the run has no adapters, or no directory holds its base; CheckError where
    `base` is another model.
    """
    model = load_pretrained(reference)
    trained = model.trained
    if (
        trained is None
        or not isinstance(trained.settings, FinetuneSettings)
        or not trained.settings.adapters.rank
    ):
        raise UsageError(f"{reference} has no adapters", TRAINS)
    base = base or trained.settings.model.source or ""
    place = cached_model(base) if is_on_hub(base) else Path(base)
    if place.is_dir():
        if not (place / MODEL_CONFIG).is_file():
            raise UsageError(
                f"the run started from {base}, which is no model directory",
                "ssl export it first, and name that with --base",
            )
        _refuse_other_base(read_directory(place), trained.adapted, base)
    revision = None
    if is_on_hub(base):
        base, revision = hub_name(base).repository, hub_name(base).revision
    return write_adapter(
        model,
        trained.adapted,
        trained.settings.adapters,
        base,
        folder,
        overwrite=overwrite,
        revision=revision,
    )


def write_adapter(
    model: Pretrained,
    adapted: State,
    adapters: AdapterSettings,
    base: str,
    folder: Path,
    *,
    overwrite: bool = False,
    revision: str | None = None,
) -> Report:
    """adapter_config.json, adapter_model.safetensors and a card; the folder appears whole or not at
    all.

    `adapted`: state of the backbone with its adapters, of which `model` is the merged form. Raises
    UsageError where there are no adapters or no head, where no family holds the shape, or where the
    folder holds something.
    """
    shown, folder = folder, settled(folder)
    refuse_loss(folder, overwrite, OWN_FILES)
    if model.answers is None or not adapted_layers(adapted):
        missing = "adapters" if model.answers is not None else "head of a task that can be exported"
        raise UsageError(f"{model.folder} has no {missing}", TRAINS)
    family, _ = writer_of(model.settings, model.heads)
    keys = family.keys(model.settings)
    modules = list(_modules(keys, model.settings, adapted))
    head = _head(keys, model.answers)
    names = _short_names(keys, modules, model.settings.deepest)
    config = _config(names, modules, sorted(head), model.answers.kind, adapters, base)
    config |= {"revision": revision}
    tensors = {f"{INSIDE}.{name}": value for part in head.values() for name, value in part.items()}
    for module in modules:
        tensors |= {
            f"{INSIDE}.{module.theirs}.{name}{WEIGHT}": value
            for name, value in _stacked(module, adapted).items()
        }
    with replaced(folder) as aside:
        (aside / CONFIG).write_text(
            f"{json.dumps(config, indent=2, ensure_ascii=False)}\n", encoding="utf-8"
        )
        save_tensors(
            {name: value.contiguous().clone() for name, value in tensors.items()}, aside / WEIGHTS
        )
        (aside / CARD).write_text(
            adapter_card(model, adapters, base, shown.absolute().name), encoding="utf-8"
        )
    rows = [
        ("files", ", ".join(sorted(OWN_FILES))),
        ("adapted layers", len(modules)),
        ("base", base),
    ]
    return Report(
        f"exported the adapters of {model.folder} to {folder}",
        tables=[Table("export", ("what", "value"), rows)],
    )


def _refuse_other_base(base: Pretrained, adapted: State, name: str) -> None:
    """What is not adapted is frozen: the run has its base's tensors, each to the bit."""
    plain = without_adapters(adapted)
    if shapes_of(plain) != shapes_of(base.backbone) or not all(
        torch.equal(value, base.backbone[layer]) for layer, value in plain.items()
    ):
        raise CheckError(
            f"{name} holds another model than the one that was adapted",
            "name the directory that the run started from",
        )


def _modules(
    keys: Sequence[Key], settings: TransformerSettings, adapted: State
) -> Iterator[_Module]:
    """Raises ModelError where an adapter is on a layer that the family has no name for."""
    left = set(adapted_layers(adapted))
    for key in expanded(keys, settings.deepest):
        ours = [name.removeprefix("backbone.").removesuffix(WEIGHT) for name in key.ours]
        found = left.intersection(ours) if key.theirs.endswith(WEIGHT) else set()
        if found:
            left -= found
            yield _Module(key.theirs.removesuffix(WEIGHT), ours, key.transposed, len(found))
    if left:
        raise ModelError(
            f"the adapter of {min(left)} has no place in such a model", "the run folder is damaged"
        )


def _stacked(module: _Module, adapted: State) -> dict[str, Tensor]:
    """A [R, I] and B [O, R]; where several of ours are one of theirs, each has its own part of the
    rank.
    """
    a, b = [], []
    for layer in module.ours:
        if f"{layer}.lora_a" in adapted:
            a.append(adapted[f"{layer}.lora_a"])
            b.append(adapted[f"{layer}.lora_b"])
        else:
            b.append(torch.zeros(len(adapted[f"{layer}.weight"]), 0))
    return {"lora_A": torch.cat(a), "lora_B": torch.block_diag(*b)}


def _head(keys: Sequence[Key], answers: AnswerHead) -> dict[str, dict[str, Tensor]]:
    """Tensors of the head under their names, by the module that PEFT is to save.

    A part of the head that lies within the base model (BERT's pooler) is a module by itself, all
    else by its first word.
    """
    inside = keys[0].theirs.partition(".")[0]
    saved: dict[str, dict[str, Tensor]] = {}
    for key in keys:
        kind, _, name = key.ours[0].partition(".")
        if kind == answers.kind and name in answers.state:
            first, _, rest = key.theirs.partition(".")
            module = key.theirs.rpartition(".")[0] if first == inside and rest else first
            saved.setdefault(module, {})[key.theirs] = answers.state[name]
    return saved


def _config(
    names: Mapping[str, str],
    modules: Sequence[_Module],
    saved: Sequence[str],
    kind: AnswerKind,
    adapters: AdapterSettings,
    base: str,
) -> dict[str, Any]:
    """`names`: those of the modules in every layer. `kind`: what the head answers."""
    several = {names[module.theirs]: module.adapted for module in modules if module.adapted > 1}
    return {
        "peft_type": "LORA",
        "task_type": TASKS[kind],
        "base_model_name_or_path": base,
        "r": adapters.rank,
        "lora_alpha": adapters.alpha,
        "lora_dropout": adapters.dropout,
        "target_modules": sorted(set(names.values())),
        "rank_pattern": {name: count * adapters.rank for name, count in several.items()},
        "alpha_pattern": {name: count * adapters.alpha for name, count in several.items()},
        "modules_to_save": list(saved),
        "bias": "none",
        "fan_in_fan_out": any(module.transposed for module in modules),
        "inference_mode": True,
    }


def _short_names(keys: Sequence[Key], modules: Sequence[_Module], depth: int) -> dict[str, str]:
    """What a module is called in every layer ("attention.self.query"); its whole name where another
    one ends so too.
    """
    chosen = {module.theirs for module in modules}
    others = {key.theirs.rpartition(".")[0] for key in expanded(keys, depth)} - chosen
    names = {}
    for key in keys:
        short = key.theirs.removesuffix(WEIGHT).rpartition("{i}.")[2]
        is_taken = any(f".{other}".endswith(f".{short}") for other in others)
        for whole in expanded([key], depth):
            module = whole.theirs.removesuffix(WEIGHT)
            if module in chosen:
                names[module] = module if is_taken else short
    return names
