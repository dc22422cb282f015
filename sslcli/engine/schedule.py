"""Schedules as functions of the step, so a resume has nothing to restore."""

import math

from sslcli.engine.settings import ScheduleSettings


def warmup_steps(settings: ScheduleSettings, total_steps: int) -> int:
    """Return the number of warm-up steps."""
    return int(settings.warmup if settings.warmup >= 1 else settings.warmup * total_steps)


def rate_factor(settings: ScheduleSettings, step: int, total_steps: int) -> float:
    """Return the share of the peak rate at update `step` (the first is 0) of `total_steps`.

    Beyond the end it keeps its last value. linear and cosine decay from the end of warm-up; wsd (Hu
    et al. 2024, arXiv 2404.06395) holds the peak and then decays linearly over the last `decay`
    share of all steps.
    """
    warmup = warmup_steps(settings, total_steps)
    if step < warmup:
        return (step + 1) / warmup
    decay_from = (
        warmup if settings.name != "wsd" else max(warmup, round(total_steps * (1 - settings.decay)))
    )
    if settings.name == "constant" or step < decay_from:
        return 1.0
    done = min((step - decay_from) / max(total_steps - decay_from, 1), 1.0)
    shape = (1 + math.cos(math.pi * done)) / 2 if settings.name == "cosine" else 1 - done
    return settings.final + (1 - settings.final) * shape


def share_done(step: int, total_steps: int) -> float:
    """Return the share of the training done before update `step` (the first is 0), in [0, 1).

    It stays below 1 beyond the end, where a loader may be ahead.
    """
    return min(step, total_steps - 1) / total_steps
