"""Shifts on disk: one safetensors file with the map of every layer, and what they were fitted on.

    layer.3.vector [D]   layer.3.matrix [D, D] and layer.3.origin [D] where there is a matrix
    learnt [P]           hashes of the translations that it was fitted on, so that none of them is
    tested with

Letters: D width, P translations.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sslcli import plainfiles
from sslcli.config import Config, setting
from sslcli.contracts.linear_shift import LinearShift
from sslcli.contracts.probe import FrozenModel
from sslcli.core.transformer import Transformer
from sslcli.data.records.translations import TextPair
from sslcli.errors import DataError, UsageError
from sslcli.folders import write_atomically
from sslcli.reports import amount
from sslcli.resolving import problems_of
from sslcli.workflows.translate_shift.estimate import Estimated
from sslcli.workflows.translate_shift.settings import ShiftSettings

FORMAT = "sslcli shift 1"
_ABOUT = "about"
_HINT = "ssl translate-shift --save FILE writes one"


class About(Config):
    """How saved shifts were fitted, between which languages, in which model."""

    shift: str = setting("", "the way of estimating, as --shift names it")
    options: dict[str, Any] = setting({}, "its options")
    source: str = setting("", "language that is moved")
    target: str = setting("", "language that it is moved into")
    model: str = setting("", "the model, in words")
    weights: str = setting("", "hash of the weights")
    width: int = setting(0, "of the hidden states")
    sentences: tuple[int, int] = setting(
        (0, 0), "sentences, or translations, of each language that it was fitted on"
    )
    lengths: dict[int, float] = setting({}, "how far alpha 1 goes at each layer, on average")


@dataclass(frozen=True)
class SavedShift:
    """Saved shifts; `learnt`: hashes of the translations they were fitted on, empty for texts."""

    path: Path
    about: About
    shifts: Mapping[int, LinearShift]
    learnt: frozenset[int]

    def notes(self, frozen_model: FrozenModel) -> list[str]:
        """Return sentences on the origin, and whether it is this model."""
        about, (source, target) = self.about, self.about.sentences
        lengths = ", ".join(
            f"{length:.3g} at layer {layer}" for layer, length in about.lengths.items()
        )
        counts = f"{amount(source, 'sentence')} of {about.source} and {target:,} of {about.target}"
        said = [
            (
                f"{self.path}: --shift {about.shift}, estimated "
                f"on {counts} with {about.model}; |shift| {lengths}"
            )
        ]
        if about.weights != weights_hash(frozen_model.backbone):
            said.append(
                f"{self.path} was estimated with other weights than those "
                f"of {frozen_model.name}: its languages may lie elsewhere"
            )
        return said

    def without_learnt(self, pairs: Sequence[TextPair]) -> list[TextPair]:
        """Return the pairs that it was not fitted on."""
        hashes = pair_hashes(pairs)
        return [
            pair
            for pair, known in zip(pairs, hashes.tolist(), strict=True)
            if known not in self.learnt
        ]


def save_shift(
    path: Path,
    shift: str,
    options: Mapping[str, Any],
    frozen_model: FrozenModel,
    settings: ShiftSettings,
    estimated: Estimated,
    learnt: Sequence[TextPair],
) -> None:
    """The file appears whole or not at all. Raises DataError for a shift that is not finite,
    RunError where the disk refuses.
    """
    source, target = (len(sentences.tokens) for sentences in estimated.behind)
    about = About(
        shift=shift, options=dict(options), source=settings.source, target=settings.target,
        model=frozen_model.name,
        weights=weights_hash(frozen_model.backbone), width=frozen_model.settings.width,
        sentences=(source, target),
        lengths=dict(estimated.lengths),
    )  # fmt: skip
    for layer, fitted in estimated.moves.items():
        if not all(tensor.isfinite().all() for tensor in fitted.tensors().values()):
            hint = f"estimate it on other sentences, or by another way than --shift {shift}"
            raise DataError(
                (
                    f"the shift at layer {layer} holds a value "
                    "that is no finite number, and is not kept"
                ),
                hint,
            )
    tensors: dict[str, Tensor] = {
        # one may stand in several places
        f"layer.{layer}.{name}": tensor.detach().to("cpu", copy=True).contiguous()
        for layer, fitted in estimated.moves.items()
        for name, tensor in fitted.tensors().items()
    }
    if learnt:
        tensors["learnt"] = torch.from_numpy(pair_hashes(learnt))
    write_atomically(path, save(tensors, {"format": FORMAT, _ABOUT: about.model_dump_json()}))


def load_shift(path: Path) -> SavedShift:
    """Raises DataError, with what is wrong, for what is no file of `save_shift`, or a damaged
    one.
    """
    try:
        plainfiles.refuse_other_kinds(path)
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise DataError(f"{path} is no saved shift", _HINT)
            names = file.keys()  # it is no mapping
            tensors = {name: file.get_tensor(name) for name in names}
        about = About.model_validate_json(metadata[_ABOUT])
        return _read(path, about, tensors)
    except ValidationError as error:
        raise DataError(
            f"{path}: {problems_of(error, About)[0]}", "the file is damaged, or of another version"
        ) from error
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} cannot be read as a saved shift: {plainfiles.reason(error)}", _HINT
        ) from error


def _read(path: Path, about: About, tensors: dict[str, Tensor]) -> SavedShift:
    """Raises ValueError or KeyError for tensors that are not those of shifts."""
    learnt = tensors.pop("learnt", torch.zeros(0, dtype=torch.int64))
    by_layer: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        _, layer, part = name.split(".")
        if not tensor.isfinite().all():
            raise ValueError(f"{name} is not finite")
        by_layer.setdefault(int(layer), {})[part] = tensor
    shifts = {layer: LinearShift.of(parts) for layer, parts in sorted(by_layer.items())}
    if not shifts or any(shift.width != about.width for shift in shifts.values()):
        raise ValueError(f"it has no shift of width {about.width}")
    return SavedShift(path, about, shifts, frozenset(learnt.tolist()))


def refuse_misfit(saved: SavedShift, frozen_model: FrozenModel, layers: Sequence[int]) -> None:
    """Raises UsageError for a shift of another model's width, and for layers that it does not
    have.
    """
    width = frozen_model.settings.width
    if saved.about.width != width or max(saved.shifts) > frozen_model.depth:
        shape = f"{saved.about.width} features at layer {max(saved.shifts)}"
        raise UsageError(
            (
                f"{saved.path} moves {shape}, and {frozen_model.name} "
                f"has {width} in {frozen_model.depth} layers"
            ),
            f"it was estimated with {saved.about.model}: give that to --model",
        )
    if absent := sorted(set(layers) - set(saved.shifts)):
        there = ", ".join(map(str, saved.shifts))
        raise UsageError(
            f"{saved.path} has no shift at layer {absent[0]}",
            f"it has some at {there}; leave --layers out",
        )


def refuse_to_replace(path: Path) -> None:
    """Raises UsageError for a file that is something else than a saved shift, which alone is
    written over.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file that can be replaced", "choose another --save")
    if path.exists() and path.stat().st_size:
        try:
            load_shift(path)
        except DataError as error:
            raise UsageError(
                f"{path} is there and is no saved shift", "choose another --save"
            ) from error


def pair_hashes(pairs: Iterable[TextPair]) -> np.ndarray:
    """int64 [P]: of both sides of each, however they are spaced or capitalised."""
    texts = (json.dumps([" ".join(side.casefold().split()) for side in pair]) for pair in pairs)
    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)


def weights_hash(backbone: Transformer) -> str:
    """Return a hash of all parameters, in the order of their names, on any device."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(backbone.state_dict().items()):
        digest.update(f"{name} {list(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
