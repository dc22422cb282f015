"""What is learnt when: the figures of every milestone beside a slow reading of one text at a
time.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from probe_subjects import Known, parallel, tiny
from sense_subjects import Generated
from sslplugins.probes.embryology.measurements import translations
from sslplugins.probes.embryology.report import Measured, commonest, reached_at, report_of

from sslcli import registry
from sslcli.api import (
    Annotated,
    Curve,
    Inputs,
    Packing,
    Rng,
    UsageError,
    WordOccurrence,
    locate_words,
    words_told,
)
from sslcli.testing import TinyProbeData, tiny_frozen_model

Embryology = registry.load("probes", "embryology")


def said(subject, tokens):
    """The head's first guess at every place of one sequence."""
    tokens = torch.as_tensor(tokens)
    inputs = Inputs(Packing.of([len(tokens)]), torch.arange(len(tokens)), tokens)
    with torch.no_grad():
        return (
            subject.head(subject.backbone(inputs).last_TD, subject.backbone).argmax(dim=-1).numpy()
        )


@pytest.fixture(scope="module")
def subject():
    return tiny_frozen_model()


@pytest.mark.parametrize("hidden", [True, False])
def test_a_word_is_told_where_all_its_pieces_are(subject, hidden):
    _, texts = TinyProbeData().annotated("pos")
    uses = [
        WordOccurrence(text.text, *span, label)
        for text in texts
        for span, label in zip(text.spans, text.labels, strict=True)
    ]
    words = locate_words(subject.tokenizer, uses)
    assert max(map(len, words.places)) == 2  # some words have two pieces
    expected = []
    for number, owner in enumerate(words.owners):
        tokens = words.sequences[owner].copy()
        truth = tokens[words.places[number]].copy()
        if hidden:
            tokens[words.places[number]] = subject.tokenizer.mask
        expected.append(bool((said(subject, tokens)[words.places[number]] == truth).all()))
    assert 0 < sum(expected) < len(expected)
    np.testing.assert_array_equal(words_told(subject, words, hidden=hidden), expected)


def test_every_milestone_has_its_figures():
    subject = tiny_frozen_model()
    report = Embryology(Embryology.Options(words=60, examples=100)).run(subject, Rng(0, 0))
    hidden, plain, others = report.plots
    assert [curve.xs for plot in report.plots for curve in plot.curves] == [[0, 1, 2, 4]] * sum(
        len(plot.curves) for plot in report.plots
    )
    assert (
        {curve.title for curve in hidden.curves}
        == {curve.title for curve in plain.curves}
        == {"DET", "NOUN"}
    )
    assert {"pos, linear", "sentiment, frozen", "translations found"} <= {
        curve.title for curve in others.curves
    }
    last = next(score for score in report.scores if score.name == "masked words predicted")
    kinds = report.tables[0]
    column = {name: place for place, name in enumerate(kinds.columns)}
    weighted = sum(row[column["n"]] * row[column["masked: accuracy"]] for row in kinds.rows) / sum(
        row[column["n"]] for row in kinds.rows
    )
    assert last.value == pytest.approx(weighted)
    assert last.count == sum(row[column["n"]] for row in kinds.rows)


def test_the_first_step_at_nine_tenths_of_the_end():
    assert reached_at(Curve("x", [0, 1, 2, 4, 8], [0.0, 0.1, 0.91, 0.5, 1.0])) == 2
    # nine tenths of the rise, not of the end
    assert reached_at(Curve("x", [0, 1, 2], [0.8, 0.85, 0.9])) == 2
    assert reached_at(Curve("x", [0, 1, 2], [0.5, 0.9, 0.5])) is None


def measured(*shares):
    """Ten words of kind A, told as given at steps 0, 1, 2, ...; ten of kind B, never."""
    return [
        Measured(step, np.arange(20) < round(10 * share), np.ones(20, dtype=bool), [value])
        for step, (share, value) in enumerate(zip(shares, (0.1, 0.9, 0.3), strict=True))
    ]


def test_what_is_never_learnt_and_what_falls_again_is_said():
    class Gap:
        name, baseline, count = "gap", ("nothing", 0.0), 20

    report = report_of(
        measured(0.0, 0.5, 1.0), [Gap], ["A"] * 10 + ["B"] * 10, {"A": 0.3, "B": 0.3}
    )
    assert any(note.startswith("not emerged: B:") for note in report.notes)
    assert any("gap: peaks at step 1" in note for note in report.notes)
    # what is never learnt comes last
    assert [row[0] for row in report.tables[0].rows] == ["A", "B"]


def test_the_commonest_word_of_a_kind_in_its_language_is_what_a_guess_gives():
    spans = [(0, 1), (2, 3), (4, 5), (6, 7)]
    texts = [
        Annotated("a b a c", spans, ["X", "X", "X", "Y"], "en"),
        Annotated("e e e f", spans, ["X", "X", "X", "Y"], "zh"),
    ]
    uses = [
        WordOccurrence("a b", 0, 1, "X", "en"),
        WordOccurrence("a b", 2, 3, "X", "en"),
        WordOccurrence("d", 0, 1, "Y", "en"),
        *[WordOccurrence("e", 0, 1, "X", "zh")] * 2,
    ]
    assert commonest(uses, texts) == {"X": 0.75, "Y": 0.0}


def test_translations_are_found_among_pairs_that_can_be_read_and_come_once():
    subject = tiny()
    pairs = parallel(24)
    alone = translations(replace(subject, probe_data=Known(pairs=pairs)))
    longest = " ".join(["cat"] * subject.backbone.settings.longest_tokens)
    typed = [
        {"type": "told", "aa": first, "bb": second}
        for first, second in [(longest, "x"), pairs[0], *pairs, (pairs[3][0], longest)]
    ]
    among = translations(replace(subject, probe_data=Generated(parallel=typed)))
    assert (
        (among.count, among.baseline) == (alone.count, alone.baseline) == (12, ("chance", 1 / 12))
    )
    assert among.measure(subject) == alone.measure(subject)
    assert translations(replace(subject, probe_data=Known(pairs=[pairs[0]] * 9))) is None


def test_a_model_without_milestones_or_head_is_refused():
    subject = tiny_frozen_model()
    probe = Embryology(Embryology.Options(words=20))
    with pytest.raises(UsageError, match="milestones"):
        probe.run(next(iter(subject.stages())), Rng(0, 0))
    with pytest.raises(UsageError, match="no head"):
        words_told(
            type(subject)(**{**subject.__dict__, "learnable": None}),
            locate_words(subject.tokenizer, [WordOccurrence("cat", 0, 3)]),
            True,
        )
