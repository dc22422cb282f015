"""Hugging Face's Trainer on the sequences, masks and weights of ours. Import it after
`workloads`.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging as transformers_logging
from workloads import BEGIN, END, PAD, RATE, SEED, Logged, Moment, Ours, Timed, Workload, timed

IGNORED = -100

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


@dataclass(frozen=True)
class Peer:
    """How the Trainer is run. Grouped: it gets our batches of like lengths, else random ones of the
    same sequences.
    """

    grouped: bool = False
    bf16: bool = False
    compile: bool = False


class Watch(TrainerCallback):
    """The end of every step that is logged, by the same clocks as ours."""

    def __init__(self) -> None:
        self.logged: list[Logged] = []

    def on_log(
        self,
        arguments: Any,
        state: Any,
        control: Any,
        logs: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        if logs is not None and "loss" in logs:
            self.logged.append(Logged(state.global_step, logs["loss"], Moment.now()))


class Ready(torch.utils.data.Dataset):
    """Batches as items, so that the peer's loader has nothing left to do."""

    def __init__(self, batches: Sequence[dict[str, Tensor]]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.batches[index]


def peer_model(workload: Workload) -> torch.nn.Module:
    torch.manual_seed(SEED)
    positions = max(512, workload.longest)
    if workload.causal:
        return GPT2LMHeadModel(
            GPT2Config(
                vocab_size=workload.vocabulary, n_embd=workload.width, n_layer=workload.depth,
                n_head=workload.heads, n_positions=positions,
                resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
            )
        )  # fmt: skip
    if workload.has_memory:
        return BartForConditionalGeneration(
            BartConfig(
                vocab_size=workload.vocabulary, d_model=workload.width,
                encoder_layers=workload.depth, decoder_layers=workload.depth,
                encoder_attention_heads=workload.heads, decoder_attention_heads=workload.heads,
                encoder_ffn_dim=4 * workload.width, decoder_ffn_dim=4 * workload.width,
                max_position_embeddings=positions, dropout=0.0, pad_token_id=PAD,
                bos_token_id=BEGIN, eos_token_id=END, decoder_start_token_id=END,
                forced_eos_token_id=END,
            )
        )  # fmt: skip
    return BertForMaskedLM(
        BertConfig(
            vocab_size=workload.vocabulary,
            hidden_size=workload.width,
            num_hidden_layers=workload.depth,
            num_attention_heads=workload.heads,
            intermediate_size=4 * workload.width,
            max_position_embeddings=positions,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            pad_token_id=PAD,
        )
    )


def peer_batches(ours: Ours, count: int, peer: Peer) -> list[dict[str, Tensor]]:
    """The sequences of our first `count` batches with our masks, or broken as ours, padded to the
    longest of each batch.
    """
    rows: list[tuple[Tensor, ...]] = []
    sizes: list[int] = []
    for _, work in zip(range(count), ours.loader().steps(0), strict=False):
        (batch,) = work.batches
        if ours.workload.has_memory:
            told = batch.decoder_inputs
            pairs = (batch.inputs.ids_T.split(batch.inputs.packing.lengths),)
            pairs += tuple(
                each_S.split(told.packing.lengths) for each_S in (batch.targets_S, told.ids_T)
            )
            rows += zip(*pairs, strict=True)
            sizes.append(len(told.packing))
            continue
        tokens_T, labels_T = batch.inputs.tokens_T, torch.full_like(batch.inputs.tokens_T, IGNORED)
        if ours.workload.causal:
            labels_T = tokens_T.clone()  # the peer shifts them itself,
            # but counts the first of each row, which nothing predicts
            labels_T[batch.inputs.packing.starts_B1[:-1].long()] = IGNORED
        else:
            labels_T[batch.places_N] = batch.targets_N
        lengths = batch.inputs.packing.lengths
        rows += zip(tokens_T.split(lengths), labels_T.split(lengths), strict=True)
        sizes.append(len(lengths))
    if not peer.grouped:
        rows = [rows[number] for number in np.random.default_rng(SEED).permutation(len(rows))]
    stops = np.cumsum(sizes)
    return [_padded(rows[stop - size : stop]) for size, stop in zip(sizes, stops, strict=True)]


def train_peer(
    model: torch.nn.Module, batches: Sequence[dict[str, Tensor]], peer: Peer, log_every: int = 1
) -> Timed:
    """The Trainer on these batches in their order: AdamW (fused, its default), clipping at 1.0."""
    watch, on_cpu = Watch(), not torch.cuda.is_available()
    began = Moment.now()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=1, max_steps=len(batches), learning_rate=RATE,
            lr_scheduler_type="constant",
            weight_decay=0.01, max_grad_norm=1.0, logging_steps=log_every, save_strategy="no",
            report_to="none", use_cpu=on_cpu,
            bf16=peer.bf16, torch_compile=peer.compile, disable_tqdm=True, seed=SEED,
            train_sampling_strategy="sequential",
        )  # fmt: skip
        trainer = Trainer(
            model,
            arguments,
            train_dataset=Ready(batches),
            data_collator=lambda items: items[0],
            callbacks=[watch],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return timed(watch.logged, began)


def _padded(rows: Sequence[tuple[Tensor, ...]]) -> dict[str, Tensor]:
    """Tokens and labels, and what a decoder reads where there is one."""
    tokens, labels, *told = zip(*rows, strict=True)
    padded = [pad_sequence(each, batch_first=True, padding_value=PAD) for each in told]
    return {
        **dict(zip(["decoder_input_ids"], padded, strict=False)),
        "input_ids": pad_sequence(tokens, batch_first=True, padding_value=PAD),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in tokens], batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
    }
