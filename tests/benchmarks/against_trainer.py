"""One training step here and in Hugging Face's Trainer: equal losses first, then interleaved seconds.

    python tests/benchmarks/against_trainer.py [mlm-128] [mlm-512] [clm-256] [--steps 12] [--rounds 3]

Both sides start from the same weights, read the same tokens with the same targets, and use AdamW, clipping at 1.0 and
no dropout. Before anything is timed, 20 steps of both must give losses that differ by at most 1e-4; a pair that does
not is reported and not timed. Lengths are lognormal (mean fill .47 of the longest), as in real text cut by document.
The peer runs in float32, its default, and tuned in bf16; either way it gets our batches of like lengths, which are kinder
to padding than its own random ones, with their masks ready-made. Ours makes them inside the timed step.
"""

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded

import numpy as np
import torch
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging as transformers_logging

from sslcli import registry
from sslcli.contracts import Frame
from sslcli.data.batches import Sample
from sslcli.data.draws import SampleDraws
from sslcli.data.sampler import Sampler
from sslcli.engine.checkpoint import Checkpoints, Progress
from sslcli.engine.events import Event, Stepped
from sslcli.engine.learner import Learner
from sslcli.engine.loading import Loader
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings, OptimizerSettings, ScheduleSettings
from sslcli.engine.stopping import Stopper
from sslcli.engine.trainer import Plan
from sslcli.engine.trainer import Trainer as OurTrainer
from sslcli.workflows.models import load_pretrained

IGNORED, PAD, MASK, SPECIALS = -100, 0, 4, 5
RATE, SEED = 1e-4, 0
SETTLING_STEPS = 3  # of every round, not timed


@dataclass(frozen=True)
class Workload:
    """`longest` in tokens; `batch` in sequences."""

    objective: str
    longest: int
    batch: int
    vocabulary: int


WORKLOADS = {
    "mlm-128": Workload("mlm", 128, 32, 30_522),
    "mlm-512": Workload("mlm", 512, 8, 30_522),
    "clm-256": Workload("clm", 256, 4, 50_257),
}


class Words:
    """What an objective needs to know of a tokenizer."""

    def __init__(self, vocabulary: int) -> None:
        self.size, self.mask = vocabulary, MASK
        self.specials = np.arange(vocabulary) < SPECIALS
        self.continues = np.zeros(vocabulary, dtype=bool)


class Ours:
    """Our loop on a workload, from the peer's weights."""

    def __init__(self, workload: Workload, folder: Path, precision: str) -> None:
        self.hardware, self.folder = choose_hardware(HardwareSettings(device="cpu", precision=precision)), folder
        pretrained = load_pretrained(str(folder))
        objective_class = registry.load("objectives", workload.objective)
        frame = Frame(pretrained.settings, Words(workload.vocabulary))
        with torch.device("meta"):
            self.twin = objective_class(objective_class.Options(), frame)
        backbone, head = pretrained.network()
        learnable = objective_class(objective_class.Options(), frame)
        learnable.head.load_state_dict(head.state_dict())
        self.learner = Learner(backbone, learnable)
        self.samples = sequences(workload)
        self.workload = workload

    def sample(self, number: int, draws: SampleDraws) -> Sample:
        tokens = self.samples[number]
        return Sample(tokens, fields={"bytes": float(len(tokens))})

    def loader(self) -> Loader:
        lengths = np.asarray([len(tokens) for tokens in self.samples])
        sampler = Sampler(lengths, self.workload.batch, "sequences", SEED)
        return Loader(self.sample, self.twin, sampler, seed=SEED, unit="sequences", micro_batch_size=None)

    def peer_batches(self, count: int) -> Iterator[dict[str, torch.Tensor]]:
        """The very batches of our loop, padded to their longest, with labels where we have targets."""
        for _, work in zip(range(count), self.loader().steps(0), strict=False):
            (views,) = work.views
            lengths = views.inputs.packing.lengths
            labels_T = torch.full_like(views.inputs.tokens_T, IGNORED)
            if self.workload.objective == "mlm":
                labels_T[views.places_N] = views.targets_N
            else:
                labels_T = views.inputs.tokens_T  # the peer shifts them itself
            pad = torch.nn.utils.rnn.pad_sequence
            tokens, labels = views.inputs.tokens_T.split(lengths), labels_T.split(lengths)
            yield {
                "input_ids": pad(tokens, batch_first=True, padding_value=PAD),
                "attention_mask": pad([torch.ones(length, dtype=torch.int64) for length in lengths], batch_first=True),
                "labels": pad(labels, batch_first=True, padding_value=IGNORED),
            }

    def train(self, steps: int) -> tuple[list[float], float]:
        """Losses of all steps, and seconds of those after the first SETTLING_STEPS."""
        seen: list[tuple[float, float]] = []

        def observe(event: Event) -> None:
            if isinstance(event, Stepped):
                seen.append((event.loss, time.perf_counter()))

        optimizer = Optimizer(self.learner.trained_parameters(), self.learner.groups(), OptimizerSettings(rate=RATE, beta2=0.999))
        with tempfile.TemporaryDirectory() as folder:
            one = Sampler(np.asarray([len(self.samples[0])]), 1, "sequences", SEED)
            nothing = Loader(self.sample, self.twin, one, seed=SEED, unit="sequences", micro_batch_size=None)
            OurTrainer(
                self.learner, optimizer, self.loader(), nothing, schedule=ScheduleSettings(name="constant", warmup=0),
                plan=Plan(steps, 1, steps, steps, False, SEED), hardware=self.hardware, checkpoints=Checkpoints(Path(folder), 1, {}),
                stopper=Stopper(), observe=observe, illustrate=lambda learner: (),
            ).run(Progress(evaluated_step=0))  # fmt: skip
        return [loss for loss, _ in seen], seen[-1][1] - seen[SETTLING_STEPS - 1][1]


class Clock(TrainerCallback):
    """The end of every step of the peer, by the same clock as ours."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, *_: object, **__: object) -> None:
        self.times.append(time.perf_counter())


class Ready(torch.utils.data.Dataset):
    """Batches as items, so that the peer's loader has nothing left to do."""

    def __init__(self, batches: list[dict[str, torch.Tensor]]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.batches[index]


def train_peer(model: torch.nn.Module, batches: list[dict[str, torch.Tensor]], tuned: bool) -> tuple[list[float], float]:
    """Hugging Face's Trainer on ready-made batches in their order; `tuned`: bf16."""
    clock, losses = Clock(), []
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=1, max_steps=len(batches), learning_rate=RATE, lr_scheduler_type="constant",
            weight_decay=0.01, max_grad_norm=1.0, logging_steps=1, save_strategy="no", report_to="none", use_cpu=True,
            bf16=tuned, disable_tqdm=True, seed=SEED, train_sampling_strategy="sequential",
        )  # fmt: skip
        trainer = Trainer(model, arguments, train_dataset=Ready(batches), data_collator=lambda items: items[0], callbacks=[clock])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    return losses, clock.times[-1] - clock.times[SETTLING_STEPS - 1]


def sequences(workload: Workload) -> list[np.ndarray]:
    """Random tokens; lengths lognormal around .42 of the longest, blocks of a causal model all full."""
    random = np.random.default_rng(SEED)
    count = workload.batch * 64
    lengths = np.full(count, workload.longest)
    if workload.objective == "mlm":
        lengths = np.clip(random.lognormal(math.log(0.42 * workload.longest), 0.6, count), 8, workload.longest).astype(int)
    return [random.integers(SPECIALS, workload.vocabulary, length) for length in lengths]


def peer_model(workload: Workload) -> torch.nn.Module:
    torch.manual_seed(SEED)
    if workload.objective == "mlm":
        return BertForMaskedLM(
            BertConfig(
                vocab_size=workload.vocabulary, hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024,
                hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=PAD,
            )
        )  # fmt: skip
    sizes = {"vocab_size": workload.vocabulary, "n_embd": 256, "n_layer": 4, "n_head": 4, "n_positions": 512}
    return GPT2LMHeadModel(GPT2Config(**sizes, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0))


def compare(name: str, steps: int, rounds: int) -> dict[str, float | str]:
    """Equal losses, then rounds of both peers and both of ours, each from the same weights."""
    workload = WORKLOADS[name]
    with tempfile.TemporaryDirectory() as folder:
        start = peer_model(workload)
        start.save_pretrained(folder)
        ours_losses, _ = Ours(workload, Path(folder), "fp32").train(20)
        batches = list(Ours(workload, Path(folder), "fp32").peer_batches(max(20, steps)))
        peer_losses, _ = train_peer(type(start).from_pretrained(folder), batches[:20], tuned=False)
        difference = max(abs(a - b) for a, b in zip(ours_losses, peer_losses, strict=True))
        print(f"{name}: losses of 20 steps differ by at most {difference:.1e}", flush=True)
        if difference > 1e-4:
            return {"workload": name, "difference": difference}

        sides: dict[str, Callable[[], float]] = {
            "trainer fp32": lambda: train_peer(type(start).from_pretrained(folder), batches[:steps], tuned=False)[1],
            "ours fp32": lambda: Ours(workload, Path(folder), "fp32").train(steps)[1],
            "trainer bf16": lambda: train_peer(type(start).from_pretrained(folder), batches[:steps], tuned=True)[1],
            "ours bf16": lambda: Ours(workload, Path(folder), "bf16").train(steps)[1],
        }
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for round_number in range(rounds):
            for side in list(sides)[:: 1 if round_number % 2 == 0 else -1]:
                seconds[side].append(sides[side]())
    tokens = sum(int(batch["attention_mask"].sum()) for batch in batches[SETTLING_STEPS:steps])
    row: dict[str, float | str] = {"workload": name, "difference": difference}
    for side, taken in seconds.items():
        row[side] = tokens / statistics.median(taken)
        print(f"  {side:14s} {row[side]:9,.0f} tokens/s   rounds {', '.join(f'{tokens / s:,.0f}' for s in taken)}", flush=True)
    for precision in ("fp32", "bf16"):
        ratios = [theirs / mine for theirs, mine in zip(seconds[f"trainer {precision}"], seconds[f"ours {precision}"], strict=True)]
        row[f"ratio {precision}"] = statistics.median(ratios)
        print(
            f"  {precision}: {row[f'ratio {precision}']:.2f} times the Trainer's speed (rounds {', '.join(f'{r:.2f}' for r in ratios)})",
            flush=True,
        )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument("--steps", type=int, default=12, help="steps of a round, the first three not timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    given = parser.parse_args()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    rows = [compare(name, given.steps, given.rounds) for name in given.workloads]
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
