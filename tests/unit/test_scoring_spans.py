"""Spans of tags are read and counted as seqeval does, in its default mode and in its strict one."""

import random
from functools import partial
from itertools import groupby

import numpy as np
import pytest
from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_support
from seqeval.scheme import IOB1, IOB2, IOBES, Tokens

from sslcli.api import (
    DataError,
    TaggedSpan,
    detect_scheme,
    has_spans,
    span_scores,
    span_table,
    spans_of_tags,
)

STRICT = {"IOB1": (IOB1, "BI"), "IOB2": (IOB2, "BI"), "BIOES": (IOBES, "BIES")}
ANY_SPAN = {"BI": ["I-PER", "B-PER", "O"], "BIES": ["O", "B-PER", "E-PER"]}
KINDS = ["PER", "LOC", "B-SIDE"]


def random_tags(draw, letters, longest=9):
    possible = [
        "O",
        *(f"{letter}-{kind}" for letter in letters for kind in KINDS[: draw.randint(1, 3)]),
    ]
    return [draw.choice(possible) for _ in range(draw.randint(0, longest))]


def random_corpus(draw, letters):
    """Sentences, of which the last has a span by any scheme, and predictions that are right for
    most of the words.
    """
    gold = [*(random_tags(draw, letters) for _ in range(draw.randint(0, 7))), ANY_SPAN[letters]]
    return gold, [
        [
            tag if draw.random() < 0.8 else draw.choice(random_tags(draw, letters) or ["O"])
            for tag in tags
        ]
        for tags in gold
    ]


def written(kinds, breaks, scheme):
    """Tags of words whose spans are known: the kind of each word, and whether a new span begins
    there.
    """
    numbers = np.cumsum(breaks)
    tags, previous = [], None
    for (kind, _), run in groupby(zip(kinds, numbers, strict=True)):
        length = len(list(run))
        if kind is None:
            letters = "O" * length
        elif scheme == "BIOES":
            letters = "S" if length == 1 else "B" + "I" * (length - 2) + "E"
        else:
            letters = ("B" if scheme == "IOB2" or previous == kind else "I") + "I" * (length - 1)
        tags += [letter if kind is None else f"{letter}-{kind}" for letter in letters]
        previous = kind
    return tags


def test_without_a_scheme_spans_are_those_of_seqeval():
    draw = random.Random(1)
    for _ in range(3000):
        tags = random_tags(draw, "BIES")
        assert spans_of_tags(tags) == [
            (kind, start, last + 1) for kind, start, last in get_entities(tags)
        ]


@pytest.mark.parametrize("scheme", STRICT)
def test_with_a_scheme_spans_are_those_of_strict_seqeval(scheme):
    draw = random.Random(2)
    foreign, letters = STRICT[scheme]
    for _ in range(3000):
        tags = random_tags(draw, letters)
        assert spans_of_tags(tags, scheme) == [
            (one.tag, one.start, one.end) for one in Tokens(tags, foreign).entities
        ]


@pytest.mark.parametrize("scheme", [None, *STRICT])
def test_figures_are_those_of_seqeval(scheme):
    draw = random.Random(3)
    foreign, letters = STRICT.get(scheme, (None, "BIES"))
    support = partial(strict_support, scheme=foreign) if scheme else precision_recall_fscore_support
    for _ in range(250):
        gold, predicted = random_corpus(draw, letters)
        precision, recall, f1, _ = support(gold, predicted, average="micro", zero_division=0)
        macro_f1 = support(gold, predicted, average="macro", zero_division=0)[2]
        figures = {score.name: score.value for score in span_scores(gold, predicted, scheme)}
        assert figures == pytest.approx(
            {"f1": f1, "precision": precision, "recall": recall, "macro f1": macro_f1}
        )


def test_without_any_span_all_figures_are_zero():
    assert [score.value for score in span_scores([["O", "O"], []], [["O", "O"], []])] == [0.0] * 4


def test_figures_by_kind_are_those_of_seqeval():
    draw = random.Random(4)
    for _ in range(100):
        gold, predicted = random_corpus(draw, "BI")
        columns = precision_recall_fscore_support(gold, predicted, average=None, zero_division=0)
        table = span_table(gold, predicted)
        assert [row[0] for row in table.rows] == sorted(
            {span.kind for tags in gold + predicted for span in spans_of_tags(tags)}
        )
        assert np.array([row[1:] for row in table.rows]).reshape(-1, 4) == pytest.approx(
            np.array(columns, dtype=float).T
        )


@pytest.mark.parametrize("scheme", STRICT)
def test_what_is_written_in_a_scheme_is_recognised_and_read_back(scheme):
    draw = random.Random(5)
    texts, truths = [], []
    for _ in range(300):
        kinds = [draw.choice([None, "PER", "PER", "LOC"]) for _ in range(draw.randint(1, 10))]
        breaks = [
            place == 0 or kinds[place] != kinds[place - 1] or draw.random() < 0.4
            for place in range(len(kinds))
        ]
        runs = groupby(range(len(kinds)), key=np.cumsum(breaks).tolist().__getitem__)
        places = [list(run) for _, run in runs]
        truths.append(
            [TaggedSpan(kinds[run[0]], run[0], run[-1] + 1) for run in places if kinds[run[0]]]
        )
        texts.append(written(kinds, breaks, scheme))
    assert detect_scheme(texts) == scheme
    assert [spans_of_tags(tags, scheme) for tags in texts] == truths
    assert [spans_of_tags(tags) for tags in texts] == truths


def test_other_names_of_schemes():
    assert (
        spans_of_tags(["B-X", "I-X", "I-Y"], "BIO")
        == spans_of_tags(["B-X", "I-X", "I-Y"], "IOB2")
        == [("X", 0, 2)]
    )
    assert spans_of_tags(["B-X", "S-Y"], "IOBES") == [("Y", 1, 2)]


def test_a_mixture_is_no_scheme():
    assert detect_scheme([["O", "B-X", "I-X"], ["O", "I-Y"]]) is None


def test_labels_that_mark_spans_are_told_from_those_that_do_not():
    assert has_spans(["O", "B-PER", "I-PER", "S-LOC"])
    assert not has_spans(["NOUN", "VERB", "O"])
    assert not has_spans(["O"])
    assert not has_spans(["B", "O"])
    assert not has_spans(["S", "E"])


def test_what_is_no_tag_is_named():
    with pytest.raises(DataError, match="'NOUN' is no tag"):
        spans_of_tags(["O", "NOUN"])
    with pytest.raises(DataError, match="'S-X' is no tag of IOB2"):
        spans_of_tags(["S-X"], "IOB2")
    with pytest.raises(DataError, match="'BILOX'"):
        spans_of_tags(["O"], "BILOX")


def test_a_figure_knows_how_many_sentences_it_is_of():
    gold = [["B-X", "O", "B-Y"], ["O", "B-X", "I-X"]] * 20
    predicted = [["B-X", "O", "B-Y"], ["O", "B-X", "O"]] * 20
    f1 = span_scores(gold, predicted)[0]
    assert (f1.name, f1.count, f1.value) == ("f1", 40, pytest.approx(2 / 3))
    assert f1.interval[0] < f1.value < f1.interval[1]
