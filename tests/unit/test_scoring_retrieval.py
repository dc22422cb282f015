"""Retrieval against a loop that looks at one pair after the other, and where the truth is known."""

import numpy as np
import pytest
from scipy.spatial.distance import cosine

from sslcli.api import DataError, centred, retrieve
from sslcli.metrics import retrieval


def slow_ranks(queries, candidates, rights):
    """Of every query with a right answer: 1 + the wrong candidates that are at least as similar as
    its best right one.
    """
    ranks = []
    for query, own in zip(queries, rights, strict=True):
        if own:
            similar = [1 - cosine(query, candidate) for candidate in candidates]
            best = max(similar[number] for number in own)
            ranks.append(
                1
                + sum(
                    value >= best - 1e-9
                    for number, value in enumerate(similar)
                    if number not in own
                )
            )
    return ranks


def rights_of(pairs, count, side):
    return [
        {int(pair[1 - side]) for pair in pairs if pair[side] == number} for number in range(count)
    ]


@pytest.mark.parametrize("rows_at_once", [1, 7, 1000])
def test_as_a_slow_loop_has_it_with_several_right_answers(rows_at_once, monkeypatch):
    monkeypatch.setattr(retrieval, "_SIMILARITIES_AT_ONCE", rows_at_once * 30)
    generator = np.random.default_rng(1)
    first, second = generator.normal(size=(40, 6)), generator.normal(size=(30, 6))
    second[3], second[9] = second[4], 2 * first[5]
    pairs = np.stack([generator.integers(0, 38, 60), generator.integers(0, 30, 60)], axis=1)
    found = retrieve(first, second, pairs)
    assert found.forward.ranks_Q.tolist() == slow_ranks(first, second, rights_of(pairs, 40, 0))
    assert found.backward.ranks_Q.tolist() == slow_ranks(second, first, rights_of(pairs, 30, 1))
    assert found.pairs == len({tuple(pair) for pair in pairs.tolist()})


def test_rows_are_pairs_by_their_place_where_nothing_else_is_said():
    generator = np.random.default_rng(2)
    first = generator.normal(size=(25, 5)).astype(np.float32)
    second = first + generator.normal(size=(25, 5)).astype(np.float32)
    by_place, said = (
        retrieve(first, second),
        retrieve(first, second, np.stack([np.arange(25)] * 2, axis=1)),
    )
    assert by_place.scores("x", ("en", "zh")) == said.scores("x", ("en", "zh"))
    assert by_place.forward.ranks_Q.tolist() == slow_ranks(
        first, second, [{number} for number in range(25)]
    )


def test_known_truth():
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(50, 8))
    turned = retrieve(rows, np.roll(rows, 1, axis=0))
    assert retrieve(rows, 3 * rows).accuracy("same").value == 1
    assert (turned.accuracy("turned").value, turned.forward.ranks_Q.min()) == (0, 2)
    half = retrieve(rows, np.concatenate([rows[:25], -rows[25:]]))
    assert half.forward.accuracy("half").value == 0.5


@pytest.mark.parametrize(
    "rows", [np.ones((20, 3)), np.zeros((20, 3)), np.full((20, 768), 0.1, dtype=np.float32)]
)
def test_vectors_that_are_all_alike_find_nothing(rows):
    found = retrieve(rows, rows)
    assert set(found.forward.ranks_Q.tolist()) == {20}
    assert found.accuracy("alike", 10).value == 0


def test_each_language_of_its_own_hides_what_centring_shows():
    generator = np.random.default_rng(4)
    meanings, own = generator.normal(size=(200, 16)), 30 * generator.normal(size=(2, 16))
    first = meanings + own[0] + 0.2 * generator.normal(size=(200, 16))
    second = meanings + own[1] + 0.2 * generator.normal(size=(200, 16))
    raw = retrieve(first, second).accuracy("raw")
    found = retrieve(
        centred(first[100:], first[:100]), centred(second[100:], second[:100])
    ).accuracy("centred")
    assert raw.value < 0.2
    assert found.value > 0.9


def test_the_mean_is_that_of_other_rows_where_there_are():
    generator = np.random.default_rng(5)
    rows, others = generator.normal(size=(7, 3)), generator.normal(size=(4, 3))
    assert centred(rows) == pytest.approx(rows - rows.mean(axis=0))
    assert centred(rows, others) == pytest.approx(rows - others.mean(axis=0))
    assert centred(rows.astype(np.float32), others).dtype == np.float32


def test_what_chance_gives_is_what_random_vectors_reach():
    generator = np.random.default_rng(6)
    pairs = np.concatenate([np.stack([np.arange(20)] * 2, axis=1), [[0, 5], [0, 6], [3, 9]]])
    tried = [
        retrieve(generator.normal(size=(20, 3)), generator.normal(size=(25, 3)), pairs)
        for _ in range(600)
    ]
    for figure, score in (
        (lambda found: (found.forward.ranks_Q <= 1).mean(), tried[0].forward.accuracy("x")),
        (lambda found: (found.backward.ranks_Q <= 5).mean(), tried[0].backward.accuracy("x", 5)),
        (lambda found: (1 / found.backward.ranks_Q).mean(), tried[0].backward.reciprocal("x")),
    ):
        reached = [figure(found) for found in tried]
        assert np.mean(reached) == pytest.approx(
            score.baselines["chance"], abs=4 * np.std(reached) / np.sqrt(len(reached))
        )
    plain = retrieve(generator.normal(size=(50, 3)), generator.normal(size=(50, 3)))
    assert plain.accuracy("x").baselines["chance"] == pytest.approx(1 / 50)
    assert plain.accuracy("x", 10).baselines["chance"] == pytest.approx(10 / 50)
    assert plain.reciprocal("x").baselines["chance"] == pytest.approx(np.mean(1 / np.arange(1, 51)))


def test_scores_name_both_ways_and_their_interval_holds_the_value():
    generator = np.random.default_rng(7)
    first = generator.normal(size=(60, 4))
    second = first + 0.7 * generator.normal(size=(60, 4))
    scores = retrieve(first, second).scores("sentences", ("en", "zh"))
    by_name = {score.name: score for score in scores}
    ways = [by_name[f"sentences at 1, {way}"] for way in ("en to zh", "zh to en")]
    assert by_name["sentences at 1"].value == pytest.approx(np.mean([way.value for way in ways]))
    assert (
        by_name["sentences at 1"].value
        <= by_name["sentences at 5"].value
        <= by_name["sentences at 10"].value
    )
    assert all(
        score.interval[0] < score.value < score.interval[1] and score.count == 60
        for score in scores
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((1, 3)), "among 1 pair says nothing"),
        (np.full((3, 2), np.nan), "not a finite number"),
    ],
)
def test_what_cannot_be_scored_is_refused(rows, message):
    with pytest.raises(DataError, match=message):
        retrieve(rows, rows)
