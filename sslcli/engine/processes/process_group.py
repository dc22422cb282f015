"""The processes of one run: this one's rank among them, and small messages between them.

Messages are small and lie on the host, so they go over gloo also where gradients go over NCCL, and
no device waits.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, distributed
from torch.distributed.rendezvous import rendezvous

from sslcli.engine.processes.rank import rank_and_size, restarts_are_left
from sslcli.errors import DataError, RunError, SslError, UsageError

T = TypeVar("T")
SLURM_PORT = "29507"
PATIENCE_DAYS = 7
LOST = ("gloo", "Gloo", "NCCL", "Connection closed by", "Socket Timeout", "wait timeout")


@dataclass(frozen=True)
class ProcessGroup:
    """`rank` of `size` processes.

    `writing` is a group of its own for the thread that writes checkpoints: two threads must not
    share one. In `patient` the others wait as long as rank 0 lives, whatever it does alone.
    """

    rank: int = 0
    size: int = 1
    writing: Any = None
    patient: Any = None

    @property
    def leads(self) -> bool:
        """True on rank 0, which writes and reports."""
        return self.rank == 0

    def gather(self, row: Sequence[float]) -> np.ndarray:
        """Return every rank's row, float64 [size, len(row)], the same on all ranks; rows have
        one length.
        """
        mine = torch.tensor(row, dtype=torch.float64)
        if self.size == 1:
            return mine.numpy()[None]
        rows = [torch.empty_like(mine) for _ in range(self.size)]
        distributed.all_gather(rows, mine)
        return torch.stack(rows).numpy()

    def sum(self, value: Tensor) -> Tensor:
        """Sum `value` over all ranks, in place and on its device, without waiting."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def stack(self, value: Tensor) -> Tensor:
        """Return every rank's value, [size, ...], the same on all ranks; values have one shape."""
        if self.size == 1:
            return value[None]
        values = [torch.empty_like(value) for _ in range(self.size)]
        distributed.all_gather(values, value)
        return torch.stack(values)

    def spread(self, value: Tensor) -> None:
        """Set `value` on every rank to that of rank 0."""
        if self.size > 1:
            distributed.broadcast(value, 0)

    def refuse_failures(self, failure: SslError | None) -> None:
        """Raise on every rank if one failed during setup; a failure of rank 0 is reported by
        rank 0.
        """
        failed = self.gather([float(failure is not None)])[:, 0]
        if failure is not None and failed[0]:
            raise failure
        if failure is not None:
            raise RunError(f"rank {self.rank}: {failure.message}", failure.hint) from failure
        if failed.any():
            raise UsageError(
                f"rank {int(failed.argmax())} failed during setup", "see its own message"
            )

    def refuse_differences(self, what: str, hint: str) -> None:
        """Raise DataError on every rank if the text `what` differs between ranks."""
        # 48 bits, which a float64 holds
        digest = int.from_bytes(hashlib.blake2b(what.encode(), digest_size=6).digest(), "big")
        if len(set(self.gather([digest])[:, 0].tolist())) > 1:
            raise DataError(
                (
                    "the processes of this run have different "
                    "data, tokenizers, settings or versions of ssl"
                ),
                hint,
            )

    def told(self, text: str | None, group: Any = None) -> str:
        """Return the text of rank 0; the others pass None."""
        if self.size == 1:
            return text or ""
        said = (text or "").encode()
        length = torch.tensor([len(said)])
        distributed.broadcast(length, 0, group=group)
        buffer = (
            torch.tensor(list(said), dtype=torch.uint8)
            if self.leads
            else torch.empty(int(length), dtype=torch.uint8)
        )
        distributed.broadcast(buffer, 0, group=group)
        return bytes(buffer.tolist()).decode()

    def once(self, action: Callable[[], str]) -> str:
        """Return the result of an action of rank 0 alone. Raises on every rank what it raised
        there.
        """
        if self.size == 1:
            return action()
        try:
            answer = {"result": action()} if self.leads else {}
        except SslError as error:
            self.told(json.dumps({"error": error.message, "failed": isinstance(error, RunError)}))
            raise
        heard = json.loads(self.told(json.dumps(answer) if self.leads else None))
        if "error" in heard:
            raise (RunError if heard["failed"] else UsageError)(
                f"rank 0 cannot go on: {heard['error']}"
            )
        return heard["result"]


ALONE = ProcessGroup()


@contextmanager
def joined_processes(device: torch.device, timeout_seconds: float) -> Generator[ProcessGroup]:
    """Join the other processes of this run, if any; an existing torch process group is used.

    Raises RunError if they do not come in time, also later, inside the context.
    """
    rank, size, _ = rank_and_size()
    if size == 1:
        yield ALONE
        return
    made_here = not distributed.is_initialized()
    if made_here:
        _meet(rank, size, device, timeout_seconds)
    try:
        waits = (timedelta(seconds=timeout_seconds), timedelta(days=PATIENCE_DAYS))
        yield ProcessGroup(
            rank, size, *(distributed.new_group(backend="gloo", timeout=wait) for wait in waits)
        )
    except RuntimeError as error:
        if not any(word in str(error) for word in LOST):
            raise
        how = (
            "one of them did not answer within --timeout"
            if "imed out" in str(error)
            else "one of them ended"
        )
        hint = (
            "torchrun starts all of them again"
            if restarts_are_left()
            else "go on with --resume; -- --max-restarts 3 would do so by itself"
        )
        raise RunError(f"rank {rank} lost the others: {how}", hint) from error
    finally:
        if made_here:
            distributed.destroy_process_group()


def _meet(rank: int, size: int, device: torch.device, timeout_seconds: float) -> None:
    if "MASTER_ADDR" not in os.environ:
        os.environ.update(_meeting_place())
    port = os.environ.get("MASTER_PORT", "")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:9]) < 1 << 16):
        raise UsageError(
            f"MASTER_PORT is '{port[:40]}', which is no number of a port",
            "set it to one that is free, such as 29500",
        )
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    timeout = timedelta(seconds=timeout_seconds)
    try:
        store, rank, size = next(rendezvous("env://", rank, size, timeout=timeout))
        if os.environ.get("LOCAL_WORLD_SIZE") == str(size):
            # torchrun may keep its store when it starts the ranks anew, and in it where the lost
            # ones could be reached.
            store = distributed.PrefixStore(
                os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store
            )
        distributed.init_process_group(
            backend, store=store, rank=rank, world_size=size, timeout=timeout
        )
    except (RuntimeError, ValueError) as error:
        raise RunError(
            f"rank {rank} of {size} could not meet the others: {str(error).splitlines()[0]}",
            "check that all of them were started, and MASTER_ADDR and MASTER_PORT",
        ) from error


def _meeting_place() -> dict[str, str]:
    """Return address and port under srun: the first machine of the step.

    Raises UsageError if neither Slurm nor the environment tells it.
    """
    nodes = os.environ.get("SLURM_STEP_NODELIST") or os.environ.get("SLURM_NODELIST") or ""
    try:
        named = subprocess.run(
            ["scontrol", "show", "hostnames", nodes], capture_output=True, text=True, check=True
        )
        return {
            "MASTER_ADDR": named.stdout.split()[0],
            "MASTER_PORT": os.environ.get("MASTER_PORT", SLURM_PORT),
        }
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise UsageError(
            "nothing says where the processes of this run meet",
            "set MASTER_ADDR and MASTER_PORT, or start them with torchrun",
        ) from error
