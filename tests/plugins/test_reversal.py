"""An encoder-decoder over two streams of a sample: what it is given, and that it learns."""

import math

import numpy as np
import torch
from reversal import Reversal

from sslcli.conformance.tiny import corpus_in_memory, tiny_context
from sslcli.core.initialize import initialize
from sslcli.core.transformer import Transformer
from sslcli.data.batches import collate
from sslcli.data.rng import Rng
from sslcli.engine.learner import Learner
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.settings import OptimizerSettings

FRAME = tiny_context("encoder_decoder")
WORDS = np.flatnonzero(FRAME.tokenizer.known & ~FRAME.tokenizer.specials)


def corpus_of(sentences, seed):
    """Each a document of 3 to 6 words, drawn without any order that could be learnt."""
    random = np.random.default_rng(seed)
    return corpus_in_memory(
        [[random.choice(WORDS, random.integers(3, 7))] for _ in range(sentences)]
    )


def batch_of(objective, corpus, numbers):
    rows = np.concatenate([chunk.values for chunk in objective.arrange(corpus)])
    return collate(
        numbers,
        [objective.sample(corpus, rows[number], Rng(0, 0).sample(number)) for number in numbers],
    )


def learner_of(drop_rate):
    backbone, objective = (
        Transformer(FRAME.architecture),
        Reversal(Reversal.Options(drop_rate=drop_rate), FRAME),
    )
    for module in (backbone, objective):
        initialize(module, torch.Generator().manual_seed(1))
    return Learner(backbone, objective)


def test_the_target_is_the_sentence_backwards_and_the_decoder_reads_it_one_behind():
    objective = learner_of(0.5).learnable
    batch = batch_of(objective, corpus_of(4, seed=0), range(4))
    model_batch = objective.collate(batch, Rng(0, 0))
    sources = np.split(batch.tokens, batch.starts[1:-1])
    told, predicted = (
        tensor.numpy() for tensor in (model_batch.told.tokens_T, model_batch.targets_N)
    )
    cuts = np.cumsum(model_batch.told.packing.lengths)[:-1]
    for source, read, right in zip(
        sources, np.split(told, cuts), np.split(predicted, cuts), strict=True
    ):
        assert read.tolist() == [source[0], *source[-2:0:-1]]
        assert right.tolist() == [*source[-2:0:-1], source[-1]]
    positions = np.split(model_batch.told.positions_T.numpy(), cuts)
    assert all(places.tolist() == list(range(len(places))) for places in positions)
    assert model_batch.inputs.packing.total < len(batch.tokens)
    for source, seen in zip(
        sources, model_batch.inputs.tokens_T.split(model_batch.inputs.packing.lengths), strict=True
    ):
        rest = iter(source.tolist())
        assert all(token in rest for token in seen.tolist()), "what is left stands in its order"


def test_it_learns_far_beyond_what_the_words_alone_tell():
    """Words are drawn independently, so that without the source a word costs ln of their number."""
    learner, corpus = learner_of(0.0), corpus_of(600, seed=1)
    objective, random = learner.learnable, np.random.default_rng(2)
    optimizer = Optimizer(
        learner.trained_parameters(),
        learner.groups(),
        OptimizerSettings(rate=3e-3, weight_decay=0.0),
    )
    for step in range(200):
        numbers = random.choice(500, 32, replace=False)
        batch = objective.collate(batch_of(objective, corpus, numbers), Rng(0, step))
        (learner(batch).sums["reversal"] / batch.counts["reversal"]).backward()
        optimizer.step(min(1.0, (step + 1) / 30), optimizer.norm())
        optimizer.zero()
    learner.eval()
    batch = objective.collate(batch_of(objective, corpus, range(500, 600)), Rng(0, 0))
    loss, count = learner(batch), batch.counts["reversal"]
    # the end of a sentence may cost nothing
    baseline = (count - 100) / count * math.log(len(WORDS))
    assert float(loss.sums["reversal"].detach()) / count < 0.2 * baseline
    assert float(loss.metrics["accuracy"].sum) > 0.9 * count
