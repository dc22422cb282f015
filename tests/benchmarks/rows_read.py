"""Training steps of a masked language model whose last block forms only the rows with a target,
beside the same steps with all rows, in one process, turn by turn.

`python tests/benchmarks/rows_read.py`: forward and backward pass of the model of demo:world and of
a larger one, medians in processor time and the range of the turns' ratios, on one thread; the
losses of both are the same. `--rehearse`: a size of seconds.
"""

import argparse
import statistics
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sslcli.core.heads import LanguageModelHead
from sslcli.core.initialize import initialize
from sslcli.core.inputs import Inputs
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer


@dataclass(frozen=True)
class Shape:
    """A model, and a batch of it: sequences of `shortest` to `longest` tokens."""

    name: str
    vocabulary: int
    width: int
    depth: int
    sequences: int
    shortest: int
    longest: int
    masked: float


SHAPES = (
    Shape("demo:world", 605, 64, 3, 128, 8, 20, 0.3),
    Shape("4 layers x 256", 30_522, 256, 4, 16, 40, 128, 0.15),
)


class Trained:
    """One batch, with some of its tokens to tell."""

    def __init__(self, shape: Shape) -> None:
        settings = TransformerSettings(
            vocabulary=shape.vocabulary,
            width=shape.width,
            depth=shape.depth,
            heads=4,
            feedforward_width=4 * shape.width,
            longest_tokens=shape.longest,
            dropout=0.0,
        )
        generator, random = torch.Generator().manual_seed(0), np.random.default_rng(0)
        self.backbone, self.head = Transformer(settings).train(), LanguageModelHead(settings)
        initialize(self.backbone, generator)
        initialize(self.head, generator)
        lengths = random.integers(shape.shortest, shape.longest, shape.sequences, endpoint=True)
        tokens_T = random.integers(0, shape.vocabulary, lengths.sum())
        hidden_T = random.random(len(tokens_T)) < shape.masked
        hidden_T[np.cumsum(lengths) - lengths] = True
        self.places_N = torch.from_numpy(np.flatnonzero(hidden_T))
        self.targets_N = torch.from_numpy(tokens_T[hidden_T])
        inputs = Inputs.pack(np.split(tokens_T, np.cumsum(lengths)[:-1]))
        self.reading, self.whole = inputs.reading(self.places_N), replace(inputs, reads=None)

    def step(self, inputs: Inputs) -> Tensor:
        """Forward and backward pass."""
        with self.backbone.sharing():
            hidden_ND = self.backbone(inputs).last_TD.index_select(0, self.places_N)
            nats = self.head.loss(hidden_ND, self.targets_N, self.backbone).nll_sum
        nats.backward()
        for parameter in (*self.backbone.parameters(), *self.head.parameters()):
            parameter.grad = None
        return nats.detach()


def seconds(trained: Trained, inputs: Inputs) -> float:
    began = time.process_time()
    trained.step(inputs)
    return time.process_time() - began


def beside(shape: Shape, turns: int) -> None:
    trained = Trained(shape)
    found = [trained.step(inputs).item() for inputs in (trained.reading, trained.whole)]
    assert abs(found[0] - found[1]) < 1e-5 * found[1], "both sides compute the same"
    timed = [
        (seconds(trained, trained.reading), seconds(trained, trained.whole)) for _ in range(turns)
    ]
    some, all_rows = (1000 * statistics.median(each) for each in zip(*timed, strict=True))
    ratios = [read / whole for read, whole in timed]
    print(
        f"{shape.name}: {len(trained.places_N):,} of {trained.whole.packing.total:,} rows have a "
        f"target; {some:.1f} ms, with all rows {all_rows:.1f} ms: {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for shape in SHAPES:
        small = replace(shape, vocabulary=50, width=16, sequences=4)
        beside(small if options.rehearse else shape, 2 if options.rehearse else options.turns)


if __name__ == "__main__":
    main()
