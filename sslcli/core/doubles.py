"""Sums in double precision, where the device has it; the GPU of a Mac has none."""

import torch
from torch import Tensor

WITHOUT_DOUBLE = frozenset({"mps"})  # types of devices


def sum_type(device: torch.device) -> torch.dtype:
    """float64, or float32 on a device that has no more."""
    return torch.float32 if device.type in WITHOUT_DOUBLE else torch.float64


def in_double(tensor: Tensor) -> Tensor:
    """A tensor in the most precise type of floats that its device has."""
    return tensor.to(sum_type(tensor.device))


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; float64 becomes float32 where that has none."""
    if tensor.dtype == torch.float64 and device.type in WITHOUT_DOUBLE:
        tensor = tensor.float()
    return tensor.to(device, non_blocking=True)
