"""Sentence-order prediction: two consecutive parts of a document, in their order or swapped.

Lan et al. 2020, "ALBERT" (arXiv 1909.11942), section 3.1. Both parts are of one document, so the
topic does not reveal the label.

Letters: B samples.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from sslcli.api import (
    ARRANGEMENTS,
    Batch,
    Config,
    Context,
    Corpus,
    Hidden,
    Inputs,
    Loss,
    ModelBatch,
    PooledClassifier,
    Ratio,
    Readout,
    Report,
    Rng,
    Sample,
    SampleRng,
    Transformer,
    join_pair,
    passages_of,
)

IN_ORDER, SWAPPED = 0, 1
ANSWERS = ("in order", "swapped")


@dataclass(frozen=True)
class OrderBatch(ModelBatch):
    """Inputs and labels of text pairs; `labels_B` holds IN_ORDER or SWAPPED."""

    labels_B: Tensor


class SentenceOrder(Readout[OrderBatch, "SentenceOrder.Options"]):
    """Binary classification of text pairs, read from the pooled first row.

    The two parts are in their order, or with probability 0.5 swapped.
    """

    class Options(Config):
        pass

    summary = "tell whether two parts are in their order or swapped (ALBERT)"
    architectures = frozenset({"encoder"})
    special_tokens = frozenset({"sep"})
    arranges = "pairs"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        assert context.tokenizer is not None, "an objective that reads text is given a tokenizer"
        self.tokenizer = context.tokenizer
        self.classifier = PooledClassifier(context.architecture, 2)

    def sample(self, corpus: Corpus, row: np.ndarray, rng: SampleRng) -> Sample:
        pair = ARRANGEMENTS["pairs"].sample(corpus, row, self.tokenizer)
        if rng.uniform("swap") < 0.5:
            return replace(pair, fields={**pair.fields, "label": IN_ORDER})
        _, start, middle, stop, _ = row.tolist()
        tokens, segments = join_pair(
            corpus.tokens(middle, stop), corpus.tokens(start, middle), self.tokenizer
        )
        return replace(
            pair, tokens=tokens, segments=segments, fields={**pair.fields, "label": SWAPPED}
        )

    def collate(self, batch: Batch, rng: Rng) -> OrderBatch:
        inputs = Inputs.of(batch)
        return OrderBatch(
            inputs.reading(self.classifier.rows_of(inputs.packing)),
            {"sop": len(batch)},
            torch.from_numpy(batch.fields["label"]),
        )

    def read(self, hidden: Hidden, batch: OrderBatch, backbone: Transformer) -> Loss:
        """Return the binary cross-entropy, summed over B pairs, in nats."""
        logits_BC = self.classifier(hidden)
        correct = (logits_BC.argmax(dim=1) == batch.labels_B).sum()
        loss = cross_entropy(logits_BC.float(), batch.labels_B, reduction="sum")
        return Loss({"sop": loss}, {"accuracy": Ratio(correct, batch.counts["sop"])})

    def show(self, batch: OrderBatch) -> Report:
        answers = [ANSWERS[label] for label in batch.labels_B.tolist()]
        inputs = batch.inputs
        passages = passages_of(
            inputs.ids_T.numpy(), inputs.packing.lengths, self.tokenizer, answers=answers
        )
        return Report("two parts, and whether they are in their order", passages=passages)
