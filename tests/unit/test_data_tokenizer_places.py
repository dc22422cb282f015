"""Where tokens stand in their text: the ids of `encode`, the offsets of transformers, and places
that were written down by hand.
"""

import unicodedata
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, normalizers, pre_tokenizers

from sslcli import registry
from sslcli.data.text.tokenizer import Tokenizer

TEXTS = [
    "The cat sees the dog in the garden, and the dog sees the cat.",
    " Naïve cafe\u0301: 3.5 apples!  Two spaces. ",
    "苹果很好吃。我喜欢 苹果。\u3000全角",
    "tabs\tand emoji 🙂 👩\u200d💻 stay\n\n",
    "हिन्दी में, ที่นี่, שָׁלוֹם",
    "   ",
    "",
]
SPELT = ["[MASK]", "a [SEP] b", "<s>苹果</s>", "<mask>x\0y", "x <|endoftext|>", "[CLS][CLS]"]


@cache
def trained(kind):
    cls = registry.load("tokenizers", kind)
    return Tokenizer(cls(cls.Options()).train(TEXTS[:5] * 5, 420))


def falls_back_on_bytes():
    """As Llama's: a blank set before every text, and bytes for what is no piece."""
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    vocabulary = {
        piece: number for number, piece in enumerate(["<unk>", "\u2581", "a", "果", *bytes_])
    }
    library = Library(models.BPE(vocabulary, [], byte_fallback=True, unk_token="<unk>"))
    library.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    library.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return Tokenizer(library)


def with_a_space_before():
    tokenizer = trained("bpe")
    library = Library.from_str(tokenizer._library.to_str())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return Tokenizer(library)


KINDS = {
    **{kind: lambda kind=kind: trained(kind) for kind in ("wordpiece", "bpe", "unigram", "words")},
    "fallback": falls_back_on_bytes,
    "space before": with_a_space_before,
}


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request):
    return KINDS[request.param]()


def read_back(tokenizer, text):
    ((_, places),) = tokenizer.encode_with_places([text])
    return [text[start:stop] for start, stop in places]


@pytest.mark.parametrize("text", [*TEXTS, *SPELT])
def test_the_ids_are_those_of_encode(tokenizer, text):
    ((ids, places),) = tokenizer.encode_with_places([text])
    assert ids.tolist() == tokenizer.encode(text).tolist()
    assert ids.dtype == places.dtype == np.int64
    assert places.shape == (len(ids), 2)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*"ab .,\t\u3000苹果é\u0301🙂\u200d\u00ad\0", "[SEP]", "<mask>", "</s>", "the"]
        ),
        max_size=12,
    ).map("".join)
)
def test_any_text_has_the_ids_of_encode_and_places_in_order(text):
    for make in KINDS.values():
        ((ids, places),) = make().encode_with_places([text])
        assert ids.tolist() == make().encode(text).tolist()
        assert all(0 <= start <= stop <= len(text) for start, stop in places)
        assert (np.diff(places[:, 0]) >= 0).all()
        assert all(text[start:stop] == text[start:stop].strip() for start, stop in places)


def test_several_texts_are_those_texts_one_by_one(tokenizer):
    together = tokenizer.encode_with_places([*TEXTS, *SPELT])
    for (ids, places), text in zip(together, [*TEXTS, *SPELT], strict=True):
        ((ids_alone, places_alone),) = tokenizer.encode_with_places([text])
        assert ids.tolist() == ids_alone.tolist()
        assert places.tolist() == places_alone.tolist()


def slowly_trimmed(text, offsets, is_blank):
    """Character by character: marks taken in, blanks taken off."""
    places = []
    for number, (start, stop) in enumerate(offsets):
        begun = {later for later, _ in offsets[number + 1 :]}
        while (
            start < stop < len(text)
            and unicodedata.category(text[stop]).startswith("M")
            and stop not in begun
        ):
            stop += 1
        while start < stop and text[start].isspace():
            start += 1
        while start < stop and text[stop - 1].isspace():
            stop -= 1
        places.append([start, start if is_blank[number] else stop])
    return places


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_places_are_the_offsets_of_transformers_without_blanks(kind, tmp_path):
    from transformers import AutoTokenizer

    ours = trained(kind)
    ours.save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        expected = theirs(text, add_special_tokens=False, return_offsets_mapping=True)
        is_blank = [
            piece.strip("\u2581\u0120") == ""
            for piece in theirs.convert_ids_to_tokens(expected["input_ids"])
        ]
        ((ids, places),) = ours.encode_with_places([text])
        assert ids.tolist() == expected["input_ids"]
        assert places.tolist() == slowly_trimmed(text, expected["offset_mapping"], is_blank)


@pytest.mark.parametrize("text", TEXTS)
def test_places_cover_every_letter(text):
    for kind in ("wordpiece", "bpe", "unigram", "words"):
        ((_, places),) = trained(kind).encode_with_places([text])
        covered = {character for start, stop in places for character in range(start, stop)}
        assert covered >= {
            number
            for number, letter in enumerate(text)
            if not letter.isspace() and letter != "\u200d"
        }


def test_words_of_pieces_are_read_back_exactly():
    library = Library(
        models.WordPiece(
            {"[UNK]": 0, "cafe": 1, "nai": 2, "##ve": 3, "苹": 4, "果": 5, "s": 6},
            unk_token="[UNK]",
        )
    )
    library.normalizer, library.pre_tokenizer = (
        normalizers.BertNormalizer(),
        pre_tokenizers.BertPreTokenizer(),
    )
    tokenizer = Tokenizer(library)
    assert read_back(tokenizer, "  Cafe\u0301 naïve 苹果 s\u0323\u0307 ") == [
        "Cafe\u0301",
        "naï",
        "ve",
        "苹",
        "果",
        "s\u0323\u0307",
    ]
    assert read_back(tokenizer, "s 👩\u200d💻!") == ["s", "👩\u200d💻", "!"]


def test_a_character_in_bytes_is_the_place_of_each_of_them():
    tokenizer = Tokenizer(
        Library(
            models.BPE(
                {
                    letter: number
                    for number, letter in enumerate(pre_tokenizers.ByteLevel.alphabet())
                },
                [],
            )
        )
    )
    tokenizer._library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer._library.decoder = decoders.ByteLevel()
    assert read_back(tokenizer, "a 龘é") == ["a", "", "龘", "龘", "龘", "é", "é"]


def test_a_blank_before_the_text_has_an_empty_place():
    ids, places = falls_back_on_bytes().encode_with_places(["果 a"])[0]
    assert places.tolist() == [[0, 0], [0, 1], [2, 2], [2, 3]]
    assert len(ids) == 4
