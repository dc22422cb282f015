"""Next-sentence and sentence-order prediction: the labels are true, and nothing but the text gives
them away.
"""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

from sslcli import registry
from sslcli.api import DataError, Rng
from sslcli.testing import Bench, corpus_in_memory, tiny_corpus, tiny_tokenizer

NextSentence, SentenceOrder = registry.load("objectives", "nsp"), registry.load("objectives", "sop")
TOKENIZER = tiny_tokenizer()


def pairs_of(cls, epochs=range(1), options=None, **corpus):
    """(document, true first, true second, first, second, label, sample) of every row."""
    bench = Bench.of(cls, options, "encoder")
    data = tiny_corpus(**corpus)
    objective = bench.collator()
    rows = np.concatenate([rows.values for rows in objective.arrange(data)])
    for epoch in epochs:
        for number, row in enumerate(rows):
            sample = objective.sample(data, row, Rng(0, epoch).sample(number))
            document, start, middle, stop, _ = row.tolist()
            cut = int((sample.segments == 0).sum())
            first, second = sample.tokens[1 : cut - 1].tolist(), sample.tokens[cut:-1].tolist()
            true = data.tokens(start, middle).tolist(), data.tokens(middle, stop).tolist()
            yield data, document, *true, first, second, sample


def test_next_sentence_labels_are_true():
    labels = []
    for data, document, a, b, first, second, sample in pairs_of(NextSentence, range(4)):
        assert first == a
        assert len(sample) <= data.sequence_tokens
        assert sample.tokens[[0, -1]].tolist() == [TOKENIZER.classify, TOKENIZER.separate]
        labels.append(sample.fields["label"])
        if sample.fields["label"] == 0:
            assert second == b
        else:
            found = [
                d
                for d, s, e in data.spans.tolist()
                if d != document and within(second, data.tokens(*data.sentences[[s, e]]).tolist())
            ]
            assert found
    assert np.mean(labels) == pytest.approx(0.5, abs=0.1)


def within(part, whole):
    return any(
        whole[place : place + len(part)] == part for place in range(len(whole) - len(part) + 1)
    )


def test_strangers_are_new_every_epoch():
    first, second = ([pair[5] for pair in pairs_of(NextSentence, [epoch])] for epoch in (0, 1))
    assert first != second


def unrelated_sentences(documents=400, sentences=(2, 9), **settings):
    """Documents whose sentences have lengths that say nothing of one another, and all end in one
    token.
    """
    random = np.random.default_rng(0)

    def sentence():
        return np.append(random.integers(10, TOKENIZER.size, random.integers(3, 14)), 9)

    return corpus_in_memory(
        [[sentence() for _ in range(random.integers(*sentences))] for _ in range(documents)],
        **settings,
    )


@pytest.mark.parametrize("cls", [NextSentence, SentenceOrder])
@pytest.mark.parametrize(
    ("unit", "sequence_tokens", "documents"),
    [
        ("fill", 64, {}), ("fill", 34, {}), ("sentence", 64, {}),
        ("fill", 64, {"documents": 200, "sentences": (40, 41)}), ("fill", 128, {"documents": 300,
        "sentences": (40, 41)}),
    ],
)  # fmt: skip
def test_lengths_and_last_tokens_do_not_give_the_label_away(cls, unit, sequence_tokens, documents):
    """A classifier that sees nothing else is not better than chance."""
    features, labels = [], []
    data, objective = (
        unrelated_sentences(unit=unit, sequence_tokens=sequence_tokens, **documents),
        Bench.of(cls, None, "encoder").collator(),
    )
    for number, row in enumerate(np.concatenate([rows.values for rows in objective.arrange(data)])):
        sample = objective.sample(data, row, Rng(0, 0).sample(number))
        cut = int((sample.segments == 0).sum())
        features.append(
            [cut, len(sample) - cut, len(sample), sample.tokens[-2], sample.tokens[cut - 2]]
        )
        labels.append(sample.fields["label"])
    score = cross_val_score(
        RandomForestClassifier(60, max_depth=4, random_state=0), features, labels, cv=4
    ).mean()
    assert score < 0.56


def test_stranger_rate():
    labels = [
        pair[-1].fields["label"]
        for pair in pairs_of(NextSentence, range(4), NextSentence.Options(stranger_rate=0.2))
    ]
    assert np.mean(labels) == pytest.approx(0.2, abs=0.08)


def test_strangers_speak_the_same_language_and_a_lone_document_keeps_its_own():
    data = replace(
        tiny_corpus(),
        _language_of=np.asarray([0, *(1 + document % 2 for document in range(1, 48))]),
    )
    objective = Bench.of(NextSentence, None, "encoder").collator()
    rows = np.concatenate([rows.values for rows in objective.arrange(data)])
    strangers = 0
    for number, row in enumerate(rows):
        sample = objective.sample(data, row, Rng(0, 0).sample(number))
        cut = int((sample.segments == 0).sum())
        if sample.fields["label"] == 1:
            strangers += 1
            assert row[0] != 0
            second = sample.tokens[cut:-1].tolist()
            homes = {
                d % 2
                for d, s, e in data.spans.tolist()
                if d and within(second, data.tokens(*data.sentences[[s, e]]).tolist())
            }
            assert row[0] % 2 in homes
    assert strangers > 10


def test_one_document_has_no_strangers():
    data = tiny_corpus()
    data = replace(data, spans=data.spans[:1])
    with pytest.raises(DataError, match="one document"):
        next(Bench.of(NextSentence, None, "encoder").collator().arrange(data))


def test_a_stranger_is_cut_only_where_none_fits():
    objective, data = Bench.of(NextSentence, None, "encoder").collator(), tiny_corpus()
    for number in range(50):
        start, stop = objective._stranger(data, 0, 2, 20, 20, Rng(0, 0).sample(number))
        assert {start, stop} <= set(data.sentences.tolist())
        start, stop = objective._stranger(data, 0, 2, 4, 4, Rng(0, 0).sample(number))
        assert stop - start == 4


def test_sentence_order_swaps_half():
    labels = []
    for _, _, a, b, first, second, sample in pairs_of(SentenceOrder, range(4)):
        labels.append(sample.fields["label"])
        assert (first, second) == ((b, a) if labels[-1] else (a, b))
    assert np.mean(labels) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("cls", [NextSentence, SentenceOrder])
def test_show_gives_the_answer(cls):
    bench = Bench.of(cls, None, "encoder")
    batch = bench.collate(range(6))
    answers = [passage.spans[-1].text for passage in bench.collator().show(batch).passages]
    by_label = {
        label: answer for label, answer in zip(batch.labels_B.tolist(), answers, strict=True)
    }
    assert answers == [by_label[label] for label in batch.labels_B.tolist()]
    assert len(set(by_label.values())) == len(by_label)
