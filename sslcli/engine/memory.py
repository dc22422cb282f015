"""Out of memory: how it is recognised, and how micro-batches are split."""

import ctypes
import gc
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import torch

from sslcli.contracts.loss import ModelBatch
from sslcli.engine.loader import Loader
from sslcli.errors import RunError

# What torch's CPU allocator, oneDNN and the C++ library say; none of them has an exception of its
# own.
_WORDS = (
    "can't allocate memory",
    "not enough memory",
    "std::bad_alloc",
    "could not create a memory",
    "could not create a primitive",
)
_C_LIBRARY = ctypes.CDLL(None)
_HINT = "use a smaller --micro-batch-size, --seq-len or --arch, or --precision bf16"


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error, of torch, oneDNN or the C++ library, means that memory ran out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)


@contextmanager
def told_in_words() -> Generator[None]:
    """Turn an out-of-memory error within the block into RunError, where nothing can be split."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error) and "can't start new thread" not in str(error):
            raise
        raise RunError(
            f"out of memory: {' '.join(str(error).split())[:120] or type(error).__name__}", _HINT
        ) from error


def _give_back() -> None:
    """Return the memory of the failed attempt to the system."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if hasattr(_C_LIBRARY, "malloc_trim"):  # glibc alone has it
        _C_LIBRARY.malloc_trim(0)


def split_finer(loader: Loader, batch: Sequence[ModelBatch]) -> int:
    """Halve the micro-batches of a loader whose last `batch` was too large; return their new size.

    The global batches and their order stay unchanged. Raises RunError if they cannot be split: one
    sequence is left, the objective couples the samples of a batch, or other ranks would wait for
    this one.
    """
    _give_back()
    packings = [part.inputs.packing for part in batch]
    largest = max(packing.total if loader.by_tokens else len(packing) for packing in packings)
    size = largest if loader.micro_batch_size is None else min(loader.micro_batch_size, largest)
    unit = "tokens" if loader.by_tokens else "sequences"
    if loader.collator.couples:
        raise RunError(
            (
                "out of memory, and the objective ties all "
                "samples of a batch together, so it cannot be split"
            ),
            _HINT,
        )
    if size <= 1 or max(len(packing) for packing in packings) == 1:
        raise RunError(
            (
                "out of memory with a micro-batch of "
                f"{packings[0].total} tokens that cannot be smaller"
            ),
            _HINT,
        )
    if loader.process_group.size > 1:
        raise RunError(
            f"rank {loader.process_group.rank} ran out of memory with {largest} {unit} at once",
            f"use --micro-batch-size {size // 2}, or --parallel fsdp",
        )
    loader.micro_batch_size = size // 2
    return size // 2
