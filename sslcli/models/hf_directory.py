"""Model directories as the Hugging Face world lays them out, read and written through the
families.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from sslcli import registry
from sslcli.contracts.family import Family
from sslcli.core.settings import TransformerSettings
from sslcli.data.text.hf_reading import GENERATION
from sslcli.data.text.tokenizer import FILE as TOKENIZER_FILE
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.deferred import Deferred
from sslcli.errors import ModelError, UsageError
from sslcli.models.answer_heads import Announced
from sslcli.models.file_names import CONFIG, SINGLE
from sslcli.models.hf_config import ANSWERS, MATRIX
from sslcli.models.hf_tensors import (
    find_tensors,
    read_model_json,
    refuse_filled,
    write_tensors,
)
from sslcli.models.token_ids import GENERATING_IDS, token_ids
from sslcli.models.weights import Pretrained, State, part_of
from sslcli.reports import amount
from sslcli.resolving import problems_of
from sslcli.settings import FinetuneSettings

hf_items = Deferred("sslcli.models.hf_items")
hf_weights = Deferred("sslcli.models.hf_weights")
OWN_ENTRY = "sslcli"  # of a config.json; other programs pass over it
_ANSWERING = re.compile(r"For(\w*Classification|\w*Answering|MultipleChoice)$")


def families() -> Iterator[Family]:
    """The built-in ones first; a stranger's is imported only when none of them would do."""
    found = [
        plugin
        for plugin in registry.everything()
        if plugin.kind == "families" and plugin.status == "ok"
    ]
    for plugin in sorted(found, key=lambda plugin: not plugin.built_in):
        yield registry.load("families", f"{plugin.distribution}:{plugin.name}")()


def read_directory(folder: Path) -> Pretrained:
    """Raises ModelError naming file, key or tensor for whatever is missing, damaged, or beyond what
    the core can do.
    """
    config = read_model_json(folder / CONFIG)
    family = _reader_of(config, folder)
    settings, announced = _described(family, config, folder)
    stored = find_tensors(folder)
    hf_weights.refuse_too_deep(settings, stored, folder)
    kept = hf_items.kept_objective(family, config, settings)
    read = hf_weights.read_weights(family, settings, announced, kept, stored)
    notes = [*_notes(config), *family.notes(config)]
    zeros = _zeros(family, config, settings)
    refuse_filled(stored, zeros)
    unread = [name for name in read.unread if name not in zeros]
    if unread:
        shown = ", ".join(unread[:3]) + (", ..." if len(unread) > 3 else "")
        notes.append(f"{amount(len(unread), 'tensor')} without a place here, ignored: {shown}")
    settings, tensors = _untied_where_it_differs(settings, read.tensors, notes)
    tensors, said = hf_items.with_pixels_as_read(folder, tensors, settings.grid, kept)
    notes += said
    head, answers = (
        part_of(tensors, "head."),
        None if announced is None else announced.found(tensors),
    )
    tokenizer = _tokenizer_in(folder)
    notes += () if tokenizer is None else tokenizer.notes
    has_head = bool(head) or (
        not settings.transforms_before_head and settings.tied and announced is None
    )
    if has_head and settings.shifts_logits:
        head.setdefault("bias", torch.zeros(settings.vocabulary))
    return Pretrained(
        settings=settings,
        folder=folder,
        backbone=part_of(tensors, "backbone."),
        head=head if has_head else None,
        pooled={
            name: value
            for name, value in tensors.items()
            if name.startswith(("pooler.", "classifier."))
        },
        tokenizer_folder=folder if (folder / TOKENIZER_FILE).is_file() else None,
        notes=notes,
        answers=answers,
        task_said=_task_said(config),
        unread_head=_unread_head(config) if answers is None else "",
        loaded=tokenizer,
        objective=None if kept is None else kept.filled(part_of(tensors, f"{hf_items.OWN}.")),
    )


def write_directory(pretrained: Pretrained, folder: Path, tokenizer: Tokenizer | None) -> list[str]:
    """Write config.json, model.safetensors and the tokenizer; return sentences about what is left
    out.

    Of a fine-tuned model only the task's head is written. Raises UsageError if no family can hold
    this shape, or the family that does has no class for such a head.
    """
    settings, answers = pretrained.settings, pretrained.answers
    family, config = writer_of(settings, pretrained.heads)
    if tokenizer is None:
        return hf_items.write_items_directory(pretrained, folder, family, config)
    ids = token_ids(settings, tokenizer)
    if config.get("pad_token_id", ids["pad_token_id"]) != ids["pad_token_id"]:
        raise UsageError(
            (
                "this kind of model counts positions from its pad token, which "
                f"would be {config['pad_token_id']}, not {ids['pad_token_id']}"
            ),
            "train with position_offset 0 to export as BERT",
        )
    others = family.alternatives(settings, pretrained.heads)
    own = {} if answers is None else answers.entries()
    rest = {**ids, "dtype": "float32", **own, **_task_entry(pretrained)}
    configs = [{**each, **rest} for each in (config, *others)]
    config, notes = _write_readable(configs, settings, folder, tokenizer)
    tensors = {f"backbone.{name}": value for name, value in pretrained.backbone.items()}
    if answers is not None:
        tensors |= {f"{answers.kind}.{name}": value for name, value in answers.state.items()}
    else:
        tensors |= {
            f"head.{name}": value for name, value in (pretrained.head or {}).items()
        } | dict(pretrained.pooled or {})
    zeros = _zeros(family, config, settings)
    homeless = write_tensors(
        folder / SINGLE, tensors, family.keys(settings), settings.deepest, zeros
    )
    _write_generation(folder / GENERATION, ids, settings, tokenizer)
    parts = sorted({name.partition(".")[0] for name in homeless})
    kind = config["model_type"]
    return [
        *notes,
        *(f"a {kind} directory has no place for the {part}, which is left out" for part in parts),
    ]


def _write_readable(
    configs: Sequence[Mapping[str, Any]],
    settings: TransformerSettings,
    folder: Path,
    tokenizer: Tokenizer,
) -> tuple[Mapping[str, Any], list[str]]:
    """config.json and the tokenizer's files, with the first config whose tokenizer transformers
    keeps.

    Where it keeps none, the first config, and a sentence about that.
    """
    for config in (*configs, configs[0]):
        text = json.dumps(config, indent=2, ensure_ascii=False)
        (folder / CONFIG).write_text(f"{text}\n", encoding="utf-8")
        tokenizer.save(folder)
        tokenizer.save_chat_template(folder)
        _fit_tokenizer_config(folder / "tokenizer_config.json", settings)
        written = Tokenizer.load(folder)
        if tokenizer.cuts_like(written):
            return config, _blank_notes(tokenizer, written)
    problem = "transformers cuts text by rules of its own for such a model, and gives other tokens"
    return configs[0], [f"model_type {configs[0]['model_type']}: {problem} than this tokenizer"]


def _blank_notes(tokenizer: Tokenizer, written: Tokenizer) -> list[str]:
    """Of tokenizers that were learnt before masks said that they take the space before them."""
    if tokenizer.mask is None or written.mask is None:
        return []
    (mask,) = tokenizer.pieces([tokenizer.mask])
    own, there = (each.encode_with_blanks([f"a {mask}"])[0] for each in (tokenizer, written))
    if np.array_equal(own, there):
        return []
    return [f"transformers makes a token of a space before {mask}: write it behind the word there"]


def _tokenizer_in(folder: Path) -> Tokenizer | None:
    """None where there is none, or none that can be used: whoever needs one hears why."""
    try:
        return Tokenizer.load(folder) if (folder / TOKENIZER_FILE).is_file() else None
    except ModelError:
        return None


def _zeros(
    family: Family, config: Mapping[str, Any], settings: TransformerSettings
) -> dict[str, int]:
    """The vectors of zeros that such a directory holds, by name, and their sizes."""
    return {
        name.replace("{i}", str(layer)): size
        for name, size in family.zeros(config, settings).items()
        for layer in range(settings.deepest if "{i}" in name else 1)
    }


def _write_generation(
    path: Path, ids: Mapping[str, Any], settings: TransformerSettings, tokenizer: Tokenizer
) -> None:
    """generation_config.json, where the model's directory had one or the model needs it."""
    said = dict(tokenizer.generating)
    if settings.has_memory:
        said = {name: ids[name] for name in GENERATING_IDS if ids.get(name) is not None} | said
    if said:
        path.write_text(f"{json.dumps(said, indent=2)}\n", encoding="utf-8")


def _reader_of(config: Mapping[str, Any], folder: Path) -> Family:
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise ModelError(
            f"{folder / CONFIG} does not say its model_type",
            'add "model_type": "bert", or whatever it is',
        )
    if config.get("quantization_config") is not None:
        raise ModelError(
            f"{folder / CONFIG} is of a quantised model", "load the model in its full precision"
        )
    known = []
    for family in families():
        if family.reads(config):
            return family
        known.append(family.summary)
    raise ModelError(
        f"{folder / CONFIG} is of model_type '{kind}', which no family reads",
        f"families: {', '.join(known)}",
    )


def _described(
    family: Family, config: Mapping[str, Any], folder: Path
) -> tuple[TransformerSettings, Announced | None]:
    try:
        return family.settings(config), Announced.by(config)
    except ValidationError as error:
        raise ModelError(
            f"{folder / CONFIG}: {problems_of(error, TransformerSettings)[0]}",
            "the file is damaged",
        ) from error
    except ModelError as error:
        raise ModelError(f"{folder}: {error.message}", error.hint) from error


def _task_entry(pretrained: Pretrained) -> dict[str, Any]:
    """What a config.json of ours says of how a task was set, so that the directory answers as the
    run does.
    """
    trained = pretrained.trained
    if trained is None or not isinstance(trained.settings, FinetuneSettings):
        return {}
    if pretrained.answers is None and pretrained.head is None:
        return {}
    return {OWN_ENTRY: {"task": trained.settings.task, "options": trained.settings.options}}


def _task_said(config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    entry = config.get(OWN_ENTRY)
    if (
        not isinstance(entry, dict)
        or not isinstance(entry.get("task"), str)
        or not isinstance(entry.get("options"), dict)
    ):
        return "", {}
    return entry["task"], entry["options"]


def _unread_head(config: Mapping[str, Any]) -> str:
    """The class that config.json names, where its head answers a task; of a language model and of a
    backbone nothing.
    """
    listed = config.get("architectures")
    name = listed[0] if isinstance(listed, list) and listed else None
    return name if isinstance(name, str) and _ANSWERING.search(name) else ""


def _notes(config: Mapping[str, Any]) -> list[str]:
    notes = []
    if "auto_map" in config:
        notes.append(
            "config.json names code of its own (auto_map), which "
            "is ignored: no code out of a model directory is run"
        )
    names, numbers = config.get("id2label"), config.get("label2id")
    both = isinstance(names, dict) and isinstance(numbers, dict)
    if both and any(
        str(numbers.get(str(name), number)) != str(number) for number, name in names.items()
    ):
        notes.append(
            "id2label and label2id in config.json disagree: "
            "id2label says what the classes are called"
        )
    return notes


def _untied_where_it_differs(
    settings: TransformerSettings, tensors: State, notes: list[str]
) -> tuple[TransformerSettings, State]:
    """A file may hold the head's matrix though its config says that it is the embeddings'; the
    numbers decide.
    """
    if not settings.tied or MATRIX not in tensors:
        return settings, tensors
    if torch.equal(tensors[MATRIX], tensors["backbone.inputs.token.weight"]):
        return settings, {name: value for name, value in tensors.items() if name != MATRIX}
    notes.append(
        "config.json says that head and embeddings share their "
        "matrix, but the file holds two different ones: both are used"
    )
    return settings.model_copy(update={"tied": False}), tensors


def writer_of(
    settings: TransformerSettings, heads: frozenset[str]
) -> tuple[Family, Mapping[str, Any]]:
    """The family that holds a shape and these heads, and its config.json. Raises UsageError where
    there is none.
    """
    known = []
    for family in families():
        fits = bool(settings.vocabulary) != family.reads_items
        config = family.config(settings, heads) if fits else None
        if config is not None:
            _refuse_homeless(config, heads)
            return family, config
        known.append(family.summary)
    raise UsageError(
        f"no family of model directories holds this shape with equal numbers ({', '.join(known)})",
        _other_shape(settings),
    )


def _other_shape(settings: TransformerSettings) -> str:
    """What can be exported instead."""
    if settings.grid is not None:
        shape = "model.shape.class_token=true --set model.shape.positions=sincos"
        return f"models of images can be that are pretrained with --set {shape}"
    if not settings.vocabulary:
        return "models of text and of images can be exported"
    return "shapes of the presets can be exported; --set model.shape... may have left them"


def _refuse_homeless(config: Mapping[str, Any], heads: frozenset[str]) -> None:
    """A model without the head that it was fine-tuned for would be another model."""
    for kind in (kind for kind in ANSWERS if kind in heads):
        if not config["architectures"][0].endswith(ANSWERS[kind]):
            raise UsageError(
                (
                    f"a {config['model_type']} directory has no place "
                    f"for a head that answers about {kind} as ours does"
                ),
                "fine-tune a BERT, RoBERTa or ALBERT to export it, or write the backbone alone",
            )


def _fit_tokenizer_config(path: Path, settings: TransformerSettings) -> None:
    """AutoTokenizer would take 1e30 tokens for the longest otherwise, and tell segments apart that
    the model does not have.
    """
    config: dict[str, Any] = {
        **json.loads(path.read_text(encoding="utf-8")),
        "model_max_length": settings.longest_tokens,
    }
    if settings.segments < 2:
        config["model_input_names"] = [
            name for name in config["model_input_names"] if name != "token_type_ids"
        ]
    path.write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")
