"""Numbers that are none, and memory that is not there, put into the objective of a process under
test.

One call of `read` with gradients is one micro-batch of training; with whole batches it is one
update.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from sslplugins.objectives.mlm import MaskedLanguageModel

Kind = Literal["loss", "gradient", "input", "weight"]
Read = Callable[..., Any]


@dataclass(frozen=True)
class Poison:
    """At the given updates (the first is 0) one number becomes `value`: of the loss, of a gradient,
    of what the model reads.

    A poisoned weight stays so, as after a fault of the memory; all other poison is gone with its
    update.
    """

    kind: Kind
    updates: frozenset[int]
    value: float

    def __call__(self) -> None:
        MaskedLanguageModel.read = self._poisoned(MaskedLanguageModel.read)

    def _poisoned(self, read: Read) -> Read:
        seen = 0

        def poisoned(objective: Any, hidden: Any, batch: Any, backbone: Any) -> Any:
            nonlocal seen
            due = torch.is_grad_enabled() and seen in self.updates
            seen += torch.is_grad_enabled()
            if not due:
                return read(objective, hidden, batch, backbone)
            return self._strike(read, objective, hidden, batch, backbone)

        return poisoned

    def _strike(self, read: Read, objective: Any, hidden: Any, batch: Any, backbone: Any) -> Any:
        if self.kind == "weight":
            with torch.no_grad():
                next(objective.parameters()).view(-1)[0] = self.value
        if self.kind == "input":
            hidden = replace(
                hidden, last_TD=hidden.last_TD.index_fill(0, batch.places_N[:1], self.value)
            )
        if self.kind == "gradient":
            hidden.last_TD.register_hook(lambda gradient: torch.full_like(gradient, self.value))
        loss = read(objective, hidden, batch, backbone)
        if self.kind == "loss":
            loss = replace(
                loss, sums={name: total * self.value for name, total in loss.sums.items()}
            )
        return loss


@dataclass(frozen=True)
class OutOfMemoryAbove:
    """Training on more sequences at once than this finds no memory, as a GPU says it."""

    sequences: int
    couples: bool = False

    def __call__(self) -> None:
        MaskedLanguageModel.read, MaskedLanguageModel.couples = (
            self._limited(MaskedLanguageModel.read),
            self.couples,
        )

    def _limited(self, read: Read) -> Read:
        def limited(objective: Any, hidden: Any, batch: Any, backbone: Any) -> Any:
            if torch.is_grad_enabled() and len(batch.inputs.packing.lengths) > self.sequences:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return read(objective, hidden, batch, backbone)

        return limited


@dataclass(frozen=True)
class SignalAt:
    """The process is asked to end (SIGTERM) in the given update; the first is 0."""

    update: int

    def __call__(self) -> None:
        MaskedLanguageModel.read = self._signalled(MaskedLanguageModel.read)

    def _signalled(self, read: Read) -> Read:
        seen = 0

        def signalled(objective: Any, hidden: Any, batch: Any, backbone: Any) -> Any:
            nonlocal seen
            if torch.is_grad_enabled() and seen == self.update:
                os.kill(os.getpid(), signal.SIGTERM)
            seen += torch.is_grad_enabled()
            return read(objective, hidden, batch, backbone)

        return signalled


@contextmanager
def inside(poison: Callable[[], None]) -> Iterator[None]:
    """The poison in this process, and none after."""
    read, couples = MaskedLanguageModel.read, MaskedLanguageModel.couples
    poison()
    try:
        yield
    finally:
        MaskedLanguageModel.read, MaskedLanguageModel.couples = read, couples
