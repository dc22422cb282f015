"""Tags of every scheme and spelling mark the spans that the same words have in BIOES, as seqeval
reads them.
"""

import random

import pytest
from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB2, IOBES, Tokens

from sslcli.api import detect_scheme, span_scores, spans_of_tags, tag_reading, unread_tags

# What each scheme calls the begin, the inside, the end and the single word of a span.
LETTERS = {
    "BIO": "BIIB",
    "BIOES": "BIES",
    "BILOU": "BILU",
    "BMES": "BMES",
    "BMEWO": "BMEW",
}
SPELLINGS = {
    "before": lambda letter, kind: f"{letter}-{kind}",
    "underscore": lambda letter, kind: f"{letter}_{kind}",
    "behind": lambda letter, kind: f"{kind}-{letter}",
    "behind underscore": lambda letter, kind: f"{kind}_{letter}",
    "small letters": lambda letter, kind: f"{letter.lower()}-{kind}",
}
KINDS = ["PER", "LOC", "B-SIDE", "per_son"]


def random_spans(draw, words):
    """(kind, start, end) from left to right, without overlap."""
    spans, start = [], 0
    while start < words:
        end = min(words, start + draw.choice([1, 1, 2, 3, 5]))
        if draw.random() < 0.5:
            spans.append((draw.choice(KINDS), start, end))
        start = end
    return spans


def tags_of(spans, words, letters, spelling):
    begin, inside, end, single = letters
    tags = ["O"] * words
    for kind, start, stop in spans:
        own = single if stop - start == 1 else begin + inside * (stop - start - 2) + end
        tags[start:stop] = [SPELLINGS[spelling](letter, kind) for letter in own]
    return tags


def random_corpus(seed, scheme, spelling, sentences=400):
    draw = random.Random(seed)
    lengths = [draw.randint(0, 12) for _ in range(sentences)]
    gold = [random_spans(draw, length) for length in lengths]
    given = [
        spans if draw.random() < 0.5 else random_spans(draw, len_)
        for spans, len_ in zip(gold, lengths, strict=True)
    ]
    return [
        [
            tags_of(spans, length, LETTERS[scheme], spelling)
            for spans, length in zip(each, lengths, strict=True)
        ]
        for each in (gold, given)
    ]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("scheme", LETTERS)
def test_f1_is_that_of_the_same_spans_in_bioes(scheme, spelling):
    gold, given = random_corpus(1, scheme, spelling)
    bioes = random_corpus(1, "BIOES", "before")
    reading = tag_reading(tag for sentence in gold + given for tag in sentence)
    read = [[[reading.tags[tag] for tag in tags] for tags in each] for each in (gold, given)]
    ours = {score.name: score.value for score in span_scores(*read)}
    assert ours["f1"] == pytest.approx(f1_score(*bioes, mode="strict", scheme=IOBES), abs=1e-12)
    assert reading.scheme == scheme


@pytest.mark.parametrize("scheme", ["BIO", "BIOES", "BILOU"])
def test_f1_is_that_of_seqeval_where_it_knows_the_scheme(scheme):
    theirs = {"BIO": IOB2, "BIOES": IOBES, "BILOU": BILOU}[scheme]
    gold, given = random_corpus(2, scheme, "before")
    reading = tag_reading(tag for sentence in gold + given for tag in sentence)
    read = [[[reading.tags[tag] for tag in tags] for tags in each] for each in (gold, given)]
    assert span_scores(*read)[0].value == pytest.approx(
        f1_score(gold, given, mode="strict", scheme=theirs), abs=1e-12
    )


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("scheme", LETTERS)
def test_any_order_of_tags_is_read_as_seqeval_reads_it_in_bioes(scheme, spelling):
    """A model obeys no scheme: thousands of random lists, each beside the same list in letters that
    seqeval knows.
    """
    draw = random.Random(3)
    same = dict(zip(LETTERS[scheme], "BIES" if scheme != "BIO" else "BIIB", strict=True))
    written = {
        SPELLINGS[spelling](letter, kind): f"{meaning}-{kind}"
        for letter, meaning in same.items()
        for kind in KINDS
    } | {"O": "O"}
    reading = tag_reading(written)
    assert reading.tags == written
    for _ in range(1000):
        tags = draw.choices(list(written), k=draw.randint(0, 9))
        expected = [
            (kind, start, last + 1)
            for kind, start, last in get_entities([written[tag] for tag in tags])
        ]
        assert spans_of_tags([reading.tags[tag] for tag in tags]) == expected


@pytest.mark.parametrize("scheme", ["BILOU", "BMES", "BMEWO"])
def test_what_obeys_a_scheme_is_detected_and_read_strictly(scheme):
    gold, _ = random_corpus(4, scheme, "before")
    bioes, _ = random_corpus(4, "BIOES", "before")
    assert detect_scheme(gold) == scheme
    for tags, same in zip(gold, bioes, strict=True):
        expected = [(each.tag, each.start, each.end) for each in Tokens(same, IOBES).entities]
        assert spans_of_tags(tags, scheme) == spans_of_tags(tags) == expected


def test_letters_alone_are_spans_of_one_kind_as_seqeval_has_it():
    reading = tag_reading(["B", "I", "O"])
    tags = ["B", "I", "O", "B", "B", "I"]
    assert spans_of_tags([reading.tags[tag] for tag in tags]) == [
        (kind, start, last + 1) for kind, start, last in get_entities(tags)
    ]
    assert tag_reading(["B", "M", "E", "S"]).scheme == "BMES"  # words of Chinese


@pytest.mark.parametrize("outside", ["OUT", "other", "0", "o"])
def test_another_name_for_outside_is_said(outside):
    reading = tag_reading(["B-PER", "I-PER", outside])
    assert reading.tags == {"B-PER": "B-PER", "I-PER": "I-PER", outside: "O"}
    assert f"'{outside}' read as O" in reading.remark


def test_letters_of_both_cases_are_read_and_said():
    reading = tag_reading(["O", "b-PER", "I-PER"])
    assert (reading.tags["b-PER"], reading.remark) == ("B-PER", "letters of both cases")


def test_a_mixture_of_schemes_is_read_and_said():
    reading = tag_reading(["O", "B-PER", "I-PER", "E-PER", "U-PER", "L-LOC"])
    assert reading.scheme == "BIOES and BILOU"
    assert "mixture" in reading.remark
    assert reading.tags["U-PER"] == "S-PER"
    assert detect_scheme([["U-PER", "S-PER"]]) is None


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (["O", "B-PER", "I-PER", "PER"], "'PER' fit"),
        (["O", "B-PER", "I"], "'I' fit"),
        (["O", "B-PER", "B-LOC", "X-LOC"], "'X-LOC' fit"),
        (["O", "PERSON", "PLACE"], "O is among the tags"),
    ],
)
def test_tags_that_look_like_a_scheme_and_are_none_are_named(tags, words):
    assert tag_reading(tags) is None
    assert words in unread_tags(tags)


@pytest.mark.parametrize(
    "tags", [["NOUN", "VERB"], ["NN", "NN-TL", "B-X Y"], ["O"], [], ["O", "B-PER"], ["U_PER", "O"]]
)
def test_nothing_is_said_of_plain_tags_and_of_spans(tags):
    assert unread_tags(tags) == ""
