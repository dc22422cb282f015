"""Words that are known from before: the pieces of every text are those that the library gives it as
a whole.
"""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from tokenizers import models, normalizers, pre_tokenizers

from sslcli import registry
from sslcli.data.text import words as words_module
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.data.text.words import KnownWords

TEXTS = [
    "The cat's in the garden, isn't it?  1,234 naïve cafés.",
    "今天天气很好。我们去公园吧！",
    "tabs\tand\u3000spaces \u00a8 ﬁne",
] * 5
PARTS = list(
    " \n\t\x0b\x1c\x85\xa0\u3000\u200b\u0301aBéİΣ'ſ.,!?今好，。\uf900▁Ġ\u0600\u1100\u1161\ufb01\u00a8🙂09"
)
SPELLED = [
    "[MASK]",
    "<s>",
    "<mask>",
    "</s>",
    "<|endoftext|>",
    "'ll",
    "the",
    "cat",
    " ",
    "  ",
    "garden",
    "x" * 40,
]
KINDS = {
    "wordpiece": {},
    "wordpiece with case": {"lowercase": False},
    "bpe": {},
    "unigram": {},
    "unigram in lower case": {"lowercase": True},
    "words": {},
}


@pytest.fixture(scope="module")
def tokenizers():
    made = {}
    for name, options in KINDS.items():
        cls = registry.load("tokenizers", name.partition(" ")[0])
        made[name] = Tokenizer(cls(cls.Options(**options)).train(TEXTS, 300))
    return made


def whole(tokenizer, text):
    """The ids of a text that is cut in one piece."""
    ids = tokenizer._library.encode(text, add_special_tokens=False).ids
    return ids if tokenizer._spelled.isdisjoint(ids) else tokenizer._taken_apart(text)


@pytest.mark.parametrize("kind", KINDS)
@given(
    texts=st.lists(st.lists(st.sampled_from(PARTS + SPELLED), max_size=12).map("".join), max_size=8)
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_pieces_equal_those_of_the_whole_text(tokenizers, kind, texts):
    tokenizer = tokenizers[kind]
    assert tokenizer._words is not None
    for _ in range(2):  # new words, and known ones
        assert [ids.tolist() for ids in tokenizer.encode_batch(texts)] == [
            whole(tokenizer, text) for text in texts
        ]


def test_a_known_word_is_not_cut_again():
    cut = []

    def ids(texts):
        cut.extend(texts)
        return [[len(text)] for text in texts]

    known = KnownWords.of(
        {"model": {}, "pre_tokenizer": {"type": "ByteLevel", "use_regex": True}}, ids
    )
    joined = [
        np.frombuffer(pieces, dtype=np.uint32).tolist()
        for pieces in known.encode(["a cat", "the cat"]) + known.encode(["a cat"])
    ]
    assert joined == [[1, 4], [3, 4], [1, 4]]
    assert sorted(cut) == [" cat", "a", "the"]


def test_the_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(words_module, "MOST_WORDS", 10)
    known = KnownWords.of(
        {"model": {}, "pre_tokenizer": {"type": "ByteLevel", "use_regex": True}},
        lambda texts: [[1]] * len(texts),
    )
    for number in range(100):
        assert known.encode([f"a{number} b{number}"]) != [None]
        assert len(known._pieces) <= 10


STRANGE = {
    "a pattern of its own": {
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": "a b"},
            "behavior": "Isolated",
            "invert": False,
        }
    },
    "no pre-tokenizer": {"pre_tokenizer": None},
    "pieces over spaces": {
        "pre_tokenizer": {
            "type": "Metaspace",
            "replacement": "▁",
            "prepend_scheme": "always",
            "split": False,
        }
    },
    "a replacement": {
        "normalizer": {"type": "Replace", "pattern": {"String": "a b"}, "content": "c"}
    },
    "a word of two": {"added_tokens": [{"id": 9, "content": "New York", "special": False}]},
    "chance": {"model": {"type": "BPE", "dropout": 0.1}},
}


@pytest.mark.parametrize("case", STRANGE)
def test_what_may_look_past_a_space_has_no_memory(case):
    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel()
    library.normalizer = normalizers.NFC()
    description = json.loads(library.to_str())
    assert KnownWords.of(description, list) is not None
    assert KnownWords.of({**description, **STRANGE[case]}, list) is None
