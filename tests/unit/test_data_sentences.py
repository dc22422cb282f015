"""Sentences: their pieces give back the text, whatever the text is; languages are guessed by their letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslcli.data.documents import Document, Where
from sslcli.data.sentences import LONGEST_CHARACTERS, guess_language, split_sentences

HERE = Where("here")


def split(text, language=""):
    return split_sentences(Document(HERE, text=text, language=language))


LETTERS = "aB. !?。！\n\r\t\u2028\u3000今é\u0301🙂\x1c\x0b\"'()Dr1"


@given(st.text(st.sampled_from(LETTERS)), st.sampled_from(["", "en", "zh", "xx", "zh-TW"]))
def test_pieces_give_back_the_text(text, language):
    pieces = split(text, language)
    assert "".join(pieces) == (text if text.strip() else "")
    assert all(piece.strip() for piece in pieces)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello there. Dr. Smith went home.", ["Hello there.", " Dr. Smith went home."]),
        ("今天天气很好。我们去公园吧！好不好？", ["今天天气很好。", "我们去公园吧！", "好不好？"]),
        ("no end\nof line", ["no end", "\nof line"]),
        ("one. \n\n two. ", ["one.", " \n\n two. "]),
        (" \n", []),
        ("", []),
    ],
)
def test_known_sentences(text, expected):
    assert split(text) == expected


def test_sentences_that_a_reader_knows_are_kept():
    assert split_sentences(Document(HERE, text="a. b. c", sentences=("a. b.", "", " c"))) == ["a. b.", " c"]


@pytest.mark.parametrize("text", ["acgt" * 30_000, "word " * 30_000, "今天" * 30_000, "a." * 50_000, " " * 50_000 + "x"])
def test_sentences_without_an_end_are_cut(text):
    pieces = split(text)
    assert "".join(pieces) == text
    assert max(len(piece.strip()) for piece in pieces) <= LONGEST_CHARACTERS
    if "word" in text:
        assert {piece.strip()[-4:] for piece in pieces} == {"word"}  # between words


@pytest.mark.parametrize(
    ("text", "language"),
    [("The cat", "en"), ("今天天气很好", "zh"), ("今日は天気がいいです", "en"), ("", "en"), ("12 !?", "en"), ("AI 很好用", "zh")],
)
def test_language_is_guessed_by_letters(text, language):
    assert guess_language(text) == language
