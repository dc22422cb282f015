"""One step of a codebook (nearest codes, straight-through gradient, moving averages) beside
vector-quantize-pytorch, in one process, turn by turn.

`python tests/benchmarks/against_quantizers.py`: K 512, d 64, 4,096 vectors; medians of both in
processor time, and the ratio of each turn. Where the package is not installed it says so, and times
ours alone. That both compute the same is a test of tests/plugins/test_vq.py.
`--rehearse`: a size of seconds.
"""

import argparse
import importlib
import importlib.util
import statistics
import time

import torch
from sslplugins.objectives.vq.codebooks import MovingCodebook
from sslplugins.objectives.vq.quantizers import Chance

from sslcli.engine.processes.process_group import ALONE
from sslcli.engine.step_state import StepState

PACKAGE = "vector_quantize_pytorch"
DECAY = 0.99


def ours(size, width, vectors):
    """A step of ours with all that training does of it: state, averages, dead codes."""
    book = MovingCodebook(size, width, DECAY, 0.1)
    order_N = torch.rand(vectors)

    def step(z_NW):
        found, state = book(z_NW, Chance(order_N), 0.5), StepState()
        (found.codes_NW.square().sum() + 0.25 * found.losses["commitment"]).backward()
        state.add(found.state)
        with torch.no_grad():
            book.after_step(state.over(ALONE), 0.5)

    with torch.no_grad():
        book.begin(torch.randn(vectors, width), order_N)
    return step


def theirs(size, width):
    """A step of theirs: the same decay and dead codes, no k-means, no rotation."""
    book = importlib.import_module(PACKAGE).VectorQuantize(
        width, size, decay=DECAY, commitment_weight=0.25, rotation_trick=False,
        threshold_ema_dead_code=1,
    ).train()  # fmt: skip

    def step(z_NW):
        quantized, _, loss = book(z_NW[None])
        (quantized.square().sum() + loss.sum() * z_NW.numel()).backward()

    return step


def seconds(step, z_NW, repeats):
    began = time.process_time()
    for _ in range(repeats):
        step(z_NW.clone().requires_grad_())
    return (time.process_time() - began) / repeats


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rehearse", action="store_true")
    asked = parser.parse_args()
    size, width, vectors, turns, repeats = (
        (16, 8, 64, 2, 1) if asked.rehearse else (512, 64, 4096, 15, 10)
    )
    torch.manual_seed(0)
    torch.set_num_threads(1)
    z_NW = torch.randn(vectors, width)
    steps = {"ours": ours(size, width, vectors)}
    if importlib.util.find_spec(PACKAGE) is None:
        print(f"{PACKAGE} is not installed: ours alone")
    else:
        steps["theirs"] = theirs(size, width)
    for step in steps.values():
        seconds(step, z_NW, 1)
    took = {name: [] for name in steps}
    for _ in range(turns):
        for name, step in steps.items():
            took[name].append(seconds(step, z_NW, repeats))
    for name, found in took.items():
        print(
            f"{name}: {1e3 * statistics.median(found):.2f} ms, {vectors / statistics.median(found):,.0f} codes/s"
        )
    if "theirs" in took:
        ratios = sorted(b / a for a, b in zip(took["ours"], took["theirs"], strict=True))
        print(
            f"theirs / ours: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), "
            f"K {size}, d {width}, {vectors:,} vectors, one thread, torch {torch.__version__}"
        )


if __name__ == "__main__":
    main()
