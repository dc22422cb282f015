"""Model directories as the Hugging Face world lays them out, read and written through the families."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from sslcli import registry
from sslcli.config import problems_of
from sslcli.contracts import Family
from sslcli.core.pretrained import CONFIG, SINGLE, find_tensors, read_json, read_tensors, write_tensors
from sslcli.core.settings import TransformerSettings
from sslcli.data.tokenizer import FILE as TOKENIZER_FILE
from sslcli.data.tokenizer import Tokenizer
from sslcli.errors import ModelError, UsageError
from sslcli.workflows.weights import Pretrained, State, expected_shapes, part_of

MATRIX = "head.weight"


def families() -> Iterator[Family]:
    """The built-in ones first; a stranger's is imported only when none of them would do."""
    found = [plugin for plugin in registry.everything() if plugin.kind == "families" and plugin.status == "ok"]
    for plugin in sorted(found, key=lambda plugin: not plugin.built_in):
        yield registry.load("families", f"{plugin.distribution}:{plugin.name}")()


def read_directory(folder: Path) -> Pretrained:
    """Raises ModelError naming file, key or tensor for whatever is missing, damaged, or beyond what the core can do."""
    config = read_json(folder / CONFIG)
    family = _reader_of(config, folder)
    settings = _settings(family, config, folder)
    stored = find_tensors(folder)
    if settings.depth > len(stored):
        raise ModelError(f"{folder / CONFIG} says {settings.depth} layers, and the weights are {len(stored)} tensors", "one is damaged")
    spare = {MATRIX} if settings.tied else ()
    read = read_tensors(stored, family.keys(settings), expected_shapes(settings), depth=settings.depth, spare=spare)
    notes = [*_notes(config), *family.notes(config)]
    if read.unread:
        shown = ", ".join(read.unread[:3]) + (", ..." if len(read.unread) > 3 else "")
        notes.append(f"{len(read.unread)} tensors have no place here and are ignored: {shown}")
    settings, tensors = _untied_where_it_differs(settings, read.tensors, notes)
    head = part_of(tensors, "head.")
    return Pretrained(
        settings=settings,
        folder=folder,
        backbone=part_of(tensors, "backbone."),
        head=head if head or (settings.architecture == "decoder" and settings.tied) else None,
        pooled={name: value for name, value in tensors.items() if name.startswith(("pooler.", "classifier."))},
        tokenizer_folder=folder if (folder / TOKENIZER_FILE).is_file() else None,
        notes=notes,
    )


def write_directory(pretrained: Pretrained, folder: Path, tokenizer: Tokenizer) -> list[str]:
    """config.json, model.safetensors and the tokenizer's files; gives sentences about what found no place in them.

    Raises UsageError where no family holds this shape.
    """
    settings, heads = pretrained.settings, pretrained.heads
    family, config = _writer_of(settings, heads)
    ids = token_ids(settings, tokenizer)
    if config.get("pad_token_id", ids["pad_token_id"]) != ids["pad_token_id"]:
        raise UsageError(
            f"this kind of model counts positions from its pad token, which would be {config['pad_token_id']}, not {ids['pad_token_id']}",
            "train with position_offset 0 to export as BERT",
        )
    text = json.dumps({**config, **ids, "dtype": "float32"}, indent=2, ensure_ascii=False)
    (folder / CONFIG).write_text(f"{text}\n", encoding="utf-8")
    tensors = {f"backbone.{name}": value for name, value in pretrained.backbone.items()}
    tensors |= {f"head.{name}": value for name, value in (pretrained.head or {}).items()} | dict(pretrained.pooled or {})
    homeless = write_tensors(folder / SINGLE, tensors, family.keys(settings), settings.depth)
    tokenizer.save(folder)
    _say_longest(folder / "tokenizer_config.json", settings.longest_tokens)
    parts = sorted({name.partition(".")[0] for name in homeless})
    return [f"a {config['model_type']} directory has no place for the {part}, which is left out" for part in parts]


def token_ids(settings: TransformerSettings, tokenizer: Tokenizer) -> dict[str, int | None]:
    """The special tokens that a config.json names. A decoder begins with the token that ends a text."""
    decodes = settings.architecture == "decoder"
    return {
        "pad_token_id": tokenizer.pad,
        "bos_token_id": tokenizer.end if decodes else tokenizer.classify,
        "eos_token_id": tokenizer.end if decodes else tokenizer.separate,
        "cls_token_id": tokenizer.classify,
        "sep_token_id": tokenizer.separate,
    }


def _reader_of(config: Mapping[str, Any], folder: Path) -> Family:
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise ModelError(f"{folder / CONFIG} does not say its model_type", 'add "model_type": "bert", or whatever it is')
    if config.get("quantization_config") is not None:
        raise ModelError(f"{folder / CONFIG} is of a quantised model", "load the model in its full precision")
    known = []
    for family in families():
        if family.reads(config):
            return family
        known.append(family.summary)
    raise ModelError(f"{folder / CONFIG} is of model_type '{kind}', which no family reads", f"families: {', '.join(known)}")


def _settings(family: Family, config: Mapping[str, Any], folder: Path) -> TransformerSettings:
    try:
        return family.settings(config)
    except ValidationError as error:
        raise ModelError(f"{folder / CONFIG}: {problems_of(error, TransformerSettings)[0]}", "the file is damaged") from error
    except ModelError as error:
        raise ModelError(f"{folder}: {error.message}", error.hint) from error


def _notes(config: Mapping[str, Any]) -> list[str]:
    if "auto_map" not in config:
        return []
    return ["config.json names code of its own (auto_map), which is ignored: no code out of a model directory is run"]


def _untied_where_it_differs(settings: TransformerSettings, tensors: State, notes: list[str]) -> tuple[TransformerSettings, State]:
    """A file may hold the head's matrix though its config says that it is the embeddings'; the numbers decide."""
    if not settings.tied or MATRIX not in tensors:
        return settings, tensors
    if torch.equal(tensors[MATRIX], tensors["backbone.inputs.token.weight"]):
        return settings, {name: value for name, value in tensors.items() if name != MATRIX}
    notes.append("config.json says that head and embeddings share their matrix, but the file holds two different ones: both are used")
    return settings.model_copy(update={"tied": False}), tensors


def _writer_of(settings: TransformerSettings, heads: frozenset[str]) -> tuple[Family, Mapping[str, Any]]:
    known = []
    for family in families():
        config = family.config(settings, heads) if settings.vocabulary else None
        if config is not None:
            return family, config
        known.append(family.summary)
    raise UsageError(
        f"no family of model directories holds this shape with equal numbers ({', '.join(known)})",
        "shapes of the presets can be exported; --set model.shape... may have left them",
    )


def _say_longest(path: Path, longest_tokens: int) -> None:
    """AutoTokenizer would take 1e30 tokens for the longest otherwise."""
    config = {**json.loads(path.read_text(encoding="utf-8")), "model_max_length": longest_tokens}
    path.write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")
