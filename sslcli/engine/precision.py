"""Device and number format, chosen once and printed."""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from sslcli.engine.processes.rank import known_rank_and_size
from sslcli.engine.settings import UNTESTED, HardwareSettings
from sslcli.errors import UsageError
from sslcli.reports import amount


@dataclass(frozen=True)
class Hardware:
    """The device and number format of a run; `autocast_type` is None for float32."""

    device: torch.device
    autocast_type: torch.dtype | None
    compile: bool

    def autocast(self) -> AbstractContextManager:
        """Return the autocast context; it does nothing in float32."""
        if self.autocast_type is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.autocast_type)

    def emulates_bf16(self) -> bool:
        """Tell whether bf16 runs on a CPU without it, where torch computes it far slower than
        float32.
        """
        return self.autocast_type is not None and emulates_bf16(self.device)

    def describe(self) -> str:
        """Return device, precision and compilation as a line."""
        name = amount(torch.get_num_threads(), "thread")
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
        elif self.device.type == "mps":
            name = f"the GPU of this Mac; {UNTESTED}"
        return (
            f"{self.device} ({name}) · {'bf16' if self.autocast_type else 'fp32'} "
            f"· compile {'on' if self.compile else 'off'}"
        )


def _refuse_mps(settings: HardwareSettings, processes: int) -> None:
    """Raise UsageError for the GPU of a Mac where there is none, or for what it cannot do."""
    if not torch.backends.mps.is_available():
        raise UsageError("device 'mps' is not on this machine", "ssl doctor lists the devices")
    if settings.precision == "bf16":
        raise UsageError("on mps numbers are float32", "leave --precision out, or --precision fp32")
    if settings.compile:
        raise UsageError("--compile is not for mps", "leave it out")
    if processes > 1:
        raise UsageError(
            "several processes cannot share the GPU of a Mac", "make one process, or --device cpu"
        )


def emulates_bf16(device: torch.device) -> bool:
    """Tell whether bf16 has to be computed in float32 there: a CPU that cannot multiply it."""
    if device.type != "cpu":
        return False
    # asked first, because a torch without oneDNN has no such operator
    return not (
        torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def choose_hardware(settings: HardwareSettings) -> Hardware:
    """Resolve "auto". Raises UsageError if the device does not exist."""
    name = (
        settings.device
        if settings.device != "auto"
        else "cuda"
        if torch.cuda.is_available()
        else "cpu"
    )
    _, processes, rank_here = known_rank_and_size()
    if name == "cuda" and processes > 1:
        # Slurm may show each task its own GPU alone
        name = f"cuda:{rank_here if torch.cuda.device_count() > 1 else 0}"
    device = torch.device(name)
    if device.type == "cuda" and (
        not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()
    ):
        raise UsageError(f"device '{name}' is not on this machine", "ssl doctor lists the devices")
    if device.type == "mps":
        _refuse_mps(settings, processes)
    half = settings.precision == "bf16" or (
        settings.precision == "auto"
        and device.type == "cuda"
        and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    if settings.deterministic:
        # read when CUDA starts; without it cuBLAS refuses
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    return Hardware(device, torch.bfloat16 if half else None, settings.compile)
