"""Weights of model directories, in and out: safetensors, one file or several, through a map of
names. Nothing is executed.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sslcli import plainfiles
from sslcli.errors import ModelError, RunError
from sslcli.models.file_names import ARCHIVES, INDEX, PICKLES, SINGLE
from sslcli.models.tensor_forms import from_file, shape_in_file, to_file
from sslcli.models.tensor_names import NamesInFile, Stored, TensorKey, expanded, folder_of

# others are quantised: their numbers mean nothing by themselves
DTYPES = frozenset({"F64", "F32", "F16", "BF16"})
# What libraries once wrote beside the weights, and can be computed from the settings.
_BUFFERS = re.compile(r"(^|\.)(position_ids|masked_bias|rotary_emb\.inv_freq|h\.\d+\.attn\.bias)$")


@dataclass(frozen=True)
class Read:
    """Tensors by our names, and the names in the file that nothing asked for."""

    tensors: Mapping[str, Tensor]
    unread: tuple[str, ...]


def read_model_json(path: Path) -> dict[str, Any]:
    """An object out of a small file. Raises ModelError naming the file."""
    try:
        values = plainfiles.read_whole_json(path)
    except FileNotFoundError as error:
        raise ModelError(
            f"there is no {path}", "a model directory has config.json and model.safetensors"
        ) from error
    except OSError as error:
        hint = "a model directory has plain files that may be read"
        raise ModelError(f"{path} cannot be read: {plainfiles.reason(error)}", hint) from error
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error!s:.80}", "the file is damaged") from error
    if not isinstance(values, dict):
        raise ModelError(
            f"{path} must hold an object, not {type(values).__name__}", "the file is damaged"
        )
    return values


def find_tensors(folder: Path) -> dict[str, Stored]:
    """Find every tensor of a model directory, by its name in the file; only headers are read.

    Raises ModelError if there is no safetensors file, or one is missing, damaged or quantised.
    """
    found: dict[str, Stored] = {}
    for path in _weight_files(folder):
        with _open(path) as file:
            for name in sorted(file.keys()):
                part = file.get_slice(name)
                found[name] = Stored(path, tuple(part.get_shape()), part.get_dtype())
    return found


def read_tensors(
    stored: Mapping[str, Stored],
    keys: Sequence[TensorKey],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    depth: int,
    spare: Collection[str] = (),
    dtype: torch.dtype = torch.float32,
) -> Read:
    """The tensors that `shapes` names (ours), cut out of a directory's.

    The word before the first dot of our names is a part: "backbone" must be there, any other part
    is there as a whole or not at all, apart from the names in `spare`. Keys for the same tensors of
    ours are alternatives, the first found is read. Raises ModelError naming file and tensor where
    one is missing, has another shape, holds what is no number, or is no copy though it should be.
    """
    names = NamesInFile(stored, keys)
    chosen: dict[str, tuple[TensorKey, str]] = {}
    theirs = {}
    for key in expanded(keys, depth):
        if not all(name in shapes for name in key.ours):
            continue
        theirs.update({name: key.theirs for name in key.ours if name not in theirs})
        if (name := names.find(key.theirs)) is not None:
            for ours in key.ours:
                chosen.setdefault(ours, (key, name))
    _refuse_gaps(stored, chosen, shapes, theirs, spare)
    tensors: dict[str, Tensor] = {}
    with ExitStack() as stack:
        files = {
            path: stack.enter_context(_open(path))
            for path in {stored[name].path for _, name in chosen.values()}
        }
        for key, name in dict.fromkeys(chosen.values()):
            tensors |= _cut(
                files[stored[name].path],
                key,
                {ours: shapes[ours] for ours in key.ours},
                stored[name],
                name,
                dtype,
            )
        _refuse_false_copies(files, stored, names, expanded(keys, depth), tensors)
    used = {name for _, name in chosen.values()} | {
        name
        for key in expanded(keys, depth)
        if _has_place(key, shapes) and (name := names.find(key.theirs))
    }
    return Read(
        tensors,
        tuple(sorted(name for name in stored if name not in used and not _BUFFERS.search(name))),
    )


def _has_place(key: TensorKey, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """False for a layer that one half of a model has and the other has not."""
    return any(name in shapes or not name.startswith("backbone.") for name in key.ours)


def _refuse_false_copies(
    files: Mapping[Path, Any],
    stored: Mapping[str, Stored],
    names: NamesInFile,
    keys: Iterable[TensorKey],
    tensors: Mapping[str, Tensor],
) -> None:
    """Raises ModelError where a tensor that should be a copy of another one differs from it."""
    for key in keys:
        name = names.find(key.theirs) if key.is_copy else None
        if name is None or key.ours[0] not in tensors:
            continue
        own, path = tensors[key.ours[0]], stored[name].path
        file = files[path] if path in files else _open(path)
        if stored[name].shape != own.shape or not torch.equal(
            file.get_tensor(name).to(own.dtype), own
        ):
            raise ModelError(
                f"{path}: tensor '{name}' is not the matrix that both halves share",
                "only models that share it load",
            )


def refuse_filled(stored: Mapping[str, Stored], names: Collection[str]) -> None:
    """Raises ModelError for a tensor among `names` that is in the file and is not all zeros."""
    for name in names:
        if name in stored:
            with _open(stored[name].path) as file:
                if file.get_tensor(name).any():
                    raise ModelError(
                        (
                            f"{stored[name].path}: tensor '{name}' has "
                            "no place in this core, and is not zero"
                        ),
                        "only models where it is zero, or without it, load",
                    )


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    keys: Sequence[TensorKey],
    depth: int,
    zeros: Mapping[str, int] | None = None,
) -> tuple[str, ...]:
    """Write one safetensors file under their names; return names of ours that it does not hold.

    `zeros`: names and sizes of vectors of zeros to be written beside them. Raises RunError if the
    disk refuses.
    """
    written: dict[str, Tensor] = {name: torch.zeros(size) for name, size in (zeros or {}).items()}
    placed: set[str] = set()
    for key in expanded(keys, depth):
        if key.written and all(name in tensors for name in key.ours):
            whole = (
                torch.cat([tensors[name] for name in key.ours])
                if len(key.ours) > 1
                else tensors[key.ours[0]]
            )
            written[key.theirs] = (
                to_file(key, whole).detach().cpu().clone(memory_format=torch.contiguous_format)
            )
            placed.update(key.ours)
    try:
        save_file(written, path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise RunError(
            f"cannot write {path}: {error!s:.120}",
            "check the free space and the permissions of the disk",
        ) from error
    return tuple(name for name in tensors if name not in placed)


def _open(path: Path) -> Any:
    try:
        plainfiles.refuse_other_kinds(path)
        return safe_open(path, framework="pt")
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read as safetensors: {plainfiles.reason(error)}",
            "the file is missing or damaged",
        ) from error


def _cut(
    file: Any,
    key: TensorKey,
    shapes: Mapping[str, tuple[int, ...]],
    stored: Stored,
    name: str,
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Tensors of ours out of one of theirs, in memory of their own: the file may be gone before
    they are.
    """
    rows = [shape[0] for shape in shapes.values()]
    wanted = shape_in_file(key, (sum(rows), *next(iter(shapes.values()))[1:]))
    if stored.dtype not in DTYPES:
        raise ModelError(
            f"{stored.path}: tensor '{name}' is {stored.dtype}, which is quantised",
            "load the model in its full precision",
        )
    if stored.shape != wanted:
        raise ModelError(
            (
                f"{stored.path}: tensor '{name}' has shape "
                f"{list(stored.shape)}, and config.json asks for {list(wanted)}"
            ),
            "the two files are of different models, or damaged",
        )
    try:
        whole = file.get_tensor(name)
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{stored.path}: tensor '{name}' cannot be read: {error!s:.120}", "the file is damaged"
        ) from error
    whole = from_file(key, whole)
    parts = [
        part.to(dtype, copy=True, memory_format=torch.contiguous_format)
        for part in whole.split(rows)
    ]
    if not all(map(is_finite, parts)):
        if is_finite(whole):
            problem = f"holds numbers beyond what {str(dtype).removeprefix('torch.')} can hold"
            raise ModelError(
                f"{stored.path}: tensor '{name}' {problem}",
                "the model was damaged in training, or by a conversion",
            )
        raise ModelError(
            f"{stored.path}: tensor '{name}' holds values that are no finite numbers",
            "the model was damaged in training",
        )
    return dict(zip(shapes, parts, strict=True))


def is_finite(tensor: Tensor) -> bool:
    """Tell whether all values are finite numbers; integers are."""
    if not tensor.is_floating_point():
        return True
    # A sum is much faster than a look at every value, and is finite unless one of them is not, or
    # all are huge.
    return bool(tensor.sum(dtype=torch.float64).isfinite() or tensor.isfinite().all())


def _refuse_gaps(
    stored: Mapping[str, Stored],
    chosen: Mapping[str, object],
    shapes: Mapping[str, tuple[int, ...]],
    theirs: Mapping[str, str],
    spare: Collection[str],
) -> None:
    parts = {name.partition(".")[0] for name in chosen} | {"backbone"}
    for name in shapes:
        if name not in chosen and name not in spare and name.partition(".")[0] in parts:
            hint = "the directory is not whole, or config.json is of another model"
            raise ModelError(f"{folder_of(stored)} has no tensor '{theirs.get(name, name)}'", hint)


def _weight_files(folder: Path) -> list[Path]:
    if (folder / INDEX).exists():
        listed = read_model_json(folder / INDEX).get("weight_map")
        if not isinstance(listed, dict) or not all(
            isinstance(name, str) and Path(name).name == name for name in listed.values()
        ):
            raise ModelError(
                f"{folder / INDEX} must map tensors to file names in this folder",
                "the file is damaged",
            )
        return [folder / name for name in sorted(set(listed.values()))]
    if (folder / SINGLE).exists():
        return [folder / SINGLE]
    present = sorted(folder.glob("*.safetensors"))
    if len(present) == 1:
        return present
    if present:
        raise ModelError(
            f"{folder} has {len(present)} safetensors files and no {INDEX}",
            "the directory is not whole",
        )
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        raise ModelError(
            (
                f"{folder} has its weights in {pickles[0]}, and "
                "only safetensors are read: other files may run code"
            ),
            (
                "save the model again where you trust it: "
                "transformers' save_pretrained writes model.safetensors"
            ),
        )
    archives = sorted(path.name for pattern in ARCHIVES for path in folder.glob(pattern))
    if archives:
        raise ModelError(
            f"{folder} has no {SINGLE}, and {archives[0]} is an archive",
            "unpack it by hand, where you trust it",
        )
    raise ModelError(
        f"{folder} has no {SINGLE}", "a model directory has config.json and model.safetensors"
    )
