"""Rounded numbers of rows, for backends that compile and keep a kernel for each shape.

oneDNN, which multiplies bf16 on a CPU, makes a kernel for each new shape and keeps up to 1,024 of
them. Packed batches have another number of rows at every step: memory grew by gigabytes, and
kernels were made as often as used. Sixteen numbers an octave bound both, for 3 % more rows on
average.

Letters: T rows of all sequences end to end, N rows of any kind.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from sslcli.core.inputs import Hidden, Inputs
from sslcli.core.packing import Packing

STEPS_AN_OCTAVE_BITS = 4


def rounded(rows: int) -> int:
    """`rows` or the next larger number that has no more than five leading bits."""
    step = 1 << max(rows.bit_length() - 1 - STEPS_AN_OCTAVE_BITS, 0)
    return -(-rows // step) * step


def pays(device: torch.device) -> bool:
    """Tell whether rounding the number of rows saves time: bf16 autocast on a CPU."""
    return device.type == "cpu" and torch.is_autocast_enabled("cpu")


def with_spare_sequence(inputs: Inputs, least: int = 0) -> Inputs:
    """Append a sequence of padding, which no other one sees, so that T is a rounded number.

    None is added if T is one already and `least`, the fewest rows of it, is 0.
    """
    spare = spare_rows(inputs.packing.total, least)
    if not spare:
        return inputs
    return replace(
        inputs,
        packing=Packing.of((*inputs.packing.lengths, spare)),
        positions_T=pad(inputs.positions_T, (0, spare)),
        tokens_T=None if inputs.tokens_T is None else pad(inputs.tokens_T, (0, spare)),
        rows_TD=None if inputs.rows_TD is None else pad(inputs.rows_TD, (0, 0, 0, spare)),
        segments_T=None if inputs.segments_T is None else pad(inputs.segments_T, (0, spare)),
    )


def spare_rows(rows: int, least: int = 0) -> int:
    """Return how many rows, at least `least`, are missing to a rounded number."""
    return rounded(rows + least) - rows


def with_spare_memory(memory: Hidden, least: int) -> Hidden:
    """Append zero rows to the hidden states that another stack reads, to a rounded number."""
    spare = spare_rows(memory.packing.total, least)
    if not spare:
        return memory
    return Hidden(
        pad(memory.last_TD, (0, 0, 0, spare)), Packing.of((*memory.packing.lengths, spare))
    )


def with_spare_rows(x_ND: Tensor) -> Tensor:
    """Rows of zeros at the end, so that N is a rounded number."""
    return pad(x_ND, (0, 0, 0, rounded(len(x_ND)) - len(x_ND)))
