"""Linear probes of layers and of languages, beside scikit-learn on slowly read vectors, and where
the truth is known.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from probe_subjects import Known, parallel, tiny, vectors_slowly
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sslplugins.probes.languages import Languages
from sslplugins.probes.layers import Layers

from sslcli.api import Annotated, DataError, Rng, Score, UsageError

DRAWS = Rng(0, 0, "probe")
KINDS = {"the": "DET", "in": "ADP", ".": "PUNCT"}


def tagged(texts, tag_of=None):
    """By a word's kind: what stands behind "the" is a noun, what does not is a verb."""
    found = []
    for text in texts:
        words, starts = (
            text.split(),
            np.cumsum([0, *(len(word) + 1 for word in text.split())]).tolist(),
        )
        tags = [
            KINDS.get(word) or ("NOUN" if words[place - 1] == "the" else "VERB")
            for place, word in enumerate(words)
        ]
        spans = [(start, start + len(word)) for start, word in zip(starts, words, strict=False)]
        found.append(
            Annotated(
                text,
                spans,
                tags if tag_of is None else [tag_of(place) for place in range(len(words))],
            )
        )
    return found


def subject_with(train, test):
    return replace(tiny(), probe_data=Known(labelled=(train, test)))


def peer_accuracy(rows, labels, tested, asked):
    scaler = StandardScaler().fit(rows)
    strength = 1.0 if len(set(labels)) > 2 else 2.0
    peer = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(
        scaler.transform(rows), labels
    )
    return float(np.mean(peer.predict(scaler.transform(tested)) == np.asarray(asked)))


# all words of one piece
TEXTS = [text for text, _ in parallel(90) if not {"garden", "river", "forest"} & set(text.split())]


def test_every_layer_is_what_logistic_regression_reads_from_slowly_read_words():
    train, test = (
        tagged(TEXTS[::2], lambda place: "ab"[place % 2]),
        tagged(TEXTS[1::2], lambda place: "ab"[place % 2]),
    )
    model = subject_with(train, test)
    report = Layers(Layers.Options(limit=10_000)).run(model, DRAWS)
    (table,) = report.tables
    for row in table.rows[1:]:
        sides = []
        for part in (train, test):
            rows = np.concatenate([vectors_slowly(model, text.text, row[0]) for text in part])
            sides += [rows, [label for text in part for label in text.labels]]
        assert row[1] == pytest.approx(peer_accuracy(*sides), abs=2 / report.scores[0].count)


def test_labels_of_words_are_read_from_words_and_control_stands_beside():
    report = Layers(Layers.Options(limit=200)).run(
        subject_with(tagged(TEXTS[::2]), tagged(TEXTS[1::2])), DRAWS
    )
    best, selectivity = report.scores
    counts = Counter(label for text in tagged(TEXTS) for label in text.labels)
    assert best.value == 1.0  # words are told apart by random weights already
    assert best.baselines["majority"] == pytest.approx(
        max(counts.values()) / counts.total(), abs=0.05
    )
    assert best.baselines["static embedding"] == 1.0
    assert selectivity.value == pytest.approx(best.value - best.baselines["shuffled labels"])
    assert report.notes[-1].startswith("context adds nothing")
    assert report.tables[0].rows[0][0] == "static"
    assert {curve.title for curve in report.plots[0].curves} == {
        "accuracy",
        "shuffled labels",
        "static embedding",
        "majority",
    }


def test_labels_that_nothing_tells_are_not_emerged():
    generator = np.random.default_rng(0)
    train, test = (
        tagged(part, lambda _: "aab"[generator.integers(3)]) for part in (TEXTS[::2], TEXTS[1::2])
    )
    report = Layers(Layers.Options(limit=10_000)).run(subject_with(train, test), DRAWS)
    assert report.notes[-1].startswith("not emerged")


def test_whole_texts_have_labels_too():
    train, test = (
        [Annotated(text, [(0, len(text))], [text.split()[2]]) for text in part]
        for part in (TEXTS[::2], TEXTS[1::2])
    )
    report = Layers(Layers.Options(task="sentiment")).run(subject_with(train, test), DRAWS)
    assert report.scores[0].count == len(test)
    assert report.scores[0].value > report.scores[0].baselines["majority"]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([], "no text with labels of pos"),
        (tagged(TEXTS, lambda _: "x"), "every place has the label 'x'"),
    ],
)
def test_labels_that_say_nothing_are_refused(train, message):
    with pytest.raises(DataError, match=message):
        Layers(Layers.Options()).run(subject_with(train, tagged(TEXTS)), DRAWS)


def test_the_language_is_read_as_logistic_regression_reads_it():
    model = tiny(
        texts={
            "aa": [a for a, _ in parallel(90)],
            "bb": [f"{b[:-2]} in the house ." for _, b in parallel(80)],
        }
    )
    report = Languages(Languages.Options(limit=60)).run(model, DRAWS)
    (table,) = report.tables
    texts = {
        code: DRAWS.of(code).some("sentences", list(dict.fromkeys(own)), 60)
        for code, own in model.probe_data.texts.items()
    }
    for row in table.rows:
        parts = [
            {
                code: np.stack(
                    [vectors_slowly(model, text, row[0]).mean(axis=0) for text in own[part::3]]
                )
                for code, own in texts.items()
            }
            for part in range(3)
        ]
        labels = [[code for code, own in part.items() for _ in own] for part in parts]
        rows = [np.concatenate(list(part.values())) for part in parts]
        assert row[1] == pytest.approx(
            peer_accuracy(rows[1], labels[1], rows[2], labels[2]), abs=1 / len(rows[2])
        )
        means = {code: own.mean(axis=0) for code, own in parts[0].items()}
        known, asked = (
            rows[part] - np.stack([means[code] for code in labels[part]]) for part in (1, 2)
        )
        assert row[4] == pytest.approx(
            peer_accuracy(known, labels[1], asked, labels[2]), abs=1 / len(rows[2])
        )
        units = [own / np.linalg.norm(own, axis=1, keepdims=True) for own in (known, asked)]
        nearest = np.asarray(labels[1])[(units[1] @ units[0].T).argmax(axis=1)]
        assert row[5] == pytest.approx(
            np.mean(nearest == np.asarray(labels[2])), abs=1 / len(rows[2])
        )


def test_two_names_of_one_language_are_not_told_apart():
    texts = [text for text, _ in parallel(140)]
    report = Languages(Languages.Options()).run(
        tiny(texts={"aa": texts[::2], "bb": texts[1::2]}), DRAWS
    )
    assert report.notes[0].startswith("not emerged")
    assert all(set(score.baselines) == {"majority", "shuffled labels"} for score in report.scores)


def test_one_language_and_too_few_sentences_are_refused():
    with pytest.raises(UsageError, match="the texts are in 'aa' alone"):
        Languages(Languages.Options()).run(tiny(texts={"aa": TEXTS}), DRAWS)
    with pytest.raises(DataError, match="there are 3 sentences in 'bb', and 12 are needed"):
        Languages(Languages.Options()).run(tiny(texts={"aa": TEXTS, "bb": TEXTS[:3]}), DRAWS)


@pytest.mark.parametrize(
    ("value", "says"),
    [(0.93, "context adds nothing"), (0.97, "0.970 at its best layer, 2: 0.070 more")],
)
def test_context_adds_what_lies_above_the_interval_of_the_static_embedding(value, says):
    static = Score("static", 0.9, interval=(0.86, 0.94))
    score = Score("pos", value, interval=(value - 0.02, value + 0.02), baselines={"majority": 0.5})
    assert Layers(Layers.Options())._reading(score, 2, static).startswith(says)
