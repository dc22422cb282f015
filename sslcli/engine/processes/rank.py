"""Rank of this process: torchrun, srun and mpirun set it in the environment."""

import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sslcli.errors import Preempted, UsageError


@dataclass(frozen=True)
class _Launcher:
    """The variables of a launcher, and one (`sign`) that shows that it started this process."""

    name: str
    rank: str
    size: str
    here: str
    sign: str


TORCHRUN = _Launcher("torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "RANK")
_OTHERS = (
    _Launcher("srun", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_STEP_ID"),
    _Launcher(
        "mpirun",
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_RANK",
    ),
    _Launcher("mpirun", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "PMI_RANK"),
)
# Slurm numbers the batch script itself and interactive steps from here
FIRST_RESERVED_STEP = 0xFFFFFFF0
LAUNCHER = "SSLCLI_LAUNCHER"  # the process that --gpus was given to, for those that it starts
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_SAVE = 60.0


def rank_and_size(environment: Mapping[str, str] = os.environ) -> tuple[int, int, int]:
    """Return (rank, size, rank on this machine); (0, 1, 0) for a single process.

    A batch job that srun did not start is a single process too. Raises UsageError if the variables
    are no numbers, or contradict one another.
    """
    launcher = _launcher(environment)
    if launcher is None:
        return 0, 1, 0
    for name, partner in ((launcher.rank, launcher.size), (launcher.size, launcher.rank)):
        if name in environment and partner not in environment:
            raise _strange(f"{name} is set and {partner} is not", launcher)
    rank, size, here = (
        _number(environment, name, usual)
        for name, usual in zip(_names(launcher), (0, 1, 0), strict=True)
    )
    if size < 1 or rank >= size:
        raise _strange(
            f"{launcher.rank} is {rank} and {launcher.size} is {size}: ranks are counted from 0",
            launcher,
        )
    at_most = min(
        size, _number(environment, "LOCAL_WORLD_SIZE", size) if launcher is TORCHRUN else size
    )
    if here >= at_most:
        raise _strange(f"{launcher.here} is {here}, and there are {at_most} processes", launcher)
    return rank, size, here


def known_rank_and_size(environment: Mapping[str, str] = os.environ) -> tuple[int, int, int]:
    """Return `rank_and_size`, or (0, 1, 0) where the variables make no sense."""
    try:
        return rank_and_size(environment)
    except UsageError:
        return 0, 1, 0


def started_by_launcher() -> bool:
    """Tell whether a launcher started this process, maybe beside others."""
    return rank_and_size()[1] > 1 or "TORCHELASTIC_RUN_ID" in os.environ


def _launcher(environment: Mapping[str, str]) -> _Launcher | None:
    if any(name in environment for name in _names(TORCHRUN)):
        if TORCHRUN.rank not in environment and TORCHRUN.size not in environment:
            raise _strange(f"{TORCHRUN.here} is set and {TORCHRUN.rank} is not", TORCHRUN)
        return TORCHRUN
    for launcher in _OTHERS:
        if launcher.sign in environment:
            is_batch_script = (
                launcher.name == "srun"
                and _number(environment, launcher.sign, 0) >= FIRST_RESERVED_STEP
            )
            return None if is_batch_script else launcher
    return None


def _names(launcher: _Launcher) -> tuple[str, str, str]:
    return launcher.rank, launcher.size, launcher.here


def _number(environment: Mapping[str, str], name: str, usual: int) -> int:
    text = environment.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise UsageError(
            f"{name} is '{text[:40]}', which is no number of a process",
            f"unset {name}; a launcher such as torchrun sets it",
        )
    return int(text)


def _strange(problem: str, launcher: _Launcher) -> UsageError:
    return UsageError(
        problem, f"unset them, or start all processes with {launcher.name}, which sets both"
    )


def others_speak() -> bool:
    """Tell whether a launcher started this process, so that rank 0 reports for all."""
    launcher = _launcher(os.environ)
    return launcher is not None and (
        launcher is not TORCHRUN or "TORCHELASTIC_RUN_ID" in os.environ
    )


def is_restart() -> bool:
    """Tell whether torchrun restarted this process after a rank was lost."""
    return _number(os.environ, "TORCHELASTIC_RESTART_COUNT", 0) > 0


def restart_of() -> str:
    """Return the number of the restart: "1 of 3"."""
    return (
        f"{os.environ.get('TORCHELASTIC_RESTART_COUNT')} "
        f"of {os.environ.get('TORCHELASTIC_MAX_RESTARTS')}"
    )


def launch_name() -> str | None:
    """Return torchrun's name of this launch, the same through all its restarts."""
    return os.environ.get("TORCHELASTIC_RUN_ID")


def restarts_are_left() -> bool:
    """Tell whether torchrun would restart this process if it failed."""
    return _number(os.environ, "TORCHELASTIC_MAX_RESTARTS", 0) > _number(
        os.environ, "TORCHELASTIC_RESTART_COUNT", 0
    )


def end_with_launcher() -> None:
    """End this process when torchrun, or the command with --gpus, that started it is gone.

    torchrun gives its processes sessions of their own, so nobody else would end them. The training
    state is saved first, as after SIGTERM; a process that does not get to that ends after a minute.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return
    said = os.environ.get(LAUNCHER, "")
    parent = int(said) if said.isascii() and said.isdigit() else os.getppid()
    threading.Thread(target=_watch, args=(parent,), name="launcher", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_SAVE)
    os._exit(Preempted.exit_code)
