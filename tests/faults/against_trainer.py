"""The same cuts and damages in Hugging Face's Trainer: what its `get_last_checkpoint` and
`resume_from_checkpoint` make of them.

    pip install accelerate        # which the Trainer architectures, and nothing else here
    python tests/faults/against_trainer.py

A tiny BERT trains 20 updates on the CPU and keeps its checkpoints of the steps 6, 12 and 18. Cuts:
each of the files of checkpoint-18, in the order in which they are written, is missing with all
after it, or half there; checkpoint-12 is whole. Damages: one file of checkpoint-18 deleted,
exchanged with that of checkpoint-12, or with one bit flipped. Recovered: the resumed run ends with
the weights of the undisturbed one. Silent: it ends without an error and with others.
"""

import argparse
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from damages import flip
from torch import Tensor
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForMaskedLM,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import logging

STEPS, EVERY, ROWS, LENGTH, VOCABULARY = 20, 6, 64, 16, 100
NEWEST, OLDER = "checkpoint-18", "checkpoint-12"
WRITTEN = (
    "config.json", "model.safetensors", "training_args.bin", "optimizer.pt", "scheduler.pt",
    "rng_state.pth", "trainer_state.json",
)  # fmt: skip


class Rows(Dataset[dict[str, Tensor]]):
    """Random tokens, each its own target: enough to make weights move."""

    def __init__(self) -> None:
        self.tokens = torch.randint(
            5, VOCABULARY, (ROWS, LENGTH), generator=torch.Generator().manual_seed(0)
        )

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"input_ids": self.tokens[index], "labels": self.tokens[index]}


@dataclass(frozen=True)
class PeerFigures:
    """Of `cuts` some recovered; of `damages` some went on in silence with other weights."""

    cuts: int
    recovered: int
    damages: int
    silent: int

    @property
    def describe(self) -> str:
        return (
            f"Trainer: cuts {self.recovered}/{self.cuts} "
            f"recovered, damages {self.silent}/{self.damages} silent"
        )


def train(folder: Path, resume: bool = False) -> dict[str, Tensor]:
    """The weights after the last update, from the newest checkpoint that the peer itself finds
    where `resume`.
    """
    set_seed(0)
    shape = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    model = BertForMaskedLM(
        BertConfig(vocab_size=VOCABULARY, max_position_embeddings=LENGTH, **shape)
    )
    arguments = TrainingArguments(
        str(folder), max_steps=STEPS, save_steps=EVERY, per_device_train_batch_size=8,
        learning_rate=1e-2, seed=0,
        report_to=[], disable_tqdm=True, use_cpu=True, logging_strategy="no",
    )  # fmt: skip
    trainer = Trainer(model, arguments, train_dataset=Rows())
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)) if resume else None)
    return {name: value.clone() for name, value in model.state_dict().items()}


def cuts() -> dict[str, Callable[[Path], None]]:
    found: dict[str, Callable[[Path], None]] = {}
    for count, file in enumerate(WRITTEN):
        found[f"cut before {file}"] = partial(_cut, count, False)
        found[f"cut inside {file}"] = partial(_cut, count, True)
    return found


def _cut(whole_files: int, with_half: bool, run: Path) -> None:
    for file in WRITTEN[whole_files + with_half :]:
        (run / NEWEST / file).unlink()
    if with_half:
        path = run / NEWEST / WRITTEN[whole_files]
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damages() -> dict[str, Callable[[Path], None]]:
    found: dict[str, Callable[[Path], None]] = {}
    for file in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"):
        found[f"{file} deleted"] = partial(_deleted, file)
    for file in ("model.safetensors", "optimizer.pt"):
        found[f"{file} of {OLDER}"] = partial(_exchanged, file)
        for share in (1 / 2, 2 / 3):
            found[f"a bit of {file} at {share:.0%}"] = partial(_flipped, file, share)
    found["a bit of rng_state.pth at 50%"] = partial(_flipped, "rng_state.pth", 0.5)
    found["marked as incomplete"] = lambda run: (
        run / NEWEST / "checkpoint-is-incomplete.txt"
    ).write_text("")
    return found


def _deleted(file: str, run: Path) -> None:
    (run / NEWEST / file).unlink()


def _exchanged(file: str, run: Path) -> None:
    shutil.copyfile(run / OLDER / file, run / NEWEST / file)


def _flipped(file: str, share: float, run: Path) -> None:
    path = run / NEWEST / file
    # A high bit of the mantissa, wherever the share falls: the number stays one, and another.
    flip(path, int(path.stat().st_size * share) // 4 * 32 + 22)


def outcome(stopped: Path, whole: dict[str, Tensor], damage: Callable[[Path], None]) -> str:
    """ "recovered", "silent", or the error that the peer raised."""
    run = stopped.with_name("damaged")
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(stopped, run)
    damage(run)
    try:
        weights = train(run, resume=True)
    except Exception as error:  # whatever it raises is its answer
        return f"{type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ''}"
    return (
        "recovered"
        if all(torch.equal(value, weights[name]) for name, value in whole.items())
        else "silent"
    )


def measure(say: Callable[[str], None] = lambda line: None, most: int | None = None) -> PeerFigures:
    """`most`: of the cuts and of the damages; all of them where it is None."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        stopped = Path(folder) / "whole"
        whole = train(stopped)
        shutil.rmtree(stopped / f"checkpoint-{STEPS}", ignore_errors=True)
        files = {path.name for path in (stopped / NEWEST).iterdir()}
        assert files == set(WRITTEN), (
            f"this version writes other files: {sorted(files ^ set(WRITTEN))}"
        )
        assert outcome(stopped, whole, lambda run: None) == "recovered", (
            "even without damage a resume gives other weights"
        )
        found = {
            kind: {
                name: outcome(stopped, whole, change)
                for name, change in islice(cases.items(), most)
            }
            for kind, cases in _CASES.items()
        }
    for cases in found.values():
        for name, result in cases.items():
            say(f"{name}: {result}")
    recovered = sum(result == "recovered" for result in found["cuts"].values())
    silent = sum(result == "silent" for result in found["damages"].values())
    return PeerFigures(len(found["cuts"]), recovered, len(found["damages"]), silent)


_CASES = {"cuts": cuts(), "damages": damages()}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="one cut and one damage: shows mistakes of the script",
    )
    figures = measure(print, most=1 if parser.parse_args().rehearse else None)
    print(figures.describe)
    return 0


if __name__ == "__main__":
    sys.exit(main())
