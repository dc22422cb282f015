"""Ranks and candidates against a slow reading of one row after the other, and the figures made of
them.
"""

import numpy as np
import pytest
import torch
import two_languages

from sslcli.conformance.subjects import tiny_frozen_model
from sslcli.errors import DataError
from sslcli.metrics.bleu import bleu_1, bleu_1_rows
from sslcli.workflows.translate_shift import head_readings
from sslcli.workflows.translate_shift.head_readings import NONE, Asked, HeadReading, read
from sslcli.workflows.translate_shift.readings import Share, ShiftTrial
from sslcli.workflows.translate_shift.sentences import TokenLanguages, encoded


def slow_rank(logits, rights, candidates):
    """Of the best right one among the candidates, which it is in any case; what is as likely stands
    before it.
    """
    best = max(logits[right] for right in rights)
    return 1 + sum(logits[token] >= best for token in candidates if token not in rights)


SIZES = [(1, 0, 0), (1 << 24, 0, 0), (7, 9, 0), (7, 9, 4)]


@pytest.mark.parametrize(("at_once", "padding", "holes"), SIZES)
def test_ranks_are_those_of_a_slow_reading(monkeypatch, at_once, padding, holes):
    """`padding`, `holes`: rows of the embedding that no token has: never read, however likely."""
    monkeypatch.setattr(head_readings, "LOGITS_AT_ONCE", at_once)
    model, generator = tiny_frozen_model(), np.random.default_rng(0)
    size, count = model.backbone.settings.vocabulary - padding, 40
    known = np.arange(size) >= holes
    model.head.bias.data[size:] = model.head.bias.data[:holes] = 100.0
    rows = torch.from_numpy(generator.standard_normal((count, 32))).float()
    tokens = generator.integers(holes, size, count)
    target = (generator.random(size) < 0.4) & known
    rights = np.full((count, 3), NONE)
    for row in range(1, count):
        shuffled = generator.permutation(size)
        others = [token for token in shuffled if token != tokens[row] and known[token]]
        rights[row, : 1 + row % 3] = others[: 1 + row % 3]
    found = read(model.head, model.backbone, rows, Asked(tokens, rights, target, known))
    with torch.no_grad():
        logits = model.head(rows, model.backbone).numpy()[:, :size]
    logits[:, :holes] = -np.inf
    everything, within = range(holes, size), np.flatnonzero(target).tolist()
    assert found.best_N.tolist() == logits.argmax(axis=1).tolist()
    assert found.best_within_N.tolist() == [
        max(within, key=lambda token: row[token]) for row in logits
    ]
    for row in range(1, count):
        right, own = [token for token in rights[row] if token != NONE], tokens[row]
        assert found.ranks_N[row] == slow_rank(logits[row], right, everything)
        assert found.ranks_without_own_N[row] == slow_rank(
            logits[row], right, [token for token in everything if token != own]
        )
        assert found.ranks_within_N[row] == slow_rank(
            logits[row], right, [token for token in within if token != own]
        )


def _asked(size):
    everything = np.ones(size, dtype=bool)
    return Asked(np.array([0, 1]), np.array([[5], [6]]), everything, everything)


def test_a_model_that_says_the_same_of_all_finds_nothing():
    model = tiny_frozen_model()
    size = model.backbone.settings.vocabulary
    rows = torch.zeros(2, 32)
    model.head.bias.zero_()
    model.head.norm.weight.zero_()
    found = read(model.head, model.backbone, rows, _asked(size))
    assert found.ranks_N.tolist() == [size, size]
    assert found.ranks_without_own_N.tolist() == [size - 1, size - 1]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused_and_not_right(value):
    model = tiny_frozen_model()
    rows = torch.zeros(2, 32)
    rows[1] = value
    asked = _asked(model.backbone.settings.vocabulary)
    with pytest.raises(DataError, match="not a finite number"):
        read(model.head, model.backbone, rows, asked)


def test_figures_are_counted_over_words_sentences_and_draws():
    tokenizer = two_languages.tokenizer()
    sentences = encoded(["a0 a1 .", "a0 a2 ."], tokenizer, 64)
    ids = {piece: number for number, piece in enumerate(tokenizer.pieces(range(tokenizer.size)))}
    languages = TokenLanguages.of(sentences, encoded(["b0 b1 b2 ."], tokenizer, 64))
    rights = np.array([[ids["b0"]], [ids["b1"]], [NONE], [ids["b0"]], [NONE], [NONE]])
    trial = ShiftTrial(
        sentences,
        languages,
        Asked(sentences.tokens_N, rights, languages.target_V, tokenizer.known),
        encoded(["b0 b1 .", "b0 b2 . ."], tokenizer, 64).tokens,
    )

    def made(best, ranks):
        best = np.array([ids[piece] for piece in best.split()])
        return HeadReading(best, np.array(ranks), np.array(ranks) + 1, best, np.array(ranks) * 2)

    first, second = (
        made("b0 a1 . b0 b2 .", [1, 6, 99, 1, 99, 99]),
        made("b0 b1 . a0 a2 .", [1, 1, 99, 11, 99, 99]),
    )
    found = trial.figures([first, second])
    assert found.changed.value == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert [share.value for share in found.ranks.accuracy] == pytest.approx([4 / 6, 4 / 6, 5 / 6])
    assert found.ranks.without_own.value == 0
    assert found.ranks.mean_rank == pytest.approx((1 + 6 + 1 + 1 + 1 + 11) / 6)
    assert found.ranks.reciprocal == pytest.approx((1 + 1 / 6 + 1 + 1 + 1 + 1 / 11) / 6)
    assert found.ranks.accuracy[0].count == 3
    assert trial.figures([first], within=True).ranks.accuracy[1].value == pytest.approx(2 / 3)
    alone = trial.figures([first])
    assert alone.bleu.value == pytest.approx((2 + 3) / 6 * np.exp(1 - 7 / 6))
    assert alone.bleu.interval[0] <= alone.bleu.value <= alone.bleu.interval[1]


def test_the_interval_of_a_share_is_over_groups():
    values = np.tile([1.0, 0.0], 200)
    by_use = Share.of(values, np.arange(400))
    by_word = Share.of(values, np.tile([0, 1, 2, 3], 100))
    assert by_use.value == by_word.value == 0.5
    assert by_word.interval[1] - by_word.interval[0] > 4 * (by_use.interval[1] - by_use.interval[0])
    assert Share.of(np.zeros(400), np.tile([0, 1], 200)).interval[1] > 0.4


def test_bleu_1_counts_no_word_twice_and_minds_brevity():
    rows = bleu_1_rows(
        [["the", "the", "the"], ["a", "b"]], [["the", "cat", "the"], ["a", "b", "c", "d"]]
    )
    assert rows.tolist() == [[2, 3, 3], [2, 2, 4]]
    assert bleu_1(rows).value == pytest.approx(4 / 5 * np.exp(1 - 7 / 5))
    assert bleu_1(bleu_1_rows([["x"] * 5], [["x"]])).value == pytest.approx(1 / 5)
    assert bleu_1(bleu_1_rows([[]], [["x"]])).value == 0
