"""Which process of a run this one is: torchrun and srun start the same command several times and say it in the environment."""

import os
from collections.abc import Mapping

SLURM = {"RANK": "SLURM_PROCID", "WORLD_SIZE": "SLURM_NTASKS", "LOCAL_RANK": "SLURM_LOCALID"}
FIRST_RESERVED_STEP = 0xFFFFFFF0  # Slurm numbers the batch script itself and interactive steps from here


def place(environment: Mapping[str, str] = os.environ) -> tuple[int, int, int]:
    """(rank, size, rank on this machine); (0, 1, 0) for a process by itself, also inside a batch job that srun did not start."""
    by_slurm = "RANK" not in environment
    if by_slurm and not 0 <= int(environment.get("SLURM_STEP_ID", "-1")) < FIRST_RESERVED_STEP:
        return 0, 1, 0
    rank, size, here = (environment.get(SLURM[name] if by_slurm else name) for name in SLURM)
    return int(rank or 0), int(size or 1), int(here or 0)


def is_restart() -> bool:
    """Whether torchrun started this process anew after a rank was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def restart_of() -> str:
    """ "1 of 3"."""
    return f"{os.environ.get('TORCHELASTIC_RESTART_COUNT')} of {os.environ.get('TORCHELASTIC_MAX_RESTARTS')}"


def launch_name() -> str | None:
    """What torchrun calls this launch, the same one through all its restarts."""
    return os.environ.get("TORCHELASTIC_RUN_ID")


def restarts_are_left() -> bool:
    """Whether torchrun would start this process anew if it ended with anything but 0."""
    return int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
