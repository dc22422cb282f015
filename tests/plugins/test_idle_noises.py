"""A noise that can change none of the texts at hand is named before training."""

from types import SimpleNamespace

import numpy as np
import pytest
from sslplugins.objectives.denoising import bart as module

from sslcli import registry
from sslcli.conformance.tiny import corpus_in_memory
from sslcli.testing import tiny_context

Bart, Denoise, Mass, Mlm = (
    registry.load("objectives", name) for name in ("bart", "denoise", "mass", "mlm")
)
CONTEXT = tiny_context("encoder_decoder")
WORDS = np.flatnonzero(CONTEXT.tokenizer.known & ~CONTEXT.tokenizer.specials)


def bart(**options):
    return Bart(Bart.Options(**options), CONTEXT)


def rows_of(objective, corpus):
    return np.concatenate([chunk.values for chunk in objective.arrange(corpus)])


@pytest.mark.parametrize(
    ("noise", "sentences", "words", "said"),
    [
        (
            "infill=0.3,permute",
            (1,),
            6,
            ["permute changes nothing here: no text has two sentences"],
        ),
        ("infill=0.3,permute", (1, 2), 6, []),
        ("infill=0.3,permute=0.4", (2,), 6, ["no text has 3 sentences, of which permute=0.4"]),
        ("infill=0.3,permute=0.4", (3,), 6, []),
        ("mask=0.3,rotate", (1,), 1, ["rotate changes nothing here: no text has two tokens"]),
        ("mask,delete,infill", (1,), 1, []),
    ],
)
def test_a_noise_that_can_change_no_text_is_named(noise, sentences, words, said, monkeypatch):
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    random = np.random.default_rng(0)
    texts = [
        [random.choice(WORDS, words) for _ in range(sentences[number // 6 % len(sentences)])]
        for number in range(12)
    ]
    corpus, objective = corpus_in_memory(texts, sequence_tokens=64), bart(noise=noise)
    rows = rows_of(objective, corpus)
    found = objective.remarks_on(corpus, rows)
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))


def test_whole_words_say_so_where_every_token_is_one():
    corpus, objective = (
        corpus_in_memory([[WORDS[:6]] * 2] * 3, sequence_tokens=64),
        bart(noise="infill", whole_words=True),
    )
    rows = rows_of(objective, corpus)
    assert not objective.remarks_on(corpus, rows)
    objective.tokenizer = SimpleNamespace(continues=np.zeros(CONTEXT.tokenizer.size, dtype=bool))
    (said,) = objective.remarks_on(corpus, rows)
    assert said.startswith("whole words change nothing here")


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        (Denoise(Denoise.Options(noise="spans"), CONTEXT), "spans changes nothing here"),
        (Mass(Mass.Options(), CONTEXT), "no text has two tokens, so none has a run"),
    ],
)
def test_texts_of_one_token_have_no_span_and_no_run(objective, said):
    for size, count in ((1, 1), (2, 0)):
        corpus = corpus_in_memory([[WORDS[:size]]] * 3, sequence_tokens=64)
        # of an objective that takes them all: these two refuse a corpus without longer texts
        found = objective.remarks_on(corpus, rows_of(bart(noise="infill"), corpus))
        assert len(found) == count
        assert all(sentence.startswith(said) for sentence in found)
