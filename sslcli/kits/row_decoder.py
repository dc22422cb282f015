"""What objectives with a code between two networks share: a small network from the code of an item
to all of its rows.

Letters: B items, K numbers of a code, L rows of an item, F numbers of a row.
"""

from torch import Tensor, nn
from torch.nn.functional import gelu


class RowDecoder(nn.ModuleList):
    """Codes [B, K] -> rows [B, L, F], by two layers of `inside` features and a linear one."""

    def __init__(self, numbers: int, inside: int, rows: int, features: int) -> None:
        super().__init__(
            (
                nn.Linear(numbers, inside),
                nn.Linear(inside, inside),
                nn.Linear(inside, rows * features),
            )
        )
        self.shape = (rows, features)

    def forward(self, codes_BK: Tensor) -> Tensor:
        """Rows of each code; in an image what a mean image is to be added to."""
        first, second, last = self
        return last(gelu(second(gelu(first(codes_BK))))).unflatten(1, self.shape)
