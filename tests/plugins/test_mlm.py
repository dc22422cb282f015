"""Masked language modelling: which tokens are chosen, what becomes of them, and what the head is
asked.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import cross_entropy

from sslcli import registry
from sslcli.api import DataError, Illustrates, Rng, UsageError
from sslcli.data.batches import Sample, collate
from sslcli.testing import Bench, tiny_context, tiny_tokenizer

MaskedLanguageModel = registry.load("objectives", "mlm")
TOKENIZER = tiny_tokenizer()


def objective(**options):
    return MaskedLanguageModel(MaskedLanguageModel.Options(**options), tiny_context())


def long_batch(samples=200, length=50, seed=0):
    """[CLS] ordinary tokens [SEP], many of them."""
    random = np.random.default_rng(seed)
    ordinary = np.flatnonzero(~TOKENIZER.specials)
    rows = [
        np.concatenate(
            [[TOKENIZER.classify], random.choice(ordinary, length), [TOKENIZER.separate]]
        )
        for _ in range(samples)
    ]
    return collate(range(samples), [Sample(row) for row in rows])


def test_rates_and_split():
    batch, model = long_batch(), objective(mask_rate=0.2, mask_share=0.7, random_share=0.2)
    model_batch = model.collate(batch, Rng(1, 0))
    inputs, places, targets = (
        model_batch.inputs.tokens_T.numpy(),
        model_batch.places_N.numpy(),
        model_batch.targets_N.numpy(),
    )
    assert len(places) / (200 * 50) == pytest.approx(0.2, abs=0.015)
    masked, kept = inputs[places] == TOKENIZER.mask, inputs[places] == targets
    by_chance = 0.2 / (~TOKENIZER.specials).sum()  # a random token may be the true one
    assert masked.mean() == pytest.approx(0.7, abs=0.03)
    assert kept.mean() == pytest.approx(0.1 + by_chance, abs=0.02)
    replaced = inputs[places][~masked & ~kept]
    assert not TOKENIZER.specials[replaced].any()
    assert len(np.unique(replaced)) == (~TOKENIZER.specials).sum()


def test_the_rest_is_untouched_and_targets_are_the_truth():
    batch = long_batch(samples=20)
    model_batch = objective().collate(batch, Rng(1, 0))
    inputs, places = model_batch.inputs.tokens_T.numpy(), model_batch.places_N.numpy()
    others = np.setdiff1d(np.arange(len(inputs)), places)
    assert (inputs[others] == batch.tokens[others]).all()
    assert model_batch.targets_N.tolist() == batch.tokens[places].tolist()
    assert not TOKENIZER.specials[batch.tokens[places]].any()


@pytest.mark.parametrize("whole_words", [False, True])
def test_every_sample_has_a_target_where_it_can(whole_words):
    words = [[5], [5, 6], [TOKENIZER.unknown], [5] * 9]
    samples = [
        Sample(np.asarray([TOKENIZER.classify, *word, TOKENIZER.separate])) for word in words
    ]
    batch = collate(range(4), samples)
    for epoch in range(20):
        model_batch = objective(mask_rate=1e-9, whole_words=whole_words).collate(
            batch, Rng(0, epoch)
        )
        owner = np.searchsorted(batch.starts, model_batch.places_N.numpy(), side="right") - 1
        assert sorted(set(owner.tolist())) == [0, 1, 3]


def test_masks_are_new_every_epoch_and_the_same_within_one():
    batch, model = long_batch(samples=20), objective()
    first, again, second = (
        model.collate(batch, Rng(1, epoch)).places_N.tolist() for epoch in (0, 0, 1)
    )
    assert first == again
    assert len(set(first) & set(second)) < 0.4 * len(first)


def test_everything_masked():
    batch = long_batch(samples=5)
    model_batch = objective(mask_rate=1.0, mask_share=1.0, random_share=0.0).collate(
        batch, Rng(1, 0)
    )
    assert (
        model_batch.inputs.tokens_T.numpy()[~TOKENIZER.specials[batch.tokens]] == TOKENIZER.mask
    ).all()


def test_whole_words_are_hidden_whole():
    tokens = np.concatenate(
        [
            [TOKENIZER.classify],
            *[TOKENIZER.encode("the horse in the garden")] * 20,
            [TOKENIZER.separate],
        ]
    )
    assert TOKENIZER.continues[tokens].any()
    batch = collate(range(30), [Sample(tokens)] * 30)
    model_batch = objective(whole_words=True, mask_rate=0.3).collate(batch, Rng(0, 0))
    chosen = np.zeros(len(batch.tokens), dtype=bool)
    chosen[model_batch.places_N.numpy()] = True
    follows = np.flatnonzero(TOKENIZER.continues[batch.tokens])
    assert (chosen[follows] == chosen[follows - 1]).all()
    assert chosen[follows].mean() == pytest.approx(0.3, abs=0.05)
    pieces_alone = objective(mask_rate=0.3).collate(batch, Rng(0, 0)).places_N.numpy()
    assert np.isin(follows, pieces_alone).sum() != np.isin(follows - 1, pieces_alone).sum()


def test_loss_is_cross_entropy_at_the_targets_alone():
    bench = Bench.of(MaskedLanguageModel, None, "encoder")
    learner, batch = bench.learner(), bench.collate(range(6))
    loss = learner(batch)
    hidden = learner.backbone(batch.inputs).last_TD[batch.places_N]
    logits = learner.learnable.head(hidden, learner.backbone)
    assert loss.sums["mlm"].item() == pytest.approx(
        cross_entropy(logits, batch.targets_N, reduction="sum").item(), rel=1e-5
    )
    hits = (logits.argmax(dim=1) == batch.targets_N).sum().item()
    accuracy, perplexity = loss.metrics["accuracy"], loss.metrics["perplexity"]
    assert (int(accuracy.sum), accuracy.count) == (hits, len(batch.targets_N))
    assert perplexity.exponential
    assert float(perplexity.sum) == loss.sums["mlm"].item()


def test_visible_neighbours():
    bench = Bench.of(MaskedLanguageModel, MaskedLanguageModel.Options(mask_rate=0.4), "encoder")
    model_batch, batch = bench.collate(range(6)), bench.batch(range(6))
    found = bench.collator().targets(model_batch)
    places = set(model_batch.places_N.tolist())
    for place, token, left, right in zip(
        model_batch.places_N.tolist(), found.tokens_N, found.left_N, found.right_N, strict=True
    ):
        assert token == batch.tokens[place]
        assert left == (-1 if place - 1 in places else batch.tokens[place - 1])
        assert right == (-1 if place + 1 in places else batch.tokens[place + 1])
    assert (found.left_N == TOKENIZER.classify).any()


def test_show_names_the_hidden_words():
    bench = Bench.of(
        MaskedLanguageModel,
        MaskedLanguageModel.Options(mask_share=1.0, random_share=0.0),
        "encoder",
    )
    batch = bench.collate([0])
    (passage,) = bench.collator().show(batch).passages
    hidden = [span.text.strip() for span in passage.spans if span.role == "corrupted"]
    assert " ".join(hidden).split() == ["[MASK]"] * len(batch.places_N)
    answers = passage.spans[-1].text.split(",")
    assert [answer.strip() for answer in answers] == [
        TOKENIZER.decode([token]).strip() for token in batch.targets_N.tolist()
    ]


def test_generate_fills_blanks():
    bench = Bench.of(MaskedLanguageModel, None, "encoder")
    learner = bench.learner()
    request = MaskedLanguageModel.Request(text="the cat [MASK] the dog in the [MASK] .", top=3)
    artifacts = list(learner.learnable.generate(learner.backbone, request, Rng(0, 0)))
    assert [artifact.details["blank"] for artifact in artifacts] == [1, 1, 1, 2, 2, 2]
    scores = [artifact.score for artifact in artifacts]
    assert scores[:3] == sorted(scores[:3], reverse=True)
    assert 0 < sum(scores[:3]) <= 1
    whole = list(
        learner.learnable.generate(
            learner.backbone, request.model_copy(update={"top": TOKENIZER.size}), Rng(0, 0)
        )
    )
    assert sum(artifact.score for artifact in whole[: TOKENIZER.size]) == pytest.approx(1, abs=1e-5)


def test_a_sample_is_illustrated_with_its_middle_word_blanked():
    words = ["the", "cat", "sees", "the", "dog", "in", "the", "garden"]
    bench = Bench.of(MaskedLanguageModel, None, "encoder")
    samples = [Sample(TOKENIZER.encode(" ".join(each))) for each in (words, words[:2])]
    ((shown, request),) = bench.collator().illustrations(samples)  # two words are too few
    assert request.text == " ".join([*words[:4], "[MASK]", *words[5:]])
    assert shown == f"{request.text} (dog)"
    learner = bench.learner()
    assert isinstance(learner.learnable, Illustrates)
    assert (
        len(list(learner.learnable.generate(learner.backbone, request, Rng(0, 0)))) == request.top
    )


def test_generate_reads_what_training_reads():
    """The request becomes [CLS] text [SEP] with mask tokens, so its answer is the head's at that
    place.
    """
    bench = Bench.of(MaskedLanguageModel, None, "encoder")
    learner = bench.learner()
    best = next(
        iter(
            learner.learnable.generate(
                learner.backbone, MaskedLanguageModel.Request(text="the [MASK] sees"), Rng(0, 0)
            )
        )
    )
    tokens = np.asarray(
        [
            TOKENIZER.classify,
            *TOKENIZER.encode("the"),
            TOKENIZER.mask,
            *TOKENIZER.encode("sees"),
            TOKENIZER.separate,
        ]
    )
    batch = replace(
        learner.learnable.collate(collate([0], [Sample(tokens)]), Rng(0, 0)).inputs,
        tokens_T=torch.from_numpy(tokens),
        reads=None,
    )
    logits = learner.learnable.head(learner.backbone(batch).last_TD[2:3], learner.backbone)
    assert best.text == TOKENIZER.decode([int(logits.argmax())]).strip()
    assert best.score == pytest.approx(logits.softmax(dim=1).max().item(), rel=1e-4)


def test_a_request_without_a_blank_is_refused():
    learner = Bench.of(MaskedLanguageModel, None, "encoder").learner()
    with pytest.raises(DataError, match="no blank"):
        list(
            learner.learnable.generate(
                learner.backbone, MaskedLanguageModel.Request(text="the cat"), Rng(0, 0)
            )
        )


@pytest.mark.parametrize(
    "options",
    [
        {"mask_rate": 0},
        {"mask_rate": 1.1},
        {"mask_share": 0.9, "random_share": 0.2},
        {"random_share": -0.1},
        {"mask": 0.1},
    ],
)
def test_bad_options(options):
    with pytest.raises(ValidationError):
        MaskedLanguageModel.Options(**options)


def test_it_needs_a_mask_token():
    with pytest.raises(UsageError, match="mask token"):
        MaskedLanguageModel(MaskedLanguageModel.Options(), replace(tiny_context(), tokenizer=None))
