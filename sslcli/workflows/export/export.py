"""`ssl export`: a model directory that other tools load, read back and compared before it
appears.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from sslcli.asides import settled
from sslcli.data.text.chat_template import CHAT
from sslcli.data.text.hf_reading import ADDED, GENERATION
from sslcli.errors import UsageError
from sslcli.folders import replaced
from sslcli.models.file_names import CONFIG, SINGLE
from sslcli.models.hf_directory import read_directory, write_directory
from sslcli.models.hf_items import PROCESSOR
from sslcli.models.loading import load_pretrained
from sslcli.progress import working
from sslcli.reports import Report, Table
from sslcli.workflows.export.model_card import model_card
from sslcli.workflows.export.parity import (
    oracle_numbers,
    own_numbers,
    refuse_difference,
    sample_inputs,
)

CARD = "README.md"
OWN_FILES = frozenset(
    {CONFIG, SINGLE, CARD, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
)
FILES_OF_SOME = frozenset({ADDED, CHAT, GENERATION, PROCESSOR})


def export(
    reference: str,
    folder: Path,
    *,
    overwrite: bool = False,
    check: bool = True,
    transformers: bool = False,
    heads: bool = True,
) -> Report:
    """config.json, model.safetensors, tokenizer files and a model card; the folder appears whole or
    not at all.

    `check` reads it back and compares every layer and the logits with the model's own,
    `transformers` has that library do the same. Without `heads` only the backbone and its pooler
    are written, for AutoModel. Raises CheckError where numbers differ, UsageError where the folder
    holds something or no family holds the shape.
    """
    shown, folder = folder, settled(folder)
    refuse_loss(folder, overwrite, OWN_FILES | FILES_OF_SOME)
    model = load_pretrained(reference)
    if not heads:
        pooled = {**(model.pooled or {}), **({} if model.answers is None else model.answers.state)}
        pooler = {name: value for name, value in pooled.items() if name.startswith("pooler.")}
        model = replace(model, head=None, pooled=pooler, answers=None)
    tokenizer = model.tokenizer() if model.settings.vocabulary else None
    differences = {}
    working("writing the export")
    with replaced(folder) as aside:
        notes = [*model.notes, *write_directory(model, aside, tokenizer)]
        (aside / CARD).write_text(model_card(model, shown.absolute().name, notes), encoding="utf-8")
        inputs = sample_inputs(model.settings, tokenizer)
        if check or transformers:
            expected = own_numbers(model, inputs)
            if check:
                working("reading the export back")
                found = own_numbers(read_directory(aside), inputs)
                differences["read back"] = refuse_difference(
                    expected, found, "the export, read back,"
                )
            if transformers:
                working("reading the export in transformers")
                found = oracle_numbers(aside, model, inputs)
                differences["in transformers"] = refuse_difference(
                    expected, found, "the export in transformers"
                )
        refuse_loss(folder, overwrite, OWN_FILES | FILES_OF_SOME)  # of another that ended meanwhile
    rows = [("files", ", ".join(sorted(path.name for path in folder.iterdir())))]
    rows += [
        (f"largest difference {who}", f"{difference:.1e}")
        for who, difference in differences.items()
    ]
    return Report(
        f"exported {reference} to {shown}",
        tables=[Table("export", ("what", "value"), rows)],
        notes=notes,
    )


def refuse_loss(folder: Path, overwrite: bool, own_files: Collection[str]) -> None:
    """An export replaces an older one when asked to, and never anything else. Raises UsageError."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file", "give the name of a folder")
    present = sorted(path.name for path in folder.iterdir())
    if present and not overwrite:
        raise UsageError(
            f"{folder} is not empty", "choose another folder, or replace it with --overwrite"
        )
    foreign = [name for name in present if name not in own_files]
    if foreign:
        raise UsageError(
            f"{folder} holds {foreign[0]}, which no export wrote and overwriting would delete",
            "choose another folder",
        )
