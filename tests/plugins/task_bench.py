"""A small backbone with a task on top of it: samples of examples, a few steps of training, and
predictions.

Letters: B samples.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from sslcli.contracts.learnable import Context
from sslcli.core.initialize import initialize
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import collate
from sslcli.data.documents import Where
from sslcli.data.records.record import Record
from sslcli.data.rng import Rng

SMALL = TransformerSettings(
    vocabulary=1,
    width=32,
    depth=2,
    heads=2,
    feedforward_width=64,
    longest_tokens=64,
    segments=2,
    initial_deviation=0.1,
)


def record(**values):
    return Record(Where("memory", 1), values)


@dataclass
class TaskBench:
    backbone: Transformer
    task: torch.nn.Module

    @classmethod
    def of(cls, task_class, examples, tokenizer, shape=None, labels=None, **options):
        """With initial weights; options settled and labels found as the workflow does."""
        settled = task_class.resolve_options(task_class.Options(**options), examples, tokenizer)
        context = Context(
            TransformerSettings(
                **{**SMALL.model_dump(), "vocabulary": tokenizer.size, **(shape or {})}
            ),
            tokenizer,
            task_class.labels(settled, examples) if labels is None else labels,
        )
        backbone, task = Transformer(context.architecture), task_class(settled, context)
        for module in (backbone, task):
            initialize(module, torch.Generator().manual_seed(0))
        with torch.no_grad():
            task.begin(backbone, None)
        return cls(backbone.eval(), task.eval())

    def encoded(self, examples, training=False):
        return list(self.task.encode(examples, training))

    def collate(self, encoded):
        """Of all samples, made on the meta device as the loader does."""
        samples = [sample for one in encoded for sample in one.samples]
        with torch.device("meta"):
            collator = type(self.task)(self.task.options, self.task.context)
        return collator.collate(collate(np.arange(len(samples)), samples), Rng(0, 0))

    def train(self, examples, steps, rate=3e-3):
        """The mean loss before the last step."""
        views = self.collate(self.encoded(examples, training=True))
        parameters = [*self.backbone.parameters(), *self.task.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
        for _ in range(steps):
            loss = mean_loss(self.task(self.backbone, views), views)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    @torch.no_grad()
    def predict(self, examples):
        encoded, predictions = self.encoded(examples), []
        for example, one in zip(examples, encoded, strict=True):
            parts = self.task.predict(self.backbone, self.collate([one])) if one.samples else []
            predictions.append(self.task.merge(example, one, parts))
        return predictions


def mean_loss(loss, views):
    return sum(value / views.counts[term] for term, value in loss.sums.items())


def without_gold(examples):
    return [replace(example, gold=None) for example in examples]
