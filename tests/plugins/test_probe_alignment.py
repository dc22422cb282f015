"""Alignment: retrieval of translations beside a slow reading, where the truth is known, and what
cannot be looked at.
"""

from dataclasses import replace

import numpy as np
import pytest
from probe_subjects import Known, parallel, tiny, translated, vectors_slowly
from sslplugins.probes.alignment import Alignment
from sslplugins.probes.translations.finding import languages_of, uses_by_word
from sslplugins.probes.translations.report import Found, layers_report, look, stages_report
from sslplugins.probes.translations.sides import Sentences, Words

from sslcli.api import (
    DataError,
    Pair,
    Retrieval,
    Rng,
    UsageError,
    Where,
    WordOccurrence,
    mean_score,
    retrieve,
)
from sslcli.metrics.retrieval import Ranks

DRAWS = Rng(0, 0, "probe")


def pair(first, second):
    return Pair(first, second, Where("test", 1))


def scores_of(report):
    return {score.name: score for score in report.scores}


def test_every_layer_is_what_retrieval_of_slowly_read_sentences_gives():
    model = tiny()
    pairs = [pair(*texts) for texts in parallel(40)]
    translations = Sentences(model, pairs, 12, DRAWS)
    found = look(model, translations, range(model.depth + 1))
    chosen = DRAWS.shuffled("sentences", pairs)[:36]
    for layer in range(model.depth + 1):
        first, second = (
            np.stack([vectors_slowly(model, text, layer).mean(axis=0) for text in texts])
            for texts in zip(*((each.first, each.second) for each in chosen), strict=True)
        )
        raw = retrieve(first[:12], second[:12])
        centred = retrieve(
            first[:12] - first[12:].mean(axis=0), second[:12] - second[12:].mean(axis=0)
        )
        for ours, slow in ((found.raw[layer], raw), (found.centred[layer], centred)):
            assert ours.forward.ranks_Q.tolist() == slow.forward.ranks_Q.tolist()
            assert ours.backward.ranks_Q.tolist() == slow.backward.ranks_Q.tolist()


def test_a_words_row_is_the_mean_of_its_uses_and_its_mean_that_of_the_corpus():
    model = tiny()
    words = Words(
        model,
        [pair("cat", "dog"), pair("dog", "bird"), pair("Fish", "horse"), pair("bird", "fish")],
        ("aa", "bb"),
        3,
        9,
        DRAWS,
    )
    first, _ = words.sides(model, [1])
    texts = [text for text, _ in parallel(1000)]
    uses = [text for text in texts if " cat " in text][:3]
    # no word before it has two pieces
    rows = [vectors_slowly(model, text, 1)[text.split().index("cat")] for text in uses]
    np.testing.assert_allclose(first[1].rows_ND[0], np.mean(rows, axis=0), atol=1e-5)
    corpus = np.mean([vectors_slowly(model, text, 1).mean(axis=0) for text in texts], axis=0)
    np.testing.assert_allclose(first[1].mean_D, corpus, atol=1e-4)
    assert words.pairs_L2.tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]


def test_a_text_beside_itself_is_found_and_one_beside_any_other_is_not():
    model = tiny()
    same = [(text, text) for text, _ in parallel(60)]
    report = Alignment(Alignment.Options(languages="aa,bb", limit=30)).run(
        replace(model, probe_data=Known(pairs=same)), DRAWS
    )
    best = next(score for name, score in scores_of(report).items() if name.endswith("centred at 1"))
    assert (best.value, best.baselines["chance"]) == (1.0, pytest.approx(1 / 30))
    turned = [
        (first, second)
        for (first, _), (_, second) in zip(same, [*same[7:], *same[:7]], strict=True)
    ]
    report = Alignment(Alignment.Options(languages="aa,bb", limit=30)).run(
        replace(model, probe_data=Known(pairs=turned)), DRAWS
    )
    assert any(note.startswith("not emerged: sentences") for note in report.notes)


def test_what_comes_twice_and_words_without_use_are_left_out_and_counted():
    report = Alignment(Alignment.Options(limit=20)).run(
        replace(
            tiny(),
            probe_data=Known(
                pairs=[*parallel(30), *parallel(4)],
                words=[("cat", "dog"), *translated(), ("unicorn", "cat")],
            ),
        ),
        DRAWS,
    )
    assert any(note.startswith("4 pairs left out") for note in report.notes)
    # no text has a horse
    assert any(note.startswith("2 pairs of words left out") for note in report.notes)
    assert {plot.title for plot in report.plots} == {"sentences by layer", "words by layer"}


def test_when_languages_line_up():
    def found(right):
        ranks = Ranks(np.where(np.arange(100) < right, 1, 2), np.ones(100, dtype=np.int64), 100)
        return [Retrieval(ranks, ranks, 100)]

    steps, rights = [0, 1, 2, 4, 8], [1, 0, 41, 79, 80]
    report = stages_report(
        steps, [Found(found(1), found(right)) for right in rights], "sentences", 3, 5
    )
    assert report.notes == [
        (
            "sentences line up: half of its final value first at step 2, 90 "
            "% of its final value first at step 4 (0.800 centred at layer 3)"
        )
    ]
    (plot,) = report.plots
    assert plot.logarithmic
    assert {curve.title: list(curve.ys) for curve in plot.curves}["centred"] == [
        right / 100 for right in rights
    ]
    nothing = stages_report(steps, [Found(found(1), found(1)) for _ in rights], "sentences", 3, 5)
    assert nothing.notes[0].startswith("not emerged")


def found_among_100(*rights):
    retrievals = []
    for right in rights:
        ranks = Ranks(np.where(np.arange(100) < right, 1, 2), np.ones(100, dtype=np.int64), 100)
        retrievals.append(Retrieval(ranks, ranks, 100))
    return Found(retrievals, retrievals)


@pytest.mark.parametrize(
    ("best", "before", "emerges"),
    [
        (8, None, True),
        (3, None, False),
        (16, 1, True),
        (16, 6, False),
        (60, 50, False),
        (90, 50, True),
    ],
    ids=[
        "chance",
        "chance, the best of three",
        "step 0 is chance",
        "step 0 is as good",
        "step 0 is good",
        "more than step 0",
    ],
)
def test_the_best_layer_must_surpass_chance_and_what_there_was_before_training(
    best, before, emerges
):
    """3 of 100 is above chance for one layer that nobody chose."""
    assert mean_score("", np.arange(100) < 3).interval[0] > 1 / 100
    found, untrained = (
        found_among_100(1, best, 1),
        None if before is None else found_among_100(0, before, before),
    )
    report = layers_report(found, "words", ("en", "zh"), untrained)
    assert report.notes[0].startswith("not emerged") != emerges
    assert ("the untrained model is not known" in report.notes[0]) == (before is None)
    assert all(("step 0" in score.baselines) == (before is not None) for score in report.scores)
    assert before is None or report.scores[0].baselines["step 0"] == before / 100
    steps = (5, 9) if before is None else (0, 9)
    by_step = stages_report(
        steps, [found_among_100(before or 0), found_among_100(best)], "words", 1, 3
    )
    assert by_step.notes[0].startswith("not emerged") != emerges


def test_a_model_that_has_learnt_nothing_has_not_emerged():
    """Its sentences are found by the words that both languages write alike."""
    model = tiny()
    alike = [(text, f"{text} cat .") for text, _ in parallel(60)]
    model = replace(
        model, probe_data=Known(pairs=alike), stages=lambda: iter([replace(model, step=0), model])
    )
    report = Alignment(Alignment.Options(limit=30)).run(model, DRAWS)
    assert report.scores[0].value == report.scores[0].baselines["step 0"] > 0.5
    assert any(note.startswith("not emerged: sentences") for note in report.notes)


def test_milestones_are_looked_at_with_the_same_pairs():
    model = tiny()
    report = Alignment(Alignment.Options(milestones=True, limit=20)).run(model, DRAWS)
    by_layer = next(table for table in report.tables if table.title == "sentences by layer")
    by_step = next(table for table in report.tables if table.title.startswith("sentences by step"))
    layer = int(by_step.title.rpartition(" ")[2])
    assert [row[0] for row in by_step.rows] == [0, 1, 2, 4]
    assert by_step.rows[-1][1:5] == by_layer.rows[layer][1:5]
    with pytest.raises(UsageError, match="no milestones"):
        Alignment(Alignment.Options(milestones=True, limit=20)).run(
            replace(model, stages=lambda: iter(())), DRAWS
        )


def test_uses_of_words_with_blanks_and_without():
    texts = ["The cat saw a Cat.", "cats, cat-like", "我喜欢苹果汁和苹果", "苹果 很 好"]
    found = uses_by_word(texts, {"cat", "苹果", "苹果汁"}, "x", 2)
    assert {
        word: [(use.text, use.start, use.word) for use in uses] for word, uses in found.items()
    } == {
        "cat": [(texts[0], 4, "cat")],
        "苹果汁": [(texts[2], 3, "苹果汁")],
        "苹果": [(texts[2], 7, "苹果"), (texts[3], 0, "苹果")],
    }
    assert found["cat"][0] == WordOccurrence(texts[0], 4, 7, language="x")


def test_languages_are_those_that_somebody_says():
    probe_data = Known()
    assert languages_of("zh, en", ["en=a", "fr=b"], [], probe_data) == ("zh", "en")
    assert languages_of("", ["en=a", "fr=b"], [], probe_data) == ("en", "fr")
    assert languages_of("", [], list(probe_data.records("parallel")), probe_data) == ("aa", "bb")
    assert languages_of("", ["pairs.txt"], [], probe_data) == ("aa", "bb")
    for said in ("en", "en,en", "en,fr,zh", "en,"):
        with pytest.raises(UsageError, match="two languages are compared"):
            languages_of(said, [], [], probe_data)


def test_what_cannot_be_looked_at(tmp_path):
    model = tiny()
    with pytest.raises(UsageError, match="no translations to look for"):
        Alignment(Alignment.Options()).run(
            replace(model, probe_data=Known(pairs=[], words=[])), DRAWS
        )
    with pytest.raises(
        DataError, match="8 pairs of sentences that this model can read are needed, not 3"
    ):
        Alignment(Alignment.Options()).run(
            replace(model, probe_data=Known(pairs=parallel(3))), DRAWS
        )
    for words, problem, hint in (
        ([("cat", "dog")], r"4 pairs of words are needed, not 1", "larger dictionary"),
        (
            [("cat", "dog"), *((f"dodo{n}", "cat") for n in range(3))],
            r"with a use .* are needed, not 1 \(of 4\)",
            "more text",
        ),
    ):
        with pytest.raises(DataError, match=problem) as caught:
            Alignment(Alignment.Options()).run(
                replace(model, probe_data=Known(pairs=[], words=words)), DRAWS
            )
        assert hint in caught.value.hint
    path = tmp_path / "pairs.csv"
    path.write_text("aa,cc\nx,y\n")
    with pytest.raises(DataError, match=r"pairs\.csv, line 2, field 'bb'"):
        Alignment(Alignment.Options(pairs=(str(path),))).run(model, DRAWS)
