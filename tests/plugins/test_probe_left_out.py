"""What a probe cannot read whole is left out, as if it had never been given, and counted aloud."""

from dataclasses import replace

import pytest
from sense_subjects import Generated, run, sense_record, tiny_subject
from sslplugins.probes.neighbors import Neighbors
from sslplugins.probes.projection import Projection
from sslplugins.probes.similarity import Similarity

from sslcli.api import DataError, Rng

DRAWS = Rng(42, 0, "probe")
USES = [
    ("she eats an apple .", "fruit"),
    ("the red apple falls", "fruit"),
    ("apple sells a new phone", "company"),
    ("the phone by apple rises .", "company"),
]
LONG = [
    ("the apple falls " + "by the river " * 12, "fruit"),
    ("by the river " * 12 + "apple", "company"),
]
TEXTS = [
    ("en", "he buys the old orchard"),
    ("en", "the red phone falls"),
    ("en", "she sells money"),
]
NEVER_READ = [
    ("en", "the money falls " + "by the river " * 40),
    ("en", "an apple " + "by the river " * 40),
]
LEFT_OUT = "longer than the 30 tokens that the model reads, and left out: 2 of 6 texts"


def written(path, uses):
    path.write_text("".join(f"{text}\t{sense}\n" for text, sense in uses))
    return str(path)


def without_source(report):
    return replace(report, notes=[])


@pytest.mark.parametrize("probe", [Similarity, Neighbors])
def test_sentences_that_are_too_long_change_nothing_but_what_is_said(probe, tmp_path):
    short, both = (
        written(tmp_path / "short.txt", USES),
        written(tmp_path / "both.txt", [LONG[0], *USES, LONG[1]]),
    )
    model, other = tiny_subject(Generated(TEXTS)), tiny_subject(Generated(TEXTS))
    expected = run(probe, model, DRAWS, word="apple", sentences=short)
    found = run(probe, other, DRAWS, word="apple", sentences=both)
    assert without_source(found) == without_source(expected)
    assert model.lengths.remarks() == []
    (said,) = other.lengths.remarks()
    assert said == LEFT_OUT.replace("of 6", f"of {6 + (len(TEXTS) if probe is Neighbors else 0)}")


def test_uses_that_a_source_knows_are_left_out_alike():
    records, more = (
        [sense_record(text, "apple", sense) for text, sense in uses] for uses in (USES, LONG)
    )
    model, other = (
        tiny_subject(Generated(senses=records)),
        tiny_subject(Generated(senses=[*records, *more])),
    )
    for probe, options in (
        (Similarity, {"word": "apple"}),
        (Similarity, {}),
        (Projection, {"what": "senses"}),
    ):
        expected, found = (run(probe, each, DRAWS, **options) for each in (model, other))
        assert without_source(found) == without_source(expected)
    assert other.lengths.remarks() == [LEFT_OUT]


def test_only_too_long_sentences_are_refused(tmp_path):
    path = written(tmp_path / "long.txt", LONG)
    with pytest.raises(
        DataError, match="every sentence with 'apple' is longer than this model reads"
    ):
        run(Similarity, tiny_subject(), DRAWS, word="apple", sentences=path)


@pytest.mark.parametrize(
    ("probe", "options"), [(Neighbors, {"word": "apple"}), (Projection, {"what": "words"})]
)
def test_long_sentences_of_a_corpus_are_counted(probe, options):
    senses = [sense_record(text, "apple", sense) for text, sense in USES]
    model, other = (
        tiny_subject(Generated(texts, senses=senses)) for texts in (TEXTS, [*TEXTS, *NEVER_READ])
    )
    expected, found = (run(probe, each, DRAWS, **options) for each in (model, other))
    assert without_source(found) == without_source(expected)
    (said,) = other.lengths.remarks()
    assert said.startswith("longer than 400 characters, and left out: 2 of ")
