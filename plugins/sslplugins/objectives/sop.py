"""Sentence-order prediction: two parts that follow one another, in their order or swapped.

Lan et al. 2020, "ALBERT" (arXiv 1909.11942), section 3.1. Both parts are of one document, so topic gives nothing away.

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
    Corpus,
    Draws,
    Frame,
    Hidden,
    Inputs,
    Loss,
    PooledClassifier,
    Ratio,
    Readout,
    Report,
    Sample,
    SampleDraws,
    Transformer,
    Views,
    join_pair,
    passages_of,
)

IN_ORDER, SWAPPED = 0, 1
ANSWERS = ("in order", "swapped")


@dataclass(frozen=True)
class OrderViews(Views):
    """`labels_B`: IN_ORDER or SWAPPED."""

    labels_B: Tensor


class SentenceOrder(Readout[OrderViews, "SentenceOrder.Options"]):
    class Options(Config):
        pass

    summary = "tell whether two parts are in their order or swapped (ALBERT)"
    needs = frozenset({"encoder"})
    special_tokens = frozenset({"sep"})
    arranges = "pairs"

    def __init__(self, options: Options, frame: Frame) -> None:
        super().__init__(options, frame)
        assert frame.tokenizer is not None, "an objective that reads text is given a tokenizer"
        self.tokenizer = frame.tokenizer
        self.classifier = PooledClassifier(frame.architecture, 2)

    def sample(self, corpus: Corpus, row: np.ndarray, draws: SampleDraws) -> Sample:
        pair = ARRANGEMENTS["pairs"].sample(corpus, row, self.tokenizer)
        if draws.uniform("swap") < 0.5:
            return replace(pair, fields={**pair.fields, "label": IN_ORDER})
        _, start, middle, stop, _ = row.tolist()
        tokens, segments = join_pair(corpus.tokens(middle, stop), corpus.tokens(start, middle), self.tokenizer)
        return replace(pair, tokens=tokens, segments=segments, fields={**pair.fields, "label": SWAPPED})

    def views(self, batch: Batch, draws: Draws) -> OrderViews:
        return OrderViews(Inputs.of(batch), {"sop": len(batch)}, torch.from_numpy(batch.fields["label"]))

    def read(self, hidden: Hidden, views: OrderViews, backbone: Transformer) -> Loss:
        logits_BC = self.classifier(hidden)
        correct = (logits_BC.argmax(dim=1) == views.labels_B).sum()
        loss = cross_entropy(logits_BC.float(), views.labels_B, reduction="sum")
        return Loss({"sop": loss}, {"accuracy": Ratio(correct, views.counts["sop"])})

    def show(self, views: OrderViews) -> Report:
        answers = [ANSWERS[label] for label in views.labels_B.tolist()]
        inputs = views.inputs
        passages = passages_of(inputs.ids_T.numpy(), inputs.packing.lengths, self.tokenizer, answers=answers)
        return Report("two parts, and whether they are in their order", passages=passages)
