"""Vectors of words and sentences beside a slow reading of one text at a time; what a frozen model
is looked at with.
"""

import numpy as np
import pytest
import torch

from sslcli.api import (
    Annotated,
    DataError,
    Inputs,
    Packing,
    UsageError,
    WordOccurrence,
    labelled_uses,
    sentence_vectors,
    static_vectors,
    usable,
    usable_texts,
    word_vectors,
)
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.workflows.probe.frozen_model import load_frozen_model

TEXTS = (
    "emma works for nokia in munich .",
    "toyota makes the metal watch .",
    "emma lives in munich .",
)


def subject_of(folder, data=(), reader=None):
    return load_frozen_model(
        str(folder), data, choose_hardware(HardwareSettings(device="cpu")), reader
    )


@pytest.fixture(scope="module")
def subject(world_run):
    return subject_of(world_run)


def uses_of(words):
    return [
        WordOccurrence(text, text.index(word), text.index(word) + len(word))
        for text in TEXTS
        for word in words
        if f" {word} " in f" {text} "
    ]


def slowly(subject, text, layer):
    """Hidden states of one text alone, [CLS] and [SEP] among them."""
    tokenizer = subject.tokenizer
    tokens = torch.tensor([tokenizer.classify, *tokenizer.encode(text), tokenizer.separate])
    inputs = Inputs(Packing.of([len(tokens)]), torch.arange(len(tokens)), tokens)
    with torch.no_grad():
        return subject.backbone(inputs, keep=[layer]).kept[layer].numpy()


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_words_vector_is_that_of_its_place_in_the_text_alone(subject, layer):
    uses = uses_of(["emma", "munich", "watch"])
    found = word_vectors(subject, uses, [layer])[layer]
    for use, vector in zip(uses, found, strict=True):
        place = 1 + use.text.split().index(use.word)  # the world's tokenizer knows whole words
        np.testing.assert_allclose(vector, slowly(subject, use.text, layer)[place], atol=1e-5)


def test_the_pieces_of_a_word_are_pooled_as_asked(subject):
    text = TEXTS[0]
    two_words = WordOccurrence(text, 0, len("emma works"))
    rows = slowly(subject, text, 2)
    np.testing.assert_allclose(
        word_vectors(subject, [two_words], [2])[2][0], rows[1:3].mean(axis=0), atol=1e-5
    )
    np.testing.assert_allclose(
        word_vectors(subject, [two_words], [2], "first")[2][0], rows[1], atol=1e-5
    )


def test_a_sentences_vector_is_the_mean_without_special_tokens(subject):
    found = sentence_vectors(subject, TEXTS, [1])[1]
    for text, vector in zip(TEXTS, found, strict=True):
        np.testing.assert_allclose(vector, slowly(subject, text, 1)[1:-1].mean(axis=0), atol=1e-5)


def test_static_vectors_know_no_context(subject):
    found = static_vectors(subject, uses_of(["emma"]))
    row = subject.backbone.embedding[subject.tokenizer.encode("emma")[0]].numpy()
    np.testing.assert_array_equal(found, np.stack([row, row]))


def test_the_order_and_the_number_of_texts_change_nothing(subject):
    texts = [*TEXTS] * 200  # several batches
    found = sentence_vectors(subject, texts, [2])[2]
    np.testing.assert_allclose(found[:3], sentence_vectors(subject, TEXTS, [2])[2], atol=1e-5)
    np.testing.assert_allclose(found[-3:], found[:3], atol=1e-5)


def test_what_has_no_token_is_refused(subject):
    with pytest.raises(DataError, match="no token"):
        word_vectors(subject, [WordOccurrence("a  b", 1, 2)], [0])
    with pytest.raises(DataError, match="no token"):
        sentence_vectors(subject, ["emma", " "], [0])


def test_usable_is_what_can_be_looked_at(subject):
    longest = subject.backbone.settings.longest_tokens
    fits, too_long = ("emma " * (longest - 2)).strip(), ("emma " * (longest - 1)).strip()
    assert usable_texts(subject, ["emma", " ", fits, too_long]) == [True, False, True, False]
    uses = [WordOccurrence(text, 0, 4) for text in ("emma", fits, too_long)]
    assert usable(subject, [*uses, WordOccurrence("a  b", 1, 2)]) == uses[:2]
    assert word_vectors(subject, uses[:2], [0])[0].shape == (2, subject.backbone.settings.width)
    with pytest.raises(DataError):
        word_vectors(subject, uses[2:], [0])


def test_labelled_places_are_read_apart_where_a_piece_would_be_in_two(subject):
    as_written = Annotated(
        "emma lives .", [(0, 4), (5, 10), (11, 12)], ["name", "verb", "mark"], "en"
    )
    assert labelled_uses(subject, [as_written]) == [
        WordOccurrence(as_written.text, *span, label, "en")
        for span, label in zip(as_written.spans, as_written.labels, strict=True)
    ]
    touching = Annotated(" emmalives.", [(1, 5), (5, 10), (10, 11)], ["name", "verb", "mark"])
    found = labelled_uses(subject, [touching])
    assert [(use.word, use.sense) for use in found] == [
        ("emma", "name"),
        ("lives", "verb"),
        (".", "mark"),
    ]
    plain = labelled_uses(subject, [as_written])
    assert labelled_uses(subject, [touching, as_written, touching]) == [*found, *plain, *found]
    np.testing.assert_array_equal(static_vectors(subject, found), static_vectors(subject, plain))
    # such as a sentence whose tags are all marked as not counted
    unlabelled = Annotated("emma lives .", [], [])
    assert labelled_uses(subject, [unlabelled, as_written]) == plain


def test_a_frozen_model_learns_nothing_and_knows_its_stages(world_run, subject):
    assert not subject.backbone.training
    assert not any(parameter.requires_grad for parameter in subject.backbone.parameters())
    assert subject.step == 2
    stages = list(subject.stages())
    assert [stage.step for stage in stages] == [0, 1, 2]
    first, last = (stage.backbone.embedding for stage in (stages[0], stages[-1]))
    assert not torch.equal(first, last)
    assert torch.equal(last, subject.backbone.embedding)


def test_the_data_of_the_run_is_what_it_is_looked_at_with(subject):
    assert {
        document.language
        for document, _ in zip(subject.probe_data.documents(), range(10), strict=False)
    } == {"en", "zh"}
    assert next(iter(subject.probe_data.records("words"))).values["tokens"]


def test_a_reader_that_is_named_opens_what_no_suffix_tells(world_run, text_corpus, tmp_path):
    path = tmp_path / "text.en"
    path.write_bytes(text_corpus.read_bytes())
    with pytest.raises(DataError, match=r"unsupported file type '\.en'"):
        list(subject_of(world_run, [f"en={path}"]).probe_data.documents())
    assert (
        next(subject_of(world_run, [f"en={path}"], "txt").probe_data.documents()).language == "en"
    )


def test_data_that_is_given_takes_its_place(world_run, text_corpus):
    given = subject_of(world_run, [f"fr={text_corpus}"])
    assert next(given.probe_data.documents()).language == "fr"
    with pytest.raises(UsageError, match="no senses"):
        given.probe_data.records("senses")
