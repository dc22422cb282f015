"""Causal language modelling: what is predicted from what, bits per byte, continuation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from sslcli import registry
from sslcli.api import Rng, Sample, generate_tokens
from sslcli.testing import Bench, tiny_tokenizer

CausalLanguageModel = registry.load("objectives", "clm")
TOKENIZER = tiny_tokenizer()


@pytest.fixture
def bench():
    return Bench.of(CausalLanguageModel, None, "decoder")


def test_each_token_is_told_from_its_sample_so_far(bench):
    """The summed loss is that of a loop that reads every prefix alone."""
    learner, batch, model_batch = bench.learner(), bench.batch(range(3)), bench.collate(range(3))
    loss, nats, hits = learner(model_batch), 0.0, 0
    for start, stop in zip(batch.starts[:-1], batch.starts[1:], strict=True):
        tokens = torch.from_numpy(batch.tokens[start:stop])
        for place in range(1, len(tokens)):
            single = bench.collate(range(1)).inputs
            prefix = type(single)(
                type(single.packing).of([place]), torch.arange(place), tokens[:place]
            )
            logits = learner.learnable.head(learner.backbone(prefix).last_TD[-1:], learner.backbone)
            nats += cross_entropy(logits, tokens[place : place + 1]).item()
            hits += int(logits.argmax() == tokens[place])
    assert loss.sums["clm"].item() == pytest.approx(nats, rel=1e-4)
    assert int(loss.metrics["accuracy"].sum) == hits
    assert model_batch.counts == {"clm": len(batch.tokens) - 3}


def test_bits_per_byte(bench):
    learner, batch, model_batch = bench.learner(), bench.batch(range(4)), bench.collate(range(4))
    ratio, loss = (
        learner(model_batch).metrics["bits_per_byte"],
        learner(model_batch).sums["clm"].item(),
    )
    assert float(ratio.sum) == pytest.approx(loss / math.log(2), rel=1e-6)
    assert ratio.count == pytest.approx(
        sum(b * (n - 1) / n for b, n in zip(batch.fields["bytes"], batch.lengths, strict=True))
    )


def test_the_bytes_of_all_blocks_are_those_of_the_text(bench):
    whole = bench.batch(range(len(bench.rows)))
    text = sum(
        bench.corpus.bytes_between(*bench.corpus.sentences[[first, stop]])
        for _, first, stop in bench.corpus.spans
    )
    assert whole.fields["bytes"].sum() == pytest.approx(text)


def test_left_neighbours(bench):
    batch, model_batch = bench.batch(range(3)), bench.collate(range(3))
    found = bench.collator().targets(model_batch)
    assert found.left_N.tolist() == batch.tokens[model_batch.places_N.numpy()].tolist()
    assert found.tokens_N.tolist() == batch.tokens[model_batch.places_N.numpy() + 1].tolist()
    assert set(found.right_N.tolist()) == {-1}


def test_a_sample_is_illustrated_by_its_beginning_and_within_the_model(bench):
    words = ["the", "cat", "sees", "the", "dog", "in", "the", "garden"]
    samples = [
        Sample(bench.context.tokenizer.encode(" ".join(each))) for each in (words, words[:2])
    ]
    ((shown, request),) = bench.collator().illustrations(samples)  # two words are too few
    assert shown == request.text == " ".join(words[:6])
    assert request.new_tokens == min(24, bench.context.architecture.longest_tokens - 12)
    short = bench.context.architecture.model_copy(update={"longest_tokens": 12})
    with torch.device("meta"):
        assert (
            CausalLanguageModel(
                bench.options, replace(bench.context, architecture=short)
            ).illustrations(samples)
            == []
        )


def continued(learner, **request):
    request = CausalLanguageModel.Request(**{"text": "the cat sees", "new_tokens": 6, **request})
    return [
        artifact.text
        for artifact in learner.learnable.generate(learner.backbone, request, Rng(5, 0))
    ]


def test_continuations_are_a_function_of_the_draws(bench):
    learner = bench.learner()
    texts = continued(learner, count=4)
    assert texts == continued(learner, count=4)
    assert texts[:2] == continued(learner, count=2)
    assert len(set(texts)) > 1
    assert all(text.startswith("the cat sees") for text in texts)


def test_without_temperature_it_is_the_likeliest(bench):
    learner = bench.learner()
    prompt = torch.from_numpy(TOKENIZER.encode("the cat sees"))
    (added,) = generate_tokens(learner.backbone, learner.learnable.head, [prompt], new_tokens=6)
    whole = np.concatenate([prompt.numpy(), added.numpy()])
    assert continued(learner, temperature=0.0) == [
        TOKENIZER.decode(whole[~TOKENIZER.specials[whole]])
    ]


def test_show_gives_the_text(bench):
    (passage,) = bench.collator().show(bench.collate([0])).passages
    tokens = bench.batch([0]).tokens
    shown = "".join(span.text for span in passage.spans).replace("[SEP]", " ")
    assert "".join(shown.split()) == "".join(
        TOKENIZER.decode(tokens[~TOKENIZER.specials[tokens]]).split()
    )
    assert {span.role for span in passage.spans} == {"plain", "target"}
