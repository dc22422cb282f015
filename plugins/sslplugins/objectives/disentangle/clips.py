"""Sequences that lie end to end, as a network of neighbours reads them: no row sees past its own.

All of it is sums of shifted rows and products with the matrix of what lies where, so that a step is
the same to the bit wherever it is repeated: on a GPU, gradients of rows that are taken more than
once are added up in no fixed order.

Letters: B sequences, T rows of all of them end to end, C codes of all of them, each of a few rows,
D features.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from sslcli.api import Packing, at_least_float32

LEAST_VARIANCE = 1e-3  # of a feature within a sequence, as one of a single row has none


@dataclass(frozen=True)
class Clips:
    """`before_T`, `behind_T`: how many rows of its own sequence stand before and behind each row.
    `member_BT`: 1 where a row is of a sequence, else 0, in float32.
    """

    packing: Packing
    before_T: Tensor
    behind_T: Tensor
    member_BT: Tensor

    @classmethod
    def of(cls, packing: Packing) -> Self:
        """Where the rows of a packing lie, on the device of the packing."""
        starts_B1, total = packing.starts_B1.long(), packing.total
        places_T = torch.arange(total, device=starts_B1.device)
        first_B1, stop_B1 = starts_B1[:-1, None], starts_B1[1:, None]
        member_BT = ((places_T >= first_B1) & (places_T < stop_B1)).float()
        sizes_B = starts_B1.diff()
        first_T, size_T = (
            each_B.repeat_interleave(sizes_B, output_size=total)
            for each_B in (first_B1[:, 0], sizes_B)
        )
        before_T = places_T - first_T
        return cls(packing, before_T, size_T - 1 - before_T, member_BT)

    def shifted(self, x_TD: Tensor, steps: int) -> Tensor:
        """[T, D]: in the place of each row the one `steps` further, 0 where its sequence has
        none.
        """
        if not steps:
            return x_TD
        inside_T = self.behind_T >= steps if steps > 0 else self.before_T >= -steps
        return x_TD.roll(-steps, 0) * inside_T[:, None].to(x_TD.dtype)

    def neighbours(self, x_TD: Tensor, around: int) -> Tensor:
        """[T, (2 around + 1) D]: each row with so many before and behind it."""
        return torch.cat([self.shifted(x_TD, step) for step in range(-around, around + 1)], dim=1)

    def means(self, x_TD: Tensor) -> Tensor:
        """[B, D]: the mean of each sequence's rows."""
        x_TD = at_least_float32(x_TD)
        with _full(x_TD):
            member_BT = self.member_BT.to(x_TD.dtype)
            return member_BT @ x_TD / member_BT.sum(dim=1, keepdim=True)

    def spread(self, x_BD: Tensor) -> Tensor:
        """[T, D]: for each row what is said of its sequence."""
        x_BD = at_least_float32(x_BD)
        with _full(x_BD):
            return self.member_BT.to(x_BD.dtype).T @ x_BD

    def deviations(self, x_TD: Tensor) -> Tensor:
        """[B, D]: the deviation of each feature within a sequence."""
        apart_TD = at_least_float32(x_TD) - self.spread(self.means(x_TD))
        return (self.means(apart_TD.square()) + LEAST_VARIANCE).sqrt()

    def normed(self, x_TD: Tensor) -> Tensor:
        """Each feature around its mean within a sequence, in its deviations there (instance norm;
        Ulyanov et al. 2016, arXiv 1607.08022), in float32 at least.
        """
        x_TD = at_least_float32(x_TD)
        apart_TD = x_TD - self.spread(self.means(x_TD))
        return apart_TD / self.spread(self.deviations(x_TD))


@dataclass(frozen=True)
class Pools:
    """Codes of `every` rows each, the last one of a sequence of what is left.

    `codes`: as they lie themselves. `first_C`: where the first row of each is. `place_T`: where
    each row is among those of all codes, `every` of each.
    """

    rows: Clips
    codes: Clips
    first_C: Tensor
    place_T: Tensor
    every: int

    @classmethod
    def of(cls, packing: Packing, every: int) -> Self:
        """The codes of rows that lie so."""
        rows = Clips.of(packing)
        counts = Packing.of([-(-length // every) for length in packing.lengths])
        starts_B1 = counts.starts_B1.to(packing.starts_B1.device)
        codes = Clips.of(Packing(starts_B1, counts.lengths))
        per_code, per_row = starts_B1.long().diff(), packing.starts_B1.long().diff()
        first_C = (
            packing.starts_B1[:-1].long().repeat_interleave(per_code, output_size=counts.total)
        )
        first_code_T = starts_B1[:-1].long().repeat_interleave(per_row, output_size=packing.total)
        return cls(
            rows,
            codes,
            first_C + every * codes.before_T,
            every * first_code_T + rows.before_T,
            every,
        )

    def firsts(self, x_TD: Tensor) -> Tensor:
        """[C, D]: the first row of each code."""
        return x_TD.index_select(0, self.first_C)

    def mean(self, x_TD: Tensor) -> Tensor:
        """[C, D]: the mean of the rows of each code."""
        summed_TD = x_TD
        for step in range(1, self.every):
            summed_TD = summed_TD + self.rows.shifted(x_TD, step)
        counts_T = (self.rows.behind_T + 1).clamp(max=self.every)
        return self.firsts(summed_TD / counts_T[:, None])

    def unfolded(self, x_CE: Tensor) -> Tensor:
        """[T, D]: of each code `every` rows, E = `every` D, without those beyond the end of a
        sequence.
        """
        return x_CE.unflatten(1, (self.every, -1)).flatten(0, 1).index_select(0, self.place_T)


def _full(x: Tensor) -> torch.autocast:
    """Sums over many rows are no sums of bfloat16."""
    return torch.autocast(x.device.type, enabled=False)
