"""Tokens in words, whatever the kind of pieces."""

import pytest
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, pre_tokenizers, trainers

from sslcli.data.text.tokenizer import Tokenizer
from sslcli.reporting.passages import passages_of, spans_of
from sslcli.testing import tiny_tokenizer

TEXT = "the horse sees the garden ."
PIECES = tiny_tokenizer()


@pytest.fixture(scope="module")
def byte_level():
    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    library.train_from_iterator(
        [TEXT] * 5,
        trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    return Tokenizer(library)


def joined(spans):
    return "".join(span.text for span in spans)


@pytest.mark.parametrize("role_at", [(), (0,), (1,), (2, 3), (1, 2, 5), tuple(range(8))])
def test_spans_add_up_to_the_text(role_at, byte_level):
    for tokenizer in (PIECES, byte_level):
        tokens = tokenizer.encode(TEXT)
        spans = spans_of(
            tokens,
            tokenizer,
            dict.fromkeys((place for place in role_at if place < len(tokens)), "corrupted"),
        )
        assert joined(spans) == tokenizer.decode(tokens)
        assert all(not span.text.startswith(" ") for span in spans if span.role == "corrupted")


def test_a_piece_inside_a_word_is_without_its_marker():
    tokens = PIECES.encode("the horse")
    assert [(span.text, span.role) for span in spans_of(tokens, PIECES, {2: "corrupted"})] == [
        ("the hor", "plain"),
        ("se", "corrupted"),
    ]


def test_special_tokens_stand_apart():
    tokens = [
        PIECES.classify,
        *PIECES.encode("the cat"),
        PIECES.mask,
        *PIECES.encode("sees"),
        PIECES.separate,
    ]
    spans = spans_of(tokens, PIECES, {3: "corrupted"})
    assert joined(spans) == "[CLS] the cat [MASK] sees [SEP]"
    assert [span.text for span in spans if span.role == "special"] == ["[CLS]", "[SEP]"]
    assert [span.text for span in spans if span.role == "corrupted"] == ["[MASK]"]


def test_passages_of_samples_with_answers():
    first, second = PIECES.encode("the cat"), PIECES.encode("sees")
    passages = passages_of(
        [*first, *second], [2, 1], PIECES, roles={2: "corrupted"}, answers=["yes", "no"]
    )
    assert [joined(passage.spans) for passage in passages] == ["the cat  →  yes", "sees  →  no"]
    assert [passage.title for passage in passages] == ["sample 1", "sample 2"]
    assert [span.role for span in passages[1].spans] == ["corrupted", "plain", "target"]
