"""Images that a masked auto-encoder trains on in a second: `mae` beside transformers' ViTMAE.

    python tests/benchmarks/against_vitmae.py [--rounds 5] [--batch 64]
    python tests/benchmarks/against_vitmae.py --rehearse

Both train the same network on the same images in one process with one AdamW: a ViT of 4 layers x
192 on 64 x 64 pixels of 3 colours in patches of 8 x 8, a quarter of which the encoder sees, and a
decoder of 2 x 96. Both begin with the same weights, read through a model directory, and their first
losses, given the same noise, are compared: the sides compute the same. They take turns, and the
median of the rounds counts; our side draws masks and packs batches within its time, theirs is given
pixels. Beside it the memory that a process of each side holds at most while it trains, its libraries
included (Linux). A rival in speed alone: a ViTMAE that transformers 5.24 makes anew has no
positions, so what it learns from scratch says little.

Letters: B images, L patches.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import workloads  # noqa: F401  # says how waiting threads wait, before torch is loaded

# isort: split
import numpy as np
import torch
import transformers

from sslcli.data.batches import Sample, collate
from sslcli.data.rng import Rng
from sslcli.models.hf_directory import read_directory
from sslcli.models.loading import learner_of

SEED, RATE, STEPS, SETTLING = 0, 1e-4, 8, 3
SHAPE = {
    "hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 6, "intermediate_size": 768,
    "image_size": 64, "patch_size": 8, "num_channels": 3, "mask_ratio": 0.75,
    "decoder_hidden_size": 96, "decoder_num_hidden_layers": 2, "decoder_num_attention_heads": 3,
    "decoder_intermediate_size": 384,
}  # fmt: skip
TINY = {**SHAPE, "hidden_size": 24, "num_hidden_layers": 1, "intermediate_size": 48}
TINY |= {"image_size": 16, "decoder_hidden_size": 12, "decoder_intermediate_size": 24}


def write_model(folder: str, shape: dict[str, Any]) -> None:
    """A directory that both sides read, every number of it random."""
    torch.manual_seed(SEED)
    model = transformers.ViTMAEForPreTraining(transformers.ViTMAEConfig(**shape))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.05)
    model.save_pretrained(folder)


class Ours:
    def __init__(self, folder: str, images_BHWC: np.ndarray) -> None:
        learner = learner_of(read_directory(Path(folder)))
        self.backbone, self.objective = learner.backbone.train(), learner.learnable.train()
        grid = self.backbone.settings.grid
        assert grid is not None
        self.samples = [Sample(rows=grid.cut(image)) for image in images_BHWC]
        self.optimizer = torch.optim.AdamW(learner.parameters(), RATE)

    def loss(self, rng: Any) -> torch.Tensor:
        batch = self.objective.collate(collate(range(len(self.samples)), self.samples), rng)
        (total,) = self.objective(self.backbone, batch).sums.values()
        return total / batch.counts["restoration"]

    def step(self, number: int) -> None:
        self.loss(Rng(SEED, number)).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


class Theirs:
    def __init__(self, folder: str, images_BHWC: np.ndarray) -> None:
        self.model = transformers.ViTMAEForPreTraining.from_pretrained(folder).train()
        self.pixels = torch.from_numpy(images_BHWC.transpose(0, 3, 1, 2).copy())
        trained = [each for each in self.model.parameters() if each.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, RATE)

    def loss(self, noise_BL: np.ndarray | None = None) -> torch.Tensor:
        noise = None if noise_BL is None else torch.from_numpy(noise_BL)
        return self.model(self.pixels, noise=noise).loss

    def step(self, number: int) -> None:
        self.loss().backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


SIDES: dict[str, Callable[[str, np.ndarray], Ours | Theirs]] = {
    "ours": Ours,
    "transformers": Theirs,
}


def images_of(shape: dict[str, Any], batch: int) -> np.ndarray:
    side, channels = shape["image_size"], shape["num_channels"]
    return np.random.default_rng(SEED).random((batch, side, side, channels), dtype=np.float32)


def refuse_other_losses(ours: Ours, theirs: Theirs, shape: dict[str, Any], batch: int) -> None:
    patches = (shape["image_size"] // shape["patch_size"]) ** 2
    noise_BL = np.random.default_rng(1).random((batch, patches))
    given = SimpleNamespace(uniform=lambda purpose, samples, places: noise_BL[samples, places])
    with torch.no_grad():
        own, other = ours.loss(given).item(), theirs.loss(noise_BL).item()
    assert abs(own - other) <= 1e-4 * abs(other), (own, other)
    print(f"the first loss, given the same noise: {own:.6f} here, {other:.6f} there")


def compare(folder: str, shape: dict[str, Any], batch: int, rounds: int, steps: int) -> None:
    images = images_of(shape, batch)
    ours, theirs = Ours(folder, images), Theirs(folder, images)
    refuse_other_losses(ours, theirs, shape, batch)
    sides: dict[str, Ours | Theirs] = {"ours": ours, "transformers": theirs}
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            for number in range(SETTLING):
                side.step(number)
            before = time.perf_counter()
            for number in range(steps):
                side.step(SETTLING + number)
            found[name].append(batch * steps / (time.perf_counter() - before))
    own, other = (statistics.median(found[name]) for name in sides)
    print(f"images a second: {own:.0f} here, {other:.0f} there: {own / other:.2f} times")


def hold(folder: str, name: str, shape: dict[str, Any], batch: int) -> None:
    """Print the MiB that this process holds at most while one side trains."""
    side = SIDES[name](folder, images_of(shape, batch))
    Path("/proc/self/clear_refs").write_text("5")  # the most so far is forgotten
    for number in range(SETTLING):
        side.step(number)
    (most,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(int(most) / 1024)


def held(folder: str, name: str, batch: int, *more: str) -> float:
    words = [sys.executable, __file__, "--held", name, "--folder", folder, "--batch", str(batch)]
    ended = subprocess.run([*words, *more], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return float(ended.stdout.split()[-1])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--held", choices=tuple(SIDES))
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--rehearse", action="store_true")
    given = parser.parse_args()
    transformers.logging.set_verbosity_error()
    shape = TINY if given.rehearse else SHAPE
    if given.held:
        hold(given.folder, given.held, shape, given.batch)
        return 0
    batch, rounds, steps = (4, 1, 1) if given.rehearse else (given.batch, given.rounds, STEPS)
    more = ("--rehearse",) if given.rehearse else ()
    with tempfile.TemporaryDirectory() as folder:
        write_model(folder, shape)
        compare(folder, shape, batch, rounds, steps)
        own, other = (held(folder, name, batch, *more) for name in SIDES)
    print(f"MiB at the peak: {own:.0f} here, {other:.0f} there: {own / other:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
