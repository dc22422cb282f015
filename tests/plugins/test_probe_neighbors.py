"""`ssl probe neighbors`: against every word of every sentence in turn; what is no neighbour; bad
input.
"""

import numpy as np
import pytest
from sense_subjects import Generated, run, sense_record, tiny_subject
from sslplugins.probes.neighbors import Neighbors
from sslplugins.probes.senses.sampling import some_sentences, words_in

from sslcli.api import DataError, Rng, UsageError, WordOccurrence, word_vectors

DRAWS = Rng(42, 0, "probe")
TEXTS = [
    ("en", "she eats an orange . the red phone falls"), ("en",
    "he buys the old orchard, an apple falls"), ("en", "the zebra sells money."),
    ("zh", "她吃了一个果。"), ("zh", "河边的银行"),
]  # fmt: skip
WORDS = {
    "she eats an orange .": ["she", "eats", "an", "orange"],
    "the red phone falls": ["the", "red", "phone", "falls"],
    "he buys the old orchard, an apple falls": [
        "he",
        "buys",
        "the",
        "old",
        "orchard",
        "an",
        "apple",
        "falls",
    ],
    "the zebra sells money.": ["the", "sells", "money"],
    "她吃了一个果。": list("她吃了一个果"),
    "河边的银行": list("河边的银行"),
}
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
    return tiny_subject(Generated(TEXTS, senses=SENSES))


def slow_nearest(subject, vectors, count, layer=2):
    """Words one by one, each alone in its sentence's list."""
    mean = np.mean([vector / np.linalg.norm(vector) for vector in vectors], axis=0)
    best = {}
    for text, words in WORDS.items():
        start = 0
        for word in words:
            start = text.index(word, start)
            if word != "apple":
                vector = word_vectors(
                    subject, [WordOccurrence(text, start, start + len(word))], [layer]
                )[layer][0]
                cosine = vector @ mean / np.linalg.norm(vector) / np.linalg.norm(mean)
                best[word] = max(best.get(word, (-1.0, "")), (float(cosine), text))
            start += len(word)
    return sorted(((cosine, word, text) for word, (cosine, text) in best.items()), reverse=True)[
        :count
    ]


def test_a_corpus_gives_its_sentences_and_their_words(subject):
    sentences = some_sentences(subject, 100, DRAWS)
    assert {text for text, _ in sentences} == set(WORDS)
    assert {language for text, language in sentences if "果" in text} == {"zh"}
    for text, language in sentences:
        assert [use.word for use in words_in(subject.tokenizer, [(text, language)])] == WORDS[text]


def test_few_sentences_are_of_all_languages_and_the_same_for_a_seed(subject):
    few = some_sentences(subject, 2, DRAWS)
    assert sorted(language for _, language in few) == ["en", "zh"]
    assert some_sentences(subject, 2, DRAWS) == few


def test_neighbours_of_each_sense_are_those_of_every_word_in_turn(subject):
    report = run(Neighbors, subject, DRAWS, word="apple", count=4)
    assert [table.title for table in report.tables] == ["apple: fruit", "apple: company"]
    near = []
    for table, records in zip(report.tables, (SENSES[:3], SENSES[3:]), strict=True):
        uses = [
            WordOccurrence(record["text"], record["start"], record["start"] + 5)
            for record in records
        ]
        expected = slow_nearest(subject, word_vectors(subject, uses, [2])[2], 4)
        assert [row[1] for row in table.rows] == [word for _, word, _ in expected]
        np.testing.assert_allclose(
            [row[2] for row in table.rows], [cosine for cosine, *_ in expected], atol=1e-5
        )
        near.append({word for _, word, _ in expected})
        assert "apple" not in [row[1] for row in table.rows]
    shared, of_static = report.scores
    assert shared.value == pytest.approx(len(near[0] & near[1]) / 4)
    assert shared.baselines["input embedding"] == 1  # which knows one apple only
    assert report.tables[0].rows[0][5:] == report.tables[1].rows[0][5:]
    assert of_static.baselines["chance"] == pytest.approx(
        4 / len({word for words in WORDS.values() for word in words if word != "apple"})
    )


def test_neighbours_in_one_sentence_are_those_of_that_use(subject):
    report = run(
        Neighbors, subject, DRAWS, word="orchard", sentence="the orchard is old", layer=1, count=3
    )
    (table,) = report.tables
    vector = word_vectors(subject, [WordOccurrence("the orchard is old", 4, 11)], [1])[1]
    expected = [each for each in slow_nearest(subject, vector, 20, layer=1) if each[1] != "orchard"]
    assert [row[1] for row in table.rows] == [
        word for _, word, _ in expected[:3] if word != "apple"
    ]
    assert "layer 1 of 2" in report.notes[0]


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"word": "crane"}, UsageError, "'crane' does not occur"),
        ({"word": "bank", "sentence": "the river rises"}, UsageError, "'bank' does not stand in"),
        ({"word": "apple", "layer": 9}, UsageError, "layer 9 does not exist"),
        ({"word": "zebra", "sentence": "the zebra"}, DataError, "'zebra' is unknown"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(subject, options, error, problem):
    with pytest.raises(error, match=problem) as refused:
        run(Neighbors, subject, DRAWS, **options)
    assert refused.value.hint


def test_a_model_without_data_has_no_neighbours():
    with pytest.raises(UsageError, match="no text to look at"):
        run(Neighbors, tiny_subject(), DRAWS, word="apple", sentence="she eats an apple")


def test_data_that_the_model_cannot_read_is_refused():
    with pytest.raises(DataError, match="no other word that this model knows"):
        run(
            Neighbors,
            tiny_subject(Generated([("en", "zebras")])),
            DRAWS,
            word="apple",
            sentence="she eats an apple",
        )
