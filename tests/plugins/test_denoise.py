"""One noise at a time, and T5's spans: what is hidden, what the decoder writes, and how it is put
back.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sslplugins.objectives.denoising.denoise import hidden_spans
from test_bart import CONTEXT, TRAINING, WORDS, batch_of, corpus_of, library, parts
from test_bart import TOKENIZER as PLAIN

from sslcli import registry
from sslcli.conformance.tiny import corpus_in_memory
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import ConfigError, DataError
from sslcli.models.objectives import objective_options
from sslcli.testing import CHECKS, Bench, check_one

Bart, Denoise = (registry.load("objectives", name) for name in ("bart", "denoise"))


def denoise(context=CONTEXT, **options):
    return Denoise(Denoise.Options(**options), context)


@pytest.mark.parametrize("noise", ["mask=0.2", "delete", "infill", "permute", "rotate"])
def test_a_noise_alone_is_what_it_is_in_a_mix_of_one(noise):
    corpus = corpus_of()
    first, second = (
        each.collate(batch_of(each, corpus), TRAINING)
        for each in (denoise(noise=noise), Bart(Bart.Options(noise=noise), CONTEXT))
    )
    assert torch.equal(first.inputs.ids_T, second.inputs.ids_T)
    assert torch.equal(first.targets_S, second.targets_S)
    assert first.counts["denoise"] == second.counts["bart"]


@pytest.mark.parametrize(
    ("size", "share", "mean"), [(2, 0.15, 3.0), (100, 0.15, 3.0), (30, 0.5, 8.0), (9, 0.9, 1.0)]
)
def test_spans_never_touch_and_the_text_begins_visible(size, share, mean):
    hidden = min(max(round(size * share), 1), size - 1)
    spans = min(max(round(hidden / mean), 1), size - hidden)
    random, first = np.random.default_rng(0), set()
    for _ in range(100):
        found = hidden_spans(size, share, mean, size, random)
        assert len(found) == size
        assert found.sum() == hidden
        assert np.diff(found, prepend=False)[found].sum() == spans
        assert not found[0]
        assert found[-1]
        first.add(int(found.argmax()))
    assert len(first) > 1 or size - hidden == spans or spans == 1


def test_parts_are_uniform():
    """Visible and hidden tokens are each cut in all ways alike: 2 and 2 visible of 5, say."""
    random = np.random.default_rng(1)
    seen = [tuple(hidden_spans(9, 4 / 9, 2.0, 9, random).tolist()) for _ in range(2400)]
    counts = [seen.count(way) for way in set(seen)]
    assert len(counts) == 4 * 3
    assert max(counts) < 1.5 * min(counts)  # 200 each


def tokenizer_with(sentinels):
    names = [f"<extra_id_{number}>" for number in range(sentinels)]
    tokenizer = Tokenizer(library(*reversed(names)))
    return tokenizer, [tokenizer._library.token_to_id(name) for name in names]


def context_of(tokenizer):
    shape = CONTEXT.architecture.model_copy(update={"vocabulary": tokenizer.size})
    return replace(CONTEXT, architecture=shape, tokenizer=tokenizer)


@pytest.mark.parametrize("sentinels", [0, 2, 20])
def test_source_and_target_are_the_text_and_sentinels_stand_for_the_spans(sentinels):
    tokenizer, ids = tokenizer_with(sentinels)
    objective = denoise(context_of(tokenizer), noise="spans=0.4", span_mean=2.0)
    batch = batch_of(objective, corpus_of())
    made = objective.collate(batch, TRAINING)
    marks = ids or [tokenizer.mask] * 20
    most = min(sentinels or 24, round(round(24 * 0.4) / 2))
    for clean, source, told, target in zip(
        np.split(batch.tokens, batch.starts[1:-1]),
        parts(made.inputs)[0],
        parts(made.decoder)[0],
        parts(replace(made.decoder, tokens_T=made.targets_S))[0],
        strict=True,
    ):
        found = source[np.isin(source, marks)]
        assert found.tolist() == target[np.isin(target, marks)].tolist() == marks[:most]
        assert told.tolist() == [target[-1], *target[:-1]]
        assert (target[-1], target[0]) == (tokenizer.separate, marks[0])
        rejoined = objective.rejoined(source, np.isin(source, marks), target[:-1])
        assert rejoined.tolist() == clean.tolist()
        assert len(source) + len(target) == len(clean) + 2 * most + 1
    assert made.hidden == 12 * round(24 * 0.4)
    assert made.counts == {"denoise": 12 * (round(24 * 0.4) + most + 1)}


def test_a_span_that_is_not_written_stays_a_mask():
    objective, mask = denoise(noise="spans"), PLAIN.mask
    source = np.asarray([2, 9, mask, 10, mask, 11, 3])
    broken = source == mask

    def rejoined(*written):
        return objective.rejoined(source, broken, np.asarray(written, dtype=np.int64)).tolist()

    assert rejoined(mask, 20, 21, mask, 22) == [2, 9, 20, 21, 10, 22, 11, 3]
    assert rejoined(mask, 20) == [2, 9, 20, 10, mask, 11, 3]
    assert rejoined() == source.tolist()
    assert rejoined(mask, 20, mask, 22, mask, 23) == [2, 9, 20, 10, 22, 11, 3]


def test_a_text_of_one_token_ends_at_once():
    objective = denoise(noise="spans")
    texts = [[WORDS[:1]], [WORDS[:6]]]
    corpus = corpus_in_memory(texts, sequence_tokens=64)
    made = objective.collate(batch_of(objective, corpus, [0]), TRAINING)
    assert made.hidden == 0
    assert made.counts == {"denoise": 1}
    assert set(made.targets_S.tolist()) == {PLAIN.separate}


def test_texts_of_one_token_alone_are_refused():
    with pytest.raises(DataError, match="no text has two tokens, so spans would change nothing"):
        list(denoise(noise="spans").arrange(corpus_of(sentences=1, words=1)))


@pytest.mark.parametrize("check", CHECKS)
def test_the_kit_with_spans(check):
    check_one(Denoise, check, Denoise.Options(noise="spans=0.3"))


def test_spans_known_by_heart_are_put_back():
    bench = Bench.of(Denoise, Denoise.Options(noise="spans=0.3"), "encoder_decoder")
    learner, made = bench.learner(), bench.collate([0, 1], progress=0.0)
    optimizer = torch.optim.Adam(learner.parameters(), lr=5e-3)
    for _ in range(80):
        loss = learner(made).sums["denoise"] / made.counts["denoise"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = learner.eval().learnable.restore(learner.backbone, made)
    assert [each.restored for each in found] == [each.input for each in found]
    metrics = learner(made).metrics
    assert not [name for name in metrics if name.startswith(("copied", "touched"))]


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        ("infill,permute", "names several noises; choose one, or --objective bart"),
        ("span", "did you mean 'spans'?"),
        ("spans=1", "spans=1 leaves nothing"),
    ],
)
def test_noises_that_cannot_be(noise, said):
    with pytest.raises(ConfigError) as caught:
        objective_options({"denoise": Denoise}, {"denoise": {"noise": noise}})
    assert said in caught.value.problems[0]


@pytest.mark.parametrize(
    "options",
    [
        {"noise": "spans", "random_share": 0.5},
        {"noise": "spans", "whole_words": True},
        {"noise": "delete", "span_mean": 9.0},
        {"noise": "rotate", "random_share": 0.5},
    ],
)
def test_options_about_no_noise_that_is_asked_for_are_refused(options):
    with pytest.raises(ValueError, match="changes nothing without"):
        registry.load("objectives", "denoise").Options(**options)
