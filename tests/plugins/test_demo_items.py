"""Built-in images and recordings: what they hold, the same every time, and each part its own."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sslplugins.readers import speakers
from sslplugins.readers.demo import DemoReader

from sslcli import registry
from sslcli.api import DataError, Frames, log_mel
from sslcli.metrics.warping import warped_distances


def read(reference, **options):
    return list(DemoReader(DemoReader.Options(**options)).documents(reference))


def test_digits_are_those_of_scikit_learn_in_two_parts():
    held = load_digits()
    documents = [*read("demo:digits"), *read("demo:digits-test")]
    assert [len(read(name)) for name in ("demo:digits", "demo:digits-test")] == [1_437, 360]
    for document, image_HW, label in zip(documents, held.images, held.target, strict=True):
        np.testing.assert_allclose(
            document.grid.joined(document.array)[:, :, 0], image_HW / 16, rtol=1e-6
        )
        assert document.label == str(label)


def test_a_recording_is_the_frames_of_what_a_speaker_says():
    document = read("demo:voices")[0]
    keys = (0, 0, *b"demo:voices")
    said = np.random.Generator(np.random.Philox(np.random.SeedSequence(keys)))
    own = np.random.Generator(np.random.Philox(np.random.SeedSequence((*keys, *b"low"))))
    samples_N = speakers.spoken(speakers._sentence(said), speakers.SPEAKERS["low"], own)
    assert np.abs(samples_N).max() == pytest.approx(0.3)
    np.testing.assert_array_equal(document.array, log_mel(samples_N, Frames.at(8_000)))
    assert document.frames == Frames.at(8_000)


@pytest.mark.parametrize("name", ["demo:voices", "demo:voices-test"])
def test_recordings_are_the_same_every_time_and_others_with_another_seed(name):
    first, again, other = read(name), read(name), read(name, seed=1)
    assert all(np.array_equal(a.array, b.array) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a.array, b.array) for a, b in zip(first, other, strict=True))


def test_both_speakers_say_the_same_sentences_and_the_test_has_others():
    documents = read("demo:voices-test")
    low, high = ([each for each in documents if each.label == name] for name in ("low", "high"))
    assert [each.where.file.rpartition("/")[2] for each in low] == [
        each.where.file.rpartition("/")[2] for each in high
    ]
    normed = [
        [(x.array - x.array.mean(axis=0)) / (x.array.std(axis=0) + 0.1) for x in part[:20]]
        for part in (low, high)
    ]
    pairs = [(own, other) for own in normed[0] for other in normed[1]]
    cost_P, steps_P = warped_distances(pairs)
    found = ((cost_P / steps_P).reshape(20, 20).argmin(axis=1) == np.arange(20)).mean()
    assert 0.4 < found < 1.0  # well above 1 in 20, and something is left to learn
    sentences = {
        part: [
            speakers._sentence(
                np.random.Generator(
                    np.random.Philox(np.random.SeedSequence((0, number, *part.encode())))
                )
            )
            for number in range(speakers.SENTENCES[part])
        ]
        for part in (speakers.TRAIN, speakers.TEST)
    }
    train = {tuple(each) for each in sentences[speakers.TRAIN]}
    assert not any(tuple(each) in train for each in sentences[speakers.TEST])


def test_the_lower_voice_is_lower():
    """The first overtone, where most of a vowel's loudness below 300 hertz lies."""
    chance = np.random.default_rng(0)
    peaks = {}
    for name, speaker in speakers.SPEAKERS.items():
        vowel_N = speakers._voiced("i", speaker, 4_000, chance)
        spectrum = np.abs(np.fft.rfft(vowel_N))
        hertz = np.fft.rfftfreq(4_000, 1 / speakers.RATE)
        peaks[name] = hertz[(spectrum * (hertz < 300)).argmax()]
    assert peaks["low"] == pytest.approx(110, rel=0.12) or peaks["low"] == pytest.approx(
        220, rel=0.12
    )
    assert peaks["high"] == pytest.approx(210, rel=0.12)


def test_what_each_holds_is_known_before_anything_is_imported():
    others = registry.attribute("readers", "demo", "others")
    assert {name: DemoReader.holds(name) for name in others} == others
    assert others["demo:digits"] == "images"
    assert others["demo:voices"] == "sound"
    assert DemoReader.holds("demo:world") == "text"


def test_another_name_is_refused_with_those_that_there_are():
    with pytest.raises(DataError, match="there is no 'demo:digit'") as caught:
        read("demo:digit")
    assert "demo:digits" in caught.value.hint
