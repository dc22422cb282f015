"""What a question is put to: a model, and the data that it is looked at with. Without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sslcli.core.settings import StackName
from sslcli.engine.settings import HardwareSettings


@dataclass(frozen=True)
class Aim:
    """A model to look into, and what it is looked at with: `data` and its `reader`, the run's own
    where nothing is said. `stack`: the half of an encoder-decoder, its encoder where not given.
    """

    reference: str
    data: Sequence[str] = ()
    reader: str | None = None
    hardware: HardwareSettings | None = None
    seed: int = 42
    stack: StackName | None = None

    @property
    def where(self) -> dict[str, Any]:
        """What is said of data and machine."""
        return {"data": self.data, "reader": self.reader, "hardware": self.hardware}
