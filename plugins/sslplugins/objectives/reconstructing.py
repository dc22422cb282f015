"""What auto-encoders share, whatever stands between their two networks: an image or a record
through a code of few numbers and back, and how wrong that is.

Of a record the numbers of each column are restored, scaled as they are read; of a category one for
each that there is, 1 for its own. A number that is missing counts nothing.

Letters: B items, L rows of one (patches, columns), T rows of all of them end to end, F numbers of a
row, P numbers of an item, C numbers of a code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from sslcli.api import (
    NUMBERS_OF_RECORD,
    Batch,
    Config,
    Context,
    Corpus,
    Counting,
    ModelBatch,
    Objective,
    Report,
    Restoration,
    RowDecoder,
    UsageError,
    item_tables,
    principal_components,
    usual_rows,
)

SHARE_OF_NUMBERS = 4  # a code that nobody has sized has at most one number for so many of an item


@dataclass(frozen=True)
class ItemBatch(ModelBatch):
    """`inputs` are the rows as the network reads them; `unbroken_TF` as they are, where that is
    something else. `counted_TF`: which of their numbers are restored, 1 or 0, None for all.
    """

    unbroken_TF: Tensor | None = field(default=None, kw_only=True)
    counted_TF: Tensor | None = field(default=None, kw_only=True)

    @property
    def whole_TF(self) -> Tensor:
        """The rows as they are."""
        return self.inputs.ready_TF if self.unbroken_TF is None else self.unbroken_TF

    @property
    def restored(self) -> Tensor | int:
        """How many numbers are restored."""
        return self.whole_TF.numel() if self.counted_TF is None else self.counted_TF.sum()

    def squared_errors(self, restored_TF: Tensor) -> Tensor:
        """[T, F], of the numbers that count."""
        found_TF = (restored_TF - self.whole_TF).square()
        return found_TF if self.counted_TF is None else found_TF * self.counted_TF


V = TypeVar("V", bound=ItemBatch)
O = TypeVar("O", bound=Config)  # noqa: E741


class Reconstructing(Objective[V, O]):
    """Its numbers restored from a code: what is counted, decoded, shown and held against it."""

    loss_unit = "squared error"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images", "table"})
    arranges = "items"
    decode: RowDecoder
    mean_LF: Tensor  # what the second network adds to
    places_P: Tensor | None  # of a record's numbers in its rows

    def __init__(self, options: O, context: Context) -> None:
        super().__init__(options, context)
        shape = context.architecture
        if shape.layout is None:
            raise UsageError("this model reads no images and no table", "choose another --model")
        self.layout, self.table = shape.layout, shape.table
        self.item = "an image" if shape.table is None else "a record"
        self.counting = Counting(shape.layout)
        self.chosen = ""

    def sized(self, given: int | None, usual: int, flag: str) -> int:
        """How many numbers or codes an item becomes; where nobody says it fewer than usual of an
        item of few numbers, which is said before training.
        """
        if given is not None:
            return given
        found = min(usual, self._at_most)
        if found < usual:
            self.chosen = (
                f"{self.item} has {self.layout.numbers} numbers, so {flag} is {found} where nothing"
                f" is said, and not {usual}"
            )
        return found

    @property
    def _at_most(self) -> int:
        return max(1, self.layout.numbers // SHARE_OF_NUMBERS)

    def remarks_on(self, corpus: Corpus, rows_NK: np.ndarray) -> Sequence[str]:
        """What was chosen by the width of the items."""
        return [self.chosen] if self.chosen else []

    def refuse_wide_code(self, numbers: int) -> None:
        """Raises UsageError for a code with room for all of an item."""
        if numbers >= self.layout.numbers:
            raise UsageError(
                f"a code of {numbers} numbers leaves nothing to learn: {self.item} has "
                f"{self.layout.numbers}",
                f"use a smaller one: --code {self._at_most}",
            )

    def restore_from(self, numbers: int, inside: int) -> None:
        """Build the second network, from a code of so many numbers."""
        rows, features = self.layout.rows, self.layout.features
        sizes = (rows, features) if self.table is None else (1, self.layout.numbers)
        self.decode = RowDecoder(numbers, inside, *sizes)
        self.register_buffer("mean_LF", torch.zeros(rows, features))
        places_P = None if self.table is None else torch.tensor(self.table.places)
        self.register_buffer("places_P", places_P, persistent=False)

    def begin_at(self, whole_TF: Tensor) -> Tensor:
        """Let the second network add to the mean of these items; return them as [B, L, F]."""
        rows_BLF = whole_TF.unflatten(0, (-1, self.layout.rows))
        self.mean_LF.copy_(rows_BLF.mean(dim=0))
        return rows_BLF

    def variance_of(self, rows_BLF: Tensor) -> Tensor:
        """Mean square of the items' own numbers around what is added to."""
        around_BLF = (rows_BLF - self.mean_LF).square()
        if self.table is None:
            return around_BLF.mean()
        return around_BLF[:, torch.from_numpy(self.counting.own_LF).to(around_BLF.device)].mean()

    def counted(self, batch: Batch) -> Tensor | None:
        """[T, F] for `ItemBatch.counted_TF`."""
        if self.table is None:
            return None
        return torch.from_numpy(self.counting(batch.values)).float()

    def decoded(self, codes_BC: Tensor) -> Tensor:
        """Rows [T, F] of the items that codes stand for, not clipped."""
        rows_BLF = self.decode(codes_BC)
        if self.places_P is not None:
            shape = (self.layout.rows, self.layout.features)
            blank_BP = rows_BLF.new_zeros(len(rows_BLF), shape[0] * shape[1])
            rows_BLF = blank_BP.index_copy(1, self.places_P, rows_BLF[:, 0]).unflatten(1, shape)
        return (rows_BLF + self.mean_LF).flatten(0, 1)

    def encoded(self, rows_TD: Tensor, encode: nn.Module) -> Tensor:
        """[B, C], what the last layer of the first network makes of hidden states."""
        return encode(rows_TD.unflatten(0, (-1, self.layout.rows)).flatten(1))

    def numbers_of(self, train: Sequence[np.ndarray]) -> np.ndarray:
        """float64 [N, P], the own numbers of items [L, F] that baselines are fitted to."""
        return np.stack(train)[:, self.counting.own_LF].astype(np.float64)

    def held(self, held_out: Sequence[V]) -> "Held":
        """The own numbers of held-out items."""
        parts = (
            [batch.whole_TF for batch in held_out],
            [batch.inputs.ready_TF for batch in held_out],
            [
                torch.ones_like(batch.whole_TF) if batch.counted_TF is None else batch.counted_TF
                for batch in held_out
            ],
        )
        return Held(*(np.concatenate([self._numbers(x_TF) for x_TF in part]) for part in parts))

    def usual_errors(
        self,
        train: Sequence[np.ndarray],
        held: "Held",
        components: int,
        others: Mapping[str, np.ndarray],
    ) -> dict[str, float]:
        """Mean squared error of what needs no learning, by name: what is usual, so many principal
        components, and what `others` tell of held-out items [B, P].
        """
        train_NP = self.numbers_of(train)
        mean_P = train_NP.mean(axis=0)
        components_KP = principal_components(train_NP - mean_P, components)
        usual = usual_rows(self.layout, np.stack(train))
        told = {name: rows_LF[self.counting.own_LF] for name, rows_LF in usual.items()}
        name = f"PCA of {len(components_KP)}"
        told[name] = mean_P + (held.read_BP - mean_P) @ components_KP.T @ components_KP
        return {
            name: float(
                (np.square(x - held.whole_BP) * held.weights_BP).sum() / held.weights_BP.sum()
            )
            for name, x in {**told, **others}.items()
        }

    def _numbers(self, rows_TF: Tensor) -> np.ndarray:
        """[B, P], the own numbers of each item."""
        rows_BLF = rows_TF.unflatten(0, (-1, self.layout.rows)).numpy()
        return rows_BLF[:, self.counting.own_LF]

    def restorations(
        self, batch: V, restored_TF: Tensor, codes_BGW: Tensor, unit: str | None = None
    ) -> list[Restoration]:
        """Each item as it is, as it was read, and as its G codes of W numbers make it."""
        restored_TF = restored_TF.float()
        errors_TF = batch.squared_errors(restored_TF)
        counted_TF = torch.ones_like(errors_TF) if batch.counted_TF is None else batch.counted_TF
        parts = (batch.whole_TF, batch.inputs.ready_TF, restored_TF, errors_TF, counted_TF)
        each = (x_TF.cpu().float().split(self.layout.rows) for x_TF in parts)
        return [
            Restoration(
                whole_LF.numpy(),
                read_LF.numpy(),
                restored_LF.numpy(),
                (errors_LF.sum() / counted_LF.sum()).item(),
                codes_GW.cpu().float().numpy(),
                unit=unit,
            )
            for whole_LF, read_LF, restored_LF, errors_LF, counted_LF, codes_GW in zip(
                *each, codes_BGW, strict=True
            )
        ]

    def shown(self, batch: V, becomes: str, *, is_broken: bool = False) -> Report:
        """Items as they are and as they are read, and what they become."""
        rows = {"as it is": batch.whole_TF.numpy()}
        if is_broken:
            rows["as read"] = batch.inputs.ready_TF.numpy()
        return Report(
            "what is restored",
            tables=item_tables(self.layout, rows),
            notes=[
                f"{self.item} of {self.layout.numbers} numbers becomes {becomes}",
                *([] if self.table is None else [NUMBERS_OF_RECORD]),
            ],
        )


@dataclass(frozen=True)
class Held:
    """Own numbers of held-out items: as they are, as the network reads them, and which count."""

    whole_BP: np.ndarray
    read_BP: np.ndarray
    weights_BP: np.ndarray
