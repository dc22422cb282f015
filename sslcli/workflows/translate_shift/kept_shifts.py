"""Shifts that were fitted for a text, kept once a machine: of the next text only the reading is
left.

Among the answers (see `models/kept_answers`): `tensors.safetensors` has layer.3.vector [D] and,
where there is a matrix, layer.3.matrix [D, D] and layer.3.origin [D]; answer.json what is said of
them.
"""

import json
from collections.abc import Mapping, Sequence

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from sslcli.contracts.linear_shift import LinearShift
from sslcli.models.kept_answers import TENSORS, keep, recall

Moves = Mapping[int, LinearShift]


def recalled_moves(key: str | None) -> tuple[Moves, Sequence[str]] | None:
    """Return cached shifts by layer, and their notes; None if they must be fitted."""
    found = recall(key)
    if found is None:
        return None
    try:
        said, folder = found
        by_layer: dict[int, dict[str, Tensor]] = {}
        for name, tensor in load_file(folder / TENSORS).items():
            _, layer, part = name.split(".")
            by_layer.setdefault(int(layer), {})[part] = tensor
        return {layer: LinearShift.of(parts) for layer, parts in sorted(by_layer.items())}, list(
            said["notes"]
        )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None


def keep_moves(key: str | None, moves: Moves, notes: Sequence[str]) -> None:
    """Keep fitted shifts by layer in the cache; None as key keeps nothing."""
    tensors = {
        f"layer.{layer}.{name}": tensor.detach().to("cpu", copy=True).contiguous()
        for layer, shift in moves.items()
        for name, tensor in shift.tensors().items()
    }
    keep(key, json.dumps({"notes": list(notes)}, ensure_ascii=False), save(tensors))
