"""MASS: one run of every text, hidden from the encoder and written by the decoder at its own
positions.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_bart import batch_of as bart_batch_of
from test_bart import coded, in_languages

from sslcli import registry
from sslcli.api import DataError, Rng
from sslcli.conformance.tiny import corpus_in_memory
from sslcli.data.batches import collate
from sslcli.testing import Bench, tiny_context, tiny_tokenizer

Mass = registry.load("objectives", "mass")
TOKENIZER = tiny_tokenizer()
CONTEXT = tiny_context("encoder_decoder")
WORDS = np.flatnonzero(TOKENIZER.known & ~TOKENIZER.specials)
TRAINING = Rng(3, 0, progress=0.0)


def mass(**options):
    return Mass(Mass.Options(**options), CONTEXT)


def batch_of(objective, sizes, rng=TRAINING):
    """The samples of texts of these sizes; one more stands in the corpus, which may be the only one
    with a run.
    """
    random = np.random.default_rng(0)
    texts = [[random.choice(WORDS, size)] for size in (*sizes, 6)]
    corpus = corpus_in_memory(texts, sequence_tokens=64)
    rows = np.concatenate([chunk.values for chunk in objective.arrange(corpus)])[:-1]
    samples = [objective.sample(corpus, row, rng.sample(i)) for i, row in enumerate(rows)]
    return collate(range(len(rows)), samples)


def of_samples(made):
    """(source, told, its positions, targets) of each."""
    told = np.cumsum(made.decoder.packing.lengths)[:-1]
    return zip(
        np.split(made.inputs.ids_T.numpy(), np.cumsum(made.inputs.packing.lengths)[:-1]),
        *(
            np.split(each.numpy(), told)
            for each in (made.decoder.ids_T, made.decoder.positions_T, made.targets_S)
        ),
        strict=True,
    )


@pytest.mark.parametrize("share", [0.5, 0.3, 0.9])
def test_the_decoder_reads_the_token_before_each_target_at_its_own_position(share):
    objective, sizes = mass(run_share=share), [*range(2, 20)] * 3
    batch = batch_of(objective, sizes)
    made = objective.collate(batch, TRAINING)
    cleans = np.split(batch.tokens, batch.starts[1:-1])
    for clean, (source, told, positions, targets) in zip(cleans, of_samples(made), strict=True):
        assert len(targets) == min(max(1, round(len(clean) * share)), len(clean) - 1)
        run = positions + 1
        assert run.tolist() == list(range(run[0], run[0] + len(run)))
        assert targets.tolist() == clean[run].tolist()
        assert told.tolist() == clean[run - 1].tolist()
        assert run[0] >= 1
        outside = np.setdiff1d(np.arange(len(clean)), run)
        assert source[outside].tolist() == clean[outside].tolist()
        assert source[0] == TOKENIZER.classify
        assert told[0] == source[positions[0]]  # the neighbour of the run is visible
    assert made.counts == {"mass": sum(len(targets) for *_, targets in of_samples(made))}
    assert made.decoder.last_position == int(made.decoder.positions_T.max())


def test_a_fifth_of_the_runs_begins_a_fifth_ends_the_text_and_others_are_anywhere():
    objective = mass()
    batch = batch_of(objective, [18] * 3000)
    starts = Counter(
        positions[0] + 1 for *_, positions, _ in of_samples(objective.collate(batch, TRAINING))
    )
    assert set(starts) == set(range(1, 11))  # 20 tokens, a run of 10, the last one may be in it
    assert starts[1] / 3000 == pytest.approx(0.2 + 0.06, abs=0.03)
    assert starts[10] / 3000 == pytest.approx(0.2 + 0.06, abs=0.03)
    for start in range(2, 10):
        assert starts[start] / 3000 == pytest.approx(0.06, abs=0.02)


def test_the_encoder_reads_masks_random_ordinary_tokens_and_some_as_they_are():
    objective = mass()
    batch = batch_of(objective, [18] * 1500)
    made = objective.collate(batch, TRAINING)
    run = made.broken_T.numpy()
    source, clean = made.inputs.ids_T.numpy()[run], batch.tokens[run]
    masked, kept = source == TOKENIZER.mask, source == clean
    by_chance = 0.1 / len(WORDS)
    assert masked.mean() == pytest.approx(0.8, abs=0.01)
    assert kept.mean() == pytest.approx(0.1 + by_chance, abs=0.01)
    strange = source[~masked & ~kept]
    assert set(strange.tolist()) == set(WORDS.tolist())
    own = ~TOKENIZER.specials[clean]
    assert made.hidden / (18 * 1500) == pytest.approx((own & ~kept).sum() / (18 * 1500), abs=0.01)


def test_texts_of_one_token_alone_are_refused():
    corpus = corpus_in_memory([[WORDS[:1]]] * 3, sequence_tokens=64)
    with pytest.raises(DataError, match="no text has two tokens, so 'mass' would have nothing"):
        list(mass().arrange(corpus))


@pytest.mark.parametrize("sizes", [[1, 6], [6, 1], [1], [1, 1]])
def test_a_text_of_one_token_counts_nothing(sizes):
    bench = Bench.of(Mass, None, "encoder_decoder")
    objective = mass()
    batch = batch_of(objective, sizes, Rng(3, -1))
    made = objective.collate(batch, Rng(3, -1))
    assert made.counts == {"mass": 4 * sizes.count(6)}
    learner = bench.learner()
    loss = learner(made)
    assert torch.isfinite(loss.sums["mass"])
    assert (loss.sums["mass"] == 0) == (6 not in sizes)
    loss.sums["mass"].backward()
    found = learner.eval().learnable.restore(learner.backbone, made)
    for size, each in zip(sizes, found, strict=True):
        assert (each.error == 0) == (size == 1)
        assert size == 6 or each.restored == each.input
    assert len(objective.show(made).passages) == 3 * len(sizes)


def test_a_sample_is_broken_alike_whatever_batch_it_is_in():
    objective = mass()
    batch = batch_of(objective, [9] * 6)
    together = [*of_samples(objective.collate(batch, TRAINING))]
    rows = [*of_samples(objective.collate(batch_of(objective, [9] * 3), TRAINING))]
    for many, few in zip(together[:3], rows, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(many, few, strict=True))


def test_a_language_code_is_never_in_the_run():
    context, ids = coded()
    objective = Mass(Mass.Options(), context)
    batch = bart_batch_of(objective, in_languages("en", "zh"))
    made = objective.collate(batch, TRAINING)
    for clean, (source, _, positions, _) in zip(
        np.split(batch.tokens, batch.starts[1:-1]), of_samples(made), strict=True
    ):
        assert source[-1] == clean[-1] in ids[:2]
        assert positions[-1] + 1 < len(clean) - 1
    assert objective.show(made).notes[-1].endswith("(en_XX, zh_CN)")


def test_the_loss_is_of_the_run_alone():
    bench = Bench.of(Mass, None, "encoder_decoder")
    learner, batch = bench.learner(), bench.collate(range(6), progress=0.0)
    hidden = learner.backbone.decode(batch.decoder, learner.backbone.encode(batch.inputs)).last_TD
    logits = learner.learnable.head(hidden, learner.backbone)
    expected = torch.nn.functional.cross_entropy(logits, batch.targets_S, reduction="sum")
    loss = learner(batch)
    assert loss.sums["mass"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert not [name for name in loss.metrics if name.startswith(("copied", "touched"))]


def test_positions_count():
    """The same run elsewhere in the text is another input to the decoder."""
    bench = Bench.of(Mass, None, "encoder_decoder")
    learner, batch = bench.learner(), bench.collate(range(4), progress=0.0)
    moved = replace(batch.decoder, positions_T=batch.decoder.positions_T + 1)
    first, second = (
        learner(each).sums["mass"].item() for each in (batch, replace(batch, decoder_inputs=moved))
    )
    assert first != second


def test_a_run_known_by_heart_is_restored_in_its_place():
    bench = Bench.of(Mass, None, "encoder_decoder")
    learner, made = bench.learner(), bench.collate([0, 1, 2], progress=0.0)
    optimizer = torch.optim.Adam(learner.parameters(), lr=5e-3)
    for _ in range(80):
        loss = learner(made).sums["mass"] / made.counts["mass"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = learner.eval().learnable.restore(learner.backbone, made)
    assert [each.restored for each in found] == [each.input for each in found]
    assert all("[MASK]" in each.corrupted for each in found)
