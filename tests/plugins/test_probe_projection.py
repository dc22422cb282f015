"""`ssl probe projection`: the plane against a singular value decomposition, groups against loops,
links, and bad input.
"""

import numpy as np
import pytest
from sense_subjects import Generated, run, sense_record, tiny_subject
from sslplugins.probes.projection import Projection
from sslplugins.probes.senses.planes import alike_score, centred

from sslcli.api import DataError, Rng, UsageError, WordOccurrence, sentence_vectors, word_vectors

DRAWS = Rng(42, 0, "probe")
TEXTS = [
    ("en", "she eats an apple . the red apple falls"),
    ("en", "the new phone . the bank rises"),
    ("zh", "她吃了苹果。"),
    ("zh", "新手机。河边的银行"),
]
SENTENCES = [
    "she eats an apple .",
    "the red apple falls",
    "the new phone .",
    "the bank rises",
    "她吃了苹果。",
    "新手机。",
    "河边的银行",
]
WORDS = [("apple", "苹果"), ("phone", "手机"), ("bank", "银行"), ("money", "钱")]
PARALLEL = [
    ("she eats an apple", "她吃了一个苹果"),
    ("the new phone", "新手机"),
    ("the red river", "红河"),
    ("he sells money", "卖钱"),
]
SENSES = [
    sense_record(text, "apple", "fruit")
    for text in ("she eats an apple", "the red apple falls", "an old apple")
]
SENSES += [
    sense_record(text, "apple", "company")
    for text in ("apple sells phone", "the new apple rises", "money by apple")
]


@pytest.fixture(scope="module")
def subject():
    dictionary = [{"en": one, "zh": other, "type": "thing"} for one, other in WORDS]
    parallel = [{"en": one, "zh": other} for one, other in PARALLEL]
    return tiny_subject(Generated(TEXTS, senses=SENSES, dictionary=dictionary, parallel=parallel))


def slow_plane(rows_ND):
    """The first two principal directions by eigenvectors of the covariance, and their shares of the
    variance.
    """
    rows = rows_ND.astype(float) - rows_ND.astype(float).mean(axis=0)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    return rows @ vectors[:, [-1, -2]], values[[-1, -2]] / values.sum()


def assert_same_plane(scatter, rows_ND):
    """But for the sign of a direction."""
    expected, _ = slow_plane(rows_ND)
    for found, wanted in zip((scatter.xs, scatter.ys), expected.T, strict=True):
        np.testing.assert_allclose(
            np.asarray(found) * np.sign(found[0]), wanted * np.sign(wanted[0]), atol=1e-4
        )


def test_sentences_and_their_translations_lie_where_their_vectors_do(subject):
    report = run(Projection, subject, DRAWS, what="sentences", layer=1)
    raw, middle = report.scatters
    vectors = sentence_vectors(subject, list(raw.labels), [1])[1]
    assert_same_plane(raw, vectors)
    assert {(raw.labels[one], raw.labels[other]) for one, other in raw.links} == set(PARALLEL)
    assert list(raw.groups) == ["en", "zh"] * 4
    halves = vectors.astype(float)
    halves[::2] -= halves[::2].mean(axis=0)
    halves[1::2] -= halves[1::2].mean(axis=0)
    assert_same_plane(middle, halves)
    shares = slow_plane(vectors)[1]
    assert any(
        note.startswith(f"the picture shows {shares.sum():.0%} of the variance")
        for note in report.notes
    )


def test_a_words_point_is_the_mean_of_its_uses(subject):
    report = run(Projection, subject, DRAWS, what="words", centre=False)
    (scatter,) = report.scatters
    # money stands nowhere
    assert {(scatter.labels[one], scatter.labels[other]) for one, other in scatter.links} == set(
        WORDS[:3]
    )
    rows = []
    for word in scatter.labels:
        uses = [
            WordOccurrence(text, text.index(word), text.index(word) + len(word))
            for text in SENTENCES
            if word in text
        ]
        rows.append(word_vectors(subject, uses, [2])[2].mean(axis=0))
    assert_same_plane(scatter, np.stack(rows))


def test_without_pairs_the_commonest_words_are_drawn():
    report = run(
        Projection, tiny_subject(Generated(TEXTS)), DRAWS, what="words", count=4, centre=False
    )
    assert set(report.scatters[0].labels) >= {"the", "apple"}
    assert len(report.scatters[0].labels) == 4


def test_senses_have_a_colour_each(subject):
    report = run(Projection, subject, DRAWS, what="senses", word="apple")
    (scatter,) = report.scatters
    assert list(scatter.groups) == ["fruit"] * 3 + ["company"] * 3
    uses = [
        WordOccurrence(record["text"], record["start"], record["start"] + 5) for record in SENSES
    ]
    assert_same_plane(scatter, word_vectors(subject, uses, [2])[2])


def test_t_sne_gives_every_point_a_place_and_a_seed_the_same(subject):
    found = [
        run(Projection, subject, DRAWS, what="senses", method="tsne").scatters[0] for _ in range(2)
    ]
    assert found[0] == found[1]
    assert np.isfinite([found[0].xs, found[0].ys]).all()
    assert len(found[0].xs) == len(SENSES)


def test_pairs_of_a_file_are_drawn(subject, tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("apple\t苹果\nphone\t手机\n", encoding="utf-8")
    report = run(Projection, subject, DRAWS, what="words", pairs=[str(path)])
    assert set(report.scatters[0].labels) == {"apple", "苹果", "phone", "手机"}


@pytest.mark.parametrize("languages", ["en", "en,", "en,en", "en,zh,fr"])
def test_pairs_are_in_two_languages(subject, tmp_path, languages):
    path = tmp_path / "pairs.txt"
    path.write_text("apple\t苹果\n", encoding="utf-8")
    with pytest.raises(
        UsageError,
        match=f"two languages are compared, not {', '.join(filter(None, languages.split(',')))}$",
    ):
        run(Projection, subject, DRAWS, what="words", pairs=[str(path)], languages=languages)


def test_the_share_of_alike_neighbours_is_that_of_a_loop():
    rows = np.random.default_rng(1).normal(size=(15, 4))
    groups = list("aaaaabbbbbbbccc")
    hits = 0
    for i, row in enumerate(rows):
        others = [
            (row @ other / np.linalg.norm(other), groups[j])
            for j, other in enumerate(rows)
            if j != i
        ]
        hits += max(others)[1] == groups[i]
    score = alike_score("alike", rows, groups)
    assert score.value == pytest.approx(hits / 15)
    pairs = [groups[i] == groups[j] for i in range(15) for j in range(15) if i != j]
    assert score.baselines["chance"] == pytest.approx(np.mean(pairs))


def test_centred_groups_have_the_mean_zero():
    rows = centred(np.random.default_rng(2).normal(size=(6, 3)), list("ababab"))
    np.testing.assert_allclose([rows[::2].mean(axis=0), rows[1::2].mean(axis=0)], 0, atol=1e-12)


@pytest.mark.parametrize(
    ("material", "options", "error", "problem"),
    [
        (Generated(), {"what": "senses"}, UsageError, "no word to look at"),
        (Generated(), {"what": "words"}, DataError, "no sentence in the data"),
        (Generated(TEXTS), {"what": "words", "layer": 7}, UsageError, "layer 7 does not exist"),
        (
            Generated(TEXTS, dictionary=[{"en": "crane", "zh": "鹤"}]),
            {"what": "words"},
            DataError,
            "no pair of words stands in the data",
        ),
        (
            Generated(parallel=[{"en": "the bank", "zh": "银行"}]),
            {"what": "sentences"},
            DataError,
            "there are 2 sentences to draw",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(material, options, error, problem):
    with pytest.raises(error, match=problem) as refused:
        run(Projection, tiny_subject(material), DRAWS, **options)
    assert refused.value.hint
