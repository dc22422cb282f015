"""Tensors on disk: one safetensors file, or one per rank where they are sharded.

Shards are torch.distributed.checkpoint's, in its safetensors format, in a folder of the file's name
without its suffix. Either is read into either, whatever the number of ranks. Its other format keeps
its index as a pickle, which is not read.
"""

import json
import sys
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from sslcli import plainfiles
from sslcli.deferred import Deferred
from sslcli.errors import ModelError

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

# With all of sympy, a third of what importing torch takes, and of use only where tensors are
# sharded.
torch_checkpoint, checkpoint_api = (
    Deferred("torch.distributed.checkpoint"),
    Deferred("torch.distributed.checkpoint.api"),
)
torch_mesh, torch_tensor = (
    Deferred("torch.distributed.device_mesh"),
    Deferred(TENSOR_MODULE := "torch.distributed.tensor"),
)


def is_shard(tensor: Tensor) -> "TypeGuard[DTensor]":
    """Tell whether a rank holds only a shard of the tensor (DTensor), without importing DTensor."""
    return TENSOR_MODULE in sys.modules and isinstance(tensor, torch_tensor.DTensor)


def local(tensor: Tensor) -> Tensor:
    """Return the memory of this rank: a tensor itself, or its shard."""
    if not is_shard(tensor):
        return tensor
    shard = tensor.detach()
    assert is_shard(shard)
    return shard.to_local()


def like(shard: Tensor, tensor: Tensor) -> Tensor:
    """Return `shard` as a tensor that is sharded as `tensor` is."""
    if not is_shard(tensor) or shard.ndim != tensor.ndim:
        return shard
    return _shard_of(shard, tensor.device_mesh, tensor)


def _shard_of(share: Tensor, mesh: Any, tensor: "DTensor") -> Tensor:
    """Build a DTensor of the shape and placements of `tensor` from a rank's shard."""
    kept = {"run_check": False, "shape": tensor.shape, "stride": tensor.stride()}
    return torch_tensor.DTensor.from_local(share, mesh, tensor.placements, **kept)


def share_of(whole: Tensor, tensor: Tensor) -> Tensor:
    """Return this rank's shard of a whole value for `tensor`, without communication."""
    if not is_shard(tensor) or whole.ndim != tensor.ndim:
        return whole
    return torch_tensor.distribute_tensor(
        whole, tensor.device_mesh, tensor.placements, src_data_rank=None
    ).to_local()


def on_host(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors to host memory of their own, sharded as they are."""
    ranks = next((value.device_mesh.size() for value in tensors.values() if is_shard(value)), None)
    # On a mesh of GPUs the copies would move back to them.
    mesh = None if ranks is None else torch_mesh.init_device_mesh("cpu", (ranks,))
    return {name: _copied(value, mesh) for name, value in tensors.items()}


def _copied(tensor: Tensor, mesh: Any) -> Tensor:
    share = local(tensor).detach().to("cpu", copy=True).contiguous()
    if not is_shard(tensor):
        return share
    return _shard_of(share, mesh, tensor)


def is_sharded(tensors: Mapping[str, Tensor]) -> bool:
    """Tell whether any of the tensors is sharded."""
    return any(is_shard(value) for value in tensors.values())


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write whole tensors to one file. Raises OSError if the disk refuses, for safetensors' own
    error.
    """
    try:
        save_file(dict(tensors), path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(f"{path.name}: {error}") from error


def save_shards(tensors: Mapping[str, Tensor], path: Path, group: Any) -> None:
    """Write the shards; every rank of `group` calls it. Raises OSError if the disk refuses."""
    try:
        writer = torch_checkpoint.HuggingFaceStorageWriter(
            str(path.with_suffix("")), save_distributed=True
        )
        torch_checkpoint.save(dict(tensors), storage_writer=writer, process_group=group)
    except checkpoint_api.CheckpointException as error:
        raise OSError(f"{path.stem}: {_first_failure(error)}") from error
    if torch.distributed.get_rank(group) == 0:
        for shard in path.with_suffix("").glob("*.safetensors"):
            _order_metadata(shard)


def _order_metadata(path: Path) -> None:
    """Equal shards are to be equal files: safetensors has its metadata in any order."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= size:
            file.seek(8)
            file.write(text.ljust(size))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Load all tensors, whole. Raises ModelError if the file, or its shards, cannot be read."""
    with _reading(path):
        folder = path.with_suffix("")
        if not folder.is_dir():
            plainfiles.refuse_other_kinds(path)
            return load_file(path)
        found = (
            torch_checkpoint.HuggingFaceStorageReader(str(folder))
            .read_metadata()
            .state_dict_metadata
        )
    tensors = {
        name: torch.empty(entry.size, dtype=entry.properties.dtype) for name, entry in found.items()
    }
    fill(tensors, path)
    return tensors


def shapes_in(path: Path) -> dict[str, torch.Size]:
    """Return the shape of every tensor, from the headers. Raises ModelError if they cannot be
    read.
    """
    with _reading(path):
        folder = path.with_suffix("")
        if folder.is_dir():
            found = (
                torch_checkpoint.HuggingFaceStorageReader(str(folder))
                .read_metadata()
                .state_dict_metadata
            )
            return {name: entry.size for name, entry in found.items()}
        plainfiles.refuse_other_kinds(path)
        with safe_open(path, framework="pt") as file:
            names = file.keys()  # it is no mapping
            return {name: torch.Size(file.get_slice(name).get_shape()) for name in names}


def fill(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Fill `tensors`, whole or sharded, from the file or the shards, by name.

    Raises ModelError if names or shapes differ.
    """
    found = shapes_in(path)
    for name in sorted({*found, *tensors}):
        here = tensors[name].shape if name in tensors else None
        if found.get(name) != here:
            raise ModelError(
                (
                    f"{path} does not fit the model: {name} is "
                    f"{_described(found.get(name))} there and {_described(here)} here"
                ),
                "resume with the settings of the run",
            )
    with _reading(path), torch.no_grad():
        folder = path.with_suffix("")
        if folder.is_dir():
            reader = torch_checkpoint.HuggingFaceStorageReader(str(folder))
            torch_checkpoint.load(
                dict(tensors), storage_reader=reader, no_dist=not is_sharded(tensors)
            )
            return
        plainfiles.refuse_other_kinds(path)
        with safe_open(path, framework="pt") as file:
            for name, tensor in tensors.items():
                local(tensor).copy_(share_of(file.get_tensor(name), tensor))


def _described(shape: torch.Size | None) -> str:
    return "absent" if shape is None else str(list(shape))


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Turn errors of reading into ModelError, and hide torch's warning about a single process."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message=".*assuming the intent is to load in a single process.*"
            )
            yield
    except (
        OSError,
        SafetensorError,
        checkpoint_api.CheckpointException,
        ValueError,
        KeyError,
    ) as error:
        raise ModelError(
            f"{path} cannot be read as safetensors: {_first_failure(error)}",
            "the file is missing or damaged",
        ) from error


def _first_failure(error: BaseException) -> str:
    """Return the message of the first rank that failed, from torch's report about all of them."""
    if isinstance(error, checkpoint_api.CheckpointException) and error.failures:
        error = next(iter(error.failures.values()))[0]
    return " ".join(str(error).split())
