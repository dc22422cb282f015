"""Computing environment of each start of a run, and how it differs from the start before.

A resume may be on another machine or in another precision. Its numbers then differ from an
undisturbed run's, so it is reported and kept in run.json: `computed` has an entry for every start
that differs from the one before it.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import torch

from sslcli.engine.precision import Hardware
from sslcli.engine.processes.process_group import ProcessGroup
from sslcli.engine.settings import HardwareSettings

FROM_STEP = "from_step"


def computing(
    hardware: Hardware,
    settings: HardwareSettings,
    micro_batch_size: int | None,
    process_group: ProcessGroup,
) -> dict[str, Any]:
    """Return the environment by name, as JSON. Attention kernels follow from device, precision,
    torch.
    """
    on_gpu = hardware.device.type == "cuda"
    processor = f"cpu with {torch.backends.cpu.get_cpu_capability()}"
    return {
        "device": torch.cuda.get_device_name(hardware.device) if on_gpu else processor,
        "precision": "fp32" if hardware.autocast_type is None else "bf16",
        "threads": None if on_gpu else torch.get_num_threads(),
        "compile": hardware.compile,
        "deterministic": settings.deterministic,
        "processes": process_group.size,
        "parallel": settings.parallel if process_group.size > 1 else None,
        "micro-batch": micro_batch_size,
        "torch": torch.__version__,
        "ssl": version("sslcli"),
    }


def with_this_start(before: Any, step: int, now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries of a run with one for a start at `step`, where it computes otherwise than the one
    before.
    """
    entries = (
        [dict(entry) for entry in before if isinstance(entry, Mapping)]
        if isinstance(before, list) and step
        else []
    )
    if not entries or _differing(entries[-1], now):
        entries.append({FROM_STEP: step, **now})
    return entries


def what_differs(before: Any, step: int, now: Mapping[str, Any]) -> list[str]:
    """Return a sentence if a start at `step` differs from the one before, if that recorded
    anything.
    """
    last = (
        before[-1]
        if isinstance(before, list) and before and isinstance(before[-1], Mapping)
        else {}
    )
    names = _differing(last, now) if step else []
    if not names:
        return []
    changes = ", ".join(
        f"{name} was {_word(last[name])} and is {_word(now[name])}" for name in names
    )
    return [
        (
            f"from step {step} on this run is computed otherwise, "
            f"and its numbers are not those of one start: {changes}"
        )
    ]


def _differing(last: Mapping[str, Any], now: Mapping[str, Any]) -> Sequence[str]:
    return [name for name in now if name in last and last[name] != now[name]]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None else str(value)
