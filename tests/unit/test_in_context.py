"""Evaluation in context: which examples are drawn, what choices are compared by, and intervals."""

import math

import numpy as np
import pytest

from sslcli.contracts.examples import Example
from sslcli.data.documents import Where
from sslcli.errors import DataError, UsageError
from sslcli.metrics.choices import ChoiceScores
from sslcli.metrics.intervals import (
    interval_of_draws,
    interval_of_mean,
    interval_of_statistic,
    interval_of_sums,
    intervals_of_counts,
    over_draws,
)
from sslcli.registry import load
from sslcli.settings import AnswerSettings
from sslcli.workflows.evaluate.in_context import refuse_unknown_shots
from sslcli.workflows.evaluate.shot_settings import COLUMNS, InContextSettings
from sslcli.workflows.evaluate.worked_examples import drawn_examples, in_context_data, language_of


def test_draws_differ_by_draw_and_document_and_by_nothing_else():
    asked = [(draw, key) for draw in range(3) for key in ("a", "b")]
    drawn = {each: tuple(drawn_examples(7, *each, 1_000, 4)) for each in asked}
    assert len(set(drawn.values())) == len(asked)
    assert drawn[0, "a"] == tuple(drawn_examples(7, 0, "a", 1_000, 4))
    assert drawn[0, "a"] == tuple(drawn_examples(7, 0, "a", 1_000, 16)[:4])
    assert drawn[0, "a"] != tuple(drawn_examples(8, 0, "a", 1_000, 4))


def test_draws_are_without_replacement_and_all_alike():
    every = [drawn_examples(0, draw, "text", 5, 5) for draw in range(400)]
    assert all(sorted(own) == list(range(5)) for own in every)
    firsts = np.bincount([own[0] for own in every], minlength=5)
    assert firsts.min() > 50  # 80 expected, standard deviation 8
    with pytest.raises(ValueError, match="6 of 5"):
        drawn_examples(0, 0, "text", 5, 6)


def log(*shares):
    return [math.log(share) for share in shares]


def test_what_choices_are_compared_by():
    own = np.asarray([log(0.2, 0.1), log(0.02, 0.03)])
    free = np.asarray([[log(0.3, 0.1), log(0.2, 0.2), log(0.4, 0.1)]] * 2)
    scores = ChoiceScores(own, free, ("好", "bad"))
    assert scores.raw() == pytest.approx(own)
    assert scores.per_character()[0] == pytest.approx([math.log(0.2), math.log(0.1) / 3])
    assert scores.per_byte()[0] == pytest.approx([math.log(0.2) / 3, math.log(0.1) / 3])
    assert scores.pmi()[0] == pytest.approx([math.log(0.2 / 0.4), math.log(0.1 / 0.1)])
    mean = [(0.75 + 0.5 + 0.8) / 3, (0.25 + 0.5 + 0.2) / 3]
    expected = [[(2 / 3) / mean[0], (1 / 3) / mean[1]], [0.4 / mean[0], 0.6 / mean[1]]]
    assert np.exp(scores.calibrated()) == pytest.approx(np.asarray(expected))


def test_very_unlikely_choices_stay_finite():
    own = np.asarray([[-2_000.0, -1.0]])
    scores = ChoiceScores(own, np.asarray([[[-1.0, -3_000.0]] * 3]), ("a", "b"))
    assert np.isfinite(scores.calibrated()).all()
    assert scores.calibrated()[0].argmax() == 1


def slow_interval(values_DN, rounds, seed):
    generator, (draws, count) = np.random.default_rng(seed), values_DN.shape
    means = [
        values_DN[generator.integers(0, draws, draws)][
            :, generator.integers(0, count, count)
        ].mean()
        for _ in range(rounds)
    ]
    return tuple(np.percentile(means, (2.5, 97.5)))


def test_the_interval_is_over_draws_and_examples():
    generator = np.random.default_rng(3)
    chances_D1 = generator.uniform(0.2, 0.8, (6, 1))
    values = (generator.random((6, 150)) < chances_D1).astype(float)
    assert interval_of_draws(values) == pytest.approx(slow_interval(values, 4_000, 1), abs=0.015)
    low, high = interval_of_mean(values.mean(axis=0))
    assert interval_of_draws(values)[0] < low < high < interval_of_draws(values)[1]


def test_draws_that_are_all_the_same_are_one():
    row = np.asarray([1.0, 0.0, 1.0, 1.0])
    assert interval_of_draws(np.stack([row, row])) == interval_of_mean(row)
    assert interval_of_draws(np.ones((3, 10)))[0] < 1


def f1(sums):
    return 2 * sums[:, 0] / (sums[:, 1] + sums[:, 2])


def drawn_rows(draws, count):
    """Hits, predictions and answers of every example in every draw: [D, N, 3]."""
    generator = np.random.default_rng(5)
    said, wanted = generator.integers(1, 5, (2, draws, count))
    shares_D1 = generator.uniform(0.1, 0.9, (draws, 1))
    return np.stack([np.minimum(said, wanted) * shares_D1, said, wanted], axis=-1)


def slow_f1_interval(rows_DNK, rounds=4_000):
    generator, (draws, count, _) = np.random.default_rng(8), rows_DNK.shape
    values = []
    for _ in range(rounds):
        own = rows_DNK[generator.integers(0, draws, draws)]
        values.append(f1(own[:, generator.integers(0, count, count)].sum(axis=(0, 1))[None])[0])
    return tuple(np.percentile(values, (2.5, 97.5)))


def test_all_intervals_of_scores_are_over_draws_and_examples_where_that_is_said():
    rows_DNK = drawn_rows(5, 80)
    pooled = rows_DNK.reshape(-1, 3)
    expected = slow_f1_interval(rows_DNK)
    alone = interval_of_sums(f1, pooled)
    with over_draws(5):
        assert interval_of_sums(f1, pooled) == pytest.approx(expected, abs=0.015)
        by_columns = interval_of_statistic(
            lambda *columns: float(f1(np.stack(columns, 1).sum(axis=0)[None])[0]), *pooled.T
        )
        assert by_columns == pytest.approx(expected, abs=0.015)
        assert interval_of_mean(pooled[:, 0]) == interval_of_draws(rows_DNK[:, :, 0])
    assert interval_of_sums(f1, pooled) == alone
    assert expected[0] < alone[0] < alone[1] < expected[1]


def test_draws_that_are_all_the_same_are_one_for_every_score():
    rows_NK = drawn_rows(1, 60)[0]
    counts = np.asarray([20, 30, 10])
    one = interval_of_sums(f1, rows_NK), interval_of_mean(rows_NK[:, 0])
    shares = intervals_of_counts(lambda counts_RK: counts_RK / counts_RK.sum(1)[:, None], counts)
    with over_draws(4):
        again = np.tile(rows_NK, (4, 1))
        assert interval_of_sums(f1, again) == pytest.approx(one[0])
        assert interval_of_mean(again[:, 0]) == one[1]
        found = intervals_of_counts(
            lambda counts_RK: counts_RK / counts_RK.sum(1)[:, None], 4 * counts
        )
    assert np.asarray(found) == pytest.approx(np.asarray(shares), abs=0.02)


@pytest.mark.parametrize(
    ("texts", "named", "expected"),
    [
        (("这部电影很好",), "", "zh"),
        (("a film",), "", ""),
        (("a film",), "zh-CN", "zh"),
        (("这部电影 is very good indeed",), "", ""),
        (("",), "", ""),
    ],
)
def test_the_language_is_named_or_told_by_its_letters(texts, named, expected):
    example = Example("1", Where("file", 1), texts, language=named)
    assert language_of(load("tasks", "classify"), [example]) == expected


def write(path, rows):
    path.write_text("".join(f'{{"text": "{text}", "label": "{label}"}}\n' for text, label in rows))
    return str(path)


@pytest.fixture
def files(tmp_path):
    train = [(f"text {n}", "ab"[n % 2]) for n in range(8)]
    test = [("text 0", "a"), ("text 3", "b"), ("text 20", "b")]
    return write(tmp_path / "train.jsonl", train), write(tmp_path / "test.jsonl", test)


def data_of(files, **asked):
    train, test = files
    settings = AnswerSettings.model_validate({"data": {"evaluation": [test]}})
    asked = {"examples": (train,), **asked}
    return in_context_data("classify", settings, InContextSettings(**asked))


def test_a_scored_example_is_never_drawn_and_that_is_said(files):
    data = data_of(files)
    assert {each.data[0] for each in data.pool} == {f"text {n}" for n in (1, 2, 4, 5, 6, 7)}
    assert "2 of 8 examples to draw from are asked too, and left out" in data.notes
    assert data.majority() == "a" if len(data.pool) % 2 else "b"


def test_more_examples_than_there_are_is_refused(files):
    with pytest.raises(UsageError, match="7 worked examples are asked for, and there are 6"):
        data_of(files, k=(0, 7))


def test_without_examples_the_labels_are_those_that_are_scored(files):
    data = data_of(files, k=(0,), examples=())
    assert (list(data.labels), data.pool) == (["a", "b"], [])
    assert data.majority() == "b"
    assert any("without --examples" in note for note in data.notes)


def test_what_is_scored_is_read_once_where_nothing_is_drawn(files, tmp_path):
    rows = [("one", "a"), ("two", "b"), ("three", "-"), ("four", "b")]
    data = data_of((files[0], write(tmp_path / "some.jsonl", rows)), k=(0,), examples=())
    assert [each.data[0] for each in data.scored] == ["one", "two", "four"]
    assert sum("1 of 4" in note or "1 of the 4" in note for note in data.notes) == 1


def test_chinese_data_has_a_chinese_template(tmp_path):
    rows = [("这部电影很好", "positive"), ("饭菜很糟糕", "negative")]
    train = write(tmp_path / "train.jsonl", rows)
    test = write(tmp_path / "test.jsonl", [("歌曲一般", "positive")])
    data = data_of((train, test), k=(1,))
    prompt = data.prompt(data.scored[0])
    assert prompt.context == "文本：歌曲一般\n类别："
    assert prompt.choices[prompt.answer] == "正面"
    worked = [data.prompt(each).worked for each in data.pool]
    assert data.template.behind(worked[:1], "x") == f"{worked[0]}\n\nx"
    assert data.context_of("") == "文本：\n类别："


def test_numbers_are_no_choices(tmp_path, files):
    test = write(tmp_path / "numbers.jsonl", [("a", "1.5"), ("b", "2.25"), ("c", "3.125")])
    with pytest.raises(DataError):
        data_of((test, files[1]), k=(0,))


@pytest.mark.parametrize(
    ("least", "said"), [(80.0, 'write --min "per byte 1-shot=0.8"'), (-1.0, "give a share")]
)
def test_a_percentage_of_a_share_is_refused(least, said):
    asked = InContextSettings(k=(1,))
    with pytest.raises(UsageError, match="is a share, from 0 to 1") as raised:
        refuse_unknown_shots(asked, {"per byte 1-shot": least}, COLUMNS)
    assert raised.value.hint == said
    refuse_unknown_shots(asked, {"per byte 1-shot": 0.8}, COLUMNS)
    refuse_unknown_shots(asked, {"F1 1-shot": 80.0}, ("F1",))  # the task's own, in percent
