"""`ssl probe attention`: maps and what heads look at, against loops; decoders; bad input."""

from math import log

import numpy as np
import pytest
import torch
from sense_subjects import Generated, run, tiny_subject
from sslplugins.probes.attention import AttentionMaps

from sslcli.api import DataError, Inputs, Packing, Rng, UsageError, attention_maps

DRAWS = Rng(42, 0, "probe")
TEXT = "she eats an apple in the orchard . 苹果"
LABELS = [
    "[CLS]",
    "she",
    "eats",
    "an",
    "apple",
    "in",
    "the",
    "or",
    "chard",
    ".",
    "苹",
    "果",
    "[SEP]",
]
DECODER = {
    "architecture": "decoder",
    "norm_place": "pre",
    "positions": "rotary",
    "key_value_heads": 1,
}


def maps_of(model, text):
    tokenizer = model.tokenizer
    tokens = torch.tensor(
        [tokenizer.classify, *tokenizer.encode(text).tolist(), tokenizer.separate]
    )
    inputs = Inputs(Packing.of([len(tokens)]), torch.arange(len(tokens)), tokens)
    return {
        layer: found[0].numpy()
        for layer, found in attention_maps(model.backbone, inputs, [1, 2]).items()
    }


def slow_look(rows, special):
    """Entropy, distance, and shares on self, previous, next and special tokens, cell by cell."""
    count = len(rows)
    entropy = sum(-value * log(value) for row in rows for value in row if value > 0) / count
    distance = sum(rows[i][j] * abs(i - j) for i in range(count) for j in range(count)) / count
    own = sum(rows[i][i] for i in range(count)) / count
    previous = sum(rows[i][i - 1] for i in range(1, count)) / (count - 1)
    following = sum(rows[i][i + 1] for i in range(count - 1)) / (count - 1)
    return [
        entropy,
        distance,
        own,
        previous,
        following,
        sum(rows[i][j] for i in range(count) for j in special) / count,
    ]


@pytest.mark.parametrize("shape", [{}, DECODER])
def test_the_table_and_the_matrices_are_those_of_the_maps(shape):
    model = tiny_subject(**shape)
    report = run(AttentionMaps, model, DRAWS, text=TEXT, layer=1, head=2)
    maps = maps_of(model, TEXT)
    chosen, entropy, special, *rest = report.matrices
    assert list(chosen.rows) == list(chosen.columns) == LABELS
    np.testing.assert_allclose(chosen.values, maps[1][1], atol=1e-6)
    assert [matrix.title for matrix in rest] == [
        "layer 1 head 1",
        "layer 1 head 2",
        "layer 2 head 1",
        "layer 2 head 2",
    ]
    np.testing.assert_allclose(rest[2].values, maps[2][0], atol=1e-6)
    count = len(LABELS)
    even = [
        [(1 / (i + 1) if j <= i else 0) if shape else 1 / count for j in range(count)]
        for i in range(count)
    ]
    for row, expected in zip(report.tables[0].rows, (maps[1][0], maps[1][1], even), strict=True):
        np.testing.assert_allclose(
            row[1:],
            slow_look(np.asarray(expected, dtype=float).tolist(), (0, count - 1)),
            atol=1e-5,
        )
    assert report.tables[0].rows[-1][0] == "uniform"
    for layer in (1, 2):
        for head in (1, 2):
            look = slow_look(maps[layer][head - 1].tolist(), (0, count - 1))
            assert entropy.values[layer - 1][head - 1] == pytest.approx(
                look[0] / slow_look(even, ())[0], abs=1e-5
            )
            assert special.values[layer - 1][head - 1] == pytest.approx(look[5], abs=1e-5)


def test_a_head_that_looks_back_is_named_and_even_heads_are_called_so():
    """Queries and keys of zero attend evenly; a rotary head whose query and key are one place apart
    looks there.
    """
    model = tiny_subject(**{**DECODER, "key_value_heads": 2, "width": 16, "heads": 2})
    with torch.no_grad():
        for block in model.backbone.blocks:
            for part in (block.attention.query, block.attention.key):
                part.weight.zero_()
                part.bias.zero_()
    assert (
        "not emerged: the attention of every head is nearly uniform over all that it sees"
        in run(AttentionMaps, model, DRAWS, text=TEXT).notes
    )
    attention = model.backbone.blocks[1].attention
    half = torch.arange(4) / 4
    angles = 10_000.0**-half  # of one place
    with torch.no_grad():
        attention.key.bias[8:] = 20.0 * torch.cat([torch.ones(4), torch.zeros(4)])
        attention.query.bias[8:] = 20.0 * torch.cat([torch.cos(angles), -torch.sin(angles)])
    notes = run(AttentionMaps, model, DRAWS, text=TEXT).notes
    assert any(note.startswith("layer 2, head 2 looks at the token before: ") for note in notes)


def test_a_long_text_has_the_maps_of_its_layer_alone():
    model = tiny_subject(longest_tokens=256, depth=4)
    report = run(AttentionMaps, model, DRAWS, text="the river rises . " * 45, layer=3)
    assert [matrix.title for matrix in report.matrices[3:]] == ["layer 3 head 1", "layer 3 head 2"]
    assert "the text is long, so only the maps of layer 3 are given" in report.notes


def test_without_a_text_the_data_gives_one():
    report = run(
        AttentionMaps, tiny_subject(Generated([("en", "the river rises. she eats.")])), DRAWS
    )
    assert list(report.matrices[0].rows) == ["[CLS]", "the", "river", "rises", ".", "[SEP]"]


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"text": TEXT, "layer": 3}, UsageError, "layer 3 does not exist"),
        ({"text": TEXT, "head": 3}, UsageError, "head 3 does not exist"),
        ({"text": " "}, UsageError, "has no token"),
        ({}, UsageError, "no text to look at"),
        ({"text": "she " * 40}, DataError, "a sequence has 42 tokens"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(options, error, problem):
    with pytest.raises(error, match=problem) as refused:
        run(AttentionMaps, tiny_subject(), DRAWS, **options)
    assert refused.value.hint
