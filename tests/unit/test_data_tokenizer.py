"""Tokenizers: round trips, special tokens that text cannot spell, the ids that AutoTokenizer gives,
and unsound files.
"""

import json

import numpy as np
import pytest
from sslplugins.objectives.mlm import one_blank

from sslcli import registry
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import ModelError

TEXTS = [
    "The cat sees the dog in the garden, and the dog sees the cat.",
    "Naïve café: 3.5 apples!  Two spaces.",
    "苹果很好吃。我喜欢苹果。",
    "tabs\tand emoji 🙂 stay",
] * 5


def trained(kind, size=400, texts=TEXTS, **options):
    cls = registry.load("tokenizers", kind)
    return Tokenizer(cls(cls.Options(**options)).train(texts, size))


@pytest.fixture(scope="module", params=["wordpiece", "bpe", "unigram"])
def tokenizer(request):
    return trained(request.param)


def test_byte_pieces_lose_nothing():
    tokenizer = trained("bpe")
    for text in [*TEXTS, "\x01 odd \u202e text\n\n ", "never seen: ζ 한국어"]:
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_wordpiece_gives_back_the_words_in_lower_case():
    tokenizer = trained("wordpiece")
    assert tokenizer.decode(tokenizer.encode("The CAT sees the dog")) == "the cat sees the dog"


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "words"])
def test_training_again_gives_the_same_tokenizer(kind):
    assert len({trained(kind, size).hash for size in (120,) * 4}) == 1


@pytest.mark.parametrize(
    "text", ["[MASK]", "<mask>", "[CLS] a [SEP]", "<s></s>", "<|endoftext|>", "[PAD][UNK]"]
)
def test_text_never_yields_a_special_token(tokenizer, text):
    ids = tokenizer.encode(text)
    allowed = tokenizer.specials.copy()
    if tokenizer.unknown is not None:
        allowed[tokenizer.unknown] = False
    assert not allowed[ids].any()


def test_saved_and_loaded_it_is_the_same(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    again = Tokenizer.load(tmp_path)
    for name in ("size", "mask", "classify", "separate", "pad", "unknown", "end"):
        assert getattr(again, name) == getattr(tokenizer, name), name
    for text in TEXTS:
        assert np.array_equal(again.encode(text), tokenizer.encode(text))


def test_auto_tokenizer_gives_our_ids(tokenizer, tmp_path):
    from transformers import AutoTokenizer

    tokenizer.save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        assert (
            theirs(text, add_special_tokens=False)["input_ids"] == tokenizer.encode(text).tolist()
        )
        enclosed = theirs(text)["input_ids"]
        if tokenizer.classify is not None:
            assert enclosed == [
                tokenizer.classify,
                *tokenizer.encode(text).tolist(),
                tokenizer.separate,
            ]
    for role in ("mask", "pad", "unk"):
        ours = {"mask": tokenizer.mask, "pad": tokenizer.pad, "unk": tokenizer.unknown}[role]
        if ours is not None:
            assert getattr(theirs, f"{role}_token_id") == ours


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_pieces_that_continue_a_word(kind):
    tokenizer = trained(kind, size=300 if kind == "bpe" else 80)
    ids = tokenizer.encode("garden gardens dog")
    words = np.cumsum(~tokenizer.continues[ids])
    # byte pieces: the first word has no space before it
    expected = {"wordpiece": 3, "bpe": 2, "unigram": 3}[kind]
    assert words[-1] == expected
    assert not tokenizer.continues[tokenizer.specials].any()


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_a_chinese_character_begins_a_word(kind):
    tokenizer = trained(kind, 300, ["今天天气很好", "今天很好"] * 5)
    ids = tokenizer.encode("天气很好")
    begins = ~tokenizer.continues[ids]
    for token, begin in zip(ids, begins, strict=True):
        if tokenizer.decode([token])[:1] in tuple("今天气很好"):
            assert begin
    assert begins.sum() >= 2


def test_characters_cut_into_bytes_begin_a_word_with_their_first_byte():
    tokenizer = trained("bpe", 257, ["abc"])
    ids = tokenizer.encode("b好é")
    assert [len(tokenizer.encode(text)) for text in "b好é"] == [1, 3, 2]
    assert tokenizer.continues[ids].tolist() == [True, False, True, True, True, True]


def test_ids_above_a_hole_have_a_row(tmp_path):
    description = sound(tmp_path)
    vocabulary = description["model"]["vocab"]
    vocabulary["far away"] = 2 * len(vocabulary)
    (tmp_path / "tokenizer.json").write_text(json.dumps(description))
    assert Tokenizer.load(tmp_path).size == vocabulary["far away"] + 1


def test_a_folder_with_a_tokenizer_in_it_will_do(tmp_path):
    tokenizer = trained("wordpiece")
    tokenizer.save(tmp_path / "run" / "tokenizer")
    assert Tokenizer.load(tmp_path / "run").hash == tokenizer.hash


def test_a_decoders_first_token_does_not_classify(tmp_path):
    trained("unigram").save(tmp_path)
    (tmp_path / "special_tokens_map.json").unlink()
    assert Tokenizer.load(tmp_path).end is None
    names = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "unk_token": "<unk>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(names))
    tokenizer = Tokenizer.load(tmp_path)
    assert (tokenizer.classify, tokenizer.separate, tokenizer.mask) == (None, None, None)
    assert tokenizer.pieces([tokenizer.end, tokenizer.unknown]) == ["</s>", "<unk>"]


def test_a_pattern_that_never_ends_is_an_error(tmp_path):
    description = sound(tmp_path)
    description["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"Regex": "(a+)+$"},
        "behavior": "Isolated",
        "invert": False,
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(description))
    with pytest.raises(ModelError, match="fails on a text"):
        Tokenizer.load(tmp_path).encode("a" * 60 + "b")


def sound(tmp_path):
    trained("bpe").save(tmp_path)
    return json.loads((tmp_path / "tokenizer.json").read_text())


UNSOUND = {
    "no JSON": lambda d: "{",
    "a list": lambda d: "[]",
    "null": lambda d: "null",
    "no model": lambda d: json.dumps({**d, "model": None}),
    "unknown model": lambda d: json.dumps({**d, "model": {**d["model"], "type": "Evil"}}),
    "merge overrun": lambda d: json.dumps(
        {**d, "model": {**d["model"], "merges": [*d["model"]["merges"], ["zz", "qq"]]}}
    ),
    "merge of three": lambda d: json.dumps(
        {**d, "model": {**d["model"], "merges": [["a", "b", "c"]]}}
    ),
    "merge of numbers": lambda d: json.dumps({**d, "model": {**d["model"], "merges": [[1, 2]]}}),
    "vocabulary is a list": lambda d: json.dumps({**d, "model": {**d["model"], "vocab": ["a"]}}),
    "vocabulary is empty": lambda d: json.dumps(
        {**d, "added_tokens": [], "model": {**d["model"], "vocab": {}, "merges": []}}
    ),
    "two with one id": lambda d: json.dumps(
        {**d, "model": {**d["model"], "vocab": {"a": 1, "b": 1}, "merges": []}}
    ),
    "negative id": lambda d: json.dumps(
        {**d, "model": {**d["model"], "vocab": {"a": -1}, "merges": []}}
    ),
    "merges are a number": lambda d: json.dumps({**d, "model": {**d["model"], "merges": 5}}),
    "prefix is a number": lambda d: json.dumps(
        {**d, "model": {**d["model"], "continuing_subword_prefix": 5}}
    ),
    "unknown piece is missing": lambda d: json.dumps(
        {**d, "model": {"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "[UNK]"}}
    ),
    "nothing for the unknown": lambda d: json.dumps(
        {**d, "model": {"type": "Unigram", "vocab": [["a", -1.0]], "unk_id": None}}
    ),
    "unknown piece out of range": lambda d: json.dumps(
        {**d, "model": {"type": "Unigram", "vocab": [["a", -1.0]], "unk_id": 9}}
    ),
    "pattern without an end": lambda d: json.dumps(
        {**d, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}}}
    ),
    "huge id": lambda d: json.dumps(
        {**d, "model": {**d["model"], "vocab": {"a": 2**31}, "merges": []}}
    ),
    "id is a text": lambda d: json.dumps(
        {**d, "model": {**d["model"], "vocab": {"a": "1"}, "merges": []}}
    ),
    "added token without id": lambda d: json.dumps({**d, "added_tokens": [{"content": "x"}]}),
    "broken pre-tokenizer": lambda d: json.dumps({**d, "pre_tokenizer": {"type": "Nothing"}}),
    "deep nesting": lambda d: "[" * 100_000,
}


@pytest.mark.parametrize("case", UNSOUND)
def test_unsound_files_are_refused_in_a_sentence(case, tmp_path):
    (tmp_path / "tokenizer.json").write_text(UNSOUND[case](sound(tmp_path)))
    with pytest.raises(ModelError) as caught:
        Tokenizer.load(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["missing", "folder", "binary"])
def test_what_is_no_tokenizer_file_is_refused(name, tmp_path):
    if name == "folder":
        (tmp_path / "tokenizer.json").mkdir()
    elif name == "binary":
        (tmp_path / "tokenizer.json").write_bytes(bytes(range(256)))
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("kind", "options", "after"),
    [
        ("wordpiece", {}, "the dog"),
        ("bpe", {"encoder_tokens": True}, " the dog"),
        ("unigram", {}, "the dog"),
    ],
)
def test_a_blank_stands_for_a_word_and_its_space_as_in_training(kind, options, after):
    """What is shown while a model learns gives the tokens that it learns from."""
    tokenizer = trained(kind, texts=["the cat sees the dog"] * 50, **options)
    parts = tokenizer.encode("the cat"), [tokenizer.mask], tokenizer.encode(after)
    masked = np.concatenate(parts).tolist()
    name = tokenizer.pieces([tokenizer.mask])[0]
    for typed in ("the cat{} the dog", "the cat {} the dog", "the cat  {} the dog"):
        assert tokenizer.encode_with_blanks([typed.format(name)])[0].tolist() == masked
    if kind != "unigram":  # which has no whole words of so little text
        tokens = tokenizer.encode("the cat sees the dog")
        shown = one_blank(tokens, tokenizer)
        assert shown == (f"the cat {name} the dog", "sees")
