"""`Loss.state` over the micro-batches and ranks of a step: sums, and samples of rows.

Letters: N rows of a micro-batch, K rows that are kept, D width.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from sslcli.contracts.loss import SampledRows
from sslcli.core.inputs import in_double
from sslcli.engine.processes.process_group import ProcessGroup


class StepState:
    """Adds up the state of this rank's micro-batches; `over` reduces it over all ranks."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._rows: dict[str, SampledRows] = {}

    def add(self, state: Mapping[str, Tensor | SampledRows], counted: bool = True) -> None:
        """Add a state; one that is not counted leaves its names, so all ranks have the same."""
        for name, value in state.items():
            if isinstance(value, SampledRows):
                rows_ND, order_N = value.rows_ND.detach(), in_double(value.order_N.detach())
                if not counted:
                    rows_ND, order_N = rows_ND[:0], order_N[:0]
                if (have := self._rows.get(name)) is not None:
                    rows_ND, order_N = (
                        torch.cat([have.rows_ND, rows_ND]),
                        torch.cat([have.order_N, order_N]),
                    )
                self._rows[name] = _first(rows_ND, order_N, value.at_most)
            else:
                share = value.detach() * counted
                self._sums[name] = self._sums[name] + share if name in self._sums else share

    def over(self, process_group: ProcessGroup) -> dict[str, Tensor]:
        """Return the state of all ranks, the same on each: sums, and rows [K, D] by smallest
        order.
        """
        sums = {name: process_group.sum(self._sums[name]) for name in sorted(self._sums)}
        return sums | {
            name: _over_ranks(self._rows[name], process_group) for name in sorted(self._rows)
        }


def _first(rows_ND: Tensor, order_N: Tensor, at_most: int) -> SampledRows:
    first_K = torch.argsort(order_N, stable=True)[:at_most]
    return SampledRows(rows_ND[first_K], order_N[first_K], at_most)


def _over_ranks(own: SampledRows, process_group: ProcessGroup) -> Tensor:
    """Gather `at_most` rows of every rank; missing ones come last and are left out."""
    if process_group.size == 1:
        return own.rows_ND
    missing = own.at_most - len(own.rows_ND)
    rows_KD = torch.cat([own.rows_ND, own.rows_ND.new_zeros(missing, *own.rows_ND.shape[1:])])
    order_K = torch.cat([own.order_N, own.order_N.new_full((missing,), torch.inf)])
    found = _first(
        process_group.stack(rows_KD).flatten(0, 1),
        process_group.stack(order_K).flatten(),
        own.at_most,
    )
    return found.rows_ND[found.order_N < torch.inf]
