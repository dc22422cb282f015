"""Who speaks and what is said, on songs whose singers and melodies are known."""

import json

import numpy as np
import pytest
from songs import parted_melodies
from sslplugins.probes.sound.recordings import Recordings
from sslplugins.probes.sound.voices import View, _alike, _frames, _judged, _normed, _retrieved

from sslcli.cli.app import run
from sslcli.data.items import Items
from sslcli.metrics.probes.perceptron import perceptron_probe
from sslcli.metrics.warping import warped_error


def items_of(recordings):
    """`recordings`: (speaker, sentence, rows)."""
    return Items(
        np.arange(len(recordings)),
        lambda number: recordings[number][2],
        lambda number: recordings[number][0],
        "songs",
        file_of=lambda number: f"folder/{recordings[number][0]}/{recordings[number][1]}.wav",
    )


def spoken(seed=0, count=12):
    """A sentence is a walk of 3 numbers that both speakers share; b has another level and speed."""
    random, found = np.random.default_rng(seed), []
    for sentence in range(count):
        walk_tM = np.cumsum(random.normal(size=(20, 3)), axis=0)
        for speaker, level, speed in (("a", 0.0, 1), ("b", 2.0, 2)):
            noise = 0.1 * random.normal(size=(20 * speed, 3))
            rows_tM = np.repeat(walk_tM, speed, axis=0) + level + noise
            found.append((speaker, f"{seed}-{sentence}", rows_tM.astype(np.float32)))
    return found


def test_one_recording_of_each_sentence_by_each_speaker():
    found = spoken(count=2)
    items = items_of([*found, found[0], (None, "x", found[0][2])])
    recordings = Recordings.of(items)
    assert recordings.speakers == ("a", "b", "a", "b")
    assert recordings.sentences == ("0-0", "0-0", "0-1", "0-1")
    kept = recordings.where([False, True, True, False])
    assert (kept.speakers, kept.sentences) == (("b", "a"), ("0-0", "0-1"))
    np.testing.assert_array_equal(kept.items.rows(0), found[1][2])


@pytest.mark.parametrize("every", [1, 2])
def test_the_nearest_recording_of_the_other_speaker_is_looked_for_both_ways(every):
    found = spoken()
    test = Recordings.of(items_of(found))
    rows = [_normed(own) for *_, own in found]
    score = _retrieved(View([], rows, every=every), test)
    right = 0
    for place, (speaker, sentence, _) in enumerate(found):
        others = [other for other in range(len(found)) if found[other][0] != speaker]
        errors = [warped_error(rows[place][::every], rows[other][::every]) for other in others]
        right += found[others[int(np.argmin(errors))]][1] == sentence
    assert (score.value, score.count) == (pytest.approx(right / 24), 24)
    assert score.baselines == {"chance": pytest.approx(1 / 12)}


def test_what_is_kept_of_an_utterance():
    rows_TD = np.asarray([[1.0, 0.0], [3.0, 0.0], [2.0, 6.0]])
    np.testing.assert_allclose(
        _alike(rows_TD), [2, 2, rows_TD[:, 0].std(), rows_TD[:, 1].std(), 1.5, 3]
    )


def test_a_frame_is_read_with_its_neighbours():
    rows = [np.arange(12.0)[:, None], 100 + np.arange(3.0)[:, None]]
    vectors, names = _frames(rows, ["a", "b"], 1_000)
    assert names == ["a"] * 12 + ["b"] * 3
    assert vectors[5].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert vectors[0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3, 4]
    assert vectors[13].tolist() == [100, 100, 100, 100, 101, 102, 102, 102, 102]
    some, kept = _frames(rows, ["a", "b"], 5)
    assert (len(some), kept) == (5, ["a", "a", "a", "a", "b"])


def test_a_level_is_read_and_lost_with_the_mean():
    train, test = (Recordings.of(items_of(spoken(seed, 20))) for seed in (1, 2))
    rows = [[part.items.rows(item) for item in range(len(part.items))] for part in (train, test)]
    centred = [[x / 1 - x.mean(axis=0) for x in part] for part in rows]
    plain, without = (_judged(View(*each), train, test, 0) for each in (rows, centred))
    assert without[0].baselines["majority"] == 0.5
    assert without[2].value > plain[2].value  # the level hid the sentence
    assert plain[1].value > 0.6


def test_a_perceptron_reads_what_no_line_can():
    random = np.random.default_rng(0)
    rows_ND = random.uniform(-1, 1, size=(2_000, 2))
    labels = ["same" if a * b > 0 else "other" for a, b in rows_ND]
    score = perceptron_probe(rows_ND[:1500], labels[:1500], rows_ND[1500:], labels[1500:], seed=0)
    again = perceptron_probe(rows_ND[:1500], labels[:1500], rows_ND[1500:], labels[1500:], seed=0)
    assert score.value > 0.95 > 0.6 > score.baselines["majority"]
    assert again == score


@pytest.fixture(scope="module")
def folder(tmp_path_factory, module_cache):
    folder = tmp_path_factory.mktemp("voices")
    parted_melodies(folder)
    line = (
        "pretrain --objective mask-frames --data train --eval-data test --arch tiny --batch-size 8 --device cpu"
        " --max-steps 5 --no-plot --name model"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(line.split()) == 0
    return folder


def test_a_report_has_every_layer_beside_the_frames(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run(["probe", "voices", "--model", "model", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])["report"]
    (table,) = report["tables"]
    assert [row[0] for row in table["rows"]] == [
        "log-mel",
        "log-mel, instance norm",
        "layer 0",
        "layer 1",
        "layer 2",
    ]
    assert [score["name"].partition(",")[0] for score in report["scores"]] == [
        "speaker by utterance", "speaker by frame", "same sentence found",
    ]  # fmt: skip
    assert report["scores"][2]["baselines"]["chance"] == pytest.approx(1 / 8)
    assert "24 recordings and tested on 16 others of 8 sentences" in report["notes"][0]


def test_without_sentences_that_two_speak_it_is_refused(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run(["probe", "voices", "--model", "model", "--data", "test/a"]) == 2
    assert "no two sentences that two speakers say" in capsys.readouterr().err
