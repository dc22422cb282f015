"""Token error rate and chrF, against slow references, sacrebleu's figures and sacrebleu."""

import random

import numpy as np
import pytest

from sslcli.api import Restoration
from sslcli.errors import DataError
from sslcli.metrics.chrf import chrf, chrf_rows
from sslcli.metrics.restored_text import edit_distance, token_error, token_error_rows
from sslcli.testing import tiny_tokenizer
from sslcli.workflows.pretrain.restored import text_scores

DICE = random.Random(0)


def slow_distance(left, right):
    found = {}
    for i in range(len(left) + 1):
        for j in range(len(right) + 1):
            found[i, j] = (
                max(i, j)
                if not (i and j)
                else min(
                    found[i - 1, j] + 1,
                    found[i, j - 1] + 1,
                    found[i - 1, j - 1] + (left[i - 1] != right[j - 1]),
                )
            )
    return found[len(left), len(right)]


def test_edits_against_the_table_of_all_beginnings():
    for _ in range(300):
        left, right = ([DICE.randint(0, 3) for _ in range(DICE.randint(0, 9))] for _ in range(2))
        assert edit_distance(left, right) == slow_distance(left, right)


def test_the_token_error_is_over_all_tokens_of_the_references():
    found = token_error(token_error_rows(["abcd", "x"], ["abd", "yz"]))
    assert found.value == pytest.approx((1 + 2) / 5)
    assert not found.higher_is_better
    assert token_error(token_error_rows(["abcdef"], ["a"])).value == 5
    assert token_error(token_error_rows([""], [""])).value == 0
    with pytest.raises(DataError):
        token_error(token_error_rows([], []))


def slow_chrf(texts, references):
    """As its definition says it, one n-gram at a time."""
    precisions, recalls = [], []
    for order in range(1, 7):
        own = wanted = both = 0
        for text, reference in zip(texts, references, strict=True):
            text, reference = ("".join(each.split()) for each in (text, reference))
            left, right = (
                [each[i : i + order] for i in range(len(each) - order + 1)]
                for each in (text, reference)
            )
            own += len(left) if right else 0
            wanted += len(right)
            for gram in left:
                if gram in right:
                    right.remove(gram)
                    both += 1
        if own and wanted:
            precisions.append(both / own)
            recalls.append(both / wanted)
    if not precisions or not sum(precisions):
        return 0.0
    precision, recall = (sum(each) / len(each) for each in (precisions, recalls))
    return 100 * 5 * precision * recall / (4 * precision + recall)


def some_texts(alphabet, count):
    return [
        "".join(DICE.choice(alphabet) for _ in range(DICE.randint(0, 14))) for _ in range(count)
    ]


@pytest.mark.parametrize("alphabet", ["ab c", "abcdefg hij", "红色 蓝ab"])
def test_chrf_against_its_definition(alphabet):
    for _ in range(60):
        count = DICE.randint(1, 5)
        texts, references = some_texts(alphabet, count), some_texts(alphabet, count)
        found = chrf(chrf_rows(texts, [[each] for each in references])).value
        assert found == pytest.approx(slow_chrf(texts, references), abs=1e-9)


@pytest.mark.parametrize(
    ("text", "reference", "value"),
    [
        # sacrebleu 2.6.0, chrF2|nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no
        (
            "risk assessment must be made of those who are qualified and expertise in the sector"
            " - these are the scientists .",
            "risk assessment has to be undertaken by those who are qualified and expert in that"
            " area - that is the scientists .",
            63.43165368117273,
        ),
        (
            "     Die    Beziehung zwischen  Obama und Netanjahu ist nicht gerade  freundlich. ",
            "Das Verhältnis zwischen Obama und Netanyahu ist nicht gerade freundschaftlich.",
            64.818123726097,
        ),
        ("abcdefg", "hijklmnop", 0.0),
        ("", "b", 0.0),
        ("a b", "ab", 100.0),
        ("红色", "红色", 100.0),
    ],
)
def test_chrf_as_sacrebleu_gives_it(text, reference, value):
    assert chrf(chrf_rows([text], [[reference]])).value == pytest.approx(value, abs=1e-9)


def test_chrf_against_sacrebleu():
    metrics = pytest.importorskip("sacrebleu.metrics")
    for _ in range(100):
        texts, references = some_texts("abc de", 4), some_texts("abc de", 4)
        expected = metrics.CHRF().corpus_score(texts, [references]).score
        assert chrf(chrf_rows(texts, [[each] for each in references])).value == pytest.approx(
            expected, abs=1e-9
        )


def test_restored_texts_are_scored_beside_what_was_given():
    """Masks are no words: whoever copies what is left has the baseline."""
    found = [
        Restoration("the cat sees the dog", "the [MASK] sees the dog", "the cat sees the cat", 1.0),
        Restoration("the bird", "the [MASK]", "the bird", 0.1),
    ]
    error, likeness = text_scores(found, tiny_tokenizer())
    assert (error.name, likeness.name) == ("token error", "chrF")
    assert error.value == pytest.approx(1 / 7)
    assert error.baselines == {"as given": pytest.approx(2 / 7)}
    assert likeness.value > likeness.baselines["as given"] > 0
    assert error.count == likeness.count == 2
    same = [Restoration(each.input, each.corrupted, each.input, 0.0) for each in found]
    assert [score.value for score in text_scores(same, tiny_tokenizer())] == [0.0, 100.0]
    rows = np.zeros((3, 2))
    assert not text_scores([Restoration(rows, rows, rows, 0.0)], tiny_tokenizer())
