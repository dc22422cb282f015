"""Voices for others, judged: distances and baselines beside slow loops, and what is said of them."""

import json

import numpy as np
import pytest
from songs import parted_melodies
from sslplugins.probes.sound import ways
from sslplugins.probes.sound.conversion import (
    AS_IT_IS,
    CONSTANT,
    CONVERTED,
    LOOKED_UP,
    SHIFT,
    reading,
)
from sslplugins.probes.sound.ways import (
    Judged,
    Voice,
    constant,
    cosine_transform,
    judged,
    looked_up,
    shifted,
)

from sslcli.cli.app import run


def rows_of(lengths, seed=0, features=16):
    random = np.random.default_rng(seed)
    return [np.cumsum(random.normal(size=(each, features)), axis=0) for each in lengths]


def slow_error(one, other):
    """Root mean square along the cheapest path, cell by cell; of equal ways the diagonal."""
    cost, steps = np.full((len(one) + 1, len(other) + 1), np.inf), {}
    cost[0, 0], steps[0, 0] = 0, 0
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            ways_there = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
            best = min(ways_there, key=lambda cell: cost[cell])
            cost[i, j] = cost[best] + np.square(one[i - 1] - other[j - 1]).sum()
            steps[i, j] = steps.get(best, 0) + 1
    return np.sqrt(cost[-1, -1] / (steps[len(one), len(other)] * one.shape[1]))


def slow_cosines(rows_TM):
    bands = rows_TM.shape[1]
    places = np.pi / bands * (np.arange(bands) + 0.5)
    return np.stack(
        [np.sqrt(2 / bands) * (rows_TM * np.cos(k * places)).sum(axis=1) for k in range(1, 14)],
        axis=1,
    )


def test_distances_are_those_of_a_slow_loop():
    rows, own = rows_of((7, 9, 12)), rows_of((8, 11, 6), seed=1)
    found = judged(rows, own)
    np.testing.assert_allclose(found.bands_P, list(map(slow_error, rows, own)))
    shapes = [list(map(slow_cosines, part)) for part in (rows, own)]
    np.testing.assert_allclose(cosine_transform(rows[0]), shapes[0][0])
    np.testing.assert_allclose(found.cosines_P, list(map(slow_error, *shapes)))
    nearest = [np.argmin([slow_error(a[::2], b[::2]) for b in own]) for a in rows]
    assert found.found_P.tolist() == [nearest[place] == place for place in range(3)]
    wanted = np.concatenate(rows).var(axis=0) / np.concatenate(own).var(axis=0)
    assert found.variance == pytest.approx(wanted.mean())


def test_what_a_speaker_says_itself_is_found_and_has_no_distance():
    own = rows_of((8, 11, 6, 9))
    found = judged(own, own)
    assert found.found_P.all()
    assert not found.bands_P.any()
    assert found.variance == pytest.approx(1)


def test_a_shift_has_mean_and_deviation_of_the_other():
    rows = rows_of((20, 30))
    source, target = Voice.of(rows), Voice.of([3 * x + 1 for x in rows_of((25, 35), seed=1)])
    made = np.concatenate(shifted(rows, source, target))
    np.testing.assert_allclose(made.mean(axis=0), target.mean_M)
    np.testing.assert_allclose(made.std(axis=0), target.deviation_M)
    frames = np.concatenate(constant(rows, target))
    np.testing.assert_array_equal(frames, np.broadcast_to(target.mean_M, frames.shape))


@pytest.mark.parametrize("most", [1_000, 30])
def test_a_look_up_is_that_of_a_slow_loop(monkeypatch, most):
    monkeypatch.setattr(ways, "MOST_LOOKED_UP", most)
    monkeypatch.setattr(ways, "ASKED_AT_ONCE", 4)
    rows, bank = rows_of((5, 6)), rows_of((20, 25), seed=1)
    source, target = Voice.of(rows_of((40,), seed=2)), Voice.of(bank)

    def around(voice, part):
        return [
            np.concatenate(
                [voice.scaled(x)[min(max(t + step, 0), len(x) - 1)] for step in range(-4, 5)]
            )
            for x in part
            for t in range(len(x))
        ]

    keys, frames = np.stack(around(target, bank)), np.concatenate(bank)
    kept = np.unique(np.linspace(0, 44, min(45, most)).astype(int))
    wanted = [
        frames[kept][np.argsort(np.square(keys[kept] - key).sum(axis=1))[:4]].mean(axis=0)
        for key in around(source, rows)
    ]
    found = looked_up(rows, source, target)
    assert [len(part) for part in found] == [5, 6]
    np.testing.assert_allclose(np.concatenate(found), wanted, rtol=1e-4)


def told(distance, found, variance, count=40):
    """One way: every sentence near `distance`, the first `found` of them found."""
    spread = np.linspace(-0.01, 0.01, count)
    return Judged(distance + spread, distance + spread, np.arange(count) < found, variance)


def by_way(own):
    return {
        CONVERTED: own,
        AS_IT_IS: told(1.4, 16, 1.5),
        SHIFT: told(1.2, 20, 1.0),
        LOOKED_UP: told(1.06, 18, 0.9),
        CONSTANT: told(1.3, 1, 0.0),
    }


def test_a_conversion_is_one_where_all_three_are_reached():
    (said,) = reading(by_way(told(1.0, 20, 0.9)))
    assert said.startswith("converted: ")


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (told(1.25, 20, 1.0), ["distance of bands", "distance of cosines"]),
        (told(1.0, 10, 1.0), ["25.0% of the sentences are found, and 40.0% without"]),
        (told(1.0, 20, 0.5), ["bands vary 0.50 times"]),
        (told(1.0, 1, 0.0), ["sentences are found", "bands vary"]),  # a mumble is near
    ],
)
def test_each_miss_is_said(own, words):
    misses = [line for line in reading(by_way(own)) if line.startswith("not emerged: ")]
    assert len(misses) == len(words)
    assert all(word in line for word, line in zip(words, misses, strict=True))


def test_a_look_up_that_does_better_is_said():
    said = reading(by_way(told(1.1, 17, 1.0)))[-1]
    assert (
        "look-up of nearest frames, which learns nothing, is nearer (1.060 against 1.100)" in said
    )
    assert "finds 45.0% of the sentences against 42.5%" in said


@pytest.fixture(scope="module")
def folder(tmp_path_factory, module_cache):
    folder = tmp_path_factory.mktemp("voices")
    parted_melodies(folder)
    line = (
        "pretrain --data train --eval-data test --arch tiny --batch-size 8 --device cpu"
        " --max-steps 3 --no-plot"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("disentangle", "mask-frames"):
            assert run([*line.split(), "--objective", name, "--name", name]) == 0
    return folder


def test_every_way_has_its_row_and_its_intervals(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    line = ["probe", "conversion", "--model", "disentangle", "--json"]
    assert run(line) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])["report"]
    (table,) = report["tables"]
    assert [row[0] for row in table["rows"]] == [CONVERTED, AS_IT_IS, SHIFT, LOOKED_UP, CONSTANT]
    for _, *numbers, variance in table["rows"]:
        for value, low, high in (numbers[:3], numbers[3:6], numbers[6:]):
            assert low <= value <= high
        assert variance >= 0
    assert "a in the voice of b" in report["title"]
    assert [score["count"] for score in report["scores"]] == [8] * 4
    assert report["scores"][2]["baselines"]["chance"] == pytest.approx(1 / 8)
    assert any(note.startswith("not emerged") for note in report["notes"])
    assert run([*line, "--source", "b"]) == 0
    turned = json.loads(capsys.readouterr().out.splitlines()[-1])["report"]
    assert "b in the voice of a" in turned["title"]


def test_what_cannot_be_judged_is_refused(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for words, code, sentence in (
        (["--model", "mask-frames"], 2, "was not trained to convert"),
        (["--model", "disentangle", "--target", "c"], 2, "nobody called 'c'"),
        (["--model", "disentangle", "--source", "a", "--target", "a"], 2, "its own voice"),
    ):
        assert run(["probe", "conversion", *words]) == code
        assert sentence in " ".join(capsys.readouterr().err.split())
