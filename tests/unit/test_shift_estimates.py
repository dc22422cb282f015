"""The three estimates against numpy and scipy, and the rows that they are made on, one sentence
after the other.
"""

import numpy as np
import pytest
import scipy.linalg
import torch
import two_languages

from sslcli import registry
from sslcli.config import Config
from sslcli.conformance.subjects import tiny_frozen_model
from sslcli.contracts.linear_shift import LinearShift
from sslcli.data.rng import Rng
from sslcli.errors import DataError, UsageError
from sslcli.workflows.translate_shift import moved_rows
from sslcli.workflows.translate_shift.sentences import (
    Sentences,
    TokenLanguages,
    encoded,
    encoded_pairs,
    read_language,
)

ROWS, WIDTH = 40, 6


def shift(name):
    return registry.load("shifts", name)(Config())


def rows(seed, count=ROWS):
    return np.random.default_rng(seed).normal(seed, 1, (count, WIDTH))


def estimate(name, source, target, parts=1):
    return shift(name).fit(*(iter(torch.tensor(side).chunk(parts)) for side in (source, target)))


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
def test_each_estimate_is_its_formula(alpha):
    source, target, x = rows(1), rows(2), rows(3)
    mean_s, mean_t = source.mean(axis=0), target.mean(axis=0)
    rotation, _ = scipy.linalg.orthogonal_procrustes(source - mean_s, target - mean_t)
    expected = {
        "mean": x + alpha * (mean_t - mean_s),
        "centred": x - alpha * mean_s,
        "procrustes": x + alpha * ((x - mean_s) @ rotation + mean_t - x),
    }
    for name, slow in expected.items():
        assert np.allclose(estimate(name, source, target, parts=3)(torch.tensor(x), alpha), slow), (
            name
        )


def test_procrustes_finds_a_rotation_that_a_mean_does_not():
    source = rows(1)
    rotation = np.linalg.qr(rows(4, WIDTH))[0]
    target = (source - 5) @ rotation + 7
    held_out = rows(9)
    moved = estimate("procrustes", source, target)(torch.tensor(held_out), 1.0)
    assert np.allclose(moved, (held_out - 5) @ rotation + 7)
    assert not np.allclose(estimate("mean", source, target)(torch.tensor(held_out), 1.0), moved)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [("mean", (0, 3)), ("centred", (0, 3)), ("procrustes", (1, 1)), ("procrustes", (3, 4))],
)
def test_too_little_to_estimate_on_is_said(name, sizes):
    sides = [[torch.ones(size, WIDTH)] if size else [] for size in sizes]
    with pytest.raises(DataError) as caught:
        shift(name).fit(*map(iter, sides))
    assert caught.value.hint


@pytest.fixture(scope="module")
def subject():
    return tiny_frozen_model()


def sentences_of(subject, language, count=30):
    return read_language(subject.probe_data, language, count, subject.tokenizer, 64)


def slow_rows(subject, sentences, layer):
    """One sentence at a time, its first and last row taken off."""
    found = []
    for number in range(len(sentences.tokens)):
        (batch,) = subject.hidden([sentences.enclosed[number]], [layer])
        found.append(batch.hidden.kept[layer][1:-1].numpy())
    return found


@pytest.mark.parametrize("kept_bytes", [0, 1 << 28])
def test_moves_of_all_layers_are_those_of_each_alone(subject, monkeypatch, kept_bytes):
    monkeypatch.setattr(moved_rows, "KEPT_BYTES", kept_bytes)
    source, target = sentences_of(subject, "aa"), sentences_of(subject, "bb", 20)
    found = moved_rows.estimate_moves(shift("mean"), subject, source, target, [0, 1, 2])
    for layer, move in found.items():
        way = np.concatenate(slow_rows(subject, target, layer)).mean(axis=0) - np.concatenate(
            slow_rows(subject, source, layer)
        ).mean(axis=0)
        assert np.allclose(move(torch.zeros(1, 32), 1.0)[0], way, atol=1e-5)
        assert moved_rows.length_of(move, torch.zeros(3, 32)) == pytest.approx(
            np.linalg.norm(way), rel=1e-4
        )


def test_sentence_means_are_in_the_order_of_the_sentences(subject):
    sentences = sentences_of(subject, "aa")
    found = moved_rows.sentence_means(subject, sentences, [1])[1]
    assert np.allclose(
        found, np.stack([rows.mean(axis=0) for rows in slow_rows(subject, sentences, 1)]), atol=1e-5
    )


def test_a_move_at_a_middle_layer_runs_through_the_rest(subject):
    sentences, vector = (
        sentences_of(subject, "aa", 12),
        torch.randn(32, generator=torch.Generator().manual_seed(0)),
    )
    slow = []
    for number in range(len(sentences.tokens)):

        def edit(x_TD, packing):
            changed = x_TD.clone()
            changed[1:-1] += 0.5 * vector
            return changed

        (batch,) = subject.hidden([sentences.enclosed[number]], [subject.depth], edit={1: edit})
        slow.append(batch.hidden.kept[subject.depth][1:-1])
    found = moved_rows.moved_rows(subject, sentences, 1, LinearShift(vector), 0.5)
    assert torch.allclose(found, torch.cat(slow), atol=1e-5)


def test_at_the_last_layer_moving_before_or_after_is_the_same_and_alpha_0_changes_nothing(subject):
    sentences, vector = sentences_of(subject, "aa", 12), torch.ones(32)
    still = moved_rows.moved_rows(subject, sentences, subject.depth, LinearShift(vector), 0.0)
    assert torch.allclose(
        still,
        torch.from_numpy(np.concatenate(slow_rows(subject, sentences, subject.depth))),
        atol=1e-5,
    )
    assert torch.equal(
        moved_rows.moved_rows(subject, sentences, subject.depth, LinearShift(vector), 2.0),
        still + 2 * vector,
    )
    assert torch.equal(
        moved_rows.moved_rows(subject, sentences, 0, LinearShift(vector), 0.0), still
    )


def test_a_random_vector_has_the_length_and_follows_from_the_seed():
    drawn = [
        moved_rows.random_move(3.0, 32, Rng(seed, 0, "x"), number)(torch.zeros(1, 32), 1.0)[0]
        for seed, number in ((0, 0), (0, 0), (0, 1))
    ]
    assert all(float(vector.norm()) == pytest.approx(3.0, rel=1e-5) for vector in drawn)
    assert torch.equal(drawn[0], drawn[1])
    assert abs(float(drawn[0] @ drawn[2])) < 0.8 * 9


def test_sentences_are_read_by_language_and_pairs_stay_pairs():
    probe_data, tokenizer = two_languages.ProbeData(), two_languages.tokenizer()
    found = read_language(probe_data, "bb", 7, tokenizer, 64)
    assert [tokenizer.decode(tokens) for tokens in found.tokens] == [f"b{n}" for n in range(7)]
    with pytest.raises(UsageError, match="no text in 'xx'") as caught:
        read_language(probe_data, "xx", 7, tokenizer, 64)
    assert "aa and bb" in caught.value.hint
    first, second = encoded_pairs(
        [("a0", "b0"), ("", "b1"), ("a2 a3", "b2 b3"), ("a4", " ")], tokenizer, 3
    )
    assert [[tokenizer.decode(tokens) for tokens in side.tokens] for side in (first, second)] == [
        ["a0", "a2"],
        ["b0", "b2"],
    ]
    assert len(encoded(["", "a0"], tokenizer, 64).tokens) == 1


def test_tokens_belong_to_the_language_that_has_them_more_often():
    tokenizer = two_languages.tokenizer()
    source = encoded(["a0 a1 ."] * 30 + ["b1"], tokenizer, 64)
    target = encoded(["b0 b1 ."] * 90 + ["a1"] * 2, tokenizer, 64)
    languages = TokenLanguages.of(source, target)
    of = dict(
        zip(
            tokenizer.pieces(range(tokenizer.size)),
            zip(languages.source_V, languages.target_V, strict=True),
            strict=True,
        )
    )
    assert {piece: pair for piece, pair in of.items() if any(pair)} == {
        "a0": (True, False), "a1": (True, False), "b0": (False, True), "b1": (False, True),
    }  # fmt: skip
    assert isinstance(source.part(0, 3), Sentences)
    assert source.part(0, 3).counts_V().sum() == 9
